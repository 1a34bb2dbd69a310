# SPDX-License-Identifier: ISC
"""The life of the process: start, checks of the configuration, reload, stop, privileges, the service manager."""
import contextlib
import os
import pwd
import resource
import signal
import socket
import sqlite3
import stat
import subprocess
import time

from harness import Milter, Skip, answer, dunno, free_port, hung_up, quiet, request, wait_for

RULE = "[rule replication]\ndetect = replication\nlimit = 3\n"


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def test_check_of_the_configuration(lab):
    d = lab.daemon(rules=RULE)
    code, out, _ = lab.run("-c", d.conf, "-t")
    assert code == 0 and out == "", (code, out)
    code, _, _ = lab.run("--config", d.conf, "--test")
    assert code == 0
    write(d.conf, "[server]\nmode = sometimes\n\nnonsense = 1\n[mail]\ntrusted = 300.1.1.1/8\n")
    code, out, err = lab.run("-t", "-c", d.conf)
    assert code == 78, code
    lines = err.splitlines()
    assert [line.split(": ")[0] for line in lines] == [f"{d.conf}:{n}" for n in (2, 4, 6)], err
    assert all(len(line.split(": ", 1)[1]) > 5 for line in lines)
    code, _, same = lab.run("-c", d.conf)
    assert code == 78 and same == err, "a start says the same"
    d.configure(rules="[rule x]\ndetect = replication\nlimit = many\n")
    code, _, err = lab.run("-t", "-c", d.conf)
    assert code == 78 and err.startswith(f"{lab.path('storm.rules')}:3: "), err
    code, _, err = lab.run("-t", "-c", lab.path("missing.conf"))
    assert code == 78 and "missing.conf" in err, err


def test_documented_defaults_may_be_written(lab):
    """What "stormctl config" shows, and the manual with it, is taken as it stands."""
    def rows(what):
        p = subprocess.run([lab.binary("stormctl"), "config", what], env=lab.env, capture_output=True, text=True, check=True)
        return [line.split("\t") for line in p.stdout.splitlines()]

    d = lab.daemon()
    names = ("action", "scope", "limit", "window", "remember", "block", "brake", "count_by")
    general = [(n, v) for section, n, _, v, *_ in rows("--keys") if section == "rule" and v not in ("", "-")]
    rules = []
    for detector, *values in rows("--detectors"):
        given = [(n, v) for n, v in zip(names, values) if v != "-"]
        rules.append(f"[rule {detector}]\ndetect = {detector}\n" + "".join(f"{n} = {v}\n" for n, v in given))
    d.configure(rules="".join(rules))
    assert lab.run("-t", "-c", d.conf)[0] == 0, lab.run("-t", "-c", d.conf)[2]
    for name, value in general:
        d.configure(rules="".join(f"{r}{name} = {value}\n" for r in rules))
        code, _, err = lab.run("-t", "-c", d.conf)
        faults = [line for line in err.splitlines() if not line.startswith("note: ")]
        assert (code, faults) == (0, []) or all("does not use it" in line for line in faults), (name, err)


def test_check_opens_nothing(lab):
    d = lab.daemon()
    code, _, _ = lab.run("-t", "-c", d.conf)
    assert code == 0
    assert not os.path.exists(lab.path("run")) and not os.path.exists(lab.path("db"))


def test_command_line(lab):
    code, out, err = lab.run("-V")
    assert code == 0 and out.startswith("policyd-storm ") and err == ""
    assert lab.run("--version")[1] == out
    code, out, err = lab.run("-h")
    assert code == 0 and "usage:" in out and err == ""
    for args in (["-x"], ["extra"], ["-c"], ["--unknown"]):
        code, out, err = lab.run(*args)
        assert code == 64 and "usage:" in err and out == "", args
    for flag in ("-h", "-V"):
        with open("/dev/full", "wb") as full:
            for how in ({"stdout": full}, {"preexec_fn": lambda: os.close(1)}):
                p = subprocess.run([lab.binary("policyd-storm"), flag], env=lab.env, stderr=subprocess.PIPE,
                                   timeout=30, check=False, **how)
                assert p.returncode == 74 and b"standard output: " in p.stderr, (flag, how, p)


