# SPDX-License-Identifier: ISC
"""Every action, as the SMTP client and the mailboxes see it. What trips is plain: wide-recipients (the milter door
alone has the header) and list-return-path (the envelope tells it, so that the policy door can act by itself)."""

from lab.actors import Message, origin
from lab.bench import CREW, LabTest, MEMBERS, TEAM, TEAM_OWNER
from lab.net import wait_for
from lab.smtp import stuff

LIST, OWNER = "all@victim.example", "all-owner@victim.example"
FIVE = ["reader%d@victim.example" % i for i in range(1, 6)]
SPARED, HIT = FIVE[:3], FIVE[3:]
EXEMPT_SPARED = "exempt = %s\n" % ", ".join(SPARED)
CLIENT = "127.0.0.5"
WIDE = "5.7.1 Too many addresses in To and Cc; please use Bcc"


def rule(name, action, more="", detect="wide-recipients", mode="enforce"):
    limit = "limit = 1\n" if detect == "wide-recipients" else "scope = any\n"
    return "[rule %s]\ndetect = %s\n%saction = %s\nmode = %s\n%s" % (name, detect, limit, action, mode, more)


def by_sender(name, action, more=""):
    """A rule that needs no header: mail whose return path is LIST."""
    return rule(name, action, more, detect="list-return-path")


class Actions(LabTest):
    rules = rule("start", "warn")
    lists = "%s %s\n%s %s\n" % (LIST, OWNER, TEAM, TEAM_OWNER)
    serial = 0

    def enforce(self, *rules, mode="enforce"):
        self.assertEqual(0, self.daemon.stop())
        self.use("\n".join(rules), mode)

    def letter(self, **kw):
        Actions.serial += 1
        kw.setdefault("to", FIVE)
        return Message("<action.%d@sender.example>" % Actions.serial, "To all", **kw)

    def post(self, recipients=FIVE, door="milter", content=None, **kw):
        """One transaction, its replies checked up to the last; returns the last: (code, text)."""
        content = content or self.letter().through(origin())
        result, = self.send(recipients, content, door, **kw)
        self.assertEqual({250}, {code for code, _ in result.rcpts.values()}, result.rcpts)
        return result.data

    def assert_got(self, expected, everybody=FIVE):
        """One copy for each of `expected`, none for the rest, and nothing left in any queue."""
        got = {r: self.sink.count(r) for r in everybody}
        self.assertEqual({r: 1 if r in expected else 0 for r in everybody}, got)
        self.assertEqual(len(expected), self.sink.total, [d.recipients for d in self.sink.deliveries])
        self.assertEqual([], self.mta.queue_ids())


