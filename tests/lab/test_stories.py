# SPDX-License-Identifier: ISC
"""The same stories through every mail server and every form of it. run.py prints them as one table: a row for each
story, named by its first line here, a column for each class. With LAB_FULL=1 each is long, and each storm runs without
the daemon too."""

import itertools
import os
import re
import signal
import time

from lab import bench as bench_mod
from lab import exim as exim_mod
from lab import sendmail as sendmail_mod
from lab import smtp, store
from lab.actors import Message, Storm, origin
from lab.bench import LabTest, OnAnother
from lab.listserver import ListLoop
from lab.net import wait_for

LIST, OWNER = "all@victim.example", "all-owner@victim.example"
FULL = bool(os.environ.get("LAB_FULL"))
SERVERS = ["reception@faulty%d.example" % i for i in (1, 2, 3)]
PEOPLE = ["person%02d@victim.example" % i for i in range(627 if FULL else 27)]
COPIES_BOUND = 20000 if FULL else 900
WIDE_TO, WIDE_SENDERS = (600, 40) if FULL else (12, 1)
MEMBERS, LIST_BOUND = (200, 4000) if FULL else (10, 100)
PATIENCE = 600 if FULL else 30
FIVE = PEOPLE[:5]
AWAY = ["friend%d@outside.example" % i for i in range(WIDE_TO)]
OWN = "127.0.0.9"
SERIAL = itertools.count(1)

COPIES = "[rule replication]\ndetect = replication\nlimit = 3\nwindow = 1d\naction = discard\n"
WIDE = "[rule wide]\ndetect = wide-recipients\nlimit = 10\nscope = outbound\naction = %s\n"
BOUNCES = "[rule bounces]\ndetect = bounce-to-list\nlimit = 0\naction = redirect-owner\n"
PATH = "[rule path]\ndetect = list-return-path\nlimit = 0\nscope = any\naction = set-sender-owner\n"
HOLD = "[rule hold]\ndetect = wide-recipients\nlimit = 1\naction = hold\n"
SOME = "[rule some]\ndetect = wide-recipients\nlimit = 1\naction = drop-recipients\nexempt = %s\n" % ", ".join(FIVE[:3])


