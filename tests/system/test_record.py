# SPDX-License-Identifier: ISC
"""stormctl storms and show when no daemon runs: the database tells."""
import json
import os
import re
import shutil
import signal
import time

from harness import change, rows, wait_for
from test_control import copies, ctl, daemon, many_storms

NOTE = "stormctl: the daemon does not answer; from the database {}\n"


def from_database(lab, d, *args):
    code, out, err = ctl(lab, "-c", d.conf, *args)
    assert (code, err) == (0, NOTE.format(lab.path("db/storm.db"))), (args, code, out, err)
    return out


def docs(text):
    return [json.loads(line) for line in text.splitlines()]


def test_the_same_as_the_daemon(lab):
    d = daemon(lab).start()
    db = lab.path("db/storm.db")
    copies(d, b"<first@x>", 3)
    time.sleep(0.02)  # so that one is seen later than the other
    copies(d, b"<\xffsecond\"@x>", 5, subject=b"caf\xc3\xa9 \x1b[2J")
    live = docs(ctl(lab, "-c", d.conf, "storms", "--json")[1])
    whole = [docs(ctl(lab, "-c", d.conf, "show", "--json", s["id"])[1])[0] for s in live]
    text = ctl(lab, "-c", d.conf, "storms")[1]
    show = ctl(lab, "-c", d.conf, "show", live[1]["id"])[1]
    wait_for("both storms", lambda: rows(db, "SELECT sum(offered) FROM storm") == [(12,)])
    d.proc.send_signal(signal.SIGKILL)
    d.ended()
    assert os.path.exists(db + "-wal"), "what it left is read as it lies there"
    def as_kept(o):
        """The journal writes what is no text as '?'."""
        return {k: v.replace("\ufffd", "?").replace("\x1b", "?") if isinstance(v, str) else v for k, v in o.items()
                if k not in ("mode", "closes", "quiet", "remember")}
    now, want = docs(from_database(lab, d, "storms", "--json")), [as_kept(s) for s in live]
    assert now == want, (now, want)
    for s in whole:
        assert s["quiet"] and s["hosts"] and s["key"]
        assert docs(from_database(lab, d, "show", "--json", s["id"])) == [as_kept(s)]
    now = from_database(lab, d, "storms")
    assert now.splitlines()[0] == text.splitlines()[0] and now.splitlines()[2].split() == text.splitlines()[2].split()
    now = from_database(lab, d, "show", live[1]["id"].upper())
    assert now == re.sub("open, closes .* if nothing comes", "open", show), (now, show)
    # asked by name: no word about the daemon
    assert ctl(lab, "storms", "--json", "--db", db)[::2] == (0, "")
    assert ctl(lab, "show", "--db", db, live[1]["id"]) == (0, now, "")


