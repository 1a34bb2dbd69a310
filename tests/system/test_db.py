# SPDX-License-Identifier: ISC
"""stormctl db: the record of a daemon that runs, and of one that has gone."""
import contextlib
import json
import os
import pwd
import re
import sqlite3
import subprocess

from harness import Skip, answer, change, ctl, messages, request, rows, wait_for

RULE = "[rule replication]\ndetect = replication\nlimit = 3\n"


def fields(out):
    return {line[:15].strip(): line[16:] for line in out.splitlines()}


def ask(s, n):
    s.sendall(request(instance=f"1f2e.{n}.0", protocol_state="END-OF-MESSAGE", recipient_count="1",
                      sender=f"s{n}@x.example", recipient="ann@example.org", client_address="192.0.2.9",
                      helo_name="mx.x.example"))
    assert answer(s) == b"action=DUNNO\n\n"


def test_check_and_export(lab):
    d = lab.daemon(rules=RULE).start()
    db = lab.path("db/storm.db")
    s = d.dial()
    for n in range(20):
        ask(s, n)
    wait_for("20 messages in the record", lambda: messages(db) >= 20)
    for running in (True, False):
        code, out, err = ctl(lab, "-c", d.conf, "db", "check")
        assert code == 0 and err == "", (code, out, err)
        got = fields(out)
        assert got["database"] == db and got["faults"] == "none" and got["messages"] == str(messages(db)), out
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", got["oldest"]), out
        assert ctl(lab, "db", "check", "--db", db)[:2] == (0, out)
        code, out, err = ctl(lab, "db", "export", "--db", db)
        assert code == 0 and err == "", (code, err)
        events = [json.loads(line) for line in out.splitlines()]
        assert [e["sender"] for e in events] == [f"s{n}@x.example" for n in range(20)], events
        e = events[0]
        assert (e["client_address"], e["helo_name"], e["recipients"]) == ("192.0.2.9", "mx.x.example",
                                                                         ["ann@example.org"]), e
        assert e["outcome"] == "passed" and e["verdict"] == "pass" and e["rule"] == "" and e["message_id"] == "", e
        assert abs(e["time"] - os.stat(db).st_mtime) < 3600, e
        with open("/dev/full", "wb") as full:
            code, _, err = ctl(lab, "db", "export", "--db", db, stdout=full)
            assert code == 74 and "No space left" in err, (code, err)
        if running:
            s.close()
            d.stop()
            assert not os.path.exists(db + "-wal")
    events = lab.path("events.jsonl")
    with open(events, "w", encoding="utf-8") as f:
        f.write(out)
    code, out, err = ctl(lab, "-c", d.conf, "replay", "--json", events)
    assert code == 0, err
    assert json.loads(out.splitlines()[-1])["summary"]["messages"] == 20, out
    d.start()
    ask(d.dial(), 99)
    wait_for("the daemon goes on writing", lambda: messages(db) >= 21)


def test_spans_of_time(lab):
    d = lab.daemon().start()
    db = lab.path("db/storm.db")
    d.stop()
    with contextlib.closing(sqlite3.connect(db, isolation_level=None)) as c:
        names = [row[1] for row in c.execute("PRAGMA table_info(message)")][1:]
        for n, at in enumerate((1767225599, 1767225600, 1767312000)):  # around 2026-01-01, and a day later
            row = ["" if k not in ("size", "outcome") else 0 for k in names]
            row[0], row[names.index("message_id")] = at * 1000 + 5, f"<{n}>"
            c.execute(f"INSERT INTO message ({','.join(names)}) VALUES ({','.join('?' * len(names))})", row)

    def ids(*args):
        code, out, err = ctl(lab, "db", "export", "--db", db, *args)
        assert code == 0, err
        return "".join(json.loads(line)["message_id"] for line in out.splitlines())

    assert ids() == "<0><1><2>"
    assert ids("--since", "2026-01-01") == ids("--since", "1767225600") == "<1><2>"
    assert ids("--since", "2026-01-01", "--until", "2026-01-02") == "<1>"
    assert ids("--until", "2026-01-01 00:00:00") == ids("--until", "2026-01-01T00:00:00Z") == "<0>"
    assert ids("--until", "2026-01-01 00:01") == "<0><1>"
    assert ids("--since", "9999999999999999999") == ""
    assert ids("--until", "2024-02-29 23:59:60") == ""
    for bad in ("yesterday", "2026-13-01", "2026-02-30", "2025-02-29 12:00", "2026-01-01x", "-5", ""):
        code, out, err = ctl(lab, "db", "export", "--db", db, "--since", bad)
        assert code == 64 and out == "" and "not a time" in err, (bad, code, out, err)


def test_faults(lab):
    d = lab.daemon().start()
    db = lab.path("db/storm.db")
    d.stop()
    change(db, "INSERT INTO recipient VALUES (7, 0, 'a@x.example', 'pass', 0)")
    code, out, err = ctl(lab, "-c", d.conf, "db", "check")
    assert code == 1 and "fault           1 recipients without their message\n" in out and err == "", (code, out, err)
    assert fields(out)["faults"] == "1 found", out
    change(db, "PRAGMA user_version = 1000")
    for verb in ("check", "export"):
        code, out, err = ctl(lab, "db", verb, "--db", db)
        assert code == 1 and out == "" and "1000" in err, (code, out, err)
        code, out, err = ctl(lab, "db", verb, "--db", lab.path("missing.db"))
        assert code == 66 and out == "" and "missing.db" in err, (code, out, err)
    assert not os.path.exists(lab.path("missing.db"))
    with open(lab.path("noise.db"), "wb") as f:
        f.write(os.urandom(8192))
    code, out, _ = ctl(lab, "db", "check", "--db", lab.path("noise.db"))
    assert code == 1 and "fault" in out, (code, out)
    for args in ([], ["nonsense"], ["check", "extra"], ["check", "--nonsense"]):
        code, out, err = ctl(lab, "db", *args)
        assert code == 64 and out == "" and "usage: stormctl" in err, (args, code, err)
    code, _, err = ctl(lab, "-c", lab.path("missing.conf"), "db", "check")
    assert code == 78 and "missing.conf" in err, (code, err)


