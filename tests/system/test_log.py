# SPDX-License-Identifier: ISC
"""Whoever takes the log's lines stands still: answers do not, and what he missed is told."""
import os
import pty
import re
import shutil
import socket
import subprocess
import threading
import time

from harness import Skip, ask, dunno, wait_for

RULES = "[rule trap]\ndetect = trap\nbrake = reject\naction = reject\nmode = enforce\naddresses = trap@example.org\n"
ASKED = 3000
WAITS = 0.15  # seconds, of the 0.2 that are given
SLOW = 0.05  # seconds a line
TOLD = 1.1  # seconds until it is told again what is lost


def refuse(d, n):
    """Each refusal is a line in the log. The seconds that the slowest took."""
    s, slowest = d.dial(), 0
    for i in range(n):
        begun = time.monotonic()
        got = ask(s, recipient="trap@example.org", instance=f"i{i}.1")
        assert got.startswith(b"action=550 "), got
        slowest = max(slowest, time.monotonic() - begun)
    return slowest


def lost(text):
    return sum(int(n) for n in re.findall(r"warn: log lost=(\d+) lines", text))


def read_all(fd):
    text = b""
    while True:
        try:
            more = os.read(fd, 65536)
        except BlockingIOError:
            return text.decode()
        text += more


class Slow:
    """Rests, and then takes what waits by `read`."""

    def __init__(self, read):
        self.read, self.stop, self.thread = read, False, threading.Thread(target=self.run)

    def run(self):
        while not self.stop:
            time.sleep(SLOW)
            self.read()

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.stop = True
        self.thread.join()


def test_stderr_that_nobody_reads(lab):
    return nobody_reads(lab, *os.pipe())


def test_a_terminal_that_nobody_reads(lab):
    return nobody_reads(lab, *pty.openpty())


def nobody_reads(lab, out, into):
    d = lab.daemon(server="mode = enforce\n", rules=RULES)
    try:
        d.start(preexec=lambda: os.dup2(into, 2))
        os.set_blocking(out, False)
        refuse(d, ASKED)
        text = read_all(out)
        time.sleep(TOLD)
        refuse(d, 1)
        text += read_all(out)
        told = text.count(" verdict action=reject ")
        assert lost(text) > 0 and told + lost(text) > ASKED, (told, lost(text), text[-500:])
        refuse(d, ASKED)
        d.stop()
    finally:
        os.close(out)
        os.close(into)
    return f"{told} lines, {lost(text)} lost"


class Syslog:
    """/dev/log of a daemon in a mount namespace of its own; messages are read when the test likes."""

    def __init__(self, lab, d):
        if os.geteuid() != 0 or not shutil.which("unshare"):
            raise Skip("needs root and unshare(1): a /dev of its own is mounted")
        self.path, dev = lab.path("syslog.sock"), lab.path("dev")
        self.listen()
        os.mkdir(dev)
        mounts = (f"mount -t tmpfs none {dev} && mkdir {dev}/shm && touch {dev}/null {dev}/urandom && "
                  f"mount --bind /dev/null {dev}/null && mount --bind /dev/urandom {dev}/urandom && "
                  f"ln -s {self.path} {dev}/log && mount --rbind {dev} /dev")
        if subprocess.run(["unshare", "-m", "sh", "-c", mounts], capture_output=True, check=False).returncode != 0:
            raise Skip("needs the right to mount")
        start = f"{mounts} && exec {lab.binary('policyd-storm')} -c {d.conf}"
        d.proc = subprocess.Popen(["unshare", "-m", "sh", "-c", start], env=lab.env)
        lab.procs.append(d.proc)
        self.text = ""
        self.expect("info: started ")

    def listen(self, kind=socket.SOCK_DGRAM):
        self.socket = socket.socket(socket.AF_UNIX, kind)
        self.socket.bind(self.path)
        os.chmod(self.path, 0o666)
        self.socket.setblocking(False)

    def read_one(self):
        try:
            self.text += self.socket.recv(65536).decode() + "\n"
            return True
        except BlockingIOError:
            return False

    def read(self):
        while self.read_one():
            pass
        return self.text

    def expect(self, what):
        wait_for(what, lambda: what in self.read())

    def end(self):
        self.socket.close()
        os.unlink(self.path)