class Stories:
    """`door` names the listener, `unguarded` one where no daemon is missed; `conceals` is False where the action table
    has a warning instead."""

    door = "guarded"
    unguarded = "plain"
    how = {}  # arguments of smtp.send()
    conceals = True

    def letter(self, to, **kw):
        return Message("<story.%d@sender.example>" % next(SERIAL), "Meeting", to, **kw)

    def one(self, to, content, **kw):
        result, = self.send(to, content, self.door, **self.how, **kw)
        return result

    @staticmethod
    def copy(m, n):
        line = "Received: from x by sbs%d.faulty1.example id %d;\n\tMon, 16 Jan 2006 10:00:%02d +0000\n" % (n, n, n)
        return line.encode() + m.through(origin())

    def rows(self, sql):
        self.daemon.stop()
        return store.query(self.daemon.db, sql)

    def storm(self, door):
        """The letter to all, and what three servers make of it. Did it end by itself?"""
        m = self.letter(SERVERS + PEOPLE)
        with Storm(self.port(door), self.sink, self.mta, COPIES_BOUND) as storm:
            for r in smtp.send(self.port(door), m.sender, m.to, m.through(origin()), **self.how):
                self.assertEqual(250, r.code, r.data)
            ended = storm.run(timeout=PATIENCE)
        counts = {r: self.sink.count(r, m.message_id) for r in m.to}
        self.figures = {"copies offered": storm.budget.offered + len(m.to), "delivered": sum(counts.values()),
                        "most for one": max(counts.values())}
        return storm, ended, counts

    def test_a_storm_ends(self):
        """A: three faulty servers, nobody gets more than 3"""
        self.use(COPIES)
        storm, ended, counts = self.storm(self.door)
        self.assertTrue(ended, "still going")
        self.assertEqual({}, {r: n for r, n in counts.items() if not 1 <= n <= 3})
        self.assertEqual({250}, {code for s in storm.servers for code in s.replies})

    def test_a_without(self):
        """A: without the daemon it does not end"""
        self.daemon.stop()
        _, ended, counts = self.storm(self.unguarded)
        self.assertFalse(ended)
        self.assertGreater(min(counts.values()), 3)

    def test_b_item_again(self):
        """A: one queue item again and again, deferred after two"""
        self.use(COPIES)
        m = self.letter(FIVE)
        codes = [self.one(FIVE, m.through(origin())).code for _ in range(5)]
        self.assertEqual([250, 250, 250, 451, 451], codes)
        self.assert_each(FIVE, 3, m.message_id)

    def test_c_chunks(self):
        """A: one message in many transactions is none"""
        self.use(COPIES)
        m = self.letter(["w%03d@victim.example" % i for i in range(100)])
        self.send_ok(m.to, m.through(origin()), self.door, chunk=20)
        self.assert_each(m.to, 1, m.message_id)

    def test_d_once(self):
        """Each message is counted once, with its recipients"""
        self.use(COPIES)
        for n in range(3):
            self.assertEqual(250, self.one(FIVE, self.letter(FIVE).through(origin(n + 1))).code)
        rows = self.rows("SELECT message_id, recipients FROM messages")
        self.assertEqual([5, 5, 5], [r["recipients"] for r in rows], rows)
        self.assertEqual(3, len({r["message_id"] for r in rows}))

    def test_e_wide(self):
        """C: own mail with many in To is refused with advice"""
        self.use(WIDE % "reject 5.7.27 Please use Bcc")
        for n in range(WIDE_SENDERS):
            got = self.one(AWAY[n:n + 1], self.letter(AWAY).content, sender="user%d@victim.example" % n, source=OWN)
            self.assertEqual((550, True), (got.code, got.data[1].endswith("Please use Bcc")), got.data)
            self.assertEqual(250, self.one(AWAY[:1], self.letter(AWAY[:10]).content, source=OWN).code)
            self.assertEqual(250, self.one(FIVE[:1], self.letter(AWAY).through(origin())).code)
        self.assertEqual(2 * WIDE_SENDERS, self.sink.total)
        self.figures = {"refused": WIDE_SENDERS, "named in each": len(AWAY), "others, passed": self.sink.total}

    def test_f_conceal(self):
        """C: or its To is concealed"""
        self.use(WIDE % "conceal")
        self.assertEqual(250, self.one(AWAY[:1], self.letter(AWAY).content, source=OWN).code)
        d, = self.sink.to(AWAY[0])
        if self.conceals:
            self.assertEqual("undisclosed-recipients:;", d.field("to"))
            self.assertNotIn(AWAY[1].encode(), d.content)
        else:
            self.note = "warns"
            self.assertEqual(len(AWAY), len(re.findall("@outside", d.field("to"))))
            self.assertIn("action=warn", self.daemon_said())

    def bounce(self, to):
        text = ("From: Mail Delivery System <MAILER-DAEMON@gone.example>\nTo: <%s>\nSubject: Undelivered\n"
                "Auto-Submitted: auto-replied\nMessage-ID: <b.%d@gone.example>\n"
                "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\ngone\n--b--\n")
        return self.one(to, (text % (LIST, next(SERIAL))).encode(), sender="", source="127.0.0.50")

    def test_g_bounce(self):
        """D: a bounce to the list goes to its owner"""
        self.use(BOUNCES)
        self.assertEqual(250, self.bounce([LIST]).code)
        self.assertEqual((0, 1), (self.sink.count(LIST), self.sink.count(OWNER)))

    def test_h_bounce_for_two(self):
        """D: and another recipient keeps his"""
        self.use(BOUNCES)
        self.assertEqual(250, self.bounce([LIST, FIVE[0]]).code)
        self.assertEqual((0, 1, 1), tuple(self.sink.count(r) for r in (LIST, OWNER, FIVE[0])))

    def loop(self, door):
        members = ["member%d@outside.example" % i for i in range(MEMBERS)]
        with ListLoop(self.port(door), self.sink, self.mta, LIST, members, LIST_BOUND) as loop:
            result, = smtp.send(self.port(door), "friend@sender.example", [LIST], self.letter([LIST]).through(origin()))
            self.assertEqual(250, result.code)
            ended = loop.ends(PATIENCE)
        self.figures = {"copies offered": loop.offered, "bounces": loop.bounces}
        return ended

    def test_h_loop(self):
        """D: the loop of list and dead member ends with the first bounce"""
        self.use(BOUNCES)
        self.assertTrue(self.loop(self.door), "still going")
        self.assertEqual({"copies offered": MEMBERS + 1, "bounces": 1}, self.figures)
        self.assertEqual((1, 1), (self.sink.count(LIST), self.sink.count(OWNER)))

    def test_h_loop_without(self):
        """D: without the daemon it does not end"""
        self.daemon.stop()
        self.assertFalse(self.loop(self.unguarded))
        self.assertGreater(self.sink.count(LIST), 2)

    def test_i_path(self):
        """D: copies leave with the owner as return path, and so come back"""
        self.use(PATH)
        self.sink.refuse = {FIVE[0]}
        self.assertEqual(250, self.one(FIVE[:2], self.letter(FIVE[:2]).through(origin()), sender=LIST).code)
        wait_for("the bounce", lambda: self.sink.count(OWNER))
        self.mta.settle()
        self.assertEqual((1, 1, 0), tuple(self.sink.count(r) for r in (FIVE[1], OWNER, LIST)))
        self.assertEqual({OWNER, ""}, {d.sender for d in self.sink.deliveries})

    def test_j_hold(self):
        """Hold, and release"""
        self.use(HOLD)
        self.assertEqual(250, self.one(FIVE, self.letter(FIVE).through(origin())).code)
        held, = self.mta.queue_ids()
        self.assertEqual(([held], 0), (self.mta.queue_ids("hold"), self.sink.total))
        self.mta.release(held)
        wait_for("the released message", lambda: self.sink.total == 5)
        self.mta.settle()

    def test_k_some(self):
        """Two of five recipients are dropped"""
        self.use(SOME)
        self.assertEqual(250, self.one(FIVE, self.letter(FIVE).through(origin())).code)
        self.assertEqual([1, 1, 1, 0, 0], [self.sink.count(r) for r in FIVE])

    def test_l_local(self):
        """Mail of local programs counts"""
        self.use(COPIES)
        m = self.letter(FIVE)
        for n in range(5):
            code, said = self.mta.submit(FIVE, self.copy(m, n), sender=m.sender)
            self.assertEqual((0, ""), (code, said))
            self.mta.settle()
        self.assert_each(FIVE, 3, m.message_id)

    def test_m_away(self):
        """The daemon is away: mail passes; it is back: it is asked"""
        self.daemon.stop()
        m = self.letter(FIVE)
        self.assertEqual(250, self.one(FIVE, m.through(origin())).code)
        self.daemon.configure(COPIES)
        self.daemon.start()
        m = self.letter(FIVE)
        for n in range(5):
            self.assertEqual(250, self.one(FIVE, self.copy(m, n)).code)
        self.assert_each(FIVE, 3, m.message_id)


    def test_n_hangs(self):
        """The daemon hangs: mail passes after its timeouts"""
        self.daemon.proc.send_signal(signal.SIGSTOP)
        try:
            began = time.monotonic()
            code = self.one(FIVE, self.letter(FIVE).through(origin())).code
        finally:
            self.daemon.proc.send_signal(signal.SIGCONT)
        self.figures = {"seconds": round(time.monotonic() - began)}
        self.assertEqual(250, code)
        self.assert_each(FIVE, 1)
        self.assertLess(self.figures["seconds"], 60)

    if not FULL:
        test_a_without = test_h_loop_without = test_n_hangs = None