def test_damaged_pages(lab):
    """Each fault is a line of its own, and a start says in one line which file it is."""
    d = lab.daemon().start()
    db = lab.path("db/storm.db")
    d.stop()
    change(db, "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) "
           "INSERT INTO recipient SELECT i, 0, 'somebody@example.org', 'pass', 0 FROM n")
    pages = os.path.getsize(db) // 4096
    with open(db, "r+b") as f:
        for at in range(pages // 2, pages):
            f.seek(at * 4096 + 8)
            f.write(b"\xff" * 64)
    code, out, err = ctl(lab, "db", "check", "--db", db)
    faults = [line for line in out.splitlines() if line.startswith("fault ")]
    assert code == 1 and len(faults) > 1 and err == "", (code, out, err)
    assert "***" not in out and all(len(line) > 16 and line[15] == " " for line in out.splitlines()), out
    assert fields(out)["faults"] == f"{len(faults)} found", out
    at = len(d.log())
    d.start(ready=False)
    assert d.ended() == 65
    told = [line for line in d.log()[at:].splitlines() if not line.startswith("policyd-storm[")]
    assert len(told) == 1 and told[0].startswith(f"policyd-storm: {db}: the database is damaged: "), told
    with open(db, "r+b") as f:
        f.write(b"x" * 200)
    d.start(ready=False)
    assert d.ended() == 65
    assert d.log().splitlines()[-1] == (f"policyd-storm: {db}: cannot read the schema: file is not a database; "
                                        "move it away to begin with a new one"), d.log()
    for args in (["storms"], ["show"], ["queued"]):
        code, out, err = ctl(lab, "-c", d.conf, *args, "--db", db, *["1"] * (args != ["storms"]))
        assert (code, out, err) == (1, "", f"stormctl: {db}: file is not a database\n"), args
    os.rename(db, db + ".away")
    d.start()
    code, out, err = ctl(lab, "db", "check", "--db", db)
    assert code == 0 and fields(out)["faults"] == "none", (code, out, err)


def test_what_damage_leaves_is_counted(lab):
    """A page of one table says nothing of the others."""
    d = lab.daemon().start()
    db = lab.path("db/storm.db")
    d.stop()
    change(db, "INSERT INTO recipient VALUES (7, 0, 'a@x.example', 'pass', 0)")
    (page,), = rows(db, "SELECT rootpage FROM sqlite_master WHERE name = 'storm'")
    with open(db, "r+b") as f:
        f.seek((page - 1) * 4096)
        f.write(b"\xff" * 4096)
    code, out, err = ctl(lab, "db", "check", "--db", db)
    got = fields(out)
    assert code == 1 and err == "" and got["storms"] == "unreadable", (code, out, err)
    assert (got["messages"], got["recipients"], got["oldest"]) == ("0", "1", "none"), out
    with open(db, "r+b") as f:
        f.write(b"x" * 200)
    code, out, err = ctl(lab, "db", "check", "--db", db)
    got = fields(out)
    assert code == 1 and (got["messages"], got["oldest"], got["faults"]) == ("unreadable", "unreadable", "1 found"), out


def test_who_may_only_read(lab):
    if os.geteuid() != 0:
        raise Skip("needs root")
    d = lab.daemon().start()
    db = lab.path("db/storm ?#%41.db")
    d.stop()
    os.rename(lab.path("db/storm.db"), db)
    for path, mode in ((lab.path(""), 0o755), (lab.path("db"), 0o755), (db, 0o644)):
        os.chmod(path, mode)
    nobody = pwd.getpwnam("nobody").pw_uid

    def as_nobody(*args):
        p = subprocess.run([lab.public("stormctl"), *args], env=lab.env, capture_output=True, timeout=30, check=False,
                           user=nobody, group=nobody, extra_groups=[])
        return p.returncode, p.stdout.decode(), p.stderr.decode()

    try:
        code, out, err = as_nobody("db", "check", "--db", db)
    except PermissionError:
        raise Skip("the build folder is closed to others") from None
    assert code == 0 and fields(out)["faults"] == "none", (code, out, err)
    assert not os.path.exists(db + "-wal") and not os.path.exists(db + "-shm")
    denied = [(["db", "check", "--db", db], "unable to open database file: Permission denied"),
              (["queued", "--db", db, "1"], "unable to open database file: Permission denied")]
    os.chmod(db, 0o600)
    for args, why in denied:
        assert as_nobody(*args) == (66, "", f"stormctl: {db}: {why}\n"), args
    os.chmod(db, 0o644)
    with open(db + "-wal", "wb"):
        why = "cannot be read without the right to write into its folder, while the daemon runs or has left a " \
            "write-ahead log"
    for args, _ in denied:
        assert as_nobody(*args) == (66, "", f"stormctl: {db}: {why}\n"), args
    os.remove(db + "-wal")
    os.chmod(lab.path("db"), 0o700)
    for args, _ in denied:
        assert as_nobody(*args) == (66, "", f"stormctl: {db}: Permission denied\n"), args
    # root reads by a log of its own; it belongs to the owner of the database
    os.chown(db, nobody, nobody)
    assert ctl(lab, "db", "check", "--db", db)[0] == 0
    assert all(os.stat(f).st_uid == nobody for f in (db, db + "-wal", db + "-shm") if os.path.exists(f))