def test_syslogd_that_stands_still(lab):
    d = lab.daemon(server="mode = enforce\nlog = syslog\n", rules=RULES)
    log = Syslog(lab, d)
    line = next(x for x in log.text.splitlines() if "info: started" in x)
    assert re.match(r"<22>\w{3} [ \d]\d \d\d:\d\d:\d\d policyd-storm\[%d\]: info: started " % d.proc.pid, line), line
    refuse(d, ASKED)
    told = log.read().count(" verdict action=reject ")
    refuse(d, 1)
    told = log.read().count(" verdict action=reject ")
    assert lost(log.text) > 0 and told + lost(log.text) > ASKED, (told, lost(log.text), log.text[-500:])
    log.end()
    log.listen()
    refuse(d, 1)
    assert log.read().count(" verdict action=reject ") == told + 1, log.text[-500:]
    dunno(d.dial(), client_address="192.0.2.8")
    d.stop()
    log.expect("info: stopped")
    return f"{told + 1} lines, {lost(log.text)} lost"


def test_syslogd_that_was_away(lab):
    """It is waited for as any other: no line of a burst need get lost."""
    d = lab.daemon(server="mode = enforce\nlog = syslog\n", rules=RULES)
    log = Syslog(lab, d)
    log.end()
    refuse(d, 3)
    log.listen()
    refuse(d, 1)
    assert lost(log.read()) >= 3, log.text[-500:]
    slowest = refuse(d, ASKED)
    assert slowest >= WAITS, f"a full queue was waited for {slowest:.3f} s"
    d.stop()
    return f"{slowest:.3f} s waited"


def test_syslogd_that_is_slow(lab):
    """Not each answer waits until it has taken a line."""
    d = lab.daemon(server="mode = enforce\nlog = syslog\n", rules=RULES)
    log = Syslog(lab, d)
    begun = time.monotonic()
    with Slow(log.read_one):
        refuse(d, ASKED)
    took = time.monotonic() - begun
    assert took < ASKED * SLOW / 10, f"{took:.1f} s"
    log.read()
    time.sleep(TOLD)
    refuse(d, 1)
    told = log.read().count(" verdict action=reject ")
    assert lost(log.text) > 0 and told + lost(log.text) >= ASKED, (told, lost(log.text), log.text[-500:])
    return f"{took:.1f} s, {lost(log.text)} lost"


def test_syslogd_that_is_back_and_busy(lab):
    """Others may have filled its queue before us."""
    d = lab.daemon(server="mode = enforce\nlog = syslog\n", rules=RULES)
    log = Syslog(lab, d)
    log.end()
    refuse(d, 1)
    log.listen()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.setblocking(False)
        other.connect(log.path)
        try:
            while True:
                other.send(b"<22>other")
        except BlockingIOError:
            pass
    with Slow(log.read):
        refuse(d, 3)
    assert log.read().count(" verdict action=reject ") == 3 and lost(log.text) > 0, log.text[-500:]
    d.stop()


def test_syslogd_that_comes_back_with_a_stream(lab):
    d = lab.daemon(server="mode = enforce\nlog = syslog\n", rules=RULES)
    log = Syslog(lab, d)
    log.end()
    refuse(d, 1)
    log.listen(socket.SOCK_STREAM)
    log.socket.listen()
    refuse(d, 2)
    log.socket = log.socket.accept()[0]
    log.socket.setblocking(False)
    lines = log.read().split("\0")
    told = [x for x in lines if " verdict action=reject " in x]
    assert len(told) == 2 and f"policyd-storm[{d.proc.pid}]: info: verdict " in told[0], lines
    assert told[0].startswith("<22>") and lost(log.text) > 0, lines
    log.end()
    log.listen()
    refuse(d, 1)
    assert log.read().count(" verdict action=reject ") == 3, lines
    d.stop()