def test_which_storms(lab):
    d = daemon(lab).start()
    db = lab.path("db/storm.db")
    n = 300
    many_storms(d, n)
    wait_for("all storms", lambda: rows(db, "SELECT count(*) FROM storm") == [(n,)])
    d.stop()
    change(db, "UPDATE storm SET state = 'remembered' WHERE message_id = '<1@sender.example>'")
    change(db, "UPDATE storm SET state = 'closed' WHERE message_id = '<2@sender.example>'")
    change(db, "UPDATE storm SET state = 'cooling' WHERE message_id = '<3@sender.example>'")
    change(db, "UPDATE storm SET last = first + 5000 + rowid % 7 WHERE rowid % 2")
    want = [f"{i:016x}" for (i,) in rows(db, "SELECT id FROM storm WHERE state IN ('open', 'cooling') "
                                         "ORDER BY last DESC, id DESC")]
    assert [s["id"] for s in docs(from_database(lab, d, "storms", "--json"))] == want and len(want) == n - 2
    every = docs(from_database(lab, d, "storms", "--all", "--json"))
    assert len(every) == n and {s["state"] for s in every} == {"open", "cooling", "remembered", "closed"}
    change(db, "UPDATE storm SET recipients = 4095 + (message_id = '<3@sender.example>')")
    table = from_database(lab, d, "storms").split()
    assert table.count("4095") == n - 3 and table.count("4096+") == 1, "there were more than are remembered"
    code, out, _ = ctl(lab, "-c", d.conf, "db", "check")
    assert code == 0 and "faults          none" in out, out
    for state in ("remembered", "closed", "cooling"):
        one, = [s for s in every if s["state"] == state]
        assert f"\n  state          {state}\n" in from_database(lab, d, "show", one["id"])
    first = every[0]["id"][:1]
    same = sum(s["id"][0] == first for s in every)
    code, out, err = ctl(lab, "-c", d.conf, "show", first)
    assert (code, out) == (65, "") and err.endswith(f"stormctl: {same} storms have an id that begins with {first}\n"), err
    assert docs(from_database(lab, d, "show", "--json", every[0]["id"][:15]))[0]["id"] == every[0]["id"]
    for none in ("f", "8000000000000000", "ffffffffffffffff", "0000000000000000"):
        code, out, err = ctl(lab, "-c", d.conf, "show", none)
        assert (code, out) == (65, "") and err.endswith(f"stormctl: no storm {none}\n"), (none, err)
    change(db, "DELETE FROM storm")
    assert from_database(lab, d, "storms") == "no open storms; --all shows remembered ones too\n"
    assert from_database(lab, d, "storms", "--all") == "no storms\n"
    assert from_database(lab, d, "storms", "--json") == ""


def test_when_it_does_not(lab):
    d = daemon(lab).start()
    db = lab.path("db/storm.db")
    code, _, err = ctl(lab, "-c", d.conf, "storms")
    assert (code, err) == (0, ""), "the daemon runs, the daemon is asked"
    d.stop()
    # a daemon that was named; one that was not told of; no database; none of ours
    code, out, err = ctl(lab, "-c", d.conf, "storms", "--socket", d.control)
    assert (code, out) == (69, "") and "the daemon does not run" in err and "database" not in err, (code, err)
    code, out, err = ctl(lab, "-c", d.conf, "status")
    assert (code, out) == (69, "") and "the daemon does not run" in err and "database" not in err, (code, err)
    for args in (("status", "--db", db), ("storms", "--db", db, "--socket", d.control), ("show", "--db", db)):
        code, out, err = ctl(lab, "-c", d.conf, *args)
        assert (code, out) == (64, "") and "usage: stormctl" in err, (args, code, err)
    # faults elsewhere in the file do not matter
    with open(d.conf, "a", encoding="utf-8") as f:
        f.write("no such key = 1\n[nonsense\n")
    assert from_database(lab, d, "storms") == "no open storms; --all shows remembered ones too\n"
    before = {name: os.stat(os.path.join(lab.path("db"), name)).st_mtime_ns for name in os.listdir(lab.path("db"))}
    for args in (("storms", "--all"), ("show", "1")):
        ctl(lab, "-c", d.conf, *args)
    after = {name: os.stat(os.path.join(lab.path("db"), name)).st_mtime_ns for name in os.listdir(lab.path("db"))}
    assert after["storm.db"] == before["storm.db"], "nothing is written"
    shutil.copy(db, lab.path("kept.db"))
    with open(db, "r+b") as f:
        f.write(os.urandom(8192))
    code, out, err = ctl(lab, "-c", d.conf, "storms")
    assert (code, out) == (1, "") and err.startswith(NOTE.format(db)) and "not a database" in err, (code, err)
    os.unlink(db)
    for args in (("storms",), ("show", "1")):
        code, out, err = ctl(lab, "-c", d.conf, *args)
        assert (code, out) == (69, "") and "the daemon does not run" in err, (args, code, err)
    assert not os.path.exists(db)
    code, out, err = ctl(lab, "storms", "--db", db)
    assert (code, out) == (66, "") and db in err, (code, err)
    assert ctl(lab, "storms", "--db", lab.path("kept.db"))[0] == 0
    with open("/dev/full", "wb") as full:
        code, _, err = ctl(lab, "storms", "--db", lab.path("kept.db"), stdout=full)
        assert code == 74 and "No space left" in err, (code, err)
