# SPDX-License-Identifier: ISC
"""The control socket, and stormctl status, storms and show over it."""
import json
import os
import pwd
import re
import signal
import socket
import stat
import subprocess
import threading
import time

from harness import Milter, Skip, ask as ask_policy, dunno, hung_up, wait_for

RULES = "[rule replication]\ndetect = replication\nlimit = 1\nmode = enforce\n"
HEX = re.compile(r"[0-9a-f]{16}$")


def daemon(lab, server="", rules=RULES):
    d = lab.daemon()
    d.control = lab.path("run/control.sock")
    d.configure(server=f"mode = enforce\ncontrol = unix:{d.control}\n{server}", rules=rules,
                mail="local_domains = example.org")
    return d


def ctl(lab, *args, user=None, stdout=subprocess.PIPE):
    """(exit status, stdout, stderr); `user`: (uid, gid, further groups)."""
    def become():
        if user:
            os.setgroups(user[2])
            os.setresgid(user[1], user[1], user[1])
            os.setresuid(user[0], user[0], user[0])
    p = subprocess.run([lab.public("stormctl"), *args], env=lab.env, stdin=subprocess.DEVNULL,
                       stdout=stdout, stderr=subprocess.PIPE, timeout=30, check=False, preexec_fn=become)
    return p.returncode, (p.stdout or b"").decode(), p.stderr.decode()


def said(lab, d, *args):
    code, out, err = ctl(lab, "-c", d.conf, *args)
    assert (code, err) == (0, ""), (code, out, err)
    return out


def objects(lab, d, *args):
    return [json.loads(line) for line in said(lab, d, *args, "--json").splitlines()]


def ask(s, line):
    """One answer: its documents."""
    s.sendall(line + b"\n")
    got = b""
    while got != b"\n" and not got.endswith(b"\n\n"):
        more = s.recv(1 << 20)
        assert more, f"closed after {got[-200:]!r}"
        got += more
    return [json.loads(doc.decode("utf-8")) for doc in got.splitlines() if doc]


def copies(d, message_id, n, subject=b"hello", rcpts=(b"a@example.org", b"b@example.org")):
    """The message and its copies by way of a faulty host."""
    m = Milter(d.dial(d.milter))
    m.connect(address="203.0.113.9")
    for i in range(n):
        m.envelope(sender=b"<s@sender.example>", rcpts=[b"<" + r + b">" for r in rcpts])
        way = [(b"Received", b"from a.sender.example by mail.sender.example with ESMTP id ORIG%s; "
                b"Mon, 2 Jan 2006 10:00:00 +0000" % message_id.strip(b"<>").partition(b"@")[0][:20])]
        if i:
            way.insert(0, (b"Received", b"from mail.sender.example by pop.faulty.example with ESMTP id COPY%d; "
                           b"Mon, 2 Jan 2006 10:00:00 +0000" % i))
        m.content(way + [(b"From", b"s@sender.example"), (b"To", b", ".join(rcpts)), (b"Subject", subject),
                         (b"Date", b"Mon, 2 Jan 2006 09:59:00 +0000"), (b"Message-ID", message_id)])
    m.close()


def many_storms(d, n):
    """Each message twice, by two ways: with the limit of 1 that is a storm each."""
    m = Milter(d.dial(d.milter))
    m.connect(address="203.0.113.9")
    for i in range(n):
        for way in (b"one", b"two"):
            m.envelope(sender=b"<s@sender.example>")
            m.content([(b"Received", b"from " + way + b" by " + way + b".faulty.example; Mon, 2 Jan 2006 10:00:00 +0000"),
                       (b"Received", b"from a by b.sender.example; Mon, 2 Jan 2006 09:59:30 +0000"),
                       (b"From", b"s@sender.example"), (b"To", b"b@example.org"), (b"Subject", b"s" * 150),
                       (b"Date", b"Mon, 2 Jan 2006 09:59:00 +0000"), (b"Message-ID", b"<%d@sender.example>" % i)])
    m.close()


# --- what it tells -----------------------------------------------------------------------------------------------

