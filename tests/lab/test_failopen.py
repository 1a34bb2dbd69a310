# SPDX-License-Identifier: ISC
"""The daemon goes away: mail goes on."""

import signal
import time

import test_lists

from lab import smtp
from lab.actors import Message, origin
from lab.bench import LabTest


class FailOpen(LabTest):
    rules = LabTest.rules + test_lists.BounceToList.rules

    def one(self, client, n):
        m = Message("<open.%d@sender.example>" % n, "Message %d" % n, ["reader%d@victim.example" % (n % 7)])
        result = client.send(m.sender, m.to, m.through(origin(n + 1)))
        self.assertEqual(250, result.code, "message %d: %s" % (n, result.data))

    def test_stopped(self):
        self.assertEqual(0, self.daemon.stop())
        with smtp.Client(self.postfix.port["guarded"], "mail.sender.example", "127.0.0.5") as c:
            for n in range(5):
                self.one(c, n)
        self.postfix.settle()
        self.assertEqual(5, self.sink.total)

    def test_stopped_between_two_messages(self):
        """The listener's connections to both doors are open when the daemon leaves, and when it comes back."""
        with smtp.Client(self.postfix.port["guarded"], "mail.sender.example", "127.0.0.5") as c:
            self.one(c, 0)
            self.assertEqual(0, self.daemon.stop())
            self.one(c, 1)
            self.daemon.start()
            self.one(c, 2)
        self.postfix.settle()
        self.assertEqual(3, self.sink.total)

    def test_the_policy_door_is_asked_again_after_a_restart(self):
        """By the same smtpd process, whose connection the restart has cut."""
        with smtp.Client(self.postfix.port["policy"], "mail.gone.example", "127.0.0.50") as c:
            self.one(c, 0)
            self.assertEqual(0, self.daemon.stop())
            self.daemon.start()
            self.assertEqual(250, c.send("", [test_lists.LIST], test_lists.BOUNCE).code)
        self.postfix.settle()
        self.assertEqual((0, 1), (self.sink.count(test_lists.LIST), self.sink.count(test_lists.OWNER)))

    def test_killed_in_the_middle(self):
        sent = 0
        timer = self.daemon.kill_after(0.3)
        try:
            with smtp.Client(self.postfix.port["guarded"], "mail.sender.example", "127.0.0.5") as c:
                end = time.monotonic() + 40
                while time.monotonic() < end and sent < 400:
                    alive = self.daemon.running()
                    self.one(c, sent)
                    sent += 1
                    if not alive:
                        break
        finally:
            timer.join()
        self.assertEqual(-signal.SIGKILL, self.daemon.proc.wait(5))
        self.postfix.settle()
        self.assertEqual(sent, self.sink.total)

    def test_counts_survive_a_kill(self):
        """What was passed before kill -9 still counts after the restart."""
        m = Message("<kill.1@sender.example>", "Copies", ["reader@victim.example"])
        lines = ["Received: from x by sbs1.faulty1.example id %d;\n\tMon, 16 Jan 2006 10:00:%02d +0000\n" % (n, n)
                 for n in range(5)]
        for n in range(3):
            self.send_ok(m.to, lines[n].encode() + m.through(origin()))
        self.daemon.kill()
        self.daemon.start()
        for n in range(3, 5):
            self.send_ok(m.to, lines[n].encode() + m.through(origin()))
        self.assert_each(m.to, 3, m.message_id)
