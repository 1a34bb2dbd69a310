# SPDX-License-Identifier: ISC
"""A real Sendmail with the shipped line in its .mc: what differs from Postfix at the same door."""

import test_actions
import test_lists

from lab import sendmail as sendmail_mod
from lab import smtp, store
from lab.actors import Message, origin
from lab.bench import LabTest, OnAnother
from lab.net import wait_for
from test_actions import EXEMPT_SPARED, FIVE, LIST, OWNER, SPARED, by_sender, rule


class OnSendmail(OnAnother):
    module = sendmail_mod


class Verdicts(OnSendmail, test_actions.Actions):
    def test_reject_with_text(self):
        text = "5.7.27 100% of 5%s recipients %d%%n"
        self.enforce(rule("wide", "reject " + text))
        self.assertEqual((550, text), self.post())
        self.assert_got([])

    def test_defer(self):
        self.enforce(rule("wide", "defer 4.3.2 Not now"))
        self.assertEqual((451, "4.3.2 Not now"), self.post())
        self.assert_got([])

    def test_discard(self):
        self.enforce(rule("wide", "discard"))
        self.assertEqual(250, self.post()[0])
        self.assert_got([])

    def test_hold_is_quarantine_with_its_reason(self):
        self.enforce(rule("wide", "hold", "text = wait for the postmaster\n"))
        self.assertEqual(250, self.post()[0])
        held, = self.mta.queue_ids()
        self.assertEqual(([held], 0), (self.mta.queue_ids("hold"), self.sink.total))
        self.assertIn("wait for the postmaster", self.mta.root.run(sendmail_mod.PROGRAM, "-bp", "-qQ")[1])
        self.mta.release(held)
        wait_for("the released message", lambda: self.sink.total == len(FIVE))
        self.mta.settle()
        self.assert_got(FIVE)

    def test_what_is_queued_is_held_by_its_id(self):
        """As stormctl(8) says for what "stormctl queued" prints."""
        self.enforce()
        self.sink.refuse, self.sink.refusal = set(FIVE), "451 4.2.1 later"
        smtp.send(self.port("milter"), "office@sender.example", FIVE, self.letter().through(origin()))
        wait_for("Sendmail to put it off", lambda: "later" in self.mta.root.run(sendmail_mod.PROGRAM, "-bp")[1])
        queued, = self.mta.queue_ids("active")
        self.mta.root.run(sendmail_mod.PROGRAM, "-qI" + queued, "-Qstorm")
        self.assertIn("QUARANTINE: storm", self.mta.root.run(sendmail_mod.PROGRAM, "-bp", "-qQ")[1])
        self.assertEqual(([queued], []), (self.mta.queue_ids("hold"), self.mta.queue_ids("active")))
        self.sink.refuse = set()
        self.mta.release(queued)
        wait_for("the released message", lambda: self.sink.total == len(FIVE))
        self.assert_got(FIVE)

    def test_drop_as_they_were_written(self):
        self.enforce(rule("wide", "drop-recipients", EXEMPT_SPARED))
        odd = ["Reader4@Victim.Example", "reader5+tag@victim.example", '"sp ace"@victim.example',
               "o'brien@victim.example"]
        self.assertEqual(250, self.post(SPARED + odd)[0])
        self.assertEqual(sorted(SPARED), sorted(r for d in self.sink.deliveries for r in d.recipients))

    def test_reject_for_two_of_five(self):
        self.enforce(rule("wide", "reject", EXEMPT_SPARED))
        self.assertEqual(250, self.post()[0])
        self.assert_got(SPARED)

    def test_drop_all_is_a_discard(self):
        self.enforce(rule("wide", "drop-recipients"))
        self.assertEqual(250, self.post()[0])
        self.assert_got([])

    def test_repairs_together(self):
        self.enforce(rule("drop", "drop-recipients", EXEMPT_SPARED), by_sender("path", "set-sender-owner"),
                     rule("one", "prepend X-One: 100% of it"), rule("two", "conceal"))
        self.assertEqual(250, self.post(sender=LIST)[0])
        self.assert_got(SPARED)
        for d in self.sink.deliveries:
            self.assertEqual((OWNER, ["100% of it"], ["undisclosed-recipients:;"]),
                             (d.sender, d.all("x-one"), d.all("to")))

    def test_conceal_several_fields(self):
        self.enforce(rule("wide", "conceal"))
        text = ("From: a@sender.example\nTo: a1@x.example,\n\tb1@x.example\nCc: c1@x.example,\n c2@x.example\n"
                "X-Between: kept\nto: a2@x.example\nSubject: s\nMessage-ID: <conceal.1@sender.example>\n\nHello\n")
        self.assertEqual(250, self.post(FIVE[:1], content=text.encode())[0])
        d, = self.sink.to(FIVE[0])
        self.assertEqual((["undisclosed-recipients:;"], [], "kept"), (d.all("to"), d.all("cc"), d.field("x-between")))
        self.assertNotIn(b"@x.example", d.content)

    def test_redirect_owner_once(self):
        self.enforce(test_lists.BounceToList.rules)
        for to in ([LIST, OWNER], [OWNER, LIST], [LIST.upper()]):
            self.sink.reset()
            self.assertEqual(250, self.post(to, content=test_lists.BOUNCE, sender="", source="127.0.0.50")[0], to)
            self.assertEqual((0, 1), (self.sink.count(LIST), self.sink.count(OWNER)), to)

    def test_shadow_changes_nothing(self):
        for action in ("reject", "discard", "hold", "drop-recipients", "conceal", "prepend X-A: b"):
            self.sink.reset()
            self.enforce(rule("wide", action), mode="shadow")
            self.assertEqual(250, self.post()[0], action)
            self.assert_got(FIVE)
            self.assertIsNone(self.sink.deliveries[0].field("x-a"))
            self.assertIn(f"verdict action=would-{action.split()[0]} rule=wide door=milter", self.verdicts()[-1])


