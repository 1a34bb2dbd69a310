# SPDX-License-Identifier: ISC
"""Forms of Postfix that test_stories.py does not go through: who the client is, filters that ask twice, BDAT, queue
ids; and several servers or daemons at once."""

import os

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import test_brake

from lab import exim as exim_mod
from lab import sasl, smtp, store
from lab import sendmail as sendmail_mod
from lab.actors import Message, origin
from lab.bench import LabTest
from lab.net import wait_for
from lab.postfix import shipped

FIVE = ["reader%d@victim.example" % i for i in range(1, 6)]
COPIES = "[rule replication]\ndetect = replication\nlimit = 3\naction = discard\n"
FLOOD = test_brake.flood(3)


class Forms(LabTest):
    rules = COPIES
    serial = 0

    def letter(self, to=FIVE):
        Forms.serial += 1
        return Message("<form.%d@sender.example>" % Forms.serial, "Form", to)

    @staticmethod
    def copies(m, n):
        for i in range(n):
            line = "Received: from x by sbs%d.faulty1.example id %d;\n\tMon, 16 Jan 2006 10:00:%02d +0000\n" % (i, i, i)
            yield line.encode() + m.through(origin())

    def messages(self):
        self.daemon.stop()
        return store.query(self.daemon.db, "SELECT * FROM messages")


class Snippet(Forms):
    def test_all_its_parameters_are_tried(self):
        self.assertEqual(["smtpd_data_restrictions", "smtpd_milters", "smtpd_recipient_restrictions"],
                         sorted(shipped()))

    def test_sockets_are_in_the_chroot(self):
        place = os.path.join(self.postfix.dir, "queue", "policyd-storm")
        self.assertEqual(["milter.sock", "policy.sock"], sorted(os.listdir(place)))
        self.assertEqual(0o755, os.stat(place).st_mode & 0o777)

    def test_brake_by_unix_socket(self):
        self.use(FLOOD)
        codes = [self.send(FIVE[:1], self.letter().through(origin()), "chroot")[0].rcpts[FIVE[0]][0] for _ in range(5)]
        self.assertEqual([250] * 3 + [451] * 2, codes)


class ContentFilter(Forms):
    """What a filter brings back is the same message."""

    def test_asked_once(self):
        m = self.letter()
        self.send_ok(FIVE, m.through(origin()), "filtered")
        row, = self.messages()
        self.assertEqual((m.message_id, "127.0.0.5"), (row["message_id"], row["client_address"]))

    def test_asked_again_no_copy_is_counted_twice(self):
        """The entries were left in the second listener too: its question is a repeat of the same way, no copy."""
        m = self.letter()
        for content in self.copies(m, 6):
            self.send_ok(FIVE, content, "filtered2")
        self.assert_each(FIVE, 3, m.message_id)
        self.assertEqual([], self.postfix.queue_ids())

    def test_a_limit_on_clients_does_not_meet_this_host(self):
        """What the filter brings back comes from 127.0.0.1: the second listener does not ask."""
        self.use(FLOOD)
        for source in ("127.0.0.5", "127.0.0.6"):
            sent = [self.send(FIVE[:1], self.letter().through(origin()), "filtered", source=source)[0]
                    for _ in range(5)]
            codes = [r.rcpts[FIVE[0]][0] for r in sent]
            self.assertEqual([250] * 3 + [451] * 2, codes)
        self.assertEqual(6, self.sink.total)


