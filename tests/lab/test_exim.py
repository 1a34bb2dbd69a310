# SPDX-License-Identifier: ISC
"""A real Exim with the shipped ACLs and routers: what is asked, what each verdict becomes, what cannot be injected."""

import base64
import itertools
import os
import shutil
import socket
import statistics
import subprocess
import threading
import time

import test_actions
import test_brake
import test_replication

from lab import exim as exim_mod
from lab import smtp, store
from lab.actors import Message, origin
from lab.bench import LabTest, MEMBERS, OnAnother, TEAM, TEAM_OWNER
from lab.exim import Exim
from lab.net import wait_for
from test_actions import CLIENT, EXEMPT_SPARED, FIVE, HIT, LIST, OWNER, SPARED, WIDE, by_sender, rule

SERIAL = itertools.count(1)


class OnExim(OnAnother):
    module = exim_mod

    def trust_this_host(self):
        """As policyd-storm.conf does by itself; the lab's outsiders have addresses of 127.0.0.0/8."""
        self.addCleanup(setattr, self.daemon, "trusted", self.daemon.trusted)
        self.daemon.trusted += ", 127.0.0.1"


def copies(m, n, first=0):
    """The message as n faulty servers hand it on, each with a Received line of its own."""
    for i in range(first, first + n):
        line = "Received: from x by sbs%d.faulty1.example id %d;\n\tMon, 16 Jan 2006 10:00:%02d +0000\n" % (i, i, i)
        yield line.encode() + m.through(origin())


class Replication(OnExim, test_replication.Replication):
    test_without_the_daemon_it_never_ends = None  # Exim has no door that asks nobody
    test_policy_door_alone_harms_nobody = None


class SameItemAgain(OnExim, test_replication.SameItemAgain):
    def test_first_and_two_repeats_then_deferred(self):
        """Exim's own Received line, with an id and a time of its own, stands in what it sends; it is not a way."""
        codes = []
        m = Message("<again.1@sender.example>", "Invoice", ["buyer@victim.example"])
        with smtp.Client(self.mta.port, "sbs9.faulty9.example", "127.0.0.21") as c:
            for _ in range(6):
                codes.append(c.send(m.sender, m.to, m.through(origin())).code)
        self.mta.settle()
        self.assertEqual([250, 250, 250, 451, 451, 451], codes)
        self.assert_each(m.to, 3, m.message_id)


class SomeRecipients(OnExim, test_replication.SomeRecipients):
    pass


