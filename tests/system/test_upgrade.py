# SPDX-License-Identifier: ISC
"""A database that a newer version wrote: refused in words, by daemon and stormctl, and not a byte of it is touched.
What older versions left is taken over: tests/released, and the unit tests of migrate."""
import contextlib
import os
import re
import sqlite3

from harness import WAIT, answer, change, ctl, messages, request, wait_for

UNIT = os.path.join(os.path.dirname(__file__), "../../packaging/systemd/policyd-storm.service")
RULE = "[rule replication]\ndetect = replication\nlimit = 3\n"


def ask(s, n):
    s.sendall(request(instance=f"1f2e.{n}.0", protocol_state="END-OF-MESSAGE", recipient_count="1",
                      sender=f"s{n}@x.example", recipient="ann@example.org"))
    assert answer(s) == b"action=DUNNO\n\n"


def files(folder):
    """What is there, without the index of the write-ahead log, and without that log when nothing is in it."""
    found = {}
    for path, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(path, name), "rb") as f:
                found[os.path.relpath(os.path.join(path, name), folder)] = f.read()
    return {name: data for name, data in found.items() if not name.endswith("-shm") and (data or "-wal" not in name)}


def raise_version(c):
    """The schema of a version to come; (known, raised)."""
    known = c.execute("PRAGMA user_version").fetchone()[0]
    c.execute("ALTER TABLE message ADD COLUMN of_the_future TEXT NOT NULL DEFAULT 'x'")
    c.execute(f"PRAGMA user_version = {known + 6}")
    return known, known + 6


def refused(lab, d, db, known, raised):
    before = files(os.path.dirname(db))
    d.start(ready=False)
    assert d.ended() == 65, d.log()
    with open(UNIT, encoding="utf-8") as f:
        assert re.search(r"^RestartPreventExitStatus=.*\b65\b", f.read(), re.M), "it is started again and again"
    said = d.log().splitlines()[-1]
    assert f"schema version {raised}," in said and f"up to {known}: a newer policyd-storm wrote it" in said, said
    code, out, err = ctl(lab, "db", "--db", db, "check")
    assert code == 1 and out == "" and "a newer policyd-storm wrote it" in err, (code, out, err)
    after = files(os.path.dirname(db))
    assert after == before, [name for name in after.keys() | before.keys() if after.get(name) != before.get(name)]


def test_downgrade(lab):
    d = lab.daemon(rules=RULE).start()
    db = lab.path("db/storm.db")
    for n in range(5):
        ask(d.dial(), n)
    d.stop()
    with contextlib.closing(sqlite3.connect(db, isolation_level=None)) as c:
        known, raised = raise_version(c)
    refused(lab, d, db, known, raised)
    # The version that wrote it takes it up again.
    change(db, f"PRAGMA user_version = {known}")
    d.start()
    ask(d.dial(), 9)
    wait_for("six messages in the record", lambda: messages(db) == 6)


def test_downgrade_after_a_kill(lab):
    """The write-ahead log is the newer version's too: nothing of it is carried into the database by us."""
    d = lab.daemon(rules=RULE).start()
    db = lab.path("db/storm.db")
    for n in range(5):
        ask(d.dial(), n)
    wait_for("five messages in the record", lambda: messages(db) == 5)
    with contextlib.closing(sqlite3.connect(db, isolation_level=None, timeout=WAIT)) as c:
        known, raised = raise_version(c)
        d.proc.kill()
        d.ended()
        # Who closes last empties the log: it is copied while this one is open, and the copy is the newer version's.
        copy = lab.path("copy")
        os.mkdir(copy)
        for name, data in files(os.path.dirname(db)).items():
            os.makedirs(os.path.dirname(os.path.join(copy, name)), exist_ok=True)
            with open(os.path.join(copy, name), "wb") as f:
                f.write(data)
    assert os.path.getsize(f"{copy}/storm.db-wal") > 0
    d.configure(rules=RULE, store=f"path = {copy}/storm.db\n")
    refused(lab, d, f"{copy}/storm.db", known, raised)