def test_status(lab):
    d = daemon(lab).start()
    dunno(d.dial())
    one, = objects(lab, d, "status")
    assert one["pid"] == d.proc.pid and one["mode"] == "enforce" and one["config"] == d.conf, one
    assert one["rules"] == [{"name": "replication", "detect": "replication", "mode": "enforce", "action": "discard"}]
    assert one["connections"] == 2 and one["max_connections"] == 4096 and one["requests"] == 1, one
    assert one["storms"] == {"open": 0, "cooling": 0, "remembered": 0, "opened": 0, "max": 10000, "displaced": 0}
    assert one["full"] == one["broken"] == one["journal"]["deferred"] == 0, one
    assert one["journal"]["healthy"] is True and one["journal"]["lost"] == 0 and one["journal"]["trimmed"] == 0
    assert 0 <= one["uptime"] < 60 and abs(one["time"] - time.time()) < 60
    copies(d, b"<1@x>", 4)
    two, = objects(lab, d, "status")
    assert (two["messages"], two["passed"], two["stopped"]) == (4, 1, 3), two
    assert two["storms"]["open"] == two["storms"]["opened"] == 1
    assert two["counters"]["entries"] > 0 and two["counters"]["max"] == 1000000
    text = said(lab, d, "status")
    for line in (r"policyd-storm \d", r"  mode  +enforce$", rf"  process  +{d.proc.pid}, running for \d+s, since 20",
                 rf"  configuration  +{d.conf}$", r"  messages  +4: 1 passed, 3 stopped; 0 degraded$",
                 r"  storms  +1 open, 0 cooling, 0 remembered; opened so far: 1, gone to make room: 0$", r"  journal  +healthy: ",
                 r"  connections  +\d+ of 4096, \d+ accepted so far, 0 times all in use$",
                 r"  requests  +\d+, 0 broken or too long$",
                 r"  replication  replication  enforce  discard$"):
        assert re.search("^" + line, text, re.M), (line, text)


def test_status_follows_a_reload(lab):
    d = daemon(lab).start()
    before, = objects(lab, d, "status")
    d.configure(server=f"mode = shadow\ncontrol = unix:{d.control}\nmax_connections = 77", rules=RULES +
                "[rule wide]\ndetect = wide-recipients\nmode = off\n")
    assert d.reload()
    after, = objects(lab, d, "status")
    assert after["mode"] == "shadow" and after["max_connections"] == 77
    assert [(r["name"], r["mode"]) for r in after["rules"]] == [("replication", "shadow"), ("wide", "off")]
    assert after["configured"] > before["configured"] and after["started"] == before["started"]


def test_the_log_says_why(lab):
    """One recipient has his copy by another way, the other had the same transmission: what is told is the defer of that."""
    d = daemon(lab, rules="[rule replication]\ndetect = replication\nlimit = 1\nrepeats = 0\n").start()
    m = Milter(d.dial(d.milter))
    m.connect(address="203.0.113.9")
    for way, rcpts in ((1, ["b"]), (2, ["a"]), (2, ["b", "a"]), (2, ["b"])):
        m.envelope(rcpts=[f"<{r}@example.org>".encode() for r in rcpts])
        m.content([(b"Received", b"from a by relay%d.example id WAY%d" % (way, way)),
                   (b"Received", b"from pc by b.sender.example id ORIG1"), (b"From", b"s@sender.example"),
                   (b"To", b"a@example.org"), (b"Date", b"Mon, 2 Jan 2006 09:59:00 +0000"), (b"Message-ID", b"<1@x>")])
    m.close()
    d.logged("action=discard")
    told = re.findall(r' verdict action=(\S+) .* why="([^"]*)"', d.log())
    assert told == [("defer", "the same transmission again"),
                    ("discard", "more copies than one recipient may get")], d.log()