class Refusals(Actions):
    def assert_refused(self, code, text, got):
        """Postfix gives a milter's line as it is; of an access action it says first what it refused."""
        self.assertEqual(code, got[0], got)
        self.assertTrue(got[1].startswith(text.split(" ", 1)[0] + " "), got)
        self.assertTrue(got[1].endswith(text.split(" ", 1)[1]), got)
        self.assert_got([])

    def test_reject(self):
        self.enforce(rule("wide", "reject"))
        for door in ("milter", "guarded"):
            self.assertEqual((550, WIDE), self.post(door=door))
        self.assert_got([])

    def test_own_text_and_code(self):
        self.enforce(rule("wide", "reject 5.7.27 Please use Bcc"))
        self.assertEqual((550, "5.7.27 Please use Bcc"), self.post())
        self.enforce(rule("wide", "reject", "text = 5.3.4 Too many at once\n"))
        self.assertEqual((550, "5.3.4 Too many at once"), self.post())
        self.assert_got([])

    def test_text_with_percent(self):
        """Postfix takes a milter's text as a format; libmilter's callers double the sign."""
        text = "100% of 5%s recipients %d%%n 20%20%"
        self.enforce(rule("wide", "reject " + text), by_sender("path", "reject " + text))
        self.assertEqual((550, "5.7.1 " + text), self.post())
        self.assert_refused(550, "5.7.1 " + text, self.post(door="policy", sender=LIST))

    def test_defer(self):
        self.enforce(rule("wide", "defer"), by_sender("path", "defer"))
        self.assertEqual((451, WIDE.replace("5.7.1", "4.7.1")), self.post())
        text = "4.7.1 The return path is the mailing list itself, so that bounces go to all; use its owner"
        self.assert_refused(451, text, self.post(door="policy", sender=LIST))

    def test_defer_own_text(self):
        self.enforce(rule("wide", "defer 4.3.2 Not now"), by_sender("path", "defer 4.3.2 Not now"))
        self.assertEqual((451, "4.3.2 Not now"), self.post())
        self.assert_refused(451, "4.3.2 Not now", self.post(door="policy", sender=LIST))

    def test_policy_reject(self):
        self.enforce(by_sender("path", "reject 5.7.27 Lists do not write"))
        for to in (FIVE, FIVE[:1]):
            got = self.post(to, door="policy", sender=LIST)
            self.assert_refused(550, "5.7.27 Lists do not write", got)

    def test_reject_for_two_of_five(self):
        """At the end of the message those two lose it; a door that cannot split lets pass."""
        self.enforce(rule("wide", "reject", EXEMPT_SPARED), by_sender("path", "reject", EXEMPT_SPARED))
        self.assertEqual(250, self.post()[0])
        self.assert_got(SPARED)
        self.sink.reset()
        self.assertEqual(250, self.post(door="policy", sender=LIST)[0])
        self.assert_got(FIVE)

    def test_defer_for_two_of_five(self):
        self.enforce(rule("wide", "defer", EXEMPT_SPARED), by_sender("path", "defer", EXEMPT_SPARED))
        for door, sender in (("milter", "office@sender.example"), ("policy", LIST), ("guarded", LIST)):
            self.sink.reset()
            self.assertEqual(250, self.post(door=door, sender=sender)[0], door)
            self.assert_got(FIVE)


class Silence(Actions):
    def test_discard(self):
        self.enforce(rule("wide", "discard"), by_sender("path", "discard"))
        for door, sender in (("milter", "office@sender.example"), ("guarded", "office@sender.example"),
                             ("policy", LIST)):
            self.assertEqual(250, self.post(door=door, sender=sender)[0], door)
            self.assert_got([])

    def test_discard_for_two_of_five(self):
        self.enforce(rule("wide", "discard", EXEMPT_SPARED))
        self.assertEqual(250, self.post()[0])
        self.assert_got(SPARED)

    def test_drop_recipients(self):
        self.enforce(rule("wide", "drop-recipients", EXEMPT_SPARED),
                     by_sender("path", "drop-recipients", EXEMPT_SPARED))
        self.assertEqual(250, self.post(door="guarded")[0])
        self.assert_got(SPARED)
        self.sink.reset()
        self.assertEqual(250, self.post(door="policy", sender=LIST)[0])
        self.assert_got(FIVE)

    def test_drop_recipients_as_they_were_written(self):
        """Postfix deletes the recipient whose bytes it is given, and no other; but for a route, which it has taken off."""
        self.enforce(rule("wide", "drop-recipients", EXEMPT_SPARED))
        written = SPARED + ["Reader4@Victim.Example", "reader5+tag@victim.example", '"reader6"@victim.example',
                            "@a.example,@b.example:reader7@victim.example"]
        self.assertEqual(250, self.post(written)[0])
        self.assert_got(SPARED, SPARED + ["reader4@victim.example", "reader5+tag@victim.example"])

    def test_drop_all_is_a_discard(self):
        self.enforce(rule("wide", "drop-recipients"))
        self.assertEqual(250, self.post()[0])
        self.assert_got([])
        wait_for("the discard in Postfix's log", lambda: "milter-discard" in self.mta_said())


class Hold(Actions):
    def held_then_released(self, door, sender):
        self.assertEqual(250, self.post(door=door, sender=sender)[0])
        self.assertEqual(0, self.sink.total)
        held = self.postfix.queue_ids("hold")
        self.assertEqual(1, len(held))
        self.assertEqual(held, self.mta.queue_ids())
        self.postfix.release(held[0])
        wait_for("the released message", lambda: self.sink.total == len(FIVE))
        self.postfix.settle()
        self.assert_got(FIVE)

    def test_held_and_released(self):
        self.enforce(rule("wide", "hold"))
        self.held_then_released("milter", "office@sender.example")
        wait_for("the hold in Postfix's log", lambda: "milter-hold" in self.mta_said())

    def test_both_doors(self):
        self.enforce(rule("wide", "hold"))
        self.held_then_released("guarded", "office@sender.example")

    def test_policy_alone(self):
        self.enforce(by_sender("path", "hold"))
        self.held_then_released("policy", LIST)

    def test_for_two_of_five_all_pass(self):
        self.enforce(rule("wide", "hold", EXEMPT_SPARED))
        self.assertEqual(250, self.post()[0])
        self.assert_got(FIVE)