class Verdicts(OnExim, test_actions.Actions):
    """Each action, as Exim's verbs, routers and headers make it."""

    lists = "%s %s\n%s %s\n" % (LIST, OWNER, TEAM, TEAM_OWNER)

    def queue_is_empty(self):
        self.assertEqual([], self.mta.queue_ids())

    def test_reject(self):
        self.enforce(rule("wide", "reject"))
        self.assertEqual((550, WIDE), self.post())
        self.assert_got([])

    def test_text_with_signs_that_mean_something_to_exim(self):
        text = "100% of ${lookup} $acl_m_storm {5%s} \\N x \\n"
        self.enforce(rule("wide", "reject " + text))
        self.assertEqual((550, "5.7.1 " + text), self.post())
        self.assert_got([])

    def test_reject_for_two_of_five(self):
        self.enforce(rule("wide", "reject", EXEMPT_SPARED))
        self.assertEqual(250, self.post()[0])
        self.assert_got(SPARED)

    def test_defer(self):
        self.enforce(rule("wide", "defer 4.3.2 Not now"))
        self.assertEqual((451, "4.3.2 Not now"), self.post())
        self.assert_got([])

    def test_defer_for_two_of_five(self):
        self.enforce(rule("wide", "defer", EXEMPT_SPARED))
        self.assertEqual(250, self.post()[0])
        self.assert_got(FIVE)

    def test_discard(self):
        self.enforce(rule("wide", "discard"))
        self.assertEqual(250, self.post()[0])
        self.assert_got([])
        wait_for("Exim's log", lambda: "policyd-storm: DISCARD" in self.mta_said())

    def test_hold_is_frozen_and_released(self):
        self.enforce(rule("wide", "hold"))
        self.assertEqual(250, self.post()[0])
        self.assertEqual(0, self.sink.total)
        held, = self.mta.queue_ids("hold")
        self.assertEqual([held], self.mta.queue_ids())
        self.mta.release(held)
        wait_for("the released message", lambda: self.sink.total == len(FIVE))
        self.mta.settle()
        self.assert_got(FIVE)

    def test_prepend(self):
        self.enforce(rule("one", "prepend X-One: first 100% of ${it}"), rule("two", "prepend X-Two: second"))
        self.assertEqual(250, self.post()[0])
        self.assert_got(FIVE)
        for d in self.sink.deliveries:
            self.assertEqual((["first 100% of ${it}"], ["second"]), (d.all("x-one"), d.all("x-two")))

    def test_drop_two_of_five(self):
        self.enforce(rule("wide", "drop-recipients", EXEMPT_SPARED))
        self.assertEqual(250, self.post()[0])
        self.assert_got(SPARED)
        self.assertEqual(SPARED, sorted(r for d in self.sink.deliveries for r in d.recipients))

    def test_drop_as_they_were_written(self):
        self.enforce(rule("wide", "drop-recipients", EXEMPT_SPARED))
        odd = ["Reader4@Victim.Example", "reader5+tag@victim.example", '"comma,d"@victim.example',
               '"sp ace"@victim.example', "o'brien@victim.example", '"needless"@victim.example', r'"a\"b\c"@victim.example',
               'half."a b"@victim.example', r"back\slash@victim.example", "jörg@victim.example"]
        self.assertEqual(250, self.post(SPARED + odd)[0])
        self.assertEqual(sorted(SPARED), sorted(r for d in self.sink.deliveries for r in d.recipients))
        self.queue_is_empty()

    def test_conceal_is_a_warning(self):
        """Exim's routers cannot change To for one message as a whole; the action table says warn."""
        self.enforce(rule("wide", "conceal"))
        self.assertEqual(250, self.post()[0])
        self.assert_got(FIVE)
        self.assertEqual(len(FIVE), self.sink.deliveries[0].field("to").count("@"))
        self.assertIn("action=warn", self.verdicts()[-1])

    def test_set_sender_owner_and_where_a_bounce_goes(self):
        self.enforce(by_sender("path", "set-sender-owner"))
        self.sink.refuse = {FIVE[0]}
        self.assertEqual(250, self.post(FIVE[:3], sender=LIST)[0])
        wait_for("the bounce", lambda: self.sink.count(OWNER))
        self.mta.settle()
        self.assert_got([FIVE[1], FIVE[2], OWNER], FIVE + [LIST, OWNER])
        self.assertEqual({OWNER, ""}, {d.sender for d in self.sink.deliveries})

    def test_set_sender_owner_goes_through_aliases(self):
        self.enforce(by_sender("path", "set-sender-owner"))
        self.assertEqual(250, self.post([TEAM], sender=LIST)[0])
        self.assert_got(MEMBERS, MEMBERS + [TEAM])
        self.assertEqual({OWNER}, {d.sender for d in self.sink.deliveries})

    def bounce(self, recipients):
        self.enforce(rule("bounces", "redirect-owner", "limit = 0\n", detect="bounce-to-list"))
        test_actions.Actions.serial += 1
        content = test_actions.RedirectOwner.BOUNCE % test_actions.Actions.serial
        return self.post(recipients, content=content, sender="", source="127.0.0.50")

    def test_redirect_owner(self):
        for to, got in (([LIST], [OWNER]), ([LIST, FIVE[0]], [OWNER, FIVE[0]]), ([LIST, OWNER], [OWNER]),
                        ([LIST.upper()], [OWNER]), ([LIST, TEAM], [OWNER, TEAM_OWNER])):
            self.sink.reset()
            self.assertEqual(250, self.bounce(to)[0], to)
            everybody = [LIST, OWNER, TEAM, TEAM_OWNER, FIVE[0]]
            self.assertEqual({r: int(r in got) for r in everybody}, {r: self.sink.count(r) for r in everybody}, to)
            self.queue_is_empty()

    def test_recipients_are_told_as_exim_rewrites_them(self):
        """The list's address in a domain that was given up is none in the lists file, and need not be."""
        old = [a.replace("@", "@old.") for a in (LIST, FIVE[0])]
        self.assertEqual(250, self.bounce(old)[0])
        self.assert_got([OWNER, FIVE[0]], [LIST, OWNER, FIVE[0], *old])

    def test_no_member_of_an_alias_gets_the_bounce(self):
        self.assertEqual(250, self.bounce([TEAM])[0])
        self.assert_got([TEAM_OWNER], MEMBERS + [TEAM])

    def test_repairs_together(self):
        """Dropped recipients, another return path and a header, in one message."""
        self.enforce(rule("drop", "drop-recipients", EXEMPT_SPARED), by_sender("path", "set-sender-owner"),
                     rule("one", "prepend X-One: 1"))
        self.assertEqual(250, self.post(sender=LIST)[0])
        self.assert_got(SPARED)
        self.assertEqual({(OWNER, "1")}, {(d.sender, d.field("x-one")) for d in self.sink.deliveries})

    def test_shadow_changes_nothing(self):
        for action in ("reject", "discard", "hold", "drop-recipients", "prepend X-A: b"):
            self.sink.reset()
            self.enforce(rule("wide", action), mode="shadow")
            self.assertEqual(250, self.post()[0], action)
            self.assert_got(FIVE)
            self.assertIsNone(self.sink.deliveries[0].field("x-a"))
            self.assertIn(f"verdict action=would-{action.split()[0]} rule=wide door=repairs", self.verdicts()[-1])

    def test_what_exim_itself_refused_is_not_asked(self):
        """The .include stands behind what may refuse: such mail is never counted."""
        self.enforce(rule("wide", "discard"))
        m = Message("<virus.1@sender.example>", "A virus", to=FIVE)
        self.assertEqual((550, "5.7.1 not that"), self.post(content=m.through(origin())))
        self.assertEqual([], self.verdicts())