def test_a_fifo_holds_nobody_up(lab):
    """Not the daemon that reads its files anew, nor any command: as a file it would be waited for."""
    d = lab.daemon(mail=f"lists = {lab.path('lists')}", rules=RULE)
    write(lab.path("lists"), "")
    d.start()
    for name in ("lists", "storm.rules", "storm.conf"):
        path, kept = lab.path(name), lab.path("kept")
        os.rename(path, kept)
        os.mkfifo(path)
        assert not d.reload(), d.log()
        dunno(d.dial())
        assert "cannot read" in d.log() and "not a regular file" in d.log()
        code, _, err = lab.run("-t", "-c", d.conf)
        assert code == 78 and path in err and "not a regular file" in err, err
        os.rename(kept, path)
        assert d.reload(), d.log()
    d.stop()
    os.unlink(lab.path("db/storm.db"))
    os.mkfifo(lab.path("db/storm.db"))
    d.start(ready=False)
    assert d.ended() == 73 and "storm.db: not a regular file" in d.log(), d.log()


def test_second_instance_is_refused(lab):
    first = lab.daemon().start()
    second = lab.daemon("second")
    second.configure(store=f"path = {lab.path('db2/storm.db')}")
    second.start(ready=False)
    assert second.ended() == 69
    assert f"another policyd-storm is running on {first.policy}" in second.log(), second.log()
    dunno(first.dial())
    assert os.path.exists(first.policy) and os.path.exists(first.milter)


def test_port_in_use(lab):
    port = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen(1)
        d = lab.daemon(policy=f"inet:127.0.0.1:{port}").start(ready=False)
        assert d.ended() == 69
        assert f"cannot listen on inet:127.0.0.1:{port}: Address already in use" in d.log(), d.log()
    assert not os.path.exists(d.milter), "what was opened before is gone"


def test_store_cannot_be_opened(lab):
    d = lab.daemon(store=f"path = {lab.path('no/such/folder/storm.db')}").start(ready=False)
    assert d.ended() == 73
    assert len(d.log().strip().splitlines()) >= 1 and "no/such" in d.log(), d.log()
    os.mkdir(lab.path("adir"))
    d = lab.daemon("two", store=f"path = {lab.path('adir')}").start(ready=False)
    assert d.ended() == 73
    assert not os.path.exists(d.policy)


def test_a_file_in_the_place_of_a_socket(lab):
    os.mkdir(lab.path("run"))
    write(lab.path("run/policy.sock"), "mine")
    d = lab.daemon().start(ready=False)
    assert d.ended() == 69 and "is not a socket" in d.log()
    assert os.path.exists(lab.path("run/policy.sock"))


def test_restart_after_kill(lab):
    d = lab.daemon().start()
    s = d.dial()
    dunno(s)
    d.proc.kill()
    d.proc.wait()
    assert os.path.exists(d.policy), "a killed process leaves its socket"
    d.start()
    dunno(d.dial())
    Milter(d.dial(d.milter))


def test_service_manager(lab):
    d = lab.daemon().start(ready=False)
    assert d.told().startswith("READY=1\n")
    d.proc.send_signal(signal.SIGHUP)
    got = d.told()
    assert got.startswith("RELOADING=1\nMONOTONIC_USEC="), got
    usec = int(got.split("MONOTONIC_USEC=")[1].split()[0])
    assert 0 <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000 - usec < 5_000_000
    assert d.told() == "READY=1\n"
    write(d.conf, "[server]\nnonsense\n")
    d.proc.send_signal(signal.SIGHUP)
    assert d.told().startswith("RELOADING=1\n")
    assert d.told() == "READY=1\n", "a refused reload ends too"
    d.proc.send_signal(signal.SIGTERM)
    assert d.told().startswith("STOPPING=1\n")
    assert d.ended() == 0


