# SPDX-License-Identifier: ISC
"""The faulty servers of the replication storm.

Each owns one mailbox among the recipients. What arrives there it sends again to every address that it reads in To,
with a Received line of its own on top, the mailbox's name in Delivered-To, and the name under which its POP connector
knows the mailbox in front of one To address. Copies of copies come back to it, and go round again."""

import itertools
import queue
import re
import threading
import time

from . import smtp

ADDRESS = re.compile(rb"[A-Za-z0-9._+=-]+@[A-Za-z0-9.-]+")
CONNECTOR = b"mspop3connector."


class Budget:
    """Recipient copies that all faulty servers together may offer."""

    def __init__(self, copies):
        self.left = copies
        self.offered = 0
        self.lock = threading.Lock()

    def take(self, want):
        with self.lock:
            n = min(want, self.left)
            self.left -= n
            self.offered += n
            return n


class Message:
    """The header text that a sender writes; everything later only adds lines above it."""

    def __init__(self, message_id, subject, to, sender="office@sender.example", extra=(), body="Dear all,\n"):
        self.message_id = message_id
        self.sender = sender
        self.to = list(to)
        lines = ["From: <%s>" % sender, "To: " + ",\n\t".join("<%s>" % r for r in self.to),
                 "Subject: %s" % subject, "Date: Mon, 16 Jan 2006 09:14:07 +0000"]
        if message_id:
            lines.append("Message-ID: %s" % message_id)
        lines += list(extra)
        self.content = ("\n".join(lines) + "\n\n" + body).encode()

    def through(self, received):
        """The same message after one more server wrote its Received line."""
        return ("Received: %s\n" % received).encode() + self.content


def origin(n=1):
    """The Received line of the sender's own server: the bottom of every chain."""
    return ("from desk%d.sender.example (desk%d.sender.example [198.51.100.%d])\n\tby mail.sender.example (Postfix) "
            "with ESMTP id 7A1C%04d;\n\tMon, 16 Jan 2006 09:14:08 +0000" % (n, n, n % 250 + 1, n))


class Resident(threading.Thread):
    """Whoever lives at a mailbox of the sink: take(), of whoever this is, gets each delivery, one after the other."""

    def __init__(self, name, mailbox, sink):
        super().__init__(daemon=True, name=name)
        self.mailbox = mailbox
        self.sink = sink
        self.inbox = queue.Queue()
        self.busy = threading.Event()
        self.leave = threading.Event()

    def start(self):
        self.sink.subscribe(self.mailbox, self.inbox.put)
        super().start()

    def stop(self):
        self.leave.set()
        self.sink.unsubscribe(self.mailbox)
        if self.is_alive():
            self.join(30)

    def idle(self):
        return self.inbox.empty() and not self.busy.is_set()

    def run(self):
        while not self.leave.is_set():
            try:
                d = self.inbox.get(timeout=0.05)
            except queue.Empty:
                continue
            self.busy.set()
            try:
                self.take(d)
            finally:
                self.busy.clear()


class FaultyServer(Resident):
    """Small Business Server with a POP connector that was not repaired."""

    serial = itertools.count(1)

    def __init__(self, n, port, sink, budget, chunk=50):
        super().__init__("faulty%d" % n, "reception@faulty%d.example" % n, sink)
        self.n = n
        self.helo = "sbs%d.faulty%d.example" % (n, n)
        self.source = "127.0.0.%d" % (10 + n)
        self.port = port
        self.budget = budget
        self.chunk = chunk
        self.rounds = 0
        self.replies = {}  # final code -> transactions
        self.trouble = None

    def copy_of(self, d):
        """Content and To addresses of what this server makes of one delivery."""
        to = d.field("to") or ""
        addresses = [a.replace(CONNECTOR, b"").decode().lower() for a in ADDRESS.findall(to.encode())]
        head = d.header.replace(b"\r\n", b"\n")
        mine = self.mailbox.encode()
        head = head.replace(b"<" + mine + b">", b"<" + CONNECTOR + mine + b">", 1)
        line = ("Received: from pop.isp.example ([192.0.2.%d]) by %s with Microsoft SMTPSVC(6.0.3790.1830);\n"
                "\tid %08x; Mon, 16 Jan 2006 10:%02d:%02d +0000\n"
                % (self.n, self.helo, next(self.serial), self.rounds // 60 % 60, self.rounds % 60))
        top = line + "Delivered-To: %s\n" % self.mailbox
        return top.encode() + head + b"\n\n" + d.body, addresses

    def run(self):
        try:
            super().run()
        except (OSError, smtp.Gone) as e:
            self.trouble = e

    def take(self, d):
        content, addresses = self.copy_of(d)
        self.rounds += 1
        client = None
        try:
            for i in range(0, len(addresses), self.chunk):
                part = addresses[i:i + self.chunk]
                part = part[:self.budget.take(len(part))]
                if not part or self.leave.is_set():
                    return
                client = client or smtp.Client(self.port, self.helo, self.source)
                result = client.send(d.sender, part, content)
                self.replies[result.code] = self.replies.get(result.code, 0) + 1
        finally:
            if client:
                client.close()


class Storm:
    """Runs the faulty servers until their budget is spent or nothing moves any more."""

    def __init__(self, port, sink, postfix, copies, servers=3):
        self.budget = Budget(copies)
        self.sink = sink
        self.postfix = postfix
        self.servers = [FaultyServer(n, port, sink, self.budget) for n in range(1, servers + 1)]

    @property
    def mailboxes(self):
        return [s.mailbox for s in self.servers]

    def __enter__(self):
        for s in self.servers:
            s.start()
        return self

    def __exit__(self, *_):
        for s in self.servers:
            s.stop()

    def still(self):
        return all(s.idle() for s in self.servers) and not self.postfix.queue_ids("incoming", "active")

    def run(self, timeout=60.0, quiet=0.4, progress=None):
        """True when the storm ended by itself, False when the budget or the time did."""
        end = time.monotonic() + timeout
        since = None
        while time.monotonic() < end:
            if progress:
                progress(self)
            for s in self.servers:
                if s.trouble:
                    raise RuntimeError("%s: %s" % (s.name, s.trouble))
            if self.budget.left == 0:
                self.postfix.settle(max(1.0, end - time.monotonic()))
                return False
            if self.still():
                since = since or time.monotonic()
                if time.monotonic() - since > quiet:
                    return True
            else:
                since = None
            time.sleep(0.05)
        return False