class Local(OnExim, test_actions.Actions):
    """acl_not_smtp: programs on this machine. Postfix's policy door never hears of them."""

    def local(self, to, content, **kw):
        code, said = self.mta.submit(to, content, **kw)
        self.mta.settle()
        return code, said

    def test_copies_are_counted(self):
        self.enforce("[rule r]\ndetect = replication\nlimit = 3\naction = discard\n")
        m = Message("<local.1@sender.example>", "Copies", FIVE)
        for content in copies(m, 5):
            self.assertEqual((0, ""), self.local(FIVE, content, sender="office@sender.example"))
        self.assert_each(FIVE, 3, m.message_id)

    def test_copies_by_smtp_and_by_a_program_are_counted_together(self):
        self.enforce("[rule r]\ndetect = replication\nlimit = 3\naction = discard\n")
        m = Message("<local.2@sender.example>", "Copies", FIVE)
        for i, content in enumerate(copies(m, 6)):
            if i % 2:
                self.send_ok(FIVE, content)
            else:
                self.local(FIVE, content, sender="office@sender.example")
        self.assert_each(FIVE, 3, m.message_id)

    def test_recipients_from_the_header(self):
        """sendmail -t: the recipients are known when the ACL runs, and Bcc is gone from what it sends."""
        self.enforce(rule("wide", "drop-recipients", EXEMPT_SPARED))
        text = "From: x@victim.example\nTo: %s\nBcc: %s\nSubject: t\nMessage-ID: <t.1@victim.example>\n\nhi\n"
        code, said = self.local([], (text % (", ".join(SPARED), ", ".join(HIT))).encode(), options=["-t"])
        self.assertEqual((0, ""), (code, said))
        self.assert_got(SPARED)

    def test_reject_is_told_to_the_program(self):
        self.enforce(rule("wide", "reject 5.7.27 Please use Bcc"))
        code, said = self.local(FIVE, self.letter().through(origin()), options=["-oep"])
        self.assertNotEqual(0, code)
        self.assertIn("5.7.27 Please use Bcc", said)
        self.assert_got([])

    def test_hold(self):
        self.enforce(rule("wide", "hold"))
        self.assertEqual((0, ""), self.local(FIVE, self.letter().through(origin())))
        self.assertEqual(1, len(self.mta.queue_ids("hold")))
        self.assertEqual(0, self.sink.total)

    def test_it_is_outbound(self):
        """Own mail, which scope = outbound means too, whoever writes what sender: of root and other trusted users who name one
        Exim does not say who they are."""
        self.trust_this_host()
        self.enforce(rule("wide", "reject", "scope = outbound\n"))
        away = ["friend%d@outside.example" % i for i in range(3)]
        for sender in (None, "office@victim.example"):
            code, _ = self.local(away, self.letter(to=away).through(origin()), sender=sender, options=["-oep"])
            self.assertNotEqual(0, code, sender)
        self.assertEqual(0, self.sink.total)