def test_service_manager_abstract_socket(lab):
    name = f"storm-sys-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind("\0" + name)
        s.settimeout(10)
        d = lab.daemon().start(ready=False, env={"NOTIFY_SOCKET": "@" + name, "WATCHDOG_USEC": "4000000"})
        assert s.recv(1000).startswith(b"READY=1\n")
        assert s.recv(1000) == b"WATCHDOG=1\n"
        d.proc.send_signal(signal.SIGTERM)
        while not s.recv(1000).startswith(b"STOPPING=1\n"):
            pass
        assert d.ended() == 0


def test_without_service_manager(lab):
    d = lab.daemon().start(ready=False, notify=False)
    with socket.socket(socket.AF_UNIX) as s: # it has a name before anybody listens there
        wait_for("the socket", lambda: s.connect_ex(d.policy) == 0)
    dunno(d.dial())
    d.proc.send_signal(signal.SIGINT)
    assert d.ended() == 0


def test_without_standard_streams(lab):
    d = lab.daemon().start(preexec=lambda: [os.close(fd) for fd in (0, 1, 2)])
    assert os.readlink(f"/proc/{d.proc.pid}/fd/2") == "/dev/null"
    dunno(d.dial())
    d.stop()


def test_reload(lab):
    d = lab.daemon(rules=RULE).start()
    over, second = d.dial(), lab.path("run/second.sock")
    inode = os.stat(d.policy).st_ino
    dunno(over)
    d.configure(policy=f"unix:{d.policy}, unix:{second}", milter="", rules=RULE + RULE.replace("replication]", "more]"))
    assert d.reload()
    assert "rules=2" in d.log().splitlines()[-1], d.log()
    dunno(over)
    dunno(d.dial(second))
    assert os.stat(d.policy).st_ino == inode, "a listener that stays is not opened anew"
    assert not os.path.exists(d.milter), "a door that is gone is closed"
    d.configure(rules=RULE)
    assert d.reload()
    assert not os.path.exists(second)
    Milter(d.dial(d.milter))
    dunno(over)


def test_who_waits_at_a_listener_that_is_closed(lab):
    d = lab.daemon().start()
    other = lab.path("run/other.sock")
    for i in range(20):
        now, later = (d.policy, other) if i % 2 == 0 else (other, d.policy)
        d.configure(policy=f"unix:{later}")
        d.proc.send_signal(signal.SIGSTOP)
        waiting = [d.dial(now) for _ in range(20)]
        d.proc.send_signal(signal.SIGHUP)
        d.proc.send_signal(signal.SIGCONT)
        for s in waiting:
            dunno(s)
            s.close()
        wait_for("the reload", lambda n=i: d.log().count("reloaded config=") > n)
    d.proc.send_signal(signal.SIGSTOP)
    last = [d.dial(d.policy) for _ in range(300)]  # more than are let in at a time
    for s in last:
        s.sendall(request())
    d.proc.send_signal(signal.SIGTERM)
    d.proc.send_signal(signal.SIGCONT)
    for s in last:
        assert answer(s) == b"action=DUNNO\n\n"
    assert d.ended() == 0


def test_reload_makes_a_removed_socket_again(lab):
    control = lab.path("run/control.sock")
    d = lab.daemon(server=f"control = unix:{control}").start()
    over = d.dial()
    dunno(over)
    fds = d.fds()
    for path in (d.policy, d.milter, control):
        os.unlink(path)
    assert d.reload()
    dunno(d.dial())
    Milter(d.dial(d.milter))
    d.dial(control)
    assert stat.S_IMODE(os.stat(control).st_mode) == 0o660 and stat.S_IMODE(os.stat(d.policy).st_mode) == 0o666
    dunno(over)
    wait_for("no descriptor is left over", lambda: d.fds() <= fds + 3)
    # What somebody else put in its place is left alone, and all else is read.
    os.unlink(d.milter)
    with open(d.milter, "w", encoding="utf-8"):
        os.chmod(d.milter, 0o600)
    d.configure(server=f"control = unix:{control}", rules=RULE)
    assert d.reload()
    assert "rules=1" in d.log().splitlines()[-1], d.log()
    assert f"the file of unix:{d.milter} is gone, and cannot be made again: " in d.log(), d.log()
    assert stat.S_IMODE(os.stat(d.milter).st_mode) == 0o600
    dunno(d.dial())
    os.unlink(d.milter)
    assert d.reload()
    Milter(d.dial(d.milter))
    d.stop()
    assert not os.path.exists(d.milter) and not os.path.exists(d.policy)


