# SPDX-License-Identifier: ISC
"""The brake as an SMTP client meets it: refused at RCPT TO, before any data."""

from lab.actors import Message, origin
from lab.bench import LabTest
from lab.net import wait_for
from lab.smtp import Client

BAD, GOOD, OWN = "127.0.0.66", "127.0.0.5", "127.0.0.9"
READERS = ["reader%d@victim.example" % i for i in range(1, 41)]
TRAP = "trap@victim.example"
LIST = "all@victim.example"
SLOW = (451, "Too much mail in a short time, try again later")
TRAPPED = (550, "Not accepted from here: this client sends to spamtraps")
DOORS = ("policy", "guarded")


def flood(limit, more=""):
    return "[rule flood]\ndetect = flood\nlimit = %d\nwindow = 1d\n%s" % (limit, more)


class Brake(LabTest):
    serial = 0

    def use(self, rules, mode="enforce"):
        self.daemon.stop()
        self.daemon.forget()
        self.sink.reset()
        super().use(rules, mode)

    def letter(self):
        Brake.serial += 1
        return Message("<brake.%d@sender.example>" % Brake.serial, "Offer", to=READERS[:1]).through(origin())

    def post(self, to, door="policy", source=BAD, **kw):
        if isinstance(to, str):
            to = [to]
        result, = self.send(to, self.letter(), door, source=source, **kw)
        return result

    def assert_refused(self, want, got, what=None):
        self.assertEqual(want[0], got[0], (what, got))
        self.assertTrue(got[1].endswith(want[1]), (what, got))
        self.assertIn("4.7.1 " if want[0] == 451 else "5.7.1 ", got[1], what)


class Flood(Brake):
    def test_messages_of_a_client(self):
        for door in DOORS + ("rcpt",):
            self.use(flood(3))
            for i in range(3):
                self.assertEqual(250, self.post(READERS[:2], door).code, door)
            for i in range(5):
                r = self.post(READERS[:2], door)
                for to in READERS[:2]:
                    self.assert_refused(SLOW, r.rcpts[to], door)
            self.assertEqual(250, self.post(READERS[2], door, GOOD).code, door)
            self.assertEqual([3, 3, 1], [self.sink.count(r) for r in READERS[:3]], door)
            self.assertEqual({"RCPT"}, {v.split("stage=")[1].split()[0] for v in self.verdicts()})

    def test_recipients_exactly_the_limit(self):
        for door in DOORS + ("rcpt",):
            self.use(flood(25, "measure = recipients\n"))
            r = self.post(READERS, door)
            self.assertEqual([250] * 25 + [451] * 15, [r.rcpts[to][0] for to in READERS], door)
            self.assertEqual(250, r.code)
            self.assertEqual([1] * 25 + [0] * 15, [self.sink.count(to) for to in READERS], door)
            self.assertEqual(451, self.post(READERS[0], door).rcpts[READERS[0]][0], door)

    def test_bytes_as_announced(self):
        self.use(flood(4000, "measure = bytes\n"))
        for size, want in ((3000, 250), (3000, 451), (900, 250)):
            with Client(self.postfix.port["policy"], "bad.example", BAD) as c:
                c._say("MAIL FROM:<a@sender.example> SIZE=%d" % size)
                c._expect(250)
                c._say("RCPT TO:<%s>" % READERS[0])
                self.assertEqual(want, c._reply()[0], size)
                c._say("DATA")
                if want == 250:
                    c._expect(354)
                    c.sock.sendall(b"Subject: x\r\n\r\nx\r\n.\r\n")
                    c._expect(250)

    def open(self, sender="a@sender.example", to=READERS[0], door="policy"):
        """A client that went as far as RCPT, and what it was told there."""
        c = Client(self.postfix.port[door], "bad.example", BAD)
        self.addCleanup(c.close)
        c._say("MAIL FROM:<%s>" % sender)
        c._expect(250)
        c._say("RCPT TO:<%s>" % to)
        return c, c._reply()[0]

    def test_two_at_once_do_not_share_the_last_place(self):
        for door in DOORS:
            self.use(flood(2))
            self.assertEqual(250, self.post(READERS[0], door).code)
            first, code = self.open(door=door)
            self.assertEqual(250, code)
            second, code = self.open(door=door)
            self.assertEqual(451, code, "the first one holds it")
            first.close()
            second.close()
            if door == "policy":  # that door does not hear of it
                continue

            def free():
                c, got = self.open(door=door)
                c.close()
                return got == 250
            wait_for("the place of a message that was given up", free)

    def test_callouts_use_nothing_up(self):
        for door in DOORS:
            self.use(flood(3))
            self.assertEqual(250, self.post(READERS[0], door, GOOD).code)
            for i in range(20):
                c, code = self.open("", door=door)
                self.assertEqual(250, code, (door, i))
                c.close()
            self.assertEqual(250, self.post(READERS[0], door).code)

    def test_by_sender_null_senders_are_no_sender(self):
        self.use(flood(1, "count_by = sender\n"))
        for _ in range(3):
            self.assertEqual(250, self.post(READERS[0], sender="").code)
        self.assertEqual(250, self.post(READERS[0]).code)
        self.assertEqual(451, self.post(READERS[0]).rcpts[READERS[0]][0])

    def test_counts_survive_kill(self):
        self.use(flood(4))
        for _ in range(3):
            self.assertEqual(250, self.post(READERS[0]).code)
        self.daemon.kill()
        self.daemon.start()
        self.assertEqual(250, self.post(READERS[0]).code)
        self.assertEqual(451, self.post(READERS[0]).rcpts[READERS[0]][0])

    def test_shadow_refuses_nobody(self):
        for mode, more in (("shadow", ""), ("enforce", "mode = shadow\n")):
            self.use(flood(1, more), mode)
            for _ in range(3):
                self.assertEqual(250, self.post(READERS[0]).code)
            self.assertIn("verdict action=would-defer rule=flood", self.daemon_said())


