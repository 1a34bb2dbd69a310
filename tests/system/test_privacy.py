# SPDX-License-Identifier: ISC
"""[store] privacy = hashed: what is on the disk names nobody; stormctl hash finds them again."""
import os
import pwd
import re
import signal
import stat

from harness import Milter, Skip, ask, ctl, messages, rows, wait_for

RULES = "[rule replication]\ndetect = replication\nlimit = 1\nmode = enforce\n"
HASHED = re.compile(r"h:[0-9a-f]{24}$")
# Who must not be found, each by a word that stands nowhere else.
SENDER, FROM, USER = "Zoe.Quill@sender.example", "yvonne.from@sender.example", "xaver.login"
RCPTS = ("walter.one@example.org", "vera.two@example.org")
MARKED, SUBJECT = "mspop3connector.ulla@firm.example", "Tidings for everybody"
POLICY_SENDER, POLICY_RCPT = "sergius@policy.example", "romy@example.org"
WORDS = ("zoe.quill", "yvonne.from", "xaver.login", "walter.one", "vera.two", "ulla", "tidings", "sergius", "romy")


def daemon(lab, privacy, name="storm"):
    d = lab.daemon(name)
    d.control = lab.path("run/control.sock")
    d.configure(server=f"mode = enforce\ncontrol = unix:{d.control}", rules=RULES, mail="local_domains = example.org",
                store=f"path = {lab.path(f'{name}.d/storm.db')}\n{privacy}")
    d.store = lab.path(f"{name}.d")
    d.db = lab.path(f"{name}.d/storm.db")
    return d


def traffic(d, n=4):
    """A storm at the milter door, by somebody who has logged in; a message at the policy door."""
    m = Milter(d.dial(d.milter))
    m.connect(address="203.0.113.9")
    for i in range(n):
        m.mail(f"<{SENDER}>", macros=[("i", f"4XyZ{i}"), ("{auth_authen}", USER)])
        for r in RCPTS:
            m.rcpt(f"<{r}>")
        m.data()
        way = [(b"Received", b"from a.sender.example by mail.sender.example; Mon, 2 Jan 2006 10:00:00 +0000")]
        if i:
            way.insert(0, (b"Received", b"from mail.sender.example by pop.faulty.example with ESMTP id COPY%d; "
                           b"Mon, 2 Jan 2006 10:00:00 +0000" % i))
        m.content(way + [(b"From", f"Yvonne <{FROM}>".encode()), (b"To", ", ".join((MARKED,) + RCPTS).encode()),
                         (b"Subject", SUBJECT.encode()), (b"Date", b"Mon, 2 Jan 2006 09:59:00 +0000"),
                         (b"Message-ID", b"<1@storm.sender.example>")])
    m.close()
    s = d.dial()
    assert ask(s, protocol_state="END-OF-MESSAGE", sender=POLICY_SENDER, recipient=POLICY_RCPT,
               recipient_count="1") == b"action=DUNNO\n\n"
    s.close()


def settled(d, n):
    """All is in the database, the storm with all its copies."""
    wait_for(f"{n} messages", lambda: messages(d.db) >= n)
    wait_for("the storm", lambda: rows(d.db, "SELECT id FROM storm WHERE offered >= 6"))


def files(folder):
    got = {}
    for where, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(where, name), "rb") as f:
                got[os.path.relpath(os.path.join(where, name), folder)] = f.read().lower()
    return got


def found(folder):
    """{word: the files that have it}"""
    return {w: sorted(n for n, data in files(folder).items() if w.encode() in data) for w in WORDS}


def test_nobody_is_found(lab):
    plain, hashed = daemon(lab, "", "plain"), daemon(lab, "privacy = hashed", "hashed")
    plain.start()
    traffic(plain)
    settled(plain, 5)
    spool = [n for n in files(plain.store) if n.startswith("storm.db.spool/spool.0")]
    assert spool, files(plain.store).keys()
    for word, where in found(plain.store).items():
        assert [n for n in where if n in ("storm.db", "storm.db-wal")] and [n for n in where if n in spool], (word, where)
    assert not os.path.exists(plain.db + ".key"), "plain needs no key"
    plain.stop()

    hashed.start()
    traffic(hashed)
    settled(hashed, 5)
    data = files(hashed.store)
    assert {"storm.db", "storm.db-wal", "storm.db.key"} <= data.keys(), data.keys()
    assert any(n.startswith("storm.db.spool/spool.0") and b"1@storm.sender.example" in data[n] for n in data)
    assert not any(found(hashed.store).values()), found(hashed.store)
    one, = rows(hashed.db, "SELECT sender, subject, message_id, offered FROM storm")
    assert HASHED.match(one[0]) and one[1:] == ("", "<1@storm.sender.example>", 6), one
    # killed and started again: what it reads from the spool and writes anew, and what it goes on with
    hashed.proc.send_signal(signal.SIGKILL)
    hashed.ended()
    hashed.start()
    traffic(hashed)
    wait_for("ten messages", lambda: messages(hashed.db) == 10)
    wait_for("the same storm", lambda: rows(hashed.db, "SELECT sender, offered FROM storm") == [(one[0], 14)])
    hashed.stop()
    assert not any(found(hashed.store).values()), found(hashed.store)


