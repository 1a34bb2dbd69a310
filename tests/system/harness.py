# SPDX-License-Identifier: ISC
"""A folder of its own, daemons in it, and clients for the policy and the milter door."""
import contextlib
import os
import select
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import milter_client  # noqa: E402
from milter_client import packet  # noqa: E402, F401
from ports import free_ports  # noqa: E402

WAIT = 10  # seconds for anything that has to happen


class Skip(Exception):
    """The machine cannot do what the test needs."""


def wait_for(what, fn, seconds=WAIT):
    end = time.monotonic() + seconds
    while True:
        got = fn()
        if got:
            return got
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds}s for: {what}")
        time.sleep(0.02)


def free_port(family=socket.AF_INET, host="127.0.0.1"):
    return free_ports(1, family, host)[0]


def have_ipv6():
    try:
        free_port(socket.AF_INET6, "::1")
        return True
    except OSError:
        return False


class Daemon:
    """One process of policyd-storm with a configuration file of its own."""

    def __init__(self, lab, name):
        self.lab, self.name, self.proc = lab, name, None
        self.conf = lab.path(f"{name}.conf")
        self.log_path = lab.path(f"{name}.log")
        self.policy = lab.path("run/policy.sock")
        self.milter = lab.path("run/milter.sock")
        self.configure()

    def configure(self, server="", store="", mail="", rules="", policy=None, milter=None):
        """Keys given as text win over the defaults of the tests."""
        keys = {
            "policy": f"unix:{self.policy}" if policy is None else policy,
            "milter": f"unix:{self.milter}" if milter is None else milter,
            "log": "stderr",
            "rules": f"{self.name}.rules",
        }
        said = {line.split("=")[0].strip() for line in server.splitlines() if "=" in line}
        head = "".join(f"{k} = {v}\n" for k, v in keys.items() if k not in said and v)
        if "path" not in store:
            store = f"path = {self.lab.path('db/storm.db')}\n{store}"
        with open(self.conf, "w", encoding="utf-8") as f:
            f.write(f"[server]\n{head}{server}\n[store]\n{store}\n[mail]\nhostname = mx.example.org\n{mail}\n")
        with open(self.lab.path(f"{self.name}.rules"), "w", encoding="utf-8") as f:
            f.write(rules)

    def start(self, ready=True, env=None, preexec=None, notify=True, args=()):
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        name = self.lab.path(f"{self.name}.notify")
        if os.path.exists(name):
            os.unlink(name)
        self.notify.bind(name)
        os.chmod(name, 0o666)
        self.notify.settimeout(WAIT)
        full = dict(self.lab.env)
        if notify:
            full["NOTIFY_SOCKET"] = name
        full.update(env or {})
        with open(self.log_path, "ab") as log:
            self.proc = subprocess.Popen([self.lab.binary("policyd-storm"), "-c", self.conf, *args], env=full,
                                         stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=preexec)
        self.lab.procs.append(self.proc)
        if ready:
            got = self.told()
            assert "READY=1" in got, (got, self.log())
        return self

    def told(self):
        """The next message to the service manager."""
        end = time.monotonic() + WAIT
        while True:
            r, _, _ = select.select([self.notify], [], [], 0.05)
            if r:
                return self.notify.recv(4096).decode()
            assert self.proc.poll() is None, f"ended with {self.proc.returncode}: {self.log()}"
            assert time.monotonic() < end, f"no word to the service manager: {self.log()}"

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def logged(self, text, seconds=WAIT):
        wait_for(f"a log line with {text!r}", lambda: text in self.log(), seconds)

    def reload(self):
        """True when the new configuration was taken."""
        before = len(self.log())
        self.proc.send_signal(signal.SIGHUP)
        end = wait_for("the end of a reload", lambda: [w for w in ("reloaded config=", "reload refused")
                                                       if w in self.log()[before:]])
        return end[0] == "reloaded config="

    def ended(self, seconds=WAIT):
        return self.proc.wait(seconds)

    def stop(self, seconds=WAIT):
        self.proc.send_signal(signal.SIGTERM)
        code = self.ended(seconds)
        assert code == 0, (code, self.log())

    def status(self, field):
        with open(f"/proc/{self.proc.pid}/status", encoding="utf-8") as f:
            for line in f:
                if line.startswith(field + ":"):
                    return line.split()[1:]
        return []

    def fds(self):
        return len(os.listdir(f"/proc/{self.proc.pid}/fd"))

    def dial(self, path=None):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.lab.sockets.append(s)
        s.settimeout(WAIT)
        s.connect(path or self.policy)
        return s


