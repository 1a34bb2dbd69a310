# SPDX-License-Identifier: ISC
"""stormctl queued: which queue ids of a storm passed, from the record of a running daemon and from rows made for it."""
import json
import re
import sqlite3
import time

from harness import ctl, rows, wait_for
from milter_client import Milter

RULE = "[rule replication]\ndetect = replication\nlimit = 2\nmode = enforce\n"
DAY = 86400


def copy(m, n, queue_id, message_id="<first@sender.example>", author="s@sender.example", rcpts=("a@example.org",),
         origin="4FC02B1A77"):
    """One way of the message to us; each n is another way."""
    way = [("Received", f"from a.sender.example by mail.sender.example with ESMTP id {origin}; "
            "Mon, 2 Jan 2006 10:00:00 +0000")]
    if n:
        way.insert(0, ("Received", f"from mail.sender.example by pop.faulty.example id COPY{n}; "
                       "Mon, 2 Jan 2006 10:00:00 +0000"))
    return m.message(author, rcpts, way + [
        ("From", author), ("To", ", ".join(rcpts)), ("Subject", "minutes"),
        ("Date", "Mon, 2 Jan 2006 09:59:00 +0000"), ("Message-ID", message_id)], b"hello\r\n", queue_id)


def storm_of(db, message_id):
    """Its id, once the record has the storm and `messages` rows."""
    return wait_for("the storm in the record", lambda: [
        r[0] for r in rows(db, "SELECT id, message_id FROM storms") if r[1] == message_id])[0]


def dial(d):
    m = Milter(f"unix:{d.milter}")
    m.negotiate()
    m.connect(address="203.0.113.9")
    m.helo()
    return m


# --- a daemon --------------------------------------------------------------------------------------------------

def real_run(lab, store=""):
    d = lab.daemon(server="mode = enforce\n", store=store, mail="local_domains = example.org\n", rules=RULE).start()
    db = lab.path("db/storm.db")
    with dial(d) as m:
        copy(m, 0, "3F2A91C0D1")
        copy(m, 9, "3F2A91C0FF", message_id="<other@sender.example>", origin="4FC02B1A99")
        copy(m, 1, "4fTRSJ1jZqz3kX9")
        for n in range(2, 8):
            assert copy(m, n, f"3F2A91C1{n:02d}")[-1] == ("DISCARD",), n
        # one recipient had none so far: his first copy passes, for the other it is dropped
        assert copy(m, 8, "3F2A91C0D2", rcpts=("a@example.org", "late@example.org"))[-1] == ("CONTINUE",)
        copy(m, 10, "3F2A91C0FE", author="else@sender.example", rcpts=("b@example.org",),
             origin="4FC02B1A98")
        m.quit()
    wait_for("all messages in the record", lambda: rows(db, "SELECT count(*) FROM message")[0][0] == 11)
    storm = storm_of(db, "<first@sender.example>")
    want = ["3F2A91C0D1", "4fTRSJ1jZqz3kX9", "3F2A91C0D2"]
    for running in (True, False):
        for name in (storm, storm[:3], storm.upper()):
            code, out, err = ctl(lab, "-c", d.conf, "queued", name)
            assert (code, out.split(), err) == (0, want, ""), (running, code, out, err)
        assert ctl(lab, "queued", "--db", db, storm) == (0, "".join(w + "\n" for w in want), "")
        code, out, err = ctl(lab, "-c", d.conf, "queued", "--json", storm)
        got = [json.loads(line) for line in out.splitlines()]
        assert code == 0 and [g["queue_id"] for g in got] == want, (out, err)
        assert [g["because"] for g in got][:2] == ["copy", "copy"], got
        assert abs(got[0]["time"] - time.time()) < 600 and got[0]["message_id"] == "<first@sender.example>", got
        assert got[0]["client_address"] == "203.0.113.9" and got[2]["recipients"] == 2, got
        if running:
            d.stop()
    return got


def test_a_real_run(lab):
    assert real_run(lab)[0]["sender"] == "s@sender.example"


