# SPDX-License-Identifier: ISC
"""Who lives at the sites: POP connectors that send again, robots that answer, programs that submit much."""

import itertools
import threading

from lab import smtp
from lab.actors import FaultyServer, Resident, origin

SERIAL = itertools.count(1)


def letter(author, to, subject, body="Hello,\n", mid=None, extra=(), cc=()):
    """Bytes as an author's program writes them. A lawful letter's Message-ID says so: see legit()."""
    n = next(SERIAL)
    lines = ["From: <%s>" % author, "To: " + ",\n\t".join("<%s>" % r for r in to)]
    if cc:
        lines.append("Cc: " + ",\n\t".join("<%s>" % r for r in cc))
    lines += ["Subject: %s" % subject, "Date: Mon, 16 Jan 2006 09:%02d:%02d +0000" % (n // 60 % 60, n % 60)]
    if mid is not False:
        lines.append("Message-ID: %s" % (mid or "<m%d@%s>" % (n, author.rpartition("@")[2])))
    return ("\n".join(lines + list(extra)) + "\n\n" + body).encode()


def legit(author="friend@far.example"):
    """A Message-ID under which the lab counts lawful mail."""
    return "<legit.%d@%s>" % (next(SERIAL), author.rpartition("@")[2])


def from_far(content, n=1):
    """With the Received line of the author's own server."""
    return ("Received: %s\n" % origin(n)).encode() + content


class Connector(FaultyServer):
    """A POP connector that hands what it fetched to the Postfix of its own site, for everybody in To."""

    def __init__(self, n, world, budget):
        super().__init__(n, world.port("sbs%d" % n), world.post, budget, chunk=1000)
        self.kept = []

    def idle(self):
        if self.trouble and not self.leave.is_set():
            raise RuntimeError("%s: %s" % (self.name, self.trouble))
        return super().idle()

    def take(self, d):
        if len(self.kept) < 20:
            self.kept.append(d)
        super().take(d)


class Robot(Resident):
    """A program that answers mail to one address, through a server, until its patience ends. `answer(mail)`
    gives (envelope sender, recipient, content) or None."""

    def __init__(self, address, post, port, source, answer, most=100000):
        super().__init__(address, address, post)
        self.port, self.source, self.answer = port, source, answer
        self.most, self.sent = most, 0
        self.codes = {}

    def take(self, d):
        a = self.answer(d) if self.sent < self.most else None
        if not a:
            return
        self.sent += 1
        try:
            r = smtp.send(self.port, a[0], [a[1]], a[2], helo="robot", source=self.source)[0]
            self.codes[r.code] = self.codes.get(r.code, 0) + 1
        except (OSError, smtp.Gone):
            self.codes["gone"] = self.codes.get("gone", 0) + 1


class Feeder(threading.Thread):
    """Submits (sender, recipients, content) over one connection, from one address anywhere, as fast as it is
    answered. A server that hangs up is called again."""

    def __init__(self, port, address, helo, mails):
        super().__init__(daemon=True)
        self.port, self.client, self.helo, self.mails = port, "ADDR=" + address, helo, mails
        self.leave = threading.Event()
        self.done, self.codes = False, {}

    def idle(self):
        return self.done

    def stop(self):
        self.leave.set()
        if self.is_alive():
            self.join(30)

    def run(self):
        client = None
        try:
            for sender, recipients, content in self.mails:
                if self.leave.is_set():
                    break
                try:
                    client = client or smtp.Client(self.port, self.helo, xclient=self.client)
                    r = client.send(sender, recipients, content)
                    code = r.rcpts[recipients[0]][0] if r.code == 554 else r.code
                except (OSError, smtp.Gone):
                    client, code = None, "gone"
                self.codes[code] = self.codes.get(code, 0) + 1
        finally:
            self.done = True
            if client:
                client.close()
