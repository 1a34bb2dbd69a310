# SPDX-License-Identifier: ISC
"""Lawful mail that looks like a storm to a program that only counts. All of it must arrive."""

import statistics
import time

from lab import smtp
from lab.actors import Message, origin
from lab.bench import LabTest


def people(n, name="reader"):
    return ["%s%03d@victim.example" % (name, i) for i in range(n)]


class Harmless(LabTest):
    def test_one_message_in_13_transactions(self):
        everybody = people(630)
        m = Message("<big.1@sender.example>", "To all", everybody)
        self.send_ok(everybody, m.through(origin()), chunk=50)
        self.assert_each(everybody, 1, m.message_id)

    def test_verp_one_transaction_each(self):
        everybody = people(60)
        m = Message("<letter.7@lists.example>", "Newsletter", ["readers@lists.example"],
                    extra=["List-Id: <readers.lists.example>", "Precedence: bulk"])
        with smtp.Client(self.postfix.port["guarded"], "lists.example", "127.0.0.31") as c:
            for r in everybody:
                result = c.send("readers-bounces+%s@lists.example" % r.replace("@", "="), [r], m.through(origin(2)))
                self.assertEqual(250, result.code, result.data)
        self.postfix.settle()
        self.assert_each(everybody, 1, m.message_id)

    def through_list(self, m, n):
        name = "list%d.lists.example" % n
        line = ("Received: from mail.sender.example by %s with ESMTP id L%04d;\n\tMon, 16 Jan 2006 09:20:%02d +0000\n"
                "List-Id: <%s>\nSender: <owner@%s>\n" % (name, n, n, name, name))
        return line.encode() + m.through(origin())

    def test_two_lists_and_a_direct_copy(self):
        everybody = people(50)
        m = Message("<cross.1@sender.example>", "Posted twice", ["list1@lists.example", "list2@lists.example"])
        self.send_ok(everybody, m.through(origin()))
        for n in (1, 2):
            self.send_ok(everybody, self.through_list(m, n), source="127.0.0.3%d" % n, helo="list%d.lists.example" % n,
                         sender="list%d-bounces@lists.example" % n)
        self.assert_each(everybody, 3, m.message_id)

    def test_each_list_counts_for_itself(self):
        """Five lists, one post, one reader: more copies than the limit of one list's, all lawful."""
        reader = people(1, "keen")
        m = Message("<cross.2@sender.example>", "Posted widely", ["list1@lists.example"])
        for n in range(1, 6):
            self.send_ok(reader, self.through_list(m, n), source="127.0.0.3%d" % n)
        self.assert_each(reader, 5, m.message_id)

    def test_without_message_id(self):
        """Ten different messages without an id, of one program: not each other's copies."""
        for n in range(10):
            m = Message(None, "Report %d" % n, people(1), sender="cron@sender.example")
            self.send_ok(people(1), m.through(origin(n + 1)))
        self.assertEqual(10, self.sink.count(people(1)[0]))

    def test_from_this_host_without_message_id(self):
        """Postfix makes up an id for mail of its own host; equal reports stay different messages."""
        for n in range(8):
            m = Message(None, "disk report", people(1), sender="root@victim.example", body="run %d\n" % n)
            self.send_ok(people(1), m.through(origin(n + 1)), source="127.0.0.1", helo="localhost")
        self.assertEqual(8, self.sink.count(people(1)[0]))

    def test_retries_after_a_later_filter_failed(self):
        """Six times 451 from a scanner behind us; the seventh attempt must be delivered in the end, whatever we
        think of repeats: none may be discarded or refused for good."""
        m = Message("<retry.1@sender.example>", "Important", people(1))
        self.bench.late.refuse = 6
        codes = []
        for _ in range(12):
            result = self.send(people(1), m.through(origin()), door="late")[0]
            codes.append(result.code)
            self.assertLess(result.code, 500, result.data)
            if result.code == 250:
                break
        if codes[-1] == 250:
            self.assertEqual(1, self.sink.count(people(1)[0], m.message_id), codes)
        else:
            self.assertTrue(all(400 <= c <= 499 for c in codes), codes)

    def test_two_retries_after_a_later_filter_failed(self):
        m = Message("<retry.2@sender.example>", "Important", people(3))
        self.bench.late.refuse = 2
        codes = [self.send(people(3), m.through(origin()), door="late")[0].code for _ in range(3)]
        self.assertEqual([451, 451, 250], codes)
        self.assert_each(people(3), 1, m.message_id)

    def test_callout(self):
        """Null sender, RCPT, QUIT: answered, and not remembered against anybody."""
        for _ in range(20):
            with smtp.Client(self.postfix.port["guarded"], "callout.example", "127.0.0.40") as c:
                c.sock.sendall(b"MAIL FROM:<>\r\nRCPT TO:<reader000@victim.example>\r\nRSET\r\n")
                self.assertEqual([250, 250, 250], [c._reply()[0] for _ in range(3)])
        m = Message("<after.1@sender.example>", "After", people(1))
        self.send_ok(people(1), m.through(origin()))
        self.assert_each(people(1), 1, m.message_id)

    def test_no_message_is_held_up(self):
        """The doors cost a message about a millisecond; a delayed acknowledgement between two small packets
        would cost 40."""
        took = []
        with smtp.Client(self.postfix.port["guarded"], "mail.sender.example", "127.0.0.5") as c:
            for n in range(21):
                m = Message("<quick.%d@sender.example>" % n, "Quick", people(1))
                began = time.monotonic()
                self.assertEqual(250, c.send(m.sender, m.to, m.through(origin(n + 1))).code)
                took.append(time.monotonic() - began)
        self.postfix.settle()
        self.assertLess(statistics.median(took), 0.020)

    def test_shadow_touches_nothing(self):
        self.use(self.rules, "shadow")
        m = Message("<shadow.1@sender.example>", "Copies", people(1))
        for n in range(8):
            line = "Received: from x by sbs1.faulty1.example id %d;\n\tMon, 16 Jan 2006 10:00:%02d +0000\n" % (n, n)
            self.send_ok(people(1), line.encode() + m.through(origin()))
        self.assert_each(people(1), 8, m.message_id)