def test_reload_of_a_milter_session(lab):
    """What a session refers to may be replaced while it is in the middle of a header."""
    d = lab.daemon(rules=RULE, mail="gateway_markers = mspop3connector. other.").start()
    m = Milter(d.dial(d.milter))
    m.connect()
    m.envelope()
    m.header(b"To", b"mspop3connector.b@example.org")
    d.configure(rules=RULE, mail="gateway_markers = something-else.")
    assert d.reload()
    assert d.reload()
    got = m.content([(b"Cc", b"something-else.c@example.org"), (b"From", b"a@sender.example")])
    assert got[-1][0] == "c"


def test_reload_refused(lab):
    d = lab.daemon(rules=RULE).start()
    s = d.dial()
    d.configure(rules="[rule x]\ndetect = nothing\n")
    assert not d.reload()
    assert f"file={lab.path('storm.rules')} line=2" in d.log(), d.log()
    dunno(s)
    d.configure(server="unheard_of = 1", rules=RULE)
    assert not d.reload()
    dunno(s)
    d.configure(policy=f"unix:{d.policy}, inet:192.0.2.1:10040", rules=RULE)
    assert not d.reload()
    dunno(s)
    dunno(d.dial())
    os.rename(d.conf, d.conf + ".away")
    assert not d.reload()
    dunno(s)
    os.rename(d.conf + ".away", d.conf)
    d.configure(rules=RULE)
    assert d.reload()
    dunno(s)


def test_folder_of_an_absent_mta(lab):
    """A door with a socket in the spool of an MTA that is not installed serves the other one; a reload looks again."""
    d, there = lab.daemon(), lab.path("spool")
    d.configure(policy=f"unix:{d.policy}, unix:{there}/storm/x.sock", rules=RULE)
    d.start()
    d.logged(f"not listening door=policy on=unix:{there}/storm/x.sock")
    dunno(d.dial())
    assert d.reload() and not os.path.exists(there)
    os.mkdir(there)
    assert d.reload()
    assert stat.S_ISSOCK(os.stat(f"{there}/storm/x.sock").st_mode)
    dunno(d.dial())


def test_reload_says_what_needs_a_restart(lab):
    d = lab.daemon().start()
    d.configure(store=f"path = {lab.path('db/other.db')}\nretention = 7d")
    assert d.reload()
    d.logged("[store] retention takes effect at the next start")
    assert not os.path.exists(lab.path("db/other.db"))
    # Compared with what it was started with, however often it is told.
    before = len(d.log())
    assert d.reload()
    assert "[store] path takes" in d.log()[before:] and "[store] retention takes" in d.log()[before:], d.log()
    d.configure()
    before = len(d.log())
    assert d.reload()
    assert "takes effect at the next start" not in d.log()[before:], d.log()


def test_many_reloads_under_load(lab):
    d = lab.daemon(rules=RULE).start()
    s = d.dial()
    for i in range(10):
        s.sendall(request(instance=f"{i}.1") * 30)
        d.proc.send_signal(signal.SIGHUP)
        for _ in range(30):
            assert answer(s) == b"action=DUNNO\n\n"
    wait_for("a reload", lambda: "reloaded config=" in d.log())
    d.stop()