class BeforeQueue(Forms):
    """smtpd_proxy_filter: the milter stands behind it, and the client is the one in the line that the smtpd in front wrote."""

    CLIENT = {"xclient": "ADDR=192.0.2.77 NAME=peer.sender.example"}

    def use(self, rules):
        self.addCleanup(setattr, self.daemon, "more_mail", "")
        self.daemon.more_mail = "relays = 127.0.0.1\n"
        super().use(rules)

    def test_relays_names_the_client(self):
        self.use(COPIES)
        m = self.letter()
        codes = [self.send(FIVE, m.through(origin()), "proxied", **self.CLIENT)[0].code for _ in range(5)]
        self.assertEqual([250, 250, 250, 451, 451], codes)
        self.assert_each(FIVE, 3, m.message_id)
        self.assertEqual({"192.0.2.77"}, {row["client_address"] for row in self.messages()})

    def rcpt_codes(self, n, sender):
        sent = [self.send(FIVE[:1], self.letter().through(origin()), "proxied", sender=sender, **self.CLIENT)[0]
                for _ in range(n)]
        return [r.rcpts[FIVE[0]][0] for r in sent]

    def test_brake_in_front_of_the_filter(self):
        """What was counted behind at the end is refused in front, at RCPT; another client is not."""
        self.use("[rule bounces]\ndetect = bounce-flood\nlimit = 3\n")
        self.assertEqual([250] * 3 + [451] * 2, self.rcpt_codes(5, ""))
        self.assertEqual([250], self.rcpt_codes(1, "friend@sender.example"))
        other = {"xclient": "ADDR=198.51.100.78 NAME=other.sender.example"}
        r, = self.send(FIVE[:1], self.letter().through(origin()), "proxied", sender="", **other)
        self.assertEqual((250, 451), (r.rcpts[FIVE[0]][0], r.code), "not braked, but there are too many")
        self.assertEqual(4, self.sink.total)

    def test_volume_without_a_brake(self):
        """A place that RCPT held in front would not be known to be that of the message behind."""
        self.use(test_brake.flood(3, "brake = off\n"))
        codes = [self.send(FIVE[:1], self.letter().through(origin()), "proxied", **self.CLIENT)[0].code for _ in range(5)]
        self.assertEqual([250] * 3 + [451] * 2, codes)
        self.assertEqual(3, self.sink.total)


class Submission(Forms):
    """Users who log in."""

    WIDE = "[rule wide]\ndetect = wide-recipients\nlimit = 2\nscope = outbound\naction = %s\n"
    AWAY = ["friend%d@outside.example" % i for i in range(4)]

    def post(self, login, to=AWAY[:1]):
        m = self.letter(self.AWAY)
        return self.send(to, m.through(origin()), "submission", login=login)[0]

    def test_without_a_login_nothing_passes(self):
        self.assertEqual({554}, {code for code, _ in self.post("").rcpts.values()})
        with self.assertRaisesRegex(smtp.Gone, "535"):
            with smtp.Client(self.port("submission"), "x.example") as c:
                c._say("AUTH PLAIN " + sasl.response("alice", "guessed"))
                c._expect(235)
        self.assertEqual([], self.messages())

    def test_mail_of_a_user_is_outbound(self):
        self.use(self.WIDE % "warn")
        self.assertEqual(250, self.post("alice").code)
        row, = self.messages()
        self.assertEqual(("alice@victim.example", "127.0.0.5", "milter", "warn"),
                         tuple(row[n] for n in ("sasl_username", "client_address", "door", "verdict")))

    def test_refused_with_advice(self):
        self.use(self.WIDE % "reject 5.7.27 Please use Bcc")
        self.assertEqual((550, "5.7.27 Please use Bcc"), self.post("alice").data)
        self.assertEqual(0, self.sink.total)

    def test_a_limit_for_each_user(self):
        """At RCPT, by the policy door."""
        self.use(test_brake.flood(2, "count_by = sasl-user\n"))
        to = self.AWAY[0]
        codes = [self.post(login).rcpts[to][0] for login in ("alice", "alice", "alice", "bob", "alice")]
        self.assertEqual([250, 250, 451, 250, 451], codes)

    def test_no_copies_beyond_the_limit(self):
        m = self.letter()
        for content in self.copies(m, 5):
            self.send_ok(FIVE, content, "submission", login="alice")
        self.assert_each(FIVE, 3, m.message_id)


class Bdat(Forms):
    def test_chunks(self):
        m = self.letter()
        for content in self.copies(m, 5):
            self.send_ok(FIVE, content, bdat=100)
        self.assert_each(FIVE, 3, m.message_id)
        self.assertEqual(5, len(self.messages()))

    def test_policy_door_is_asked_once(self):
        self.use("[rule path]\ndetect = list-return-path\nscope = any\naction = reject 5.7.27 no\n")
        got = self.send(FIVE, self.letter().through(origin()), "policy", sender="all@victim.example", bdat=150)[0]
        self.assertEqual(550, got.code)
        self.assertIn("5.7.27", got.data[1])
        self.assertEqual(1, len(self.messages()))

    def test_data_and_bdat_of_one_connection(self):
        m = self.letter()
        with smtp.Client(self.postfix.port["guarded"], "x.example", "127.0.0.5") as c:
            codes = [c.send(m.sender, FIVE, m.through(origin()), bdat).code for bdat in (0, 64, 0, 1000)]
        self.postfix.settle()
        self.assertEqual([250, 250, 250, 451], codes)