class Lab:
    def __init__(self, build):
        self.build = build
        self.dir = tempfile.mkdtemp(prefix="storm-sys.")
        os.chmod(self.dir, 0o755)
        self.procs, self.sockets = [], []
        os.mkdir(self.path("san"), 0o777)
        os.chmod(self.path("san"), 0o777)
        self.env = dict(os.environ)
        self.env.pop("NOTIFY_SOCKET", None)
        self.env["TZ"] = "UTC"
        self.env["ASAN_OPTIONS"] = f"log_path={self.path('san')}/asan:detect_leaks=1"
        self.env["UBSAN_OPTIONS"] = f"log_path={self.path('san')}/ubsan:print_stacktrace=1"
        self.env["TSAN_OPTIONS"] = f"log_path={self.path('san')}/tsan"
        with open(self.binary("policyd-storm"), "rb") as f:
            code = f.read()
        self.sanitized = b"__asan_init" in code or b"__tsan_init" in code

    def path(self, name):
        return os.path.join(self.dir, name)

    def put(self, name, content):
        """A file with that text, or bytes; its path."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(content if isinstance(content, bytes) else content.encode())
        return path

    def binary(self, name):
        return os.path.join(self.build, name)

    def public(self, name):
        """A copy of the binary that every user may run: the build's folder may be closed to others."""
        copy = self.path(f"{name}.public")
        if not os.path.exists(copy):
            shutil.copy(self.binary(name), copy)
            os.chmod(copy, 0o755)
        return copy

    def daemon(self, name="storm", **conf):
        d = Daemon(self, name)
        if conf:
            d.configure(**conf)
        return d

    def run(self, *args):
        """Runs the daemon's binary to its end: (exit code, stdout, stderr)."""
        p = subprocess.run([self.binary("policyd-storm"), *args], env=self.env, capture_output=True, timeout=WAIT,
                           stdin=subprocess.DEVNULL, check=False)
        return p.returncode, p.stdout.decode(), p.stderr.decode()

    def check(self):
        """No daemon died by itself in a way that the test did not ask for."""
        for p in self.procs:
            code = p.poll()
            assert code in (None, 0, 64, 65, 69, 73, 77, 78, -signal.SIGKILL), f"a daemon ended with {code}"

    def logs(self):
        text = ""
        for name in sorted(os.listdir(self.dir)) if os.path.isdir(self.dir) else []:
            if name.endswith(".log"):
                with open(self.path(name), encoding="utf-8", errors="replace") as f:
                    text += f"--- {name}\n{f.read()[-4000:]}\n"
        return text

    def forget_rings(self, below=None):
        """What killed daemons left in memory."""
        for folder, _dirs, names in os.walk(below or self.dir):
            ring = os.path.join(folder, "spool.ring")
            if "spool.ring" in names and os.path.isfile(ring):
                os.unlink(os.path.realpath(ring))

    def close(self):
        """Stops what runs; anything wrong with how it ended is an error of the test."""
        wrong = []
        for s in self.sockets:
            s.close()
        for p in self.procs:
            if p.poll() is None:
                p.terminate()
                try:
                    p.wait(WAIT)
                except subprocess.TimeoutExpired:
                    p.kill()
                    p.wait()
                    wrong.append(f"process {p.pid} did not end on SIGTERM")
            if p.returncode not in (0, 64, 65, 69, 73, 77, 78, -signal.SIGKILL):
                wrong.append(f"a daemon ended with {p.returncode}")
        for name in os.listdir(self.path("san")):
            with open(os.path.join(self.path("san"), name), encoding="utf-8", errors="replace") as f:
                wrong.append(f.read())
        text = self.logs() if wrong else ""
        self.forget_rings()
        shutil.rmtree(self.dir, ignore_errors=True)
        if wrong:
            raise AssertionError("\n".join(wrong) + text)