def test_with_hashed_addresses(lab):
    assert re.fullmatch(r"h:[0-9a-f]{24}", real_run(lab, store="privacy = hashed\n")[0]["sender"])


def test_copies_with_a_new_message_id_each(lab):
    d = lab.daemon(server="mode = enforce\n", mail="local_domains = example.org\n", rules=RULE).start()
    db = lab.path("db/storm.db")
    with dial(d) as m:
        for n in range(5):
            copy(m, n, f"3F2A91C1{n:02d}", message_id=f"<{n}@gateway.example>")
        copy(m, 0, "3F2A91C0FF", message_id="<other@sender.example>", origin="4FC02B1A99")
        m.quit()
    wait_for("all messages in the record", lambda: rows(db, "SELECT count(*) FROM message")[0][0] == 6)
    storm = storm_of(db, "<2@gateway.example>")
    assert ctl(lab, "-c", d.conf, "queued", storm) == (0, "3F2A91C100\n3F2A91C101\n", "")


def test_a_real_reply_all(lab):
    """Posts of a thread that came before it was stopped, and no private answer, nor another thread."""
    d = lab.daemon(server="mode = enforce\n", mail="local_domains = example.org\ntrusted = 127.0.0.0/8\n",
                   rules="[rule calm]\ndetect = reply-all\nlimit = 4\nauthors = 2\nwide = 10\naction = hold\nblock = 1h\n"
                   ).start()
    db = lab.path("db/storm.db")
    everybody = [f"u{n}@example.org" for n in range(20)]

    def post(m, n, queue_id, author, rcpts, thread="<0@example.org>", subject="Re: minutes"):
        got = m.message(author, rcpts, [
            ("From", author), ("To", ", ".join(rcpts)), ("Subject", subject), ("Message-ID", f"<{n}@example.org>"),
            ("Date", f"Mon, 2 Nov 2026 09:{n:02d}:00 +0000"), ("In-Reply-To", thread), ("References", thread)],
            b"hello\r\n", queue_id)
        return got[-1] == ("CONTINUE",) and all(r[0] != "QUARANTINE" for r in got)

    passed = []
    with dial(d) as m:
        post(m, 50, "4C0FFEE050", "u3@example.org", ["u1@example.org"])
        post(m, 51, "4C0FFEE051", "u3@example.org", everybody, "<other@example.org>", "Re: lunch")
        for n in range(1, 12):
            if post(m, n, f"3F2A91C0{n:02d}", everybody[n % 5], everybody):
                passed.append(f"3F2A91C0{n:02d}")
        post(m, 52, "4C0FFEE052", "u3@example.org", ["u1@example.org"])
        m.quit()
    assert len(passed) == 4, (passed, d.log())
    wait_for("all messages in the record", lambda: rows(db, "SELECT count(*) FROM message")[0][0] == 14)
    storm, = wait_for("the storm", lambda: [r[0] for r in rows(db, "SELECT id FROM storms WHERE rule = 'calm'")])
    code, out, err = ctl(lab, "-c", d.conf, "queued", storm)
    assert code == 0 and out.split()[:4] == passed, (out, err, rows(db, "SELECT queue_id, storm, outcome FROM messages"))
    held = rows(db, "SELECT queue_id FROM messages WHERE verdict = 'hold' ORDER BY id")
    assert out.split()[4:] == [h[0] for h in held], "what is on hold is in the queue too"


# --- rows made for it ------------------------------------------------------------------------------------------