def test_stop_drains(lab):
    d = lab.daemon(server="drain = 8s").start()
    begun, idle, message, waiting = d.dial(), d.dial(), Milter(d.dial(d.milter)), Milter(d.dial(d.milter))
    dunno(idle)
    message.connect()
    message.envelope()
    waiting.connect()
    half = request()
    begun.sendall(half[:50])
    time.sleep(0.2)
    d.proc.send_signal(signal.SIGTERM)
    assert hung_up(idle, 3) == b""
    assert hung_up(waiting.sock, 3) == b""
    assert not os.path.exists(d.policy), "nobody new comes in"
    begun.sendall(half[50:])
    assert answer(begun) == b"action=DUNNO\n\n"
    assert hung_up(begun, 3) == b""
    got = message.content([(b"From", b"a@sender.example"), (b"Message-ID", b"<1@sender.example>")])
    assert got[-1][0] == "c"
    assert hung_up(message.sock, 3) == b""
    begin = time.monotonic()
    assert d.ended() == 0
    assert time.monotonic() - begin < 4, "it waited although nothing was under way"
    assert "stopping signal=15" in d.log() and "info: stopped" in d.log()


def test_stop_answers_what_has_arrived(lab):
    d = lab.daemon().start()
    s = d.dial()
    dunno(s)
    d.proc.send_signal(signal.SIGSTOP)
    s.sendall(request() * 3)
    d.proc.send_signal(signal.SIGTERM)
    d.proc.send_signal(signal.SIGCONT)
    assert hung_up(s) == b"action=DUNNO\n\n" * 3
    assert d.ended() == 0


def test_stop_does_not_wait_for_ever(lab):
    d = lab.daemon(server="drain = 1s").start()
    s = d.dial()
    s.sendall(request()[:30])
    time.sleep(0.1)
    begin = time.monotonic()
    d.stop()
    assert 0.5 < time.monotonic() - begin < 5
    assert hung_up(s) == b""


def test_second_signal_ends_at_once(lab):
    d = lab.daemon(server="drain = 60s").start()
    s = d.dial()
    s.sendall(request()[:30])
    time.sleep(0.1)
    d.proc.send_signal(signal.SIGTERM)
    d.logged("stopping signal=15")
    begin = time.monotonic()
    d.stop()
    assert time.monotonic() - begin < 4


def test_signals_while_the_journal_is_closed(lab):
    """A reload has nothing to reload any more; who does not want to wait for the database need not."""
    for last in (None, signal.SIGTERM, signal.SIGINT):
        d = lab.daemon().start()
        dunno(d.dial(), protocol_state="DATA", recipient_count="1", instance=f"{last}.1")
        with contextlib.closing(sqlite3.connect(lab.path("db/storm.db"), isolation_level=None)) as db:
            db.execute("BEGIN EXCLUSIVE")
            dunno(d.dial(), protocol_state="DATA", recipient_count="1", instance=f"{last}.2")
            time.sleep(0.3)
            before = d.log().count("stopping signal=15")
            d.proc.send_signal(signal.SIGTERM)
            wait_for("the stop", lambda n=before: d.log().count("stopping signal=15") > n)
            time.sleep(0.3)
            d.proc.send_signal(signal.SIGHUP)
            time.sleep(0.3)
            assert d.proc.poll() is None, "it waits for the database"
            if last:
                d.proc.send_signal(last)
                assert d.ended(3) == 0
        assert d.ended() == 0
    assert d.log().count("info: stopped") == 1


def test_becomes_the_user(lab):
    if os.geteuid() != 0:
        raise Skip("not root")
    nobody = pwd.getpwnam("nobody")
    os.mkdir(lab.path("old"), 0o755)
    d = lab.daemon(server="user = nobody", policy=f"unix:{lab.path('run/policy.sock')}, unix:{lab.path('old/p.sock')}")
    d.start(preexec=lambda: os.setgroups([0, 1, 2]))
    assert d.status("Uid") == [str(nobody.pw_uid)] * 4
    assert d.status("Gid") == [str(nobody.pw_gid)] * 4
    assert set(d.status("Groups")) <= {str(g) for g in os.getgrouplist("nobody", nobody.pw_gid)}
    assert int(d.status("CapEff")[0], 16) == 0
    for name in ("run", "run/policy.sock", "run/milter.sock", "old/p.sock", "db", "db/storm.db"):
        assert os.stat(lab.path(name)).st_uid == nobody.pw_uid, name
    assert os.stat(lab.path("old")).st_uid == 0, "a folder that was there keeps its owner"
    assert stat.S_IMODE(os.stat(lab.path("db")).st_mode) & 0o007 == 0, "addresses are nobody else's business"
    assert stat.S_IMODE(os.stat(lab.path("db/storm.db")).st_mode) & 0o007 == 0
    dunno(d.dial())
    assert d.reload()
    d.stop()
    assert not os.path.exists(d.policy)
    d.start()  # replaces the socket that it could not remove
    dunno(d.dial(lab.path("old/p.sock")))