class Trap(Brake):
    rules = "[rule trap]\ndetect = trap\naddresses = %s\n" % TRAP

    def test_from_then_on_nothing_is_taken_from_it(self):
        for door in DOORS + ("rcpt",):
            self.use(self.rules)
            self.assertEqual(250, self.post(READERS[0], door).code, door)
            r = self.post([READERS[0], TRAP, READERS[1]], door)
            self.assertEqual(250, r.rcpts[READERS[0]][0])
            self.assert_refused(TRAPPED, r.rcpts[TRAP], door)
            self.assert_refused(TRAPPED, r.rcpts[READERS[1]], door)
            if door != "rcpt":  # the one who came before the trap
                self.assert_refused(TRAPPED, r.data, door)
            r = self.post(READERS[2], door)
            self.assert_refused(TRAPPED, r.rcpts[READERS[2]], door)
            self.assertEqual(250, self.post(READERS[2], door, GOOD).code, door)
            self.assertEqual(0, self.sink.count(TRAP) + self.sink.count(READERS[1]))
            self.assertEqual(1, self.sink.count(READERS[2]))
            self.assertEqual(250, self.post("postmaster@victim.example", door).code, door)

    def test_milter_alone(self):
        r = self.post([READERS[0], TRAP], "milter")
        self.assert_refused(TRAPPED, r.data)
        self.assert_refused(TRAPPED, self.post(READERS[0], "milter").data)
        self.assertEqual(250, self.post(READERS[0], "milter", GOOD).code)

    def test_own_networks_and_null_senders_are_not_marked(self):
        for source, sender in ((OWN, "office@victim.example"), (GOOD, "")):
            self.assertEqual(250, self.post(TRAP, source=source, sender=sender).code)
            self.assertEqual(250, self.post(READERS[0], source=source).code)

    def test_the_mark_survives_kill(self):
        self.assert_refused(TRAPPED, self.post(TRAP).rcpts[TRAP])
        self.daemon.kill()
        self.daemon.start()
        self.assert_refused(TRAPPED, self.post(READERS[0]).rcpts[READERS[0]])


class ListGuard(Brake):
    rules = "[rule guard]\ndetect = list-guard\n"
    lists = "%s all-owner@victim.example friend@sender.example\n" % LIST

    def test_who_may_post(self):
        for door in ("policy", "milter", "guarded"):
            self.sink.reset()
            self.assertEqual(550, self.post(LIST, door).data[0], door)
            self.assertEqual(250, self.post(LIST, door, OWN).code, door)
            self.assertEqual(250, self.post(LIST, door, sender="friend@sender.example").code, door)
            self.assertEqual(2, self.sink.count(LIST), door)