class Record:
    """A database as a daemon left it, with rows of our own. Times are seconds from now, below 0."""

    def __init__(self, lab, rules=RULE):
        self.lab, self.d = lab, lab.daemon(rules=rules).start()
        self.db = lab.path("db/storm.db")
        self.d.stop()
        self.c = sqlite3.connect(self.db)
        self.now = int(time.time())
        self.names = [r[1] for r in self.c.execute("PRAGMA table_info(message)")][1:]
        self.numbers = {r[1] for r in self.c.execute("PRAGMA table_info(message)") if r[2] == "INTEGER"}

    def storm(self, number, first, message_id="<m>", rule="replication"):
        at = (self.now + first) * 1000
        self.c.execute("INSERT INTO storm VALUES (?, ?, 1, 1, 'open', ?, '', 's', ?, ?, 9, 3, 6, 9, 1)",
                       (number, rule, message_id, at, at + 1000))

    def message(self, at, queue_id, rcpts=("a@example.org",), **fields):
        row = {n: 0 if n in self.numbers else "" for n in self.names}
        row.update(time=(self.now + at) * 1000, queue_id=queue_id, rcpt_count=len(rcpts), header_from="s@x", **fields)
        cur = self.c.execute(f"INSERT INTO message ({','.join(row)}) VALUES ({','.join('?' * len(row))})",
                             list(row.values()))
        for n, rcpt in enumerate(rcpts):
            self.c.execute("INSERT INTO recipient VALUES (?, ?, ?, 'pass', 0)", (cur.lastrowid, n, rcpt))

    def queued(self, storm, *args):
        self.c.commit()
        code, out, err = ctl(self.lab, "-c", self.d.conf, "queued", *args, storm.zfill(16))
        assert code == 0, (code, out, err)
        return out.split(), err


def test_ids_that_stand_for_something_else_by_now(lab):
    r = Record(lab)
    r.storm(0x111, -3000)
    for n, name in enumerate(("AAAA01", "AAAA02", "AAAA03", "aaaa03", "AAAA04")):
        r.message(-3600 + n, name, message_id="<m>")
    r.message(-3000, "AAAA05", message_id="<m>", storm=0x111, outcome=1)
    r.message(-2000, "AAAA02", message_id="<other>")
    r.message(-1900, "AAAA03", message_id="<other>", outcome=1)
    r.message(-1800, "AAAA04", message_id="<m>", storm=0x111, outcome=1)
    r.message(-1700, "AAAA01", message_id="<m>")
    got, err = r.queued("111")
    assert got == ["aaaa03", "AAAA01"], got
    assert "3 ids that the MTA has used again" in err, err
    assert r.queued("111", "--since", "1750s")[0] == ["AAAA01"]


def test_nothing_but_an_id_gets_out(lab):
    r = Record(lab)
    r.storm(5, -60)
    hostile = ["", "ALL", "-d", "-h ALL", "NOQUEUE", "AAAA01\nALL", "AAAA01 ALL", "$(reboot)", "`reboot`", ";reboot", "../AAAA01",
               "'AAAA01'", "AAAA\x1b[2J", "1" * 41, "deferred", "\u0661\u0661\u0661\u0661\u0661\u0661"]
    for name in hostile:
        r.message(-50, name, message_id="<m>")
    r.message(-40, "1pQ7iN-0004Xe-2k", message_id="<m>")
    r.message(-40, "1pQ7iN-00000004XeP-2k9Z", message_id="<m>")
    r.message(-40, "64L9fhGk012345", message_id="<m>")
    got, err = r.queued("5")
    assert got == ["1pQ7iN-0004Xe-2k", "1pQ7iN-00000004XeP-2k9Z", "64L9fhGk012345"], got
    assert f"{len(hostile)} messages without a usable queue id" in err, err
    # Something passed, so nobody is told that nothing did.
    r.storm(6, -60, "<n>")
    r.message(-50, "NOQUEUE", message_id="<n>")
    assert r.queued("6") == ([], "stormctl: left out: 1 message without a usable queue id\n")
    r.storm(7, -60, "<o>")
    r.message(-50, "AAAA02", message_id="<o>")
    r.message(-40, "AAAA02", message_id="<p>")
    assert r.queued("7") == ([], "stormctl: left out: 1 id that the MTA has used again for other mail\n")


