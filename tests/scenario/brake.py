# SPDX-License-Identifier: ISC
"""What the brake at RCPT saves: the same copies through the daemon itself, with and without it, and the bytes that cross
SMTP. It asks as an MTA does: each RCPT, then DATA with the header when somebody is left."""

import base64
import os
import shutil
import socket
import subprocess
import tempfile
import time

from world import Message, check, date_text

RULES = "[rule replication]\ndetect = replication\nbrake = %s\n"
PEOPLE = ["p%02d@example.org" % i for i in range(40)]
SIZE, ENVELOPE, PER_RCPT = 30000, 120, 50  # bytes: of a message, of MAIL with its answer, of RCPT with its


class Daemon:
    def __init__(self, build, brake):
        self.dir = tempfile.mkdtemp(prefix="storm-brake.")
        self.path = os.path.join(self.dir, "policy.sock")
        for name, text in (("rules.conf", RULES % brake), ("storm.conf", (
                "[server]\nmode = enforce\nlog = stderr\npolicy = unix:%s\nrules = rules.conf\n"
                "control = unix:%s/control.sock\n[store]\npath = :memory:\n"
                "[mail]\nhostname = mx1.example.org\nlocal_domains = example.org\n" % (self.path, self.dir)))):
            with open(os.path.join(self.dir, name), "w", encoding="utf-8") as f:
                f.write(text)
        self.log = open(os.path.join(self.dir, "log"), "w+", encoding="utf-8")
        self.child = subprocess.Popen([os.path.join(build, "policyd-storm"), "-c", os.path.join(self.dir, "storm.conf")],
                                      stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.socket = self.dial()
        self.answers = self.socket.makefile("rb")

    def dial(self):
        end = time.monotonic() + 10
        while True:
            s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                s.connect(self.path)
                return s
            except OSError:
                s.close()
                self.log.seek(0)
                check(time.monotonic() < end and self.child.poll() is None, "no daemon:", self.log.read())
                time.sleep(0.02)

    def ask(self, **attrs):
        lines = {"request": "smtpd_access_policy", "client_address": "203.0.113.9", "client_port": "4711",
                 "helo_name": "sbs1.faulty.example", "sender": "sales@firm.example", **attrs}
        self.socket.sendall("".join("%s=%s\n" % i for i in lines.items()).encode() + b"\n")
        got = []
        while True:
            line = self.answers.readline().decode().strip()
            if not line:
                return got
            got.append(line)

    def close(self):
        self.answers.close()
        self.socket.close()
        self.child.terminate()
        self.child.wait()
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)


class Site:
    """An MTA that asks at RCPT and at DATA, and counts."""

    def __init__(self, build, brake):
        self.daemon, self.bytes, self.n, self.got = Daemon(build, brake), 0, 0, {}

    def receive(self, m, rcpts, **who):
        """Returns who got it."""
        self.n += 1
        instance = "7a1.%x.0" % self.n
        self.bytes += ENVELOPE + PER_RCPT * len(rcpts)
        left = [r for i, r in enumerate(rcpts) if self.daemon.ask(
            protocol_state="RCPT", instance=instance, recipient=r, recipient_count=str(i), **who) == ["action=DUNNO"]]
        if not left:
            return []
        self.bytes += SIZE
        said = self.daemon.ask(
            protocol_state="DATA", instance=instance, recipients=",".join(left), recipient_count=str(len(left)),
            want="repairs", header=base64.b64encode(m.header().encode()).decode(), **who)
        dropped = {line.partition("=")[2].strip("<>") for line in said if line.startswith("drop=")}
        if any(line.startswith("action=") and line != "action=DUNNO" for line in said):
            dropped = set(left)
        got = [r for r in left if r not in dropped]
        for r in got:
            self.got[m.truth, r] = self.got.get((m.truth, r), 0) + 1
        return got


def copies(first, n):
    for i in range(n):
        m = first.copy()
        m.received.insert(0, "from pop.isp.example by sbs1.faulty.example with POP3 id c%d; x" % i)
        yield m


def storm(build, brake, n=300):
    s = Site(build, brake)
    try:
        first = Message("m", "sales@firm.example", PEOPLE, 1136800000, received=[
            "from desk.firm.example by smtp.firm.example with ESMTP id X1; %s" % date_text(1136800000)])
        s.receive(first, PEOPLE[:30], client_address="198.51.100.20", helo_name="smtp.firm.example")
        s.bytes = 0
        for i, m in enumerate(copies(first, n)):
            s.receive(m, PEOPLE[:30])
            if i % 10 == 5:  # somebody else through the same server, and the author by his own way
                other = Message("o%d" % i, "innocent@other.example", [PEOPLE[0]], 1136800000 + i,
                                received=["from x by smtp.other.example with ESMTP id O%d; x" % i])
                before = s.bytes
                check(s.receive(other, other.to, sender="innocent@other.example") == other.to, "the innocent", i)
                own = Message("a%d" % i, "sales@firm.example", [PEOPLE[0]], 1136800000 + i,
                              received=["from x by smtp.firm.example with ESMTP id A%d; x" % i])
                check(s.receive(own, own.to, client_address="198.51.100.20") == own.to, "the author", i)
                s.bytes = before
        late = next(copies(first, 1))
        check(s.receive(late, PEOPLE[30:]) == PEOPLE[30:], "first copies while it is braked")
        check(max(s.got["m", p] for p in PEOPLE) <= 3, "more than the limit")
        check(min(s.got["m", p] for p in PEOPLE) >= 1, "somebody has none")
        return s.bytes
    finally:
        s.daemon.close()


def saves(build):
    without, refused, deferred = (storm(build, how) for how in ("off", "reject", "defer"))
    print("brake: 300 copies to 30 recipients each cross SMTP with %.1f MB without it, %.1f MB with brake = reject or defer"
          % (without / 1e6, refused / 1e6))
    check(refused == deferred, "reject and defer differ", refused, deferred)
    # 23 until it acts, 6 probes, one for the late ones; envelopes are paid in any case.
    check(refused < without / 7, "it saved too little", refused, without)


def dated(first, i):
    m = first.copy()
    m.mid, m.date = "<n%d@sbs1.faulty.example>" % i, date_text(first.written + 3600 + i)
    m.received.insert(0, "from pop.isp.example by sbs1.faulty.example with POP3 id c%d; x" % i)
    return m


def sent_anew(first, i):
    m = first.copy()
    m.received = ["from pc by sbs1.faulty.example with SMTP id c%d; %s" % (i, date_text(first.written + 3600 + i))]
    return m


def not_proven(build):
    """What nothing proves to be a copy is put off, not refused: by no brake either."""
    for kind in (dated, sent_anew):
        s = Site(build, "reject")
        try:
            first = Message("m", "sales@firm.example", ["p@example.org"], 1136800000, received=[
                "from desk.firm.example by smtp.firm.example with ESMTP id X1; %s" % date_text(1136800000)])
            s.receive(first, first.to, client_address="198.51.100.20", helo_name="smtp.firm.example")
            for i in range(40):
                s.receive(kind(first, i), first.to)
            check(s.got["m", "p@example.org"] <= 4, kind.__name__, "got", s.got)
            said = [s.daemon.ask(protocol_state="RCPT", instance="7a2.%d.0" % i, recipient="p@example.org",
                                 recipient_count="0") for i in range(5)]
            check(said == [["action=DUNNO"]] * 5, kind.__name__, said)
        finally:
            s.daemon.close()


def scenarios():
    yield "brake-saves", saves
    yield "brake-not-proven", not_proven