def test_storms_and_show(lab):
    d = daemon(lab).start()
    assert said(lab, d, "storms") == "no open storms; --all shows remembered ones too\n"
    assert said(lab, d, "storms", "--all") == "no storms\n" and objects(lab, d, "storms") == []
    copies(d, b"<first@x>", 3)
    copies(d, b"<second@x>", 5)
    rows = objects(lab, d, "storms")
    assert [r["message_id"] for r in rows] == ["<second@x>", "<first@x>"], "seen last first"
    one = rows[0]
    assert HEX.match(one["id"]) and one["state"] == "open" and one["rule"] == "replication"
    assert (one["offered"], one["passed"], one["stopped"], one["messages"], one["recipients"]) == (8, 0, 8, 4, 2), one
    assert one["host"] == "pop.faulty.example", one
    text = said(lab, d, "storms").splitlines()
    assert text[0].split() == "ID STATE RULE LAST SEEN COPIES STOPPED RECIPIENTS HOST MESSAGE-ID".split()
    assert len(text) == 3 and text[1].split()[0] == one["id"] and text[1].endswith("  <second@x>"), text
    assert text[1].index("<second@x>") == text[2].index("<first@x>") == text[0].index("MESSAGE-ID")
    whole, = objects(lab, d, "show", one["id"])
    hosts = whole.pop("hosts")
    assert {k: v for k, v in one.items() if k != "host"}.items() <= whole.items()
    assert {"name": "pop.faulty.example", "how": "received", "copies": 8} in hosts, hosts
    assert whole["quiet"] > 0 and whole["remember"] == 45 * 86400.0
    text = said(lab, d, "show", one["id"])
    assert text.startswith(f"storm {one['id']}\n  rule           replication\n  state          open, closes "), text
    assert re.search(r"^ +8  received +pop\.faulty\.example$", text, re.M), text
    n = next(n for n in range(1, 17) if rows[0]["id"][:n] != rows[1]["id"][:n])
    assert said(lab, d, "show", one["id"][:n].upper()) == text, "the first digits do"
    log = d.log()
    assert f"storm opened id={one['id']} " in log, "the same id in the log"


def test_show_tells_shadow(lab):
    """Copies that nobody stops, of a storm that is told of: that its rule is in shadow mode is why."""
    d = daemon(lab).start()
    copies(d, b"<first@x>", 5)
    one, = objects(lab, d, "storms")
    assert objects(lab, d, "show", one["id"])[0]["mode"] == "enforce" and "\n  mode " not in said(lab, d, "show", one["id"])
    d.configure(server=f"mode = shadow\ncontrol = unix:{d.control}", rules=RULES)
    assert d.reload()
    assert objects(lab, d, "show", one["id"])[0]["mode"] == "shadow"
    assert "\n  mode           shadow: the rule stops nothing\n" in said(lab, d, "show", one["id"])


def test_when_it_closes(lab):
    """What a rule blocks it blocks for that long, however quiet it is; and cooling storms are told of in both places."""
    d = daemon(lab, rules="[rule trap]\ndetect = trap\naddresses = trap@\nblock = 6h\nquiet = 1s\n").start()
    ask_policy(d.dial(), protocol_state="DATA", recipient="trap@example.org", recipient_count="1")
    one, = objects(lab, d, "storms")
    shown = objects(lab, d, "show", one["id"])[0]
    assert abs(shown["closes"] - shown["last"] - 6 * 3600) < 60, shown
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(shown["closes"]))
    assert f", closes {at} if nothing comes\n" in said(lab, d, "show", one["id"])
    wait_for("a second without it", lambda: re.search(r"^  storms +0 open, 1 cooling, 0 rem", said(lab, d, "status"), re.M))
    assert said(lab, d, "storms").splitlines()[1].split()[1] == "cooling"


def test_hostile_text(lab):
    d = daemon(lab).start()
    copies(d, b"<\xff\xfe\"\\@x>", 3, subject=b"\x1b]0;gotcha\x07\x1b[2J \xc2\x9b31m \xe2\x80\xaegpj \xc3\xa9\xed\xa0\x80")
    row, = objects(lab, d, "storms")
    for text in (said(lab, d, "storms"), said(lab, d, "show", row["id"])):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text), text
    assert "é" in text and "\\x1b[2J" in text and "\\u202e" in text, text
    s = d.dial(d.control)
    raw = ask(s, b"storms")
    assert raw == [row]
    s.sendall(b"storms\n")
    data = s.recv(65536)
    assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", data), "one line, whatever is in it"