def test_how_far_back(lab):
    r = Record(lab)
    r.storm(7, -3 * DAY)
    r.storm(8, -30 * DAY, "<old>")
    for day in range(40, -1, -1):
        r.message(-day * DAY - 100, f"AAAA{day:02d}", message_id="<m>")
        r.message(-day * DAY - 100, f"BBBB{day:02d}", message_id="<old>")
    assert r.queued("7")[0] == [f"AAAA{n:02d}" for n in (3, 2, 1, 0)], "a day before the storm began"
    assert r.queued("8")[0] == [f"BBBB{n:02d}" for n in (4, 3, 2, 1, 0)], "what Postfix may still have"
    assert r.queued("8", "--since", "12d")[0] == [f"BBBB{n:02d}" for n in range(11, -1, -1)]
    assert len(r.queued("8", "--since", "0")[0]) == 41
    got, err = r.queued("8", "--since", "10s")
    assert got == [] and "nothing of storm 0000000000000008 passed" in err, err


def test_programs_that_use_a_message_id_again(lab):
    r = Record(lab)
    r.storm(9, -60)
    r.message(-70, "AAAA01", message_id="<m>")
    r.message(-65, "AAAA02", message_id="<m>")
    r.c.execute("UPDATE message SET header_from = 'cron@elsewhere' WHERE queue_id = 'AAAA02'")
    r.message(-60, "AAAA03", message_id="<m>", storm=9, outcome=1)
    r.message(-50, "AAAA04", message_id="<M>")
    assert r.queued("9")[0] == ["AAAA01"]


def test_programs_that_use_a_message_id_again_in_their_own_name(lab):
    r = Record(lab)
    r.storm(9, -60)
    r.message(-80, "AAAA01", message_id="<m>", identity=4, subject="report")
    r.message(-70, "AAAA02", message_id="<m>", identity=5, subject="report")
    r.message(-70, "AAAA03", message_id="<n>", identity=5, subject="report")
    r.message(-70, "AAAA04", message_id="<m>", identity=6, subject="[spam] report")
    r.message(-70, "AAAA05", message_id="<m>")
    r.message(-70, "AAAA06")
    r.message(-60, "AAAA07", message_id="<m>", identity=5, subject="report", storm=9, outcome=1)
    assert r.queued("9")[0] == ["AAAA02", "AAAA03", "AAAA04", "AAAA05"], "not the report of the day before"


def test_copies_whose_lowest_queue_id_is_each_its_own(lab):
    """The author's server writes none, as Exchange does, and the faulty one is the first that does. Each comes in one
    transaction, or in one for each recipient, as qmail sends it."""
    d = lab.daemon(server="mode = enforce\n", mail="local_domains = example.org\n", rules=RULE).start()
    db = lab.path("db/storm.db")
    for users, all_of in (("a", 6), ("abc", 24)):
        mid = f"<{users}@sender.example>"
        with dial(d) as m:
            for n, user in ((n, user) for n in range(6) for user in users):
                got = m.message("s@sender.example", [f"{user}@example.org"], [
                    ("Received", f"from EX.partner.example by smarthost.partner.example (Postfix) with ESMTPS id 4XyZ{n}k1Rz9Mkb; "
                     f"Mon, 2 Jan 2006 10:0{n}:00 +0000"),
                    ("Received", "from EX1.sender.example ([192.0.2.1]) by EX1.sender.example ([192.0.2.1]) with mapi id "
                     "15.01.2507.006; Mon, 2 Jan 2006 10:00:00 +0000"),
                    ("From", "s@sender.example"), ("To", "a@example.org"), ("Subject", "minutes"),
                    ("Date", "Mon, 2 Jan 2006 09:59:50 +0000"), ("Message-ID", mid)], b"hello\r\n", f"3F2A91{len(users)}{user.upper()}{n}")
                assert got[-1] == (("CONTINUE",) if n < 2 else ("DISCARD",)), (n, got)
            m.quit()
        wait_for("all messages in the record", lambda all_of=all_of: rows(db, "SELECT count(*) FROM message")[0][0] == all_of)
        storm = storm_of(db, mid)
        want = "".join(f"3F2A91{len(users)}{user.upper()}{n}\n" for n in range(2) for user in users)
        got = ctl(lab, "-c", d.conf, "queued", storm)
        assert got == (0, want, ""), got