class Brake(OnExim, test_brake.Brake):
    """The RCPT ACL."""

    def test_refused_before_data(self):
        self.use(test_brake.flood(3))
        to = test_brake.READERS[:2]
        for _ in range(3):
            self.assertEqual(250, self.post(to).code)
        for _ in range(3):
            r = self.post(to)
            for a in to:
                self.assert_refused(test_brake.SLOW, r.rcpts[a])
        self.assertEqual(250, self.post(to, source=test_brake.GOOD).code)
        self.assertEqual([4, 4], [self.sink.count(r) for r in to])
        self.assertEqual({"RCPT"}, {v.split("stage=")[1].split()[0] for v in self.verdicts()})

    def test_rcpt_and_data_are_one_message(self):
        """What was held at RCPT is given back when DATA counts it: ten of ten pass, the eleventh does not."""
        self.use(test_brake.flood(10, "measure = recipients\n"))
        r = self.post(test_brake.READERS[:5])
        self.assertEqual(250, r.code)
        r = self.post(test_brake.READERS[:12])
        self.assertEqual([250] * 5 + [451] * 7, [r.rcpts[a][0] for a in test_brake.READERS[:12]])

    def test_two_messages_of_one_connection(self):
        self.use(test_brake.flood(3))
        with smtp.Client(self.mta.port, "bad.example", test_brake.BAD) as c:
            codes = [c.send("a@sender.example", test_brake.READERS[:1], self.letter()).rcpts[test_brake.READERS[0]][0]
                     for _ in range(6)]
        self.assertEqual([250] * 3 + [451] * 3, codes)

    def test_callouts_use_nothing_up(self):
        self.use(test_brake.flood(3))
        self.assertEqual(250, self.post(test_brake.READERS[0], source=test_brake.GOOD).code)
        for n in range(6):
            if n == 3:  # it is known by then that they came to nothing
                time.sleep(4.5)
            with smtp.Client(self.mta.port, "callout.example", test_brake.BAD) as c:
                c._say("MAIL FROM:<>")
                c._expect(250)
                c._say("RCPT TO:<%s>" % test_brake.READERS[0])
                self.assertEqual(250, c._reply()[0])

    def test_size_as_announced(self):
        self.use(test_brake.flood(4000, "measure = bytes\n"))
        for size, want in ((3000, 250), (3000, 451), (900, 250)):
            with smtp.Client(self.mta.port, "bad.example", test_brake.BAD) as c:
                c._say("MAIL FROM:<a@sender.example> SIZE=%d" % size)
                c._expect(250)
                c._say("RCPT TO:<%s>" % test_brake.READERS[0])
                self.assertEqual(want, c._reply()[0], size)


class Login(OnExim, test_brake.Brake):
    """Users who log in."""

    AWAY = ["friend%d@outside.example" % i for i in range(3)]

    def post(self, login):
        m = Message("<login.%d@victim.example>" % next(SERIAL), "Offer", self.AWAY)
        return self.send(self.AWAY[:1], m.content, sender="%s@victim.example" % (login or "x"), login=login)[0]

    def test_their_mail_is_outbound(self):
        self.use("[rule w]\ndetect = wide-recipients\nlimit = 2\nscope = outbound\naction = reject 5.7.27 Please use Bcc\n")
        self.assertEqual({550}, {code for code, _ in self.post("").rcpts.values()})
        self.assertEqual((550, "5.7.27 Please use Bcc"), self.post("alice").data)

    def test_a_limit_for_each(self):
        self.use(test_brake.flood(2, "count_by = sasl-user\n"))
        codes = [self.post(login).rcpts[self.AWAY[0]][0] for login in ("alice", "alice", "alice", "bob", "alice")]
        self.assertEqual([250, 250, 451, 250, 451], codes)
        self.daemon.stop()
        rows = store.query(self.daemon.db, "SELECT sasl_username FROM messages")
        self.assertEqual({"alice@victim.example", "bob@victim.example"}, {r["sasl_username"] for r in rows})