class QueueIds(Forms):
    """Short queue ids come again soon: an id alone says nothing."""

    def test_forty_messages(self):
        for n in range(40):
            self.send_ok(FIVE[:1], self.letter().through(origin(n + 1)), "short")
        rows = self.messages()
        self.assertEqual(40, len({r["message_id"] for r in rows}))
        self.assertTrue(all(len(r["queue_id"]) < 12 for r in rows), rows[0])
        self.assertEqual(40, self.sink.total)


class Local(Forms):
    """sendmail(1), through non_smtpd_milters."""

    def test_row(self):
        self.assertEqual((0, ""), self.postfix.submit(FIVE[:1], b"To: x\nSubject: local\n\nhi\n", "root@victim.example"))
        self.postfix.settle()
        row, = self.messages()
        self.assertEqual(("milter", "local", 1), (row["door"], row["subject"], row["recipients"]), row)
        self.assertEqual(1, self.sink.total)

    def test_hold_is_quiet(self):
        self.use("[rule w]\ndetect = wide-recipients\nlimit = 1\naction = hold\n")
        self.assertEqual((0, ""), self.postfix.submit(FIVE, self.letter().content))
        wait_for("the hold queue", lambda: self.postfix.queue_ids("hold"))
        self.postfix.settle()
        self.assertEqual(0, self.sink.total)


class Together(Forms):
    """Several mail servers and one daemon; several daemons on one host."""

    def servers(self):
        """Each MTA that is here: [(itself, its port)]."""
        for why in (exim_mod.why_not(), sendmail_mod.why_not()):
            if why:
                self.skipTest(why)
        exim, sendmail = self.bench.exim(), self.bench.sendmail()
        self.use(COPIES)
        return [(self.postfix, self.postfix.port["guarded"]), (exim, exim.port), (sendmail, sendmail.port)]

    def test_three_servers_share_a_daemon(self):
        m, three = self.letter(), self.servers()
        for i, content in enumerate(self.copies(m, 9)):
            mta, port = three[i % 3]
            self.assertEqual(250, smtp.send(port, m.sender, FIVE, content)[0].code)
            mta.settle()
        self.assert_each(FIVE, 3, m.message_id)
        rows = self.messages()
        self.assertEqual(["milter", "repairs", "milter"] * 3, [r["door"] for r in rows])
        self.assertEqual({"passed": 3, "stopped": 6}, Counter(r["outcome"] for r in rows))

    def test_one_storm_through_all_of_them_at_once(self):
        three = self.servers()
        m = self.letter()

        def flood(port, first):
            with smtp.Client(port, "x.example", "127.0.0.5") as c:
                for content in list(self.copies(m, 30))[first::3]:
                    self.assertEqual(250, c.send(m.sender, FIVE, content).code)
        with ThreadPoolExecutor(3) as pool:
            for job in [pool.submit(flood, port, i) for i, (_, port) in enumerate(three)]:
                job.result()
        for mta, _ in three:
            mta.settle()
        self.assert_each(FIVE, 3, m.message_id)
        self.assertEqual(30, len(self.messages()))

    def test_from_exim_to_postfix(self):
        """A message that goes through both hosts is one way, not two copies: Exim's line is a host of ours."""
        exim = self.servers()[1][0]
        m = self.letter()
        for content in self.copies(m, 3):
            self.assertEqual(250, smtp.send(exim.port, m.sender, FIVE, content)[0].code)
            exim.settle()
        arrived = [d.content for d in self.sink.to(FIVE[0])]
        self.sink.reset()
        for content in arrived:
            self.assertEqual(250, smtp.send(self.postfix.port["guarded"], m.sender, FIVE, content, source="127.0.0.1",
                                            helo="mx.victim.example")[0].code)
        self.postfix.settle()
        self.assert_each(FIVE, 3, m.message_id)

    def test_two_daemons_on_one_host(self):
        """Each with its own configuration, sockets and record; one may stop and the other does not mind."""
        second = self.bench.second
        second.forget()
        second.configure(COPIES.replace("limit = 3", "limit = 2"))
        second.start()
        self.addCleanup(second.stop)
        m = self.letter()
        for content in self.copies(m, 5):
            for door in ("guarded", "second"):
                self.send_ok(FIVE, content, door)
        self.assert_each(FIVE, 3 + 2, m.message_id)
        self.assertEqual(0, second.stop())
        self.send_ok(FIVE, self.letter().through(origin()))
        self.assertEqual(6, len(self.messages()))
        rows = store.query(second.db, "SELECT outcome FROM messages")
        self.assertEqual({"passed": 2, "stopped": 3}, Counter(r["outcome"] for r in rows))