def test_copies_with_a_new_date_each(lab):
    """The faulty server dates each copy anew, and sends it in several transactions."""
    d = lab.daemon(server="mode = enforce\n", mail="local_domains = example.org\n", rules=RULE).start()
    db = lab.path("db/storm.db")
    with dial(d) as m:
        for n in range(6):
            for rcpt in "abc":
                got = m.message("s@sender.example", [f"{rcpt}@example.org"], [
                    ("Received", f"from mail.sender.example by pop.faulty.example with ESMTP id COPY{n}; "
                     f"Mon, 2 Jan 2006 10:0{n}:00 +0000"),
                    ("Received", "from a.sender.example by mail.sender.example (Postfix) with ESMTP id 4FC02B1A77; "
                     "Mon, 2 Jan 2006 10:00:00 +0000"),
                    ("From", "s@sender.example"), ("To", "a@example.org"), ("Subject", "minutes"),
                    ("Date", f"Mon, 2 Jan 2006 10:00:0{n} +0000"), ("Message-ID", "<1@sender.example>")],
                    b"hello\r\n", f"3F2A91C1{n}{rcpt.upper()}")
                assert got[-1] == (("CONTINUE",) if n < 2 else ("DISCARD",)), (n, got)
        m.quit()
    wait_for("all messages in the record", lambda: rows(db, "SELECT count(*) FROM message")[0][0] == 18)
    passed = "".join(f"3F2A91C1{n}{rcpt}\n" for n in range(2) for rcpt in "ABC")
    assert ctl(lab, "-c", d.conf, "queued", storm_of(db, "<1@sender.example>")) == (0, passed, "")


def test_a_storm_without_message_id(lab):
    r = Record(lab)
    r.storm(9, -60, "")
    r.message(-70, "AAAA01", identity=5)
    r.message(-70, "AAAA02", identity=6)
    r.message(-70, "AAAA03", identity=0)
    r.message(-60, "AAAA04", identity=5, storm=9, outcome=1)
    assert r.queued("9")[0] == ["AAAA01"]


def test_a_long_message_id(lab):
    r = Record(lab)
    whole = "<" + "x" * 300 + "@x>"
    r.storm(9, -60, whole[:200])
    r.message(-70, "AAAA01", message_id=whole)
    r.message(-70, "AAAA02", message_id=whole[:199])
    r.storm(10, -60, whole[:199])
    assert r.queued("9")[0] == ["AAAA01"] and r.queued("a")[0] == ["AAAA02"]


def thread(r, rule):
    """A reply-all storm in thread <t>: some posts passed, then it was stopped."""
    r.storm(0x42, -3000, "<5>", rule)
    everybody = tuple(f"u{n}@example.org" for n in range(60))
    post = {"thread": "<t>", "to_count": 2, "cc_count": 58}
    for n in range(5):
        r.message(-3600 + n, f"AAAA0{n}", everybody, message_id=f"<{n}>", **post)
    r.message(-3500, "BBBB01", ("u1@example.org",), message_id="<private>", thread="<t>", to_count=1,
              subject="Re: minutes")
    r.message(-3500, "BBBB02", tuple(f"v{n}@else.example" for n in range(60)), message_id="<team>", **post)
    r.message(-3500, "BBBB03", everybody, message_id="<topic>", thread="<another>", to_count=60)
    r.message(-3500, "BBBB04", everybody, message_id="<none>", to_count=60)
    r.message(-3500, "AAAA05", everybody, message_id="<lost>", thread="<lost>", to_count=60, subject="AW: [ext] Minutes")
    for n in range(5, 8):
        r.message(-3000 + n, f"CCCC0{n}", everybody, message_id=f"<{n}>", storm=0x42, outcome=1, subject="Re: minutes", **post)
    return r.queued("42")[0]


def test_reply_all_goes_by_the_thread(lab):
    assert thread(Record(lab), "reply-all") == [f"AAAA0{n}" for n in range(6)]


