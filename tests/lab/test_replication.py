# SPDX-License-Identifier: ISC
"""One message that faulty servers multiply: the storm of January 2006, small."""

import statistics

from lab import smtp, store
from lab.actors import Message, Storm, origin
from lab.bench import LabTest

LIMIT = 3
PEOPLE = ["person%02d@victim.example" % i for i in range(57)]


class Replication(LabTest):
    def blow(self, door, copies, message, first_sender):
        """The message is sent once and the faulty servers do the rest. Returns the storm, ended."""
        with Storm(self.port(door), self.sink, self.mta, copies) as storm:
            everybody = storm.mailboxes + PEOPLE
            for r in smtp.send(self.port(door), message.sender, everybody,
                               message.through(origin()), **first_sender):
                self.assertEqual(250, r.code, r.data)
            storm.ended = storm.run(timeout=60)
        return storm, everybody

    @staticmethod
    def letter(n=1):
        storm = ["reception@faulty%d.example" % i for i in (1, 2, 3)]
        return Message("<2006011609140%d.77@sender.example>" % n, "Meeting of all parishes", storm + PEOPLE)

    def test_without_the_daemon_it_never_ends(self):
        m = self.letter()
        storm, everybody = self.blow("plain", 1800, m, {})
        self.assertFalse(storm.ended)
        self.assertEqual(1800, storm.budget.offered)
        self.assertGreater(statistics.median(self.sink.count(r, m.message_id) for r in everybody), 20)

    def test_nobody_gets_more_than_the_limit(self):
        m = self.letter()
        storm, everybody = self.blow("guarded", 1800, m, {})
        self.assertTrue(storm.ended, "%d copies offered and still going" % storm.budget.offered)
        counts = {r: self.sink.count(r, m.message_id) for r in everybody}
        self.assertEqual([], [r for r, n in counts.items() if n < 1], "first copies lost")
        self.assertEqual({}, {r: n for r, n in counts.items() if n > LIMIT})
        self.assertEqual({250}, {code for s in storm.servers for code in s.replies}, "copies go in silence")

    def test_the_storm_names_the_replicating_servers(self):
        m = self.letter()
        self.blow("guarded", 1800, m, {})
        self.daemon.stop()
        storms = store.storms(self.daemon.db)
        self.assertEqual(1, len(storms), storms)
        named = " ".join(str(v) for row in store.storm_hosts(self.daemon.db) for v in row.values())
        for n in (1, 2, 3):
            self.assertIn("sbs%d.faulty%d.example" % (n, n), named)
        self.assertNotIn("desk1.sender.example", named)
        self.assertNotIn("mail.sender.example", named)

    def test_second_wave(self):
        """Somebody answers all: "please stop". A new Message-ID, multiplied the same way."""
        m = self.letter()
        self.blow("guarded", 1800, m, {})
        stop = Message("<please-stop.1@victim.example>", "Re: Meeting of all parishes", m.to,
                       sender="person07@victim.example", extra=["In-Reply-To: " + m.message_id])
        storm, everybody = self.blow("guarded", 1800, stop, {"source": "127.0.0.6", "helo": "mail2.victim.example"})
        self.assertTrue(storm.ended)
        counts = {r: self.sink.count(r, stop.message_id) for r in everybody}
        self.assertEqual([], [r for r, n in counts.items() if n < 1], "first copies lost")
        self.assertEqual({}, {r: n for r, n in counts.items() if n > LIMIT})

    def test_policy_door_alone_harms_nobody(self):
        """Without the header nothing can be known about copies: all mail passes."""
        m = self.letter()
        self.send_ok(m.to, m.through(origin()), door="policy")
        self.assert_each(m.to, 1, m.message_id)


