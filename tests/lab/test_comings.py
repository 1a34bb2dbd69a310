# SPDX-License-Identifier: ISC
"""The daemon is killed, stopped, started and told to reload again and again while mail comes in through both doors: no
mail is refused, lost or doubled, and each message is written down at most once, and once if nothing happened meanwhile."""

import random
import signal
import threading
import time

from lab import smtp, store
from lab.actors import Message, origin
from lab.bench import LabTest
from test_exim import OnExim

CLIENTS, SECONDS = 3, 6
UNSURE = 5  # seconds after a return in which an MTA may still ask nobody


class Comings(LabTest):
    def deliver(self, n):
        """Some messages a connection, until the end."""
        rnd = random.Random(n)
        while not self.enough.is_set():
            with smtp.Client(self.port("guarded"), "mail%d.sender.example" % n, "127.0.0.%d" % (20 + n)) as c:
                for _ in range(rnd.randrange(1, 6)):
                    i = len(self.sent[n])
                    to = ["reader%d@victim.example" % k for k in rnd.sample(range(9), rnd.randrange(1, 4))]
                    m = Message("<c.%d.%d@sender.example>" % (n, i), "Message %d" % i, to, "s%d.%d@sender.example" % (n, i))
                    began = time.monotonic()
                    result = c.send(m.sender, m.to, m.through(origin(n + 1)))
                    self.sent[n].append((m, result, began, time.monotonic()))

    def come_and_go(self):
        """When it was away."""
        rnd, away, end = random.Random(5), [], time.monotonic() + SECONDS
        while time.monotonic() < end:
            time.sleep(rnd.uniform(0.05, 0.7))
            began, what = time.monotonic(), rnd.choice(("kill", "stop", "reload"))
            if what == "reload":
                for _ in range(rnd.randrange(1, 20)):
                    self.daemon.proc.send_signal(signal.SIGHUP)
                continue
            if what == "kill":
                self.daemon.kill()
            else:
                self.assertEqual(0, self.daemon.stop())
            time.sleep(rnd.choice((0, 0.3)))
            self.daemon.start()
            away.append((began, time.monotonic() + UNSURE))
        return away

    def test_again_and_again(self):
        self.enough, self.sent = threading.Event(), [[] for _ in range(CLIENTS)]
        threads = [threading.Thread(target=self.deliver, args=(n,)) for n in range(CLIENTS)]
        for t in threads:
            t.start()
        try:
            away = self.come_and_go()
            time.sleep(UNSURE + 1)
        finally:
            self.enough.set()
            for t in threads:
                t.join(60)
        self.mta.settle()
        self.assertEqual(0, self.daemon.stop())
        rows = {row["sender"]: row["n"] for row in
                store.query(self.daemon.db, "SELECT sender, count(*) n FROM message GROUP BY sender")}
        sure = 0
        for m, result, began, ended in sum(self.sent, []):
            self.assertEqual({250}, {result.code, *(code for code, _ in result.rcpts.values())}, m.message_id)
            self.assert_each(m.to, 1, m.message_id)
            seen = not any(gone < ended and back > began for gone, back in away)
            sure += seen
            self.assertIn(rows.get(m.sender, 0), (1,) if seen else (0, 1), m.sender)
        self.assertTrue(away and sure, "the test is of no use")


class OnEximToo(OnExim, Comings):
    pass