def test_thousands_of_storms(lab):
    d = daemon(lab).start()
    n = 2000
    many_storms(d, n)
    rows = objects(lab, d, "storms")
    assert len(rows) == n and len({r["id"] for r in rows}) == n
    assert [r["message_id"] for r in rows] == [f"<{i}@sender.example>" for i in reversed(range(n))]
    assert len(said(lab, d, "storms").splitlines()) == n + 1
    code, _, err = ctl(lab, "-c", d.conf, "show", rows[0]["id"][:1])
    assert code == 65 and "storms have an id that begins with" in err, (code, err)
    # Somebody who asks and does not read holds up nobody, and is closed.
    d.stop()
    d.configure(server=f"mode = enforce\ncontrol = unix:{d.control}\nrequest_timeout = 1s",
                store=f"path = {lab.path('db/other.db')}", rules=RULES)
    d.start()
    many_storms(d, n)
    deaf = d.dial(d.control)
    deaf.sendall(b"storms\n" * 3)
    begin = time.monotonic()
    for _ in range(50):
        dunno(d.dial())
    assert time.monotonic() - begin < 5
    d.logged("closed door=control peer=unix:%d reason=stuck" % os.getpid())
    assert d.log().count("reason=stuck") == 1
    assert len(objects(lab, d, "storms")) == n


# --- who may ask ---------------------------------------------------------------------------------------------------

def test_who_may_ask(lab):
    if os.geteuid() != 0:
        raise Skip("not root")
    nobody = pwd.getpwnam("nobody")
    d = daemon(lab, server="user = nobody").start()
    at = os.stat(d.control)
    assert stat.S_IMODE(at.st_mode) == 0o660 and (at.st_uid, at.st_gid) == (nobody.pw_uid, nobody.pw_gid)
    assert stat.S_IMODE(os.stat(d.policy).st_mode) == 0o666, "the doors are as configured"
    args = ("status", "--socket", d.control)
    group, stranger = nobody.pw_gid, 54321
    for user in (None, (nobody.pw_uid, stranger, []), (stranger, group, []), (stranger, stranger, [1, group])):
        code, out, err = ctl(lab, *args, user=user)
        assert code == 0 and out.startswith("policyd-storm "), (user, code, err)
    outsider = (stranger, stranger, [])
    code, out, err = ctl(lab, *args, user=outsider)
    assert (code, out) == (77, "") and err.startswith(f"stormctl: not permitted to use {d.control}: root, "), (code, err)
    assert "refused" not in d.log(), "the system kept him out"
    os.chmod(d.control, 0o666)
    code, out, err = ctl(lab, *args, user=outsider)
    assert (code, out, err) == (77, "", "stormctl: not permitted\n"), (code, err)
    assert d.log().count("refused door=control peer=unix:") == 1 and "reason=not-permitted" in d.log()
    code, out, _ = ctl(lab, *args, user=(stranger, stranger, [group]))
    assert code == 0, "members may, whatever the mode"
    d.configure(server=f"user = nobody\ncontrol = unix:{d.control}", rules=RULES)
    assert d.reload()
    assert stat.S_IMODE(os.stat(d.control).st_mode) == 0o660, "a reload puts the mode right"


def test_an_outsider_is_told_at_once(lab):
    if os.geteuid() != 0:
        raise Skip("not root")
    d = daemon(lab).start()
    os.chmod(d.control, 0o666)
    os.chmod(lab.path("run"), 0o755)
    read, write = os.pipe()
    child = os.fork()
    if child == 0: # says nothing, and is told all the same
        os.setgroups([])
        os.setresgid(54321, 54321, 54321)
        os.setresuid(54321, 54321, 54321)
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(5)
        try:
            s.connect(d.control)
            os.write(write, hung_up(s))
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as f:
        got = f.read()
    os.waitpid(child, 0)
    assert got == b'{"error":"not-permitted","what":"not permitted"}\n\n', got


def test_full_doors_leave_the_operator_in(lab):
    d = daemon(lab, server="max_connections = 2").start()
    held = [d.dial(), d.dial()]
    for s in held:
        dunno(s)
    waits = d.dial()
    wait_for("the doors to be full", lambda: "all 2 connections are in use" in d.log())
    one, = objects(lab, d, "status")
    assert one["connections"] == 3 and one["max_connections"] == 2
    waits.settimeout(0.3)
    try:
        dunno(waits)
        raise AssertionError("the doors were not full")
    except TimeoutError:
        pass
    held[0].close()
    held[1].close()
    waits.settimeout(10)
    assert waits.recv(100) == b"action=DUNNO\n\n"