class Asked(threading.Thread):
    """A policy door that writes down what it is asked, and says always the same, or nothing."""

    def __init__(self, port, answer=b"action=DUNNO\n\n"):
        super().__init__(daemon=True)
        self.answer, self.requests, self.held = answer, [], []
        self.sock = socket.create_server(("127.0.0.1", port))
        self.start()

    def run(self):
        while True:
            try:
                c, _ = self.sock.accept()
            except OSError:
                return
            c.settimeout(10)
            self.held.append(c)
            if self.answer is None:
                continue
            data = b""
            while True:
                more = c.recv(1 << 16)
                if not more:
                    break
                data += more
            self.requests.append(data)
            c.sendall(self.answer)
            c.close()

    def stop(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        self.join(5)
        for c in self.held:
            c.close()

    def attributes(self, at=-1):
        """Names and values, in order; what is not name=value fails."""
        lines = self.requests[at].decode("latin-1").split("\n")
        assert lines[-2:] == ["", ""], lines[-3:]
        return [line.split("=", 1) for line in lines[:-2]]


class Bytes(OnExim, LabTest):
    """What stands in the request when the message is hostile."""

    KNOWN = ("request protocol_state protocol_name client_address client_port client_name helo_name sasl_username "
             "instance queue_id size sender recipient recipients recipient_count header body want").split()

    def setUp(self):
        super().setUp()
        self.daemon.stop()
        self.asked = Asked(self.daemon.policy)
        self.addCleanup(self.asked.stop)

    def raw(self, mail, rcpt, content, helo=b"peer.example"):
        """A transaction of raw bytes; the last reply."""
        with smtp.Client(self.mta.port, "x", CLIENT) as c:
            c.sock.sendall(b"EHLO " + helo + b"\r\n")
            c._reply()
            replies = []
            for line in (b"MAIL FROM:" + mail, b"RCPT TO:" + rcpt, b"RCPT TO:<reader1@victim.example>", b"DATA"):
                c.sock.sendall(line + b"\r\n")
                replies.append(c._reply()[0])
            c.sock.sendall(content + b"\r\n.\r\n")
            replies.append(c._reply()[0])
        self.mta.settle()
        return replies

    def check(self, at=-1):
        got = self.asked.attributes(at)
        names = [n for n, _ in got]
        self.assertEqual([], [n for n in names if n not in self.KNOWN])
        self.assertEqual(len(names), len(set(names)), names)
        for name, value in got:
            self.assertFalse([c for c in value if c < " "], (name, value))
        return dict(got)

    def test_plain(self):
        m = Message("<plain.1@sender.example>", "Plain", ["reader1@victim.example"])
        self.send_ok(m.to, m.through(origin()))
        rcpt, data = self.check(0), self.check(1)
        self.assertEqual(("RCPT", "DATA"), (rcpt["protocol_state"], data["protocol_state"]))
        for name in ("instance", "client_address", "client_port", "helo_name", "sender"):
            self.assertEqual(rcpt[name], data[name], name)
        self.assertEqual("reader1@victim.example", rcpt["recipient"])
        self.assertEqual(("reader1@victim.example", "1"), (data["recipients"], data["recipient_count"]))
        header = base64.b64decode(data["header"], validate=True)
        self.assertTrue(header.endswith(b"Message-ID: <plain.1@sender.example>\n"), header)
        self.assertIn(data["queue_id"].encode(), header.split(b"\n\tfor ")[0])

    def test_lines_in_header_values(self):
        text = (b"From: a@sender.example\r\nSubject: x\r\n action=OK\r\n protocol_state=RCPT\r\n\r\n\x00"
                b"\r\nsender=evil@x\r\n\r\naction=REJECT")
        self.assertEqual([250, 250, 250, 354, 250], self.raw(b"<a@sender.example>", b"<b@victim.example>", text))
        data = self.check()
        self.assertEqual("DATA", data["protocol_state"])
        self.assertEqual("a@sender.example", data["sender"])

    def test_control_bytes_in_the_envelope(self):
        self.raw(b'<"a\x01=b"@sender.example>', b'<"b\x02 action=OK"@victim.example>', b"Subject: x\r\n\r\nx",
                 helo=b"x\x01sender=y")
        for i in range(len(self.asked.requests)):
            self.check(i)

    def test_message_id_and_encoded_words_stay_in_their_line(self):
        """Large, so that the small fields are repeated in front: there each is folded into one line."""
        pad = b"".join(b"X-Pad: %s\r\n" % (b"y" * 900) for _ in range(75))
        text = (b"From: =?utf-8?q?x=0Asender=3Devil?= <a@sender.example>\r\n"
                b"Message-ID: <one\r\n two@sender.example>\r\nReferences: <1@x>\r\n\t<2@x>\r\n"
                b"Subject: =?utf-8?q?a=0D=0Aaction=3DOK?=\r\n" + pad + b"To: late@victim.example\r\n\r\nbody")
        self.assertEqual(250, self.raw(b"<a@sender.example>", b"<b@victim.example>", text)[-1])
        header = base64.b64decode(self.check()["header"], validate=True)
        front = [line.rstrip() for line in header.split(b"Received: ")[0].decode().split("\n")]
        self.assertEqual(["Message-ID: <one two@sender.example>",
                          "From: =?utf-8?q?x=0Asender=3Devil?= <a@sender.example>",
                          "Subject: =?utf-8?q?a=0D=0Aaction=3DOK?=", "References: <1@x> <2@x>", ""], front)

    def header_of(self, shift, lines):
        """What arrives of a header with lines of 100 bytes, the first of which are moved by `shift`."""
        head = b"From: a@sender.example\r\nSubject: %s\r\n" % (b"s" * (100 + shift))
        pad = b"".join(b"X-%05d: %s\r\n" % (i, b"y" * 90) for i in range(lines))
        self.assertEqual(250, self.raw(b"<a@sender.example>", b"<b@victim.example>", head + pad + b"\r\nbody")[-1])
        header = base64.b64decode(self.check()["header"], validate=True)
        return header[header.rindex(b"\nReceived: ") if b"\nReceived: " in header else 0:]

    def test_a_cut_header_does_not_end_a_line(self):
        """64 KB is all that Exim expands, and the cut may fall on a line's end."""
        self.assertTrue(self.header_of(0, 500).endswith(b"y\n"))
        cut = self.header_of(0, 900)
        beyond = len(cut) - 1 - cut.rindex(b"\n")  # bytes of the line that was cut
        self.assertGreater(beyond, 0)
        for shift in range(beyond - 2, beyond + 3):
            cut = self.header_of(shift, 900)
            self.assertFalse(cut.endswith(b"\n"), shift)
            self.assertNotIn(b"X-00899", cut)

    def test_the_body_of_a_bounce_only(self):
        text = b"From: a@sender.example\r\nSubject: x\r\n\r\nline one\r\nline two\r\n"
        self.raw(b"<a@sender.example>", b"<b@victim.example>", text)
        self.assertNotIn("body", self.check())
        self.raw(b"<>", b"<b@victim.example>", text)
        self.assertEqual(b"line one\nline two\n", base64.b64decode(self.check()["body"])[:18])
        self.raw(b"<a@sender.example>", b"<b@victim.example>", b"Content-Type: multipart/REPORT; boundary=b\r\n" + text)
        self.assertIn("body", self.check())


class Wide(OnExim, test_actions.Actions):
    """A To field that Exim cuts is large all the same."""

    def wide(self, n):
        m = self.letter(to=["p%06d@somewhere.example" % i for i in range(n)])
        return self.post(FIVE[:1], content=m.through(origin()))

    def test_100_kb_of_to(self):
        for limit in (100, 2000):
            self.enforce("[rule w]\ndetect = wide-recipients\nlimit = %d\naction = reject\n" % limit)
            self.assertEqual(550, self.wide(4000)[0], limit)
        self.enforce("[rule w]\ndetect = wide-recipients\nlimit = 3999\naction = reject\n")
        self.wide(4000)
        self.daemon.stop()
        seen = store.query(self.daemon.db, "SELECT to_count FROM messages ORDER BY id DESC LIMIT 1")[0]["to_count"]
        self.assertGreater(seen, 2000)

    def test_copies_of_it_are_known(self):
        """Message-ID stands behind the large field, out of reach but for the repetition in front."""
        self.enforce("[rule r]\ndetect = replication\nlimit = 3\naction = discard\n")
        m = Message("<far.1@sender.example>", "Far", ["p%06d@somewhere.example" % i for i in range(4000)])
        for content in copies(m, 6):
            self.send_ok(FIVE, content)
        self.assert_each(FIVE, 3, m.message_id)


class Backscatter(OnExim, test_actions.Actions):
    def test_what_a_bounce_gives_back_is_read(self):
        """message_body_visible and message_body_newlines are set: the returned Message-ID and the dead are seen."""
        self.enforce("[rule b]\ndetect = backscatter\naction = reject\nscope = inbound\n")
        self.assertEqual(250, self.post(["friend@outside.example"], source="127.0.0.9", sender="me@victim.example",
                                        content=Message("<mine.1@victim.example>", "Mine", ["friend@outside.example"],
                                                        sender="me@victim.example").content)[0])
        self.assertEqual(250, self.post(["me@victim.example"], content=self.dsn("<mine.1@victim.example>"), sender="",
                                        source="127.0.0.50")[0])
        self.assertEqual(550, self.post(["me@victim.example"], content=self.dsn("<never.1@victim.example>"), sender="",
                                        source="127.0.0.50")[0])

    def test_what_exim_gives_back_itself_is_none(self):
        """Its own bounces pass acl_not_smtp as well, those for mail that came from outside too."""
        self.trust_this_host()
        self.enforce("[rule b]\ndetect = backscatter\n")
        self.sink.refuse = {FIVE[0]}
        self.send_ok(FIVE[:1], self.letter(to=FIVE[:1]).through(origin()))
        self.assertEqual([""], [d.sender for d in self.sink.deliveries])

    @staticmethod
    def dsn(message_id):
        test_actions.Actions.serial += 1
        return ("From: MAILER-DAEMON@outside.example\nTo: me@victim.example\nSubject: failed\n"
                "Message-ID: <dsn.%d@outside.example>\nMIME-Version: 1.0\n"
                "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nsorry\n"
                "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x.outside.example\n\n"
                "Final-Recipient: rfc822; friend@outside.example\nAction: failed\nStatus: 5.1.1\n\n"
                "--b\nContent-Type: message/rfc822\n\nFrom: me@victim.example\nMessage-ID: %s\nSubject: Mine\n\n--b--\n"
                % (test_actions.Actions.serial, message_id)).encode()


class FailOpen(OnExim, LabTest):
    def test_away(self):
        self.daemon.stop()
        for n in range(3):
            self.assertLess(self.time_of_one(n), 2)
        self.assertEqual((0, ""), self.mta.submit(["reader7@victim.example"], b"Subject: local\n\nhi\n"))
        self.mta.settle()
        self.assertEqual(4, self.sink.total)
        self.assertIn("policyd-storm does not answer", self.mta_said())

    def test_comes_back(self):
        self.daemon.stop()
        self.time_of_one(0)
        self.daemon.start()
        m = Message("<back.1@sender.example>", "Back", ["reader@victim.example"])
        for content in copies(m, 5):
            self.send_ok(m.to, content)
        self.assert_each(m.to, 3)

    def test_silent(self):
        """A daemon that takes the connection and says nothing costs one message 5 seconds, however many recipients."""
        self.daemon.stop()
        door = Asked(self.daemon.policy, None)
        self.addCleanup(door.stop)
        m = Message("<silent.1@sender.example>", "Silent", FIVE)
        began = time.monotonic()
        self.send_ok(FIVE, m.through(origin()))
        self.assertLess(time.monotonic() - began, 7)
        self.assert_each(FIVE, 1)

    def test_nonsense(self):
        """What is no answer is no verdict."""
        for said in (b"", b"\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"action=\n\n", b"action=450\n\n",
                     b"action=OK\n\n"):
            self.daemon.stop()
            door = Asked(self.daemon.policy, said)
            self.time_of_one(0)
            door.stop()
        self.assertEqual(6, self.sink.total)

    def test_no_message_is_held_up(self):
        took = []
        with smtp.Client(self.mta.port, "mail.sender.example", "127.0.0.5") as c:
            for n in range(15):
                m = Message("<quick.%d@sender.example>" % n, "Quick", ["reader@victim.example"])
                began = time.monotonic()
                self.assertEqual(250, c.send(m.sender, m.to, m.through(origin(n + 1))).code)
                took.append(time.monotonic() - began)
        self.mta.settle()
        self.assertLess(statistics.median(took), 0.05)


def debian(exim):
    """Debian's split configuration, made by its own update-exim4.conf, with the fragments put beside its own."""
    root = exim.root
    for folder, _, names in os.walk(os.path.join(exim_mod.SHIPPED, "conf.d")):
        for name in names:
            part = os.path.basename(folder)
            shutil.copy(os.path.join(folder, name), root.path("/etc/exim4/conf.d/%s/%s" % (part, name)))
    values = dict(exim.values)
    root.write("/etc/exim4/conf.d/main/000_lab",
               "STORM = {storm}\nMAIN_HOST_LOOKUP =\nMAIN_TLS_ENABLE = no\nprimary_hostname = mx.victim.example\n"
               "daemon_smtp_ports = {port}\nlocal_interfaces = 127.0.0.1\nnotifier_socket =\n".format(**values))
    root.write("/etc/exim4/conf.d/router/060_lab", exim_mod.SINK_ROUTER.format(**values))
    root.write("/etc/exim4/conf.d/transport/20_lab", exim_mod.SINK_TRANSPORT)
    root.write("/etc/exim4/update-exim4.conf.conf",
               "dc_eximconfig_configtype='satellite'\ndc_other_hostnames=''\ndc_local_interfaces=''\n"
               "dc_readhost='mx.victim.example'\n"
               "dc_relay_domains='victim.example'\ndc_minimaldns='false'\ndc_relay_nets='127.0.0.9'\n"
               "dc_smarthost=''\nCFILEMODE='644'\ndc_use_split_config='true'\ndc_hide_mailname='false'\n"
               "dc_mailname_in_oh='true'\ndc_localdelivery='mail_spool'\n")
    with open(root.path("/usr/sbin/update-exim4.conf")) as f:
        script = f.read().replace("/etc/mailname", root.path("/etc/mailname")).replace("root:Debian-exim", "root")
    root.write("/tmp/update-exim4.conf", script)
    p = subprocess.run(["sh", root.path("/tmp/update-exim4.conf"), "-d", root.path("/etc/exim4"), "-o",
                        root.path("/var/lib/exim4/config.autogenerated")], stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
    if p.returncode != 0:
        raise RuntimeError(p.stdout.decode())


class OnDebian(OnExim):
    """The fragments in /etc/exim4/conf.d, over a unix socket."""

    def server(self):
        super().server()
        socket_at = "/run/policyd-storm/policy.sock"
        bench = self.bench

        def make():
            e = Exim(os.path.join(bench.folder, "debian"), bench.sink.port, socket_at, debian)
            e.root.own("/run/policyd-storm", 65534, 0o755)
            return e
        os.makedirs(os.path.join(bench.folder, "debian"), exist_ok=True)
        e = bench.other("debian", make)
        address = "unix:" + e.root.path(socket_at)
        self.daemon.more_policy.append(address)
        self.addCleanup(self.daemon.more_policy.remove, address)
        return e


class Debian(OnDebian, test_actions.Actions):
    def test_copies(self):
        self.enforce("[rule r]\ndetect = replication\nlimit = 3\naction = discard\n")
        m = Message("<debian.1@sender.example>", "Copies", FIVE)
        for content in copies(m, 5):
            self.send_ok(FIVE, content)
        self.assert_each(FIVE, 3, m.message_id)

    def test_drop_and_owner(self):
        self.enforce(rule("drop", "drop-recipients", EXEMPT_SPARED), by_sender("path", "set-sender-owner"))
        self.assertEqual(250, self.post(sender=LIST)[0])
        self.assert_got(SPARED)
        self.assertEqual({OWNER}, {d.sender for d in self.sink.deliveries})

    def test_local(self):
        self.enforce(rule("wide", "reject 5.7.27 Please use Bcc"))
        code, said = self.mta.submit(FIVE, self.letter().through(origin()), options=["-oep"])
        self.assertNotEqual(0, code)
        self.assertIn("5.7.27 Please use Bcc", said)

    def test_brake(self):
        self.enforce(test_brake.flood(2))
        codes = [self.send(FIVE[:1], self.letter().through(origin()))[0].rcpts[FIVE[0]][0] for _ in range(4)]
        self.assertEqual([250, 250, 451, 451], codes)