class RedirectOwner(Actions):
    BOUNCE = (b"From: Mail Delivery System <MAILER-DAEMON@gone.example>\nTo: <all@victim.example>\n"
              b"Subject: Undelivered Mail\nAuto-Submitted: auto-replied\nMessage-ID: <b.%d@gone.example>\n"
              b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\ngone\n--b--\n")

    def bounce(self, recipients, door="guarded"):
        Actions.serial += 1
        self.enforce(rule("bounces", "redirect-owner", "limit = 0\n", detect="bounce-to-list"))
        return self.post(recipients, door, self.BOUNCE % Actions.serial, sender="", source="127.0.0.50")

    def test_owner_who_is_a_recipient_gets_it_once(self):
        for to in ([LIST, OWNER], [OWNER, LIST], [LIST, OWNER.upper()]):
            self.sink.reset()
            self.assertEqual(250, self.bounce(to)[0], to)
            self.assert_got([OWNER], [LIST, OWNER])

    def test_two_lists(self):
        self.assertEqual(250, self.bounce([LIST, TEAM, FIVE[0]])[0])
        self.assert_got([OWNER, TEAM_OWNER, FIVE[0]], [LIST, OWNER, TEAM, TEAM_OWNER, FIVE[0]] + MEMBERS)

    def test_alias_is_expanded_otherwise(self):
        self.assertEqual(250, self.post([TEAM])[0])
        self.assert_got(MEMBERS, MEMBERS + [TEAM])

    def test_no_member_of_the_alias_gets_it(self):
        """Postfix remembers which address a member came from, and deletes by that; the owner is one of them."""
        for door in ("milter", "guarded", "policy"):
            self.sink.reset()
            self.assertEqual(250, self.bounce([TEAM], door)[0], door)
            self.assert_got([TEAM_OWNER], MEMBERS + [TEAM])

    def test_another_address_of_a_list_wants_a_line_of_its_own(self):
        """Both doors see the recipient as the client wrote him, before virtual_alias_maps."""
        for line, got in (("", MEMBERS), ("%s %s\n" % (CREW, TEAM_OWNER), [TEAM_OWNER])):
            self.lists = Actions.lists + line
            for door in ("guarded", "policy"):
                self.sink.reset()
                self.assertEqual(250, self.bounce([CREW], door)[0], door)
                self.assert_got(got, MEMBERS + [TEAM, CREW])

    def test_policy_alone_refuses_what_it_cannot_split(self):
        self.assertEqual(550, self.bounce([LIST, FIVE[0]], "policy")[0])
        self.assert_got([], [LIST, OWNER, FIVE[0]])


class SetSenderOwner(Actions):
    def setUp(self):
        super().setUp()
        self.enforce(by_sender("path", "set-sender-owner"))

    def test_the_sender_is_the_owner(self):
        for door in ("milter", "guarded"):
            self.sink.reset()
            self.assertEqual(250, self.post(door=door, sender=LIST)[0])
            self.assert_got(FIVE)
            self.assertEqual({OWNER}, {d.sender for d in self.sink.deliveries})

    def test_a_later_bounce_goes_to_the_owner(self):
        self.sink.refuse = {FIVE[0]}
        self.assertEqual(250, self.post(FIVE[:2], sender=LIST)[0])
        wait_for("the bounce", lambda: self.sink.count(OWNER))
        self.postfix.settle()
        self.assert_got([FIVE[1], OWNER], FIVE + [LIST, OWNER])
        bounce, = self.sink.to(OWNER)
        self.assertEqual("", bounce.sender)
        self.assertIn("multipart/report", bounce.field("content-type"))
        self.assertIn(FIVE[0].encode(), bounce.body)

    def test_without_the_rule_it_goes_to_the_list(self):
        self.enforce(by_sender("path", "warn"))
        self.sink.refuse = {FIVE[0]}
        self.assertEqual(250, self.post(FIVE[:1], sender=LIST)[0])
        wait_for("the bounce", lambda: self.sink.total)
        self.assert_got([LIST], [FIVE[0], LIST, OWNER])

    def test_policy_alone_only_warns(self):
        self.assertEqual(250, self.post(door="policy", sender=LIST)[0])
        self.assertEqual({LIST}, {d.sender for d in self.sink.deliveries})
        self.assertEqual(["action=warn"], [v.split("verdict ")[1].split()[0] for v in self.verdicts()])


class Headers(Actions):
    def arrived(self, content, door="milter"):
        self.sink.reset()
        self.assertEqual(250, self.post(FIVE[:1], door, content)[0])
        self.assert_got(FIVE[:1])
        return self.sink.to(FIVE[0])[0]

    @staticmethod
    def own(d):
        """The header without the Received line that Postfix wrote on top of it."""
        lines = d.header.split(b"\r\n")
        at = next(i for i, line in enumerate(lines[1:], 1) if line[:1] not in (b" ", b"\t"))
        assert lines[0].startswith(b"Received: from"), lines[0]
        return lines[at:]

    def assert_same(self, content, d):
        sent = stuff(content)[:-3]
        self.assertEqual(sent, b"\r\n".join(self.own(d)) + b"\r\n\r\n" + d.body)

    def head(self, *fields):
        Actions.serial += 1
        return ("From: office@sender.example\nSubject: Wide\nDate: Mon, 16 Jan 2006 09:14:07 +0000\n"
                "Message-ID: <wide.%d@sender.example>\n%s\n\nHello\n" % (Actions.serial, "\n".join(fields))).encode()

    def test_conceal(self):
        self.enforce(rule("wide", "conceal"))
        d = self.arrived(self.head("To: a1@x.example,\n\tb1@x.example",
                                   "Cc: c1@x.example,\n c2@x.example,\n\tc3@x.example",
                                   "X-Between: kept", "to: Somebody <a2@x.example>", "CC: c4@x.example",
                                   "To:\n group: a3@x.example, a4@x.example;", "Cc: c5@x.example"))
        self.assertEqual(["undisclosed-recipients:;"], d.all("to"))
        self.assertEqual([], d.all("cc"))
        self.assertNotIn(b"@x.example", d.content)
        self.assertEqual("kept", d.field("x-between"))
        self.assertEqual(b"Hello\r\n", d.body)

    def test_conceal_cc_only(self):
        self.enforce(rule("wide", "conceal"))
        d = self.arrived(self.head("Cc: c1@x.example,\n\tc2@x.example", "Cc: c3@x.example"))
        self.assertEqual([], d.all("cc"))
        self.assertNotIn(b"@x.example", d.content)

    def test_conceal_to_only(self):
        self.enforce(rule("wide", "conceal"))
        d = self.arrived(self.head("To: a1@x.example,\n\ta2@x.example"))
        self.assertEqual((["undisclosed-recipients:;"], []), (d.all("to"), d.all("cc")))

    def test_prepend(self):
        self.enforce(rule("one", "prepend X-One: first 100% of it"), rule("two", "prepend X-Two: second"))
        content = self.head("To: a1@x.example, a2@x.example", "X-One: the sender's own")
        d = self.arrived(content)
        self.assertEqual({"first 100% of it", "the sender's own"}, set(d.all("x-one")))
        self.assertEqual(["second"], d.all("x-two"))
        self.assertEqual("a1@x.example, a2@x.example", d.field("to"))

    def test_prepend_by_policy_alone(self):
        self.enforce(by_sender("path", "prepend X-Path: a list wrote this"))
        self.assertEqual(250, self.post(door="policy", sender=LIST)[0])
        self.assert_got(FIVE)
        self.assertEqual([["a list wrote this"]] * len(self.sink.deliveries),
                         [d.all("x-path") for d in self.sink.deliveries])

    def test_warn_changes_nothing(self):
        self.enforce(rule("wide", "warn"))
        content = self.letter().through(origin())
        for door in ("milter", "guarded"):
            before = len(self.verdicts())
            self.assert_same(content, self.arrived(content, door))
            said = self.verdicts()[before:]
            self.assertEqual(1, len(said), said)
            self.assertIn("verdict action=warn rule=wide door=milter", said[0])

    def test_shadow_changes_nothing(self):
        for action in ("reject", "discard", "hold", "drop-recipients", "defer", "conceal", "prepend X-A: b"):
            for rule_mode, mode in (("shadow", "enforce"), ("enforce", "shadow")):
                self.enforce(rule("wide", action, mode=rule_mode), mode=mode)
                before = len(self.verdicts())
                content = self.letter().through(origin())
                self.assert_same(content, self.arrived(content))
                self.assertEqual(1, len(self.verdicts()) - before, action)
                self.assertIn(f"verdict action=would-{action.split()[0]} rule=wide", self.verdicts()[-1])


class Order(Actions):
    def test_the_first_final_rule_decides(self):
        first, second = rule("first", "reject 5.7.11 first"), rule("second", "defer 4.7.12 second")
        self.enforce(first, second)
        self.assertEqual((550, "5.7.11 first"), self.post())
        self.enforce(second, first)
        self.assertEqual((451, "4.7.12 second"), self.post())
        self.assert_got([])

    def test_what_only_adds_or_looks_on_does_not_decide(self):
        self.enforce(rule("looks", "discard", mode="shadow"), rule("adds", "prepend X-A: b"),
                     rule("off", "hold", mode="off"), rule("last", "reject 5.7.13 last"))
        self.assertEqual((550, "5.7.13 last"), self.post())
        self.assert_got([])

    def test_for_each_recipient_by_itself(self):
        """Two rules, two groups of recipients; nobody gets it, and the gentlest is said for all."""
        others = "exempt = %s\n" % ", ".join(HIT)
        self.enforce(rule("a", "reject 5.7.14 a", EXEMPT_SPARED), rule("b", "defer 4.7.15 b", others))
        self.assertEqual((451, "4.7.15 b"), self.post())
        self.assert_got([])

    def test_additive_rules_all_apply_to_who_is_left(self):
        self.enforce(rule("drop", "drop-recipients", EXEMPT_SPARED), rule("one", "prepend X-One: 1"),
                     rule("two", "conceal"))
        self.assertEqual(250, self.post()[0])
        self.assert_got(SPARED)
        for d in self.sink.deliveries:
            self.assertEqual((["1"], ["undisclosed-recipients:;"]), (d.all("x-one"), d.all("to")))


class Exempt(Actions):
    def test_each_kind(self):
        for who in ("127.0.0.4/31", CLIENT, "office@sender.example", "@sender.example", "office@", "@victim.example",
                    "Office@Sender.Example"):
            self.sink.reset()
            self.enforce(rule("wide", "reject", "exempt = 192.0.2.0/24, %s\n" % who))
            self.assertEqual(250, self.post(source=CLIENT)[0], who)
            self.assert_got(FIVE)

    def test_others_are_not(self):
        self.enforce(rule("wide", "reject", "exempt = 127.0.0.6/31, office@other.example, @other.example, offices@, "
                                            "@.sender.example\n"))
        self.assertEqual(550, self.post(source=CLIENT)[0])
        self.assert_got([])

    def test_role_addresses(self):
        roles = ["postmaster@victim.example", "abuse@victim.example"]
        self.enforce(rule("wide", "reject"), by_sender("path", "reject"))
        for door, sender in (("milter", "office@sender.example"), ("policy", LIST)):
            for to in ([roles[0]], [roles[1]], roles):
                self.sink.reset()
                self.assertEqual(250, self.post(to, door, sender=sender)[0], (door, to))
                self.assert_got(to, roles)
        self.sink.reset()
        self.assertEqual(250, self.post(roles + FIVE)[0])
        self.assert_got(roles, roles + FIVE)

    def test_what_only_resembles_them(self):
        self.enforce(rule("wide", "reject"))
        for to in (["postmasters@victim.example"], ["not-abuse@victim.example"]):
            self.assertEqual(550, self.post(to)[0], to)
        self.assert_got([])