def test_what_the_user_may_not_do_is_told_with_his_name(lab):
    """Root started it, and reads that permission is denied."""
    if os.geteuid() != 0:
        raise Skip("not root")
    os.chmod(lab.dir, 0o755)
    os.mkdir(lab.path("roots"), 0o755)
    d = lab.daemon(server="user = nobody", store=f"path = {lab.path('roots/storm.db')}")
    code, _, err = lab.run("-c", d.conf)
    assert code == 73 and err.endswith(f"cannot make {lab.path('roots/storm.db.spool')}: Permission denied to user nobody\n"), err


def test_check_as_root_tells_what_the_user_cannot_read(lab):
    """A new file that root wrote with a umask of 077: the start is as root, the reload is not."""
    if os.geteuid() != 0:
        raise Skip("not root")
    d = lab.daemon(server="user = nobody", rules=RULE, mail="lists = folk")
    lab.put("folk", "all@example.org boss@example.org\n")
    code, _, fine = lab.run("-t", "-c", d.conf)
    assert code == 0 and "note: " not in fine, fine
    d.start()
    for name, why in (("folk", f"lists: cannot read {lab.path('folk')}: "), ("storm.rules", "rules: cannot read "),
                      ("storm.conf", "cannot read: ")):
        os.chmod(lab.path(name), 0o600)
        code, _, err = lab.run("-t", "-c", d.conf)
        assert code == 0, (name, code, err)
        note, told = err.splitlines()
        assert note.startswith(f"note: {d.conf}:") and why in note and note.endswith("Permission denied"), (name, err)
        assert told == "note: user nobody has to read that, or a reload is refused", (name, err)
        assert not d.reload(), name
        os.chmod(lab.path(name), 0o644)
    assert d.reload()


def test_reload_knows_a_user_that_does_not_exist(lab):
    """He takes effect at the next start, which would end there; whoever is there is taken, and told of."""
    if os.geteuid() != 0:
        raise Skip("not root")
    os.chmod(lab.dir, 0o755)
    d = lab.daemon(server="user = nobody").start()
    d.configure(server="user = no-such-user-here")
    assert not d.reload() and "there is no user" in d.log(), d.log()
    d.configure(server="user = daemon")
    assert d.reload() and "[server] user takes effect at the next start" in d.log(), d.log()
    d.configure(server="user =")
    assert d.reload()


def test_user_that_does_not_exist(lab):
    if os.geteuid() != 0:
        raise Skip("not root")
    d = lab.daemon(server="user = no-such-user-here")
    code, _, err = lab.run("-t", "-c", d.conf)
    assert code == 78 and "no-such-user-here" in err, err
    with open(d.conf, encoding="utf-8") as f:
        line = [n for n, text in enumerate(f, 1) if text.startswith("user")][0]
    assert err.startswith(f"{d.conf}:{line}: "), err
    assert lab.run("-c", d.conf)[0] == 78


def test_descriptors_are_raised(lab):
    def low():
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 4096 if resource.getrlimit(resource.RLIMIT_NOFILE)[1] >= 4096
                                                    else resource.getrlimit(resource.RLIMIT_NOFILE)[1]))

    d = lab.daemon(server="max_connections = 500").start(preexec=low)
    socks = [d.dial() for _ in range(100)]
    for s in socks:
        dunno(s)
    assert all(quiet(s, 0) for s in socks)