class Form(Stories):
    """What is the same for each form of Postfix."""

    test_a_without = test_h_loop_without = test_n_hangs = None
    if not FULL:  # it asks again after some seconds only
        test_m_away = None


class Postfix(Stories, LabTest):
    """both doors"""


class PostfixMilter(Form, LabTest):
    """milter alone"""
    door = "milter"


class PostfixChroot(Form, LabTest):
    """the snippet, unix sockets, chroot"""
    door = "chroot"


class PostfixShortIds(Form, LabTest):
    """short queue ids"""
    door = "short"


class PostfixFilter(Form, LabTest):
    """content filter"""
    door = "filtered"


class PostfixBdat(Form, LabTest):
    """content comes by BDAT"""
    how = {"bdat": 200}


class PostfixProxy(Form, LabTest):
    """filter before the queue"""
    door = "proxied"

    def setUp(self):
        """The listener behind the filter has this host as its client."""
        daemon = bench_mod.BENCH.daemon
        self.addCleanup(setattr, daemon, "trusted", daemon.trusted)
        daemon.trusted += ", 127.0.0.1"
        super().setUp()


class Exim(OnAnother, Stories, LabTest):
    """readsocket"""
    module = exim_mod
    conceals = False


class Sendmail(OnAnother, Stories, LabTest):
    """INPUT_MAIL_FILTER"""
    module = sendmail_mod