class Alias(OnSendmail, test_actions.Actions):
    """A list that Sendmail expands itself: a recipient that is taken out is taken out before that."""

    lists = "%s %s\n" % (sendmail_mod.TEAM, sendmail_mod.TEAM_OWNER)

    def test_it_is_expanded_otherwise(self):
        self.enforce(test_lists.BounceToList.rules)
        self.assertEqual(250, self.post([sendmail_mod.TEAM])[0])
        self.assert_got(sendmail_mod.MEMBERS, sendmail_mod.MEMBERS)

    def test_no_member_gets_the_bounce_but_the_owner(self):
        self.enforce(test_lists.BounceToList.rules)
        for to in ([sendmail_mod.TEAM], [sendmail_mod.TEAM.upper()], [sendmail_mod.TEAM, sendmail_mod.TEAM_OWNER]):
            self.sink.reset()
            self.assertEqual(250, self.post(to, content=test_lists.BOUNCE, sender="", source="127.0.0.50")[0])
            self.assert_got([sendmail_mod.TEAM_OWNER], sendmail_mod.MEMBERS)

    def test_dropped(self):
        self.enforce(rule("wide", "drop-recipients", EXEMPT_SPARED))
        self.assertEqual(250, self.post(SPARED + [sendmail_mod.TEAM])[0])
        self.assert_got(SPARED, SPARED + sendmail_mod.MEMBERS)

    def test_return_path(self):
        self.enforce(by_sender("path", "set-sender-owner"))
        self.assertEqual(250, self.post([sendmail_mod.TEAM], sender=sendmail_mod.TEAM)[0])
        self.assertEqual({sendmail_mod.TEAM_OWNER}, {d.sender for d in self.sink.deliveries})


class Facts(OnSendmail, test_actions.Actions):
    """Macros and events: what the daemon learns."""

    def row(self):
        self.daemon.stop()
        return store.query(self.daemon.db, "SELECT * FROM messages")[-1]

    def test_of_a_client(self):
        self.enforce(rule("wide", "warn"))
        m = self.letter()
        result, = self.send(FIVE, m.through(origin()), helo="peer.sender.example")
        queue_id = result.data[1].split()[1]
        row = self.row()
        self.assertEqual((queue_id, "127.0.0.5", "peer.sender.example", m.sender, m.message_id, 5, 1),
                         tuple(row[n] for n in ("queue_id", "client_address", "helo", "sender", "message_id",
                                                "recipients", "hops")), row)

    def test_of_a_local_program(self):
        """The submission program hands on by SMTP: seen, as mail of this host."""
        self.enforce(rule("wide", "warn"))
        self.assertEqual((0, ""), self.mta.submit(FIVE[:1], b"To: reader1@victim.example\nSubject: local\n\nhi\n"))
        self.mta.settle()
        row = self.row()
        self.assertEqual(("127.0.0.1", "local", 1), (row["client_address"], row["subject"], row["recipients"]))
        self.assertEqual(1, self.sink.total)

    def test_retries_of_one_item_by_a_sendmail(self):
        """Its own Received line is hidden from the filter: the same item again is a repeat, not a copy."""
        self.enforce("[rule r]\ndetect = replication\nlimit = 1\naction = discard\n")
        m = self.letter()
        self.assertEqual([250, 250, 250, 451], [self.post(content=m.through(origin()))[0] for _ in range(4)])
        self.assert_each(FIVE, 3, m.message_id)

    def test_three_messages_of_one_connection(self):
        self.enforce(rule("wide", "reject"))
        with smtp.Client(self.mta.port, "peer.example", "127.0.0.5") as c:
            codes = [c.send("a@sender.example", FIVE[:1], self.letter(to=to).through(origin())).code
                     for to in (FIVE, FIVE[:1], FIVE)]
        self.mta.settle()
        self.assertEqual([550, 250, 550], codes)

    def test_refused_recipient_does_not_count(self):
        self.enforce(rule("wide", "warn"))
        with smtp.Client(self.mta.port, "peer.example", "127.0.0.5") as c:
            r = c.send("a@sender.example", [FIVE[0], "no user@", FIVE[1]], self.letter().through(origin()))
        self.mta.settle()
        self.assertEqual(553, r.rcpts["no user@"][0])
        self.assertEqual(2, self.row()["recipients"])


class FailOpen(OnSendmail, LabTest):
    def test_away(self):
        self.daemon.stop()
        for n in range(3):
            self.assertLess(self.time_of_one(n), 2)
        self.assertEqual(3, self.sink.total)

    def test_leaves_between_two_messages_of_a_connection(self):
        with smtp.Client(self.mta.port, "mail.sender.example", "127.0.0.5") as c:
            for n in range(3):
                if n == 1:
                    self.daemon.kill()
                m = Message("<leaves.%d@sender.example>" % n, "Leaves", ["reader%d@victim.example" % n])
                self.assertEqual(250, c.send(m.sender, m.to, m.through(origin(n + 1))).code, n)
        self.mta.settle()
        self.assertEqual(3, self.sink.total)