# --- stormctl and the record -----------------------------------------------------------------------------------

def ctl(lab, *args, data=b"", env=None, stdout=subprocess.PIPE, **how):
    """Runs stormctl to its end: (exit status, stdout, stderr)."""
    p = subprocess.run([lab.binary("stormctl"), *args], env=env or lab.env, input=data, stdout=stdout,
                       stderr=subprocess.PIPE, timeout=30, check=False, **how)
    return p.returncode, (p.stdout or b"").decode(), p.stderr.decode()


def rows(db, sql):
    with contextlib.closing(sqlite3.connect(f"file:{db}?mode=ro", uri=True)) as c:
        return c.execute(sql).fetchall()


def messages(db):
    return rows(db, "SELECT count(*) FROM message")[0][0]


def change(db, sql):
    with contextlib.closing(sqlite3.connect(db, isolation_level=None)) as c:
        c.execute(sql)


# --- the policy door -------------------------------------------------------------------------------------------

def request(**attrs):
    fields = {
        "request": "smtpd_access_policy", "protocol_state": "RCPT", "protocol_name": "ESMTP",
        "client_address": "192.0.2.7", "client_port": "4711", "client_name": "unknown", "helo_name": "peer.example",
        "sender": "a@sender.example", "recipient": "b@example.org", "recipient_count": "0", "queue_id": "",
        "instance": "1f2e.65f0.0", "size": "1000",
    }
    fields.update(attrs)
    return "".join(f"{k}={v}\n" for k, v in fields.items()).encode() + b"\n"


def answer(s):
    """One reply, up to its empty line."""
    got = b""
    while not got.endswith(b"\n\n"):
        more = s.recv(1)
        if not more:
            raise EOFError(f"closed after {got!r}")
        got += more
    return got


def ask(s, **attrs):
    s.sendall(request(**attrs))
    return answer(s)


def dunno(s, **attrs):
    got = ask(s, **attrs)
    assert got == b"action=DUNNO\n\n", got


def quiet(s, seconds):
    """Nothing comes, the connection stays."""
    r, _, _ = select.select([s], [], [], seconds)
    return not r


def hung_up(s, seconds=WAIT):
    """The other side closed; what it said before is returned."""
    s.settimeout(seconds)
    got = b""
    while True:
        try:
            more = s.recv(65536)
        except ConnectionResetError:
            return got
        if not more:
            return got
        got += more


# --- the milter door -------------------------------------------------------------------------------------------

class Milter(milter_client.Milter):
    """On a socket of the daemon's dial(), negotiated; as good as always the same client with the same message."""

    def __init__(self, s):
        super().__init__(s)
        self.negotiate()

    def event(self, command, data=b"", macros=None):
        got = super().event(command, data, macros)
        assert got is None or got[0] in "cs", got
        return got

    def connect(self, address="192.0.2.7", port=4711):
        super().connect("peer.example", address, port)
        self.helo("peer.example")

    def envelope(self, sender=b"<a@sender.example>", rcpts=(b"<b@example.org>",)):
        self.mail(sender, macros=[("i", "4XyZ0123")])
        for r in rcpts:
            self.rcpt(r)
        self.data()

    def content(self, fields, body=b"hello\r\n"):
        for name, value in fields:
            self.header(name, value)
        self.eoh()
        self.body(body)
        return self.eom()

    def message(self, message_id=b"<1@sender.example>"):
        self.envelope()
        return self.content([(b"From", b"a@sender.example"), (b"To", b"b@example.org"), (b"Message-ID", message_id),
                             (b"Subject", b"hello")])