def test_bounds_that_were_met_are_counted(lab):
    """The operator is a connection too: one that stays, for when it is seen that another has gone nobody tells."""
    d = daemon(lab, server="max_connections = 4").start()
    operator, held = d.dial(d.control), [d.dial(), d.dial()]
    for s in held:
        dunno(s)
    one, = ask(operator, b"status")
    assert (one["full"], one["broken"]) == (0, 0), one
    held.append(d.dial())
    dunno(held[2])
    wait_for("the doors to be full", lambda: "all 4 connections are in use" in d.log())
    one, = ask(operator, b"status")
    assert one["full"] == 1, one
    line = b"x=" + b"y" * ((1 << 20) - 2) + b"\n"
    held[0].sendall(b"request=smtpd_access_policy\n" + line + b"\n")
    assert held[0].recv(100) == b"action=DUNNO\n\n", "a line of the largest size"
    one, = objects(lab, d, "status")
    assert one["broken"] == 0, one
    try:
        held[0].sendall(b"request=smtpd_access_policy\n" + b"x" + line + b"\n")
        held[0].recv(100)
    except OSError:
        pass  # it was closed before all was sent
    held[1].sendall(b"sender=a@example.org\n\n")
    assert held[1].recv(100) == b"action=DUNNO\n\n", "no request, but it ends as one"
    one, = objects(lab, d, "status")
    assert one["broken"] == 2, one


def test_sixteen_operators(lab):
    d = daemon(lab).start()
    here = [d.dial(d.control) for _ in range(16)]
    assert "command" in ask(here[15], b"help")[0], "sixteen are let in"
    code, _, err = ctl(lab, "-c", d.conf, "status")
    assert (code, err) == (69, "stormctl: too many ask at once\n"), (code, err)
    here[0].close()
    wait_for("room", lambda: ctl(lab, "-c", d.conf, "status")[0] == 0)


# --- peers that behave badly -----------------------------------------------------------------------------------------

def test_hostile_peers(lab):
    d = daemon(lab, server="request_timeout = 1s").start(args=("-d",))  # in the log what has been there just now too
    good = d.dial(d.control)
    for data, close, reason in ((b"x" * 1025, False, "broken"), (b"x" * 1000000, False, "broken"),
                                (b"stat\0us\n", False, "broken"), (b"a b c d e f g h i\n", False, "broken"),
                                (b"status", True, "cut"), (b"stat", False, "slow")):
        before = len(d.log())
        s = d.dial(d.control)
        try:
            s.sendall(data)
            if close:
                s.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert hung_up(s) == b"", data[:20]
        d.logged(f"closed door=control peer=unix:{os.getpid()} reason={reason}")
        lines = [line for line in d.log()[before:].splitlines() if "door=control" in line]
        assert len(lines) == 1, lines
    assert ask(good, b"x" * 1024)[0]["error"] == "unknown-command"
    assert ask(good, b"status\r")[0]["pid"] == d.proc.pid
    s = d.dial(d.control)
    s.shutdown(socket.SHUT_WR)
    assert hung_up(s) == b""
    d.stop()


# --- stormctl -----------------------------------------------------------------------------------------------------