def test_what_stands_there(lab):
    d = daemon(lab, "privacy = hashed").start()
    traffic(d)
    settled(d, 5)

    def hashes(*addresses, args=()):
        code, out, err = ctl(lab, "-c", d.conf, "hash", *args, *addresses)
        assert (code, err) == (0, ""), (code, err)
        return out.splitlines()

    sender, author, user, marked = hashes(SENDER, FROM, USER, MARKED)
    one, two = hashes(*RCPTS)
    assert len({sender, author, user, marked, one, two}) == 6 and all(HASHED.match(h) for h in (sender, author, user))
    assert hashes("<ZOE.quill+x@Sender.Example.>", "--", "") == [sender, ""], "any spelling, and the null sender"
    got = rows(d.db, "SELECT DISTINCT sender, header_from, sasl_username, subject, message_id, thread, client_address"
               " FROM message WHERE door = 'milter'")
    assert got == [(sender, author, user, "", "<1@storm.sender.example>", "<1@storm.sender.example>", "203.0.113.9")], got
    assert sorted(rows(d.db, "SELECT recipient, offered FROM copies")) == sorted([(one, 4), (two, 4)])
    assert rows(d.db, "SELECT sender, sasl_username FROM message WHERE door = 'policy'") == [(*hashes(POLICY_SENDER), "")]
    hosts = dict(rows(d.db, "SELECT how, name FROM storm_host"))
    assert hosts["gateway-marker"] == "@firm.example" and hosts["received"] == "pop.faulty.example", hosts
    code, out, _ = ctl(lab, "-c", d.conf, "storms", "--json")
    assert code == 0 and f'"sender":"{sender}"' in out and '"subject":""' in out, out
    code, out, _ = ctl(lab, "-c", d.conf, "db", "export")
    assert code == 0 and out.count(f'"sender":"{sender}"') == 4 and out.count(one) == 4, out
    for word in WORDS:
        assert word not in out.lower(), (word, out)
    assert ctl(lab, "hash", "--db", d.db, SENDER) == (0, sender + "\n", "")
    d.stop()


def test_where_only_rcpt_is_asked(lab):
    """Such a message is written down when it is over, by another hand."""
    d = lab.daemon()
    d.db = lab.path("db/storm.db")
    d.configure(milter="", rules=RULES, store="privacy = hashed")
    d.start()
    s = d.dial()
    assert ask(s, sender=POLICY_SENDER, recipient=POLICY_RCPT, recipient_count="1") == b"action=DUNNO\n\n"
    s.close()
    wait_for("the message", lambda: rows(d.db, "SELECT sender FROM message"))
    (sender,), (rcpt,) = rows(d.db, "SELECT sender FROM message UNION ALL SELECT address FROM recipient")
    assert HASHED.match(sender) and HASHED.match(rcpt), (sender, rcpt)
    d.stop()
    assert not any(found(lab.path("db")).values()), found(lab.path("db"))


def test_the_key(lab):
    d = daemon(lab, "privacy = hashed").start()
    key = d.db + ".key"
    at = os.stat(key)
    assert (stat.S_IMODE(at.st_mode), at.st_size) == (0o600, 32)
    assert f"made a key for hashed addresses file={key}" in d.log()
    with open(key, "rb") as f:
        bytes_then = f.read()
    first = ctl(lab, "-c", d.conf, "hash", SENDER)
    d.stop()
    d.start()
    with open(key, "rb") as f:
        assert f.read() == bytes_then, "kept"
    assert d.log().count("made a key") == 1 and ctl(lab, "-c", d.conf, "hash", SENDER) == first
    d.stop()
    assert sorted(n for n in os.listdir(d.store) if "key" in n) == ["storm.db.key"]

    for mode, content, what in ((0o644, bytes_then, "others may use it"), (0o640, bytes_then, "others may use it"),
                                (0o600, bytes_then[:31], "31 bytes"), (0o600, bytes_then + b"x", "33 bytes"),
                                (0o600, b"", "0 bytes")):
        with open(key, "wb") as f:
            f.write(content)
        os.chmod(key, mode)
        d.start(ready=False)
        assert d.ended() == 78, (oct(mode), content)
        d.logged(what)
        assert key in d.log()
        code, out, err = ctl(lab, "-c", d.conf, "hash", SENDER)
        assert (code, out) == (78, "") and what in err and key in err, (code, out, err)
    with open(key, "wb") as f:
        f.write(bytes_then)
    os.chmod(key, 0o600)
    d.start()
    assert ctl(lab, "-c", d.conf, "hash", SENDER) == first
    # another key is another hash
    d.stop()
    os.unlink(key)
    d.start()
    second = ctl(lab, "-c", d.conf, "hash", SENDER)
    assert second[0] == 0 and second[1] != first[1]
    d.stop()