def test_what_was_folded_into_a_thread_does_not_tell_its_audience(lab):
    """Automatic answers and tidings of a recall go to one person, as a private answer does."""
    r = Record(lab)
    for n, (kind, subject) in enumerate((("auto-reply", "Automatic reply: minutes"), ("report", "Read: minutes"),
                                         ("none", "Message Recall Report: minutes"))):
        r.message(-2900, f"DDDD0{n}", ("u1@example.org",), message_id=f"<d{n}>", thread="<t>", to_count=1, kind=kind,
                  subject=subject, storm=0x42)
    r.message(-2800, "BBBB05", ("u1@example.org",), message_id="<away>", thread="<another>", to_count=1, kind="auto-reply",
              subject="Automatic reply: minutes")
    assert thread(r, "reply-all") == ["DDDD00", "DDDD01", "DDDD02"] + [f"AAAA0{n}" for n in range(6)]


def test_the_thread_counts_for_no_other_detector(lab):
    assert thread(Record(lab), "replication") == []


def test_the_detector_is_that_of_the_configuration(lab):
    assert thread(Record(lab, "[rule reply-all]\ndetect = replication\n"), "reply-all") == []


def test_reply_all_to_a_list(lab):
    r = Record(lab)
    r.storm(0x42, -3000, "<3>", "reply-all")
    both = ("all@example.org", "author@example.org")
    r.message(-3600, "AAAA00", ("all@example.org",), message_id="<0>", thread="<0>", to_count=1)
    r.message(-3500, "AAAA01", both, message_id="<1>", thread="<0>", to_count=1, cc_count=1)
    r.message(-3400, "BBBB00", ("author@example.org",), message_id="<2>", thread="<0>", to_count=1)
    for n, rcpts in enumerate((both, both[:1], both[:1])):
        r.message(-3000, f"CCCC0{n}", rcpts, message_id=f"<{n + 3}>", thread="<0>", to_count=1,
                  cc_count=len(rcpts) - 1, storm=0x42, outcome=1)
    assert r.queued("42")[0] == ["AAAA00", "AAAA01"]


def test_a_long_record(lab):
    """The front of it is never read: it is found by bisection."""
    r = Record(lab)
    r.storm(0x77, -3600)
    for n in range(20000):
        r.message(-20 * DAY + n * 86, f"DDDD{n:05d}", (), message_id="<m>" if n % 100 == 0 else f"<{n}>")
    r.c.execute("DELETE FROM message WHERE id BETWEEN 1 AND 500 OR id % 7 = 3")
    for n in range(1200):
        r.message(-3600 + n, f"EEEE{n:05d}", (), message_id="<m>")
    got, err = r.queued("77")
    last = [f"DDDD{n:05d}" for n in range(20000) if n % 100 == 0 and n * 86 > 20 * DAY - 3600 - DAY and (n + 1) % 7 != 3]
    assert last and got == last + [f"EEEE{n:05d}" for n in range(1200)], (len(got), len(last), err)


# --- what is wrong ---------------------------------------------------------------------------------------------

def test_faults(lab):
    r = Record(lab)
    r.storm(0x1000000000000001, -60)
    r.storm(0x1000000000000002, -60)
    r.c.commit()
    for args, status, words in (
            (("3",), 65, "no storm 3"), (("1",), 65, "2 storms have an id that begins with 1"),
            (("xyz",), 64, "hexadecimal"), (("1" * 17,), 64, "hexadecimal"), (("",), 64, "hexadecimal"), ((), 64, "usage"),
            (("1", "2"), 64, "usage"), (("--socket", "x", "1"), 64, "usage"), (("--since", "never", "1"), 64, "not a time"),
            (("--db", lab.path("none.db"), "1"), 66, "none.db"), (("--db", r.d.conf, "1"), 1, "not a database")):
        code, out, err = ctl(lab, "-c", r.d.conf, "queued", *args)
        assert code == status and out == "" and words in err, (args, code, out, err)
    r.d.configure(store=f"path = {lab.path('gone/storm.db')}\n")
    code, out, err = ctl(lab, "-c", r.d.conf, "queued", "1")
    assert (code, out, err) == (66, "", f"stormctl: {lab.path('gone/storm.db')}: No such file or directory\n")
    code, out, err = ctl(lab, "-c", lab.path("no.conf"), "queued", "1")
    assert code == 78 and out == "" and "no.conf" in err and "--db PATH" in err, (code, out, err)
