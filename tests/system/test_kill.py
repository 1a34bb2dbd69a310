# SPDX-License-Identifier: ISC
"""kill -9 at any moment, a locked database, a full disk: what was answered counts, and is written down once."""
import base64
import contextlib
import json
import os
import random
import resource
import signal
import socket
import sqlite3
import subprocess
import threading
import time

import milter_client
from harness import ctl, dunno, request, rows, wait_for

LIMIT, RCPTS, COPIES = 3, 6, 60
MSGS = 8000  # below the number of storms that are kept: the longest quiet one makes room
RULES = f"[rule replication]\ndetect = replication\nlimit = {LIMIT}\nrepeats = 1000\nmode = enforce\n"
GONE = (EOFError, OSError, milter_client.MilterError)


def address(r):
    return f"r{r}@example.org"


def fields(msg, copy):
    """The header of one copy: each comes by a way of its own from the same origin."""
    date = "Mon, 2 Jan 2006 10:00:00 +0000"
    return [("Received", f"from mail.sender.example by pop.faulty.example with ESMTP id C{msg}x{copy}; {date}"),
            ("Received", f"from desk.sender.example by mail.sender.example with ESMTP id ORIG{msg}; {date}"),
            ("From", "s@sender.example"), ("To", ", ".join(address(r) for r in range(RCPTS))),
            ("Subject", f"message {msg}"), ("Date", date), ("Message-ID", f"<m{msg}@sender.example>")]


class Job:
    """One copy to some recipients. Without an answer it is tried again as an MTA does: the same copy."""

    def __init__(self, msg, copy, rcpts):
        self.msg, self.copy, self.rcpts = msg, copy, rcpts


class Book:
    """What was asked, what was answered."""

    def __init__(self, seed, tag="Q"):
        self.rnd, self.lock, self.tag = random.Random(seed), threading.Lock(), tag
        self.msgs = self.copies = self.n = 0
        self.retries = []
        self.asked = {}     # queue id: job
        self.answered = {}  # queue id: {recipient: passed}
        self.in_first = {}  # (message, recipient): attempts at this moment, or without an answer, or passed
        self.wrong = []
        self.pause = 0      # seconds before each new message: else more come than may wait

    def job(self, several):
        """A copy of one of the newest messages; there are more and more of them."""
        if self.msgs == 0 or self.copies >= self.msgs * COPIES and self.msgs < MSGS:
            self.msgs += 1
        self.copies += 1
        msg = max(0, self.msgs - 1 - self.rnd.randrange(8))
        return Job(msg, self.copies, sorted(self.rnd.sample(range(RCPTS), self.rnd.randrange(1, 5) if several else 1)))

    def begin(self, several, drain=False):
        """(queue id, job), or None when all was answered and nothing new shall come."""
        time.sleep(self.pause)
        with self.lock:
            job = None
            for i, old in enumerate(self.retries):
                if several or len(old.rcpts) == 1:
                    job = self.retries.pop(i)
                    break
            if not job and drain:
                return None
            job = job or self.job(several)
            self.n += 1
            qid = f"{self.tag}{self.n:07d}"
            self.asked[qid] = job
            for r in job.rcpts:
                self.in_first[job.msg, r] = self.in_first.get((job.msg, r), 0) + 1
            return qid, job

    def got(self, qid, stopped):
        job = self.asked[qid]
        with self.lock:
            self.answered[qid] = {r: r not in stopped for r in job.rcpts}
            for r in stopped:
                if self.in_first[job.msg, r] <= 1:
                    self.wrong.append(f"{qid}: the only copy of message {job.msg} to {r} was stopped")
                self.in_first[job.msg, r] -= 1

    def lost(self, qid):
        with self.lock:
            self.retries.append(self.asked[qid])

    def passed(self):
        count = {}
        for qid, out in self.answered.items():
            for r, passed in out.items():
                key = self.asked[qid].msg, r
                count[key] = count.get(key, 0) + passed
        return count

    def check_answers(self):
        assert not self.wrong, self.wrong[:10]
        assert not self.retries, "all was answered in the end"
        count = self.passed()
        many = {k: n for k, n in count.items() if n > LIMIT}
        none = [k for k, n in count.items() if n == 0]
        assert not many and not none, (many, none)


# --- the clients ---------------------------------------------------------------------------------------------------

def policy_request(qid, job):
    head = "".join(f"{name}: {value}\r\n" for name, value in fields(job.msg, job.copy))
    return request(protocol_state="END-OF-MESSAGE", instance=f"i.{qid}", queue_id=qid, sender="s@sender.example",
                   client_address="203.0.113.9", recipient=address(job.rcpts[0]), recipient_count="1",
                   header=base64.b64encode(head.encode()).decode())