def test_exit_status(lab):
    d = daemon(lab)
    code, out, err = ctl(lab, "-c", d.conf, "status")
    assert (code, out) == (69, "") and err.count("\n") == 1 and "the daemon does not run" in err, (code, err)
    d.start()
    for args, want, text in (
            (("status", "more"), 64, "usage: stormctl"), (("status", "--all"), 64, "usage: stormctl"),
            (("status", "--no"), 64, "usage: stormctl"), (("show",), 64, "usage: stormctl"),
            (("show", "xyz"), 64, "hexadecimal"), (("show", ""), 64, "hexadecimal"),
            (("show", "12345678901234567"), 64, "hexadecimal"), (("show", "1\nstatus"), 64, "hexadecimal"),
            (("show", "1"), 65, "stormctl: no storm 1\n"), (("show", "1", "2"), 64, "usage"),
            (("storms", "--socket", "relative"), 64, "relative: a unix socket wants an absolute path"),
            (("storms", "--socket", "/" + "x" * 400), 64, "of at most 107 bytes"),
            (("storms", "--socket", lab.path("nothing")), 69, "the daemon does not run")):
        code, out, err = ctl(lab, "-c", d.conf, *args)
        assert code == want and text in err and out == "", (args, code, out, err)
    assert ctl(lab, "status", "--socket", d.control)[0] == ctl(lab, "status", "--socket", f"unix:{d.control}")[0] == 0
    with open("/dev/full", "wb") as full:
        code, _, err = ctl(lab, "-c", d.conf, "status", stdout=full)
        assert code == 74 and "No space left" in err, (code, err)
    code, _, err = ctl(lab, "-c", lab.path("none.conf"), "status")
    assert code == 78 and "No such file" in err, (code, err)
    d.stop()
    assert not os.path.exists(d.control)
    assert ctl(lab, "-c", d.conf, "status")[0] == 69
    d.configure(rules=RULES)
    code, _, err = ctl(lab, "-c", d.conf, "status")
    assert code == 78 and "[server] control names no socket" in err, (code, err)


def test_a_faulty_file_hides_no_daemon(lab):
    d = daemon(lab).start()
    with open(d.conf, "a", encoding="utf-8") as f:
        f.write("no such key = 1\n[nonsense\n")
    assert said(lab, d, "status").startswith("policyd-storm ")


def test_control_comes_and_goes_by_reload(lab):
    d = daemon(lab).start()
    old, new = d.control, lab.path("run/other.sock")
    s = d.dial(old)
    assert ask(s, b"status"), "taken, not only in the kernel's queue"
    d.configure(server=f"control = unix:{new}", rules=RULES)
    assert d.reload() and not os.path.exists(old) and stat.S_IMODE(os.stat(new).st_mode) == 0o660
    assert ask(s, b"status") and said(lab, d, "status"), "who is connected stays"
    d.configure(rules=RULES)
    assert d.reload() and not os.path.exists(new)
    d.configure(server="control = inet:127.0.0.1:10042", rules=RULES)
    assert not d.reload(), "only a unix socket"
    code, _, err = lab.run("-t", "-c", d.conf)
    assert code == 78 and "only a unix socket tells who asks" in err, err


def test_what_is_no_daemon(lab):
    """stormctl takes nothing on trust from whoever sits on the socket."""
    path = lab.path("rogue.sock")
    door = socket.socket(socket.AF_UNIX)
    lab.sockets.append(door)
    door.bind(path)
    door.listen(1)
    for answer, code in ((b"", 69), (b"\n", 0), (b"{}\n", 69), (b"{\n\n", 69), (b"\0\0\n\n", 69), (b"[1]\n\n", 0),
                         (b'{"error":"new-kind"}\n\n', 69), (b'{"error":1}\n\n', 0), (b"x" * 3000000, 69),
                         (b'{"rules":{"a":1},"storms":"","journal":[],"uptime":1e300,"started":"x"}\n\n', 0)):
        def serve(answer=answer):
            s, _ = door.accept()
            with s:
                s.recv(100)
                try:
                    s.sendall(answer)
                except (BrokenPipeError, ConnectionResetError):
                    pass
        t = threading.Thread(target=serve)
        t.start()
        got, out, err = ctl(lab, "status", "--socket", path)
        t.join()
        assert got == code and (code == 0 or err.startswith("stormctl: ")), (answer[:40], got, out, err)


def test_operator_during_a_drain(lab):
    d = daemon(lab, server="drain = 5s").start()
    s = d.dial(d.control)
    assert ask(s, b"status")
    busy = d.dial()
    busy.sendall(b"request=smtpd_access_policy\n")
    wait_for("the daemon to read", lambda: ask(s, b"status")[0]["connections"] == 2)
    d.proc.send_signal(signal.SIGTERM)
    assert hung_up(s) == b"", "an operator who asks nothing is not waited for"
    busy.sendall(b"\n")
    assert hung_up(busy) == b"action=DUNNO\n\n"
    assert d.ended() == 0
