# SPDX-License-Identifier: ISC
"""Bounces to a list, lists as return path, and the header that warns of wide To fields."""

from lab.actors import Message, origin
from lab.bench import LabTest

LIST, OWNER = "all@victim.example", "all-owner@victim.example"

BOUNCE = b"""\
Received: from gone.example by mail.gone.example with ESMTP id B1;
	Mon, 16 Jan 2006 11:00:00 +0000
From: Mail Delivery System <MAILER-DAEMON@gone.example>
To: <all@victim.example>
Subject: Undelivered Mail Returned to Sender
Date: Mon, 16 Jan 2006 11:00:00 +0000
Message-ID: <bounce.1@gone.example>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

The mailbox is gone.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.gone.example

Final-Recipient: rfc822; dead@gone.example
Action: failed
Status: 5.1.1

--b--
"""


class BounceToList(LabTest):
    rules = "[rule bounces]\ndetect = bounce-to-list\nlimit = 0\naction = redirect-owner\nmode = enforce\n"

    def test_bounce_goes_to_the_owner_only(self):
        self.send_ok([LIST], BOUNCE, sender="", source="127.0.0.50", helo="mail.gone.example")
        self.assertEqual(0, self.sink.count(LIST))
        self.assertEqual(1, self.sink.count(OWNER))

    def test_milter_alone(self):
        self.send_ok([LIST], BOUNCE, door="milter", sender="", source="127.0.0.50", helo="mail.gone.example")
        self.assertEqual((0, 1), (self.sink.count(LIST), self.sink.count(OWNER)))

    def test_policy_alone(self):
        self.send_ok([LIST], BOUNCE, door="policy", sender="", source="127.0.0.50", helo="mail.gone.example")
        self.assertEqual((0, 1), (self.sink.count(LIST), self.sink.count(OWNER)))

    def test_return_path_by_srs(self):
        back, other = "SRS0=a1b2=X7=victim.example=all@victim.example", "person@victim.example"
        self.send_ok([back], BOUNCE, door="srs", sender="", source="127.0.0.50", helo="mail.gone.example")
        self.assertEqual((0, 1), (self.sink.count(LIST), self.sink.count(OWNER)))
        self.sink.reset()
        self.send_ok([back, other], BOUNCE, door="srs", sender="", source="127.0.0.50", helo="mail.gone.example")
        self.assertEqual((0, 1, 1), (self.sink.count(LIST), self.sink.count(OWNER), self.sink.count(other)))

    def test_others_keep_their_bounce(self):
        other = "person@victim.example"
        self.send_ok([LIST, other], BOUNCE, sender="", source="127.0.0.50", helo="mail.gone.example")
        self.assertEqual((0, 1, 1), (self.sink.count(LIST), self.sink.count(OWNER), self.sink.count(other)))

    def test_ordinary_posts_keep_flowing(self):
        for n in range(5):
            m = Message("<post.%d@sender.example>" % n, "Post %d" % n, [LIST])
            self.send_ok([LIST], m.through(origin(n + 1)))
        self.assertEqual((5, 0), (self.sink.count(LIST), self.sink.count(OWNER)))


class ListReturnPath(LabTest):
    rules = ("[rule return-path]\ndetect = list-return-path\nlimit = 0\nscope = outbound\naction = set-sender-owner\n"
             "mode = enforce\n")

    def test_outgoing_copies_carry_the_owner(self):
        m = Message("<expanded.1@victim.example>", "Post", [LIST], sender="author@victim.example")
        self.send_ok(["member@outside.example"], m.through(origin()), sender=LIST, source="127.0.0.9",
                     helo="exchange.victim.example")
        self.assertEqual([OWNER], [d.sender for d in self.sink.to("member@outside.example")])

    def test_other_senders_are_left_alone(self):
        m = Message("<own.1@victim.example>", "Letter", ["friend@outside.example"], sender="author@victim.example")
        self.send_ok(["friend@outside.example"], m.through(origin()), sender="author@victim.example",
                     source="127.0.0.9", helo="desk.victim.example")
        self.assertEqual(["author@victim.example"], [d.sender for d in self.sink.to("friend@outside.example")])


class WideRecipients(LabTest):
    rules = ("[rule wide]\ndetect = wide-recipients\nlimit = 100\nmode = enforce\n"
             "action = prepend X-Wide-Recipients: many people can be answered at once\n")

    def wide(self, n):
        reader = "reader@victim.example"
        m = Message("<wide.%d@sender.example>" % n, "Wide", [reader] + ["p%d@other.example" % i for i in range(1, n)])
        self.send_ok([reader], m.through(origin()))
        return self.sink.to(reader)[-1]

    def test_header_above_the_limit_only(self):
        self.assertIsNone(self.wide(100).field("x-wide-recipients"))
        self.assertEqual("many people can be answered at once", self.wide(101).field("x-wide-recipients"))