def test_hash_without_a_key(lab):
    d = daemon(lab, "")
    d.start()
    code, out, err = ctl(lab, "-c", d.conf, "hash", SENDER)
    assert (code, out) == (78, "") and "privacy is plain" in err, (code, err)
    d.stop()
    code, out, err = ctl(lab, "hash", "--db", lab.path("none.db"), SENDER)
    assert (code, out) == (66, "") and "none.db.key" in err, (code, err)
    assert not os.path.exists(d.db + ".key") and not os.path.exists(lab.path("none.db.key")), "looking makes nothing"
    for args in ((), ("--nonsense", "a@b"), ("--db",)):
        code, out, err = ctl(lab, "hash", *args)
        assert (code, out) == (64, "") and "usage: stormctl" in err or "requires an argument" in err, (args, code, err)
    code, _, err = ctl(lab, "-c", lab.path("missing.conf"), "hash", "a@b")
    assert code == 78 and "missing.conf" in err


def test_memory_keeps_no_key(lab):
    d = lab.daemon()
    d.configure(store="path = :memory:\nprivacy = hashed")
    before = set(os.listdir("."))
    d.start()
    s = d.dial()
    assert ask(s, protocol_state="END-OF-MESSAGE", recipient_count="1") == b"action=DUNNO\n\n"
    d.stop()
    assert set(os.listdir(".")) == before


def test_a_reload_changes_nothing(lab):
    d = daemon(lab, "").start()
    d.configure(store=f"path = {d.db}\nprivacy = hashed")
    assert d.reload()
    d.logged("[store] privacy takes effect at the next start")
    assert not os.path.exists(d.db + ".key")
    s = d.dial()
    ask(s, protocol_state="END-OF-MESSAGE", sender=POLICY_SENDER, recipient=POLICY_RCPT, recipient_count="1")
    wait_for("the message", lambda: rows(d.db, "SELECT sender FROM message") == [(POLICY_SENDER,)])
    # and the other way round: hashed it was started, hashed it stays
    d.stop()
    d.start()
    d.configure(store=f"path = {d.db}\nprivacy = plain")
    assert d.reload()
    s = d.dial()
    ask(s, protocol_state="END-OF-MESSAGE", sender=POLICY_SENDER, recipient=POLICY_RCPT, recipient_count="1")
    wait_for("the next", lambda: len(rows(d.db, "SELECT sender FROM message")) == 2)
    assert HASHED.match(rows(d.db, "SELECT sender FROM message ORDER BY id")[1][0])


def test_a_storm_from_plain_days(lab):
    """The storm that a plain daemon left goes on without its names."""
    d = daemon(lab, "").start()
    traffic(d)
    settled(d, 5)
    assert rows(d.db, "SELECT sender FROM storm") == [(SENDER,)]
    d.stop()
    d.configure(server=f"mode = enforce\ncontrol = unix:{d.control}", rules=RULES, mail="local_domains = example.org",
                store=f"path = {d.db}\nprivacy = hashed")
    d.start()
    wait_for("the storm's row", lambda: HASHED.match(rows(d.db, "SELECT sender FROM storm")[0][0]))
    code, out, _ = ctl(lab, "-c", d.conf, "storms", "--all", "--json")
    assert code == 0 and "zoe.quill" not in out.lower() and '"subject":""' in out, out
    assert dict(rows(d.db, "SELECT how, name FROM storm_host"))["gateway-marker"] == "@firm.example"
    d.stop()


def test_a_user_of_its_own(lab):
    if os.geteuid() != 0:
        raise Skip("not root")
    nobody = pwd.getpwnam("nobody")
    d = daemon(lab, "privacy = hashed")
    d.configure(server=f"user = nobody\ncontrol = unix:{d.control}", store=f"path = {d.db}\nprivacy = hashed")
    d.start()
    at = os.stat(d.db + ".key")
    assert (stat.S_IMODE(at.st_mode), at.st_uid) == (0o600, nobody.pw_uid), "made by who serves"
    assert ctl(lab, "-c", d.conf, "hash", SENDER)[0] == 0, "root reads it"
    d.stop()
    d.start()
    d.stop()