class SameItemAgain(LabTest):
    """The other faulty server: it sends one queue item again and again, though it got its 250."""

    def test_first_and_two_repeats_then_deferred(self):
        m = Message("<again.1@sender.example>", "Invoice", ["buyer@victim.example"])
        codes = []
        with smtp.Client(self.postfix.port["guarded"], "sbs9.faulty9.example", "127.0.0.21") as c:
            for _ in range(6):
                codes.append(c.send(m.sender, m.to, m.through(origin())).code)
        self.postfix.settle()
        self.assertEqual([250, 250, 250], codes[:3])
        self.assertTrue(all(400 <= c <= 499 for c in codes[3:]), codes)
        self.assert_each(m.to, 3, m.message_id)


class SentAnew(LabTest):
    """A faulty server that takes the old Received lines away: each of its copies begins with a line of its own."""

    def test_the_one_that_came_straight_and_two_then_deferred(self):
        m = Message("<anew.1@sender.example>", "Invoice", ["buyer@victim.example"])
        codes = []
        self.send_ok(m.to, m.through(origin()))
        with smtp.Client(self.postfix.port["guarded"], "sbs9.faulty9.example", "127.0.0.21") as c:
            for i in range(6):
                line = "from pc9 by sbs9.faulty9.example with SMTP id s%d; Mon, 16 Jan 2006 10:0%d:00 +0000" % (i, i)
                codes.append(c.send(m.sender, m.to, m.through(line)).code)
        self.postfix.settle()
        self.assertEqual([250, 250], codes[:2])
        self.assertTrue(all(400 <= c <= 499 for c in codes[2:]), codes)
        self.assert_each(m.to, 3, m.message_id)
        self.daemon.stop()
        self.assertEqual({"sbs9.faulty9.example"}, {row["name"] for row in store.storm_hosts(self.daemon.db)})


class NoLineOfTheSender(LabTest):
    """He writes no Received line: each server that has the message from him writes the bottom one of its copies."""

    def test_all_their_copies_are_copies_of_what_he_sent(self):
        everybody = ["buyer%d@victim.example" % i for i in range(3)]
        m = Message("<bare.1@sender.example>", "Invoice", everybody)
        codes = set()
        self.send_ok(everybody, m.content, source="127.0.0.6", helo="mail.sender.example")
        for i in range(6):
            for n in (1, 2, 3):
                host = "sbs%d.faulty%d.example" % (n, n)
                lines = ("Received: from %s by %s with POP3 id %d;\n\tMon, 16 Jan 2006 10:0%d:00 +0000\n"
                         "Received: from mail.sender.example (mail.sender.example [127.0.0.6])\n\tby %s with ESMTP id "
                         "first%d; Mon, 16 Jan 2006 09:59:59 +0000\n" % (host, host, i, i, host, n))
                with smtp.Client(self.postfix.port["guarded"], host, "127.0.0.2%d" % n) as c:
                    codes.add(c.send(m.sender, m.to, lines.encode() + m.content).code)
        self.postfix.settle()
        self.assertEqual({250}, codes)
        self.assert_each(everybody, 3, m.message_id)
        self.daemon.stop()
        self.assertEqual(1, len(store.storms(self.daemon.db)))
        named = {row["name"] for row in store.storm_hosts(self.daemon.db)}
        self.assertLessEqual({"sbs%d.faulty%d.example" % (n, n) for n in (1, 2, 3)}, named)
        self.assertNotIn("mail.sender.example", named)
        self.assertNotIn("127.0.0.6", named)


class SomeRecipients(LabTest):
    """A verdict for two of five recipients leaves the other three alone."""

    rules = LabTest.rules.replace("limit   = 3", "limit   = 1")

    def test_three_of_five_still_get_it(self):
        five = ["r%d@victim.example" % i for i in range(5)]
        m = Message("<five.1@sender.example>", "Plan", five)
        self.send_ok(five[:2], m.through(origin()))
        copy = ("Received: from a by b.faulty1.example id 1;\n\tMon, 16 Jan 2006 10:00:00 +0000\n").encode()
        self.send_ok(five, copy + m.through(origin()), source="127.0.0.11", helo="b.faulty1.example")
        self.assert_each(five, 1, m.message_id)