def play_policy(d, book, rnd, stop, drain):
    """Up to six requests at once on one connection, until it breaks or `stop` is set."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.settimeout(20)
        s.connect(d.policy)
        while not stop.is_set():
            batch = [b for b in (book.begin(False, drain) for _ in range(rnd.randrange(1, 7))) if b]
            if not batch:
                return
            done = 0
            try:
                s.sendall(b"".join(policy_request(*b) for b in batch))
                got = b""
                while done < len(batch):
                    more = s.recv(65536)
                    if not more:
                        raise EOFError
                    *whole, got = (got + more).split(b"\n\n")
                    for line in whole:
                        assert line in (b"action=DUNNO", b"action=DISCARD") or line.startswith(b"action=DISCARD "), line
                        book.got(batch[done][0], batch[done][1].rcpts if b"DISCARD" in line else [])
                        done += 1
            finally:
                for qid, _ in batch[done:]:
                    book.lost(qid)


def play_milter(d, book, _rnd, stop, drain):
    with milter_client.Milter("unix:" + d.milter, 20) as m:
        m.negotiate()
        m.connect("pop.faulty.example", "203.0.113.10", macros=[])
        m.helo("pop.faulty.example")
        while not stop.is_set():
            work = book.begin(True, drain)
            if not work:
                return
            qid, job = work
            out = None
            try:
                out = m.message("s@sender.example", [address(r) for r in job.rcpts], fields(job.msg, job.copy),
                                b"hello\r\n", qid)
            finally:
                if out is None:
                    book.lost(qid)
            away = {reply[1].strip("<>") for reply in out if reply[0] == "DELRCPT"}
            assert out[-1] in (("CONTINUE",), ("ACCEPT",), ("DISCARD",)), out
            book.got(qid, [r for r in job.rcpts if out[-1] == ("DISCARD",) or address(r) in away])


class Load:
    """Clients on threads of their own; each connects again when the daemon is gone."""

    def __init__(self, d, book, seed=1, policy=3, milter=1):
        self.book, self.stop_now = book, threading.Event()
        plays = [play_policy] * policy + [play_milter] * milter
        self.threads = [threading.Thread(target=self.run, args=(d, p, random.Random(seed * 100 + i)), daemon=True)
                        for i, p in enumerate(plays)]
        for t in self.threads:
            t.start()

    def run(self, d, play, rnd):
        while not self.stop_now.is_set():
            try:
                play(d, self.book, rnd, self.stop_now, False)
            except GONE:
                time.sleep(0.002)
            except Exception as e:
                self.book.wrong.append(repr(e))
                return

    def stop(self):
        self.stop_now.set()
        for t in self.threads:
            t.join(30)
            assert not t.is_alive(), "a client that hangs"


def finish(d, book):
    """What had no answer is asked again, by a daemon that nobody kills."""
    never = threading.Event()
    play_milter(d, book, None, never, True)
    play_policy(d, book, random.Random(7), never, True)


class Few:
    """Ends a client of its own accord after so many batches."""

    def __init__(self, n):
        self.n = n

    def is_set(self):
        self.n -= 1
        return self.n < 0


def answers(book, more):
    """Waits for so many further answers."""
    goal = len(book.answered) + more
    wait_for(f"{goal} answers", lambda: book.wrong or len(book.answered) >= goal, 30)
    assert not book.wrong, book.wrong[:5]


def kill(d):
    d.proc.send_signal(signal.SIGKILL)
    d.proc.wait(10)
    d.notify.close()


# --- the database --------------------------------------------------------------------------------------------------

def database(lab):
    return contextlib.closing(sqlite3.connect(lab.path("db/storm.db"), isolation_level=None, timeout=5))


def wait_for_rows(lab, book):
    """All that was answered is written; what waits elsewhere is fetched in its own time."""
    def written():
        with database(lab) as db:
            return set(book.answered) <= {q for q, in db.execute("SELECT queue_id FROM message")}

    wait_for("all rows", written, 20)


def check_rows(lab, book):
    """Each answered message once and with its outcome, one without an answer at most once, nothing else."""
    with database(lab) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        ids = [q for q, in db.execute("SELECT queue_id FROM message")]
        rows = {}
        for qid, mid, rcpt, outcome in db.execute(
                "SELECT m.queue_id, m.message_id, r.address, r.outcome FROM message m JOIN recipient r "
                "ON r.message = m.id"):
            msg = book.asked[qid].msg
            assert mid.strip("<>") == f"m{msg}@sender.example", (qid, mid)
            rows.setdefault(qid, {})[int(rcpt[1:rcpt.index("@")])] = outcome == 0
        assert db.execute("SELECT count(*) FROM messages").fetchone() == (len(ids),)
    assert len(ids) == len(set(ids)), "written twice"
    assert set(ids) <= set(book.asked), "nobody asked for it"
    missing = sorted(set(book.answered) - set(ids))
    assert not missing, f"{len(missing)} of {len(book.answered)} answered but not written: {missing[:5]}...{missing[-5:]}"
    differ = [q for q in book.answered if rows.get(q) != book.answered[q]]
    assert not differ, [(q, rows.get(q), book.answered[q]) for q in differ[:5]]
    return len(ids)


def check_storms(lab, book):
    """Each message that had a copy stopped is one storm; what it counts lies between what is known to have been and
    what may have been as well."""
    least, may = {}, {}
    for qid, job in book.asked.items():
        out = book.answered.get(qid)
        if out is None:
            may[job.msg] = may.get(job.msg, 0) + len(job.rcpts)
        else:
            least[job.msg] = least.get(job.msg, 0) + sum(not passed for passed in out.values())
    with database(lab) as db:
        rows = db.execute("SELECT message_id, offered, passed, stopped FROM storm").fetchall()
    storms = {int(mid.strip("<>").split("@")[0][1:]): counts for mid, *counts in rows}
    assert len(storms) == len(rows), "two storms of one message"
    asked = {}
    for job in book.asked.values():
        asked[job.msg] = asked.get(job.msg, 0) + len(job.rcpts)
    for msg in range(book.msgs):
        low, high = least.get(msg, 0), least.get(msg, 0) + may.get(msg, 0)
        offered, passed, stopped = storms.get(msg, (0, 0, 0))
        assert low <= stopped <= high, (msg, low, stopped, high)
        assert offered == passed + stopped and offered <= asked.get(msg, 0), (msg, offered, passed, stopped)
    return len(storms)


def check_all(lab, d, book):
    """When there is nothing more to ask; ends the daemon."""
    book.check_answers()
    wait_for_rows(lab, book)
    d.stop()
    check_storms(lab, book)
    return check_rows(lab, book)


# --- tests ---------------------------------------------------------------------------------------------------------

def enforce(lab, **conf):
    d = lab.daemon()
    d.configure(server="mode = enforce\n" + conf.pop("server", ""), rules=RULES, **conf)
    return d


def test_kill_under_load(lab):
    kills, early = 40 if lab.sanitized else 200, 0
    rnd, book = random.Random(20260401), Book(20260402)
    d = enforce(lab, store="max_spool = 32M")  # so small that it must let go meanwhile
    d.start()
    load = Load(d, book)
    try:
        for i in range(kills):
            # one in eight already while it starts
            if i % 8 == 7:
                kill_at = rnd.uniform(0, 0.03 if not lab.sanitized else 0.2)
                early += 1
                time.sleep(kill_at)
            else:
                answers(book, 1)
                time.sleep(rnd.uniform(0, 0.02))
            kill(d)
            assert not book.wrong, book.wrong[:5]
            d.start(ready=(i + 1) % 8 != 7)
    finally:
        load.stop()
    finish(d, book)
    # All parts of the counters have been taken again and again: what lies before them is gone. Where others want the
    # processor too, lives of some milliseconds end before a part is written.
    busy = os.getloadavg()[0] > 2 * os.cpu_count()
    segments = sorted(name for name in os.listdir(lab.path("db/storm.db.spool")) if name[6:].isalnum())
    assert lab.sanitized or busy or int(segments[0][6:], 16) > len(book.answered) / 4, segments
    if busy:
        wait_for_rows(lab, book) # a stop leaves in the spool what is not in memory
    book.check_answers()
    d.stop()
    n = check_rows(lab, book)
    storms = check_storms(lab, book)
    unanswered = len(book.asked) - len(book.answered)
    stopped = sum(not p for out in book.answered.values() for p in out.values())
    assert storms > 0 and stopped > 0 and unanswered > 0, "the load is of no use"
    return (f"{kills} kills ({early} while starting), {len(book.answered)} answers ({stopped} copies stopped), "
            f"{unanswered} without one, {n} rows, {storms} storms")


def test_database_locked(lab):
    book = Book(11)
    d = enforce(lab)
    d.start()
    load = Load(d, book)
    try:
        for again in (False, True):
            with database(lab) as db:
                db.execute("BEGIN EXCLUSIVE")
                held = {q for q, in db.execute("SELECT queue_id FROM message")}
                answers(book, 300 if lab.sanitized else 1500)
                assert db.execute("SELECT count(*) FROM message").fetchone() == (len(held),), "nobody else wrote"
                if again:
                    kill(d)
                db.execute("ROLLBACK")
            if again:
                d.start()
            answers(book, 100)
    finally:
        load.stop()
    finish(d, book)
    return f"{check_all(lab, d, book)} rows"


def test_storms_while_the_queue_is_full(lab):
    """What the record tells of storms is right once the database can be written, also of those that are over."""
    book = Book(13)
    d = enforce(lab, store="max_queue = 64k", server=f"control = unix:{lab.path('run/control.sock')}\n")
    d.start()
    load = Load(d, book)
    try:
        with database(lab) as db:
            db.execute("BEGIN EXCLUSIVE")
            answers(book, 1000 if lab.sanitized else 10000)
            load.stop()
            time.sleep(2)  # storms are handed over once a second
            db.execute("ROLLBACK")
    finally:
        load.stop()
    finish(d, book)
    book.check_answers()
    wait_for_rows(lab, book)

    def told():
        try:
            return check_storms(lab, book)
        except AssertionError:
            return 0

    wait_for("the storms as they are", told)
    _, out, _ = ctl(lab, "-c", d.conf, "status", "--json")
    assert json.loads(out)["journal"]["lost"] == 0, out
    assert "queue-full" not in d.log()
    d.stop()
    return f"{check_rows(lab, book)} rows, {check_storms(lab, book)} storms"


def test_disk_full(lab):
    """No file may grow beyond a limit that the spool meets; then there is room again; then not, and a kill."""
    room = 200_000
    book = Book(12)
    d = enforce(lab)

    def tight():
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))

    d.start(preexec=tight)
    load = Load(d, book)
    try:
        d.logged("spool state=failing")
        answers(book, 300)
        assert d.log().count("spool state=failing") == 1, "once"
        resource.prlimit(d.proc.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        d.logged("spool state=recovered")
        answers(book, 300)
    finally:
        load.stop()
    finish(d, book)
    book.check_answers()
    spool = lab.path("db/storm.db.spool")
    sizes = [os.path.getsize(os.path.join(spool, f)) for f in os.listdir(spool) if f != "spool.ring"]
    assert max(sizes) > room, sizes
    kill(d)
    d.start()
    load = Load(d, book, seed=2)
    try:
        answers(book, 300)
    finally:
        load.stop()
    finish(d, book)
    assert d.log().count("spool state=failing") == 1
    d.stop()
    return f"{len(book.answered)} answers"


def test_start_on_a_full_disk(lab):
    """No room to make the -shm file, which a clean stop has removed, or to fill that of a killed one: it serves, knows
    the storms of before, and writes when there is room again. stormctl reads without one too."""
    book, rnd, inf, tight = Book(13), random.Random(14), resource.RLIM_INFINITY, 30_000
    read = ["sh", "-c", "trap '' XFSZ; ulimit -f 8; exec \"$@\"", "sh", lab.binary("stormctl"), "storms", "--all", "--db",
            lab.path("db/storm.db")]
    d = enforce(lab)
    for k, end in enumerate((d.stop, lambda: kill(d)), 1):
        d.start()
        play_policy(d, book, rnd, Few(10), False)
        wait_for("the storm is written", lambda: rows(lab.path("db/storm.db"), "SELECT count(*) FROM storm")[0][0])
        end()
        p = subprocess.run(read, capture_output=True, text=True, timeout=30, check=False)
        assert p.returncode == 0 and "<m0@sender.example>" in p.stdout, (p.stdout, p.stderr)
        d.start(preexec=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (tight, inf)))
        wait_for("it fails", lambda: d.log().count("no room on the disk") == k)
        play_policy(d, book, rnd, Few(5), False)
        resource.prlimit(d.proc.pid, resource.RLIMIT_FSIZE, (inf, inf))
        wait_for("it writes", lambda: d.log().count("journal state=recovered") == k)
        d.stop()
    d.start()
    finish(d, book)
    book.check_answers()
    d.stop()
    n = check_storms(lab, book)
    assert n and d.log().count("no room on the disk") == k, "each time once"
    return f"{check_rows(lab, book)} rows, {n} storms"


def test_second_daemon_on_the_same_store(lab):
    first = lab.daemon().start()
    spool, base = lab.path("db/storm.db.spool"), lab.path("db/storm.db")
    for what, taken, store in (("database and spool", spool, ""),
                               ("spool", spool, f"path = {lab.path('db/other.db')}\nspool = {spool}"),
                               ("database", base, f"spool = {lab.path('db/other.spool')}")):
        second = lab.daemon("second")
        second.configure(store=store, policy=f"unix:{lab.path('run2/policy.sock')}", milter="")
        second.start(ready=False)
        assert second.ended() == 73, (what, second.log())
        assert f"{taken} is in use by another " in second.log(), (what, second.log())
        assert not os.path.exists(lab.path("run2/policy.sock")), what
        dunno(first.dial())
    kill(first)
    second.configure(policy=f"unix:{lab.path('run2/policy.sock')}", milter="")
    second.start()  # the lock went with its holder
    dunno(second.dial(lab.path("run2/policy.sock")))
    second.stop()
