# SPDX-License-Identifier: ISC
"""An SMTP server that takes everything and remembers it: the mailboxes behind the Postfix under test."""

import socket
import socketserver
import threading

from collections import Counter

from .net import Served

HEADER_KEPT = 256 * 1024


def unfold(header):
    """Header bytes -> [(lower-cased name, value)] in order, folded lines joined."""
    out = []
    for line in header.replace(b"\r\n", b"\n").split(b"\n"):
        if line[:1] in (b" ", b"\t") and out:
            out[-1][1] += b" " + line.strip()
        elif b":" in line:
            name, value = line.split(b":", 1)
            out.append([name.strip().lower().decode("ascii", "replace"), value.strip()])
    return [(n, v.decode("utf-8", "replace")) for n, v in out]


class Delivery:
    """One message as it arrived: once per transaction, for one or several mailboxes."""

    def __init__(self, sender, recipients, content):
        self.sender = sender
        self.recipients = recipients
        header, _, self.body = content.partition(b"\r\n\r\n")
        self.header = header[:HEADER_KEPT]
        self.fields = unfold(self.header)
        self.message_id = self.field("message-id")

    def field(self, name):
        for n, v in self.fields:
            if n == name:
                return v
        return None

    def all(self, name):
        return [v for n, v in self.fields if n == name]

    @property
    def content(self):
        return self.header + b"\r\n\r\n" + self.body


class _Handler(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self):
        sink = self.server.owner
        with sink.lock:
            sink.conns.add(self.connection)
        try:
            self.talk(sink)
        except (OSError, ValueError):
            pass
        finally:
            with sink.lock:
                sink.conns.discard(self.connection)

    def talk(self, sink):
        self.say("220 sink.mailboxes.example ESMTP")
        sender, rcpts = None, []
        while True:
            line = self.rfile.readline(4096)
            if not line:
                return
            verb = line[:4].upper()
            if verb == b"EHLO":
                self.wfile.write(b"250-sink.mailboxes.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 0\r\n")
            elif verb == b"MAIL":
                sender, rcpts = self.address(line), []
                self.say("250 2.1.0 Ok")
            elif verb == b"RCPT":
                rcpt = self.address(line)
                if rcpt in sink.refuse:
                    self.say(sink.refusal)
                else:
                    rcpts.append(rcpt)
                    self.say("250 2.1.5 Ok")
            elif verb == b"DATA" and not rcpts:
                self.say("554 5.5.1 no valid recipients")
            elif verb == b"DATA":
                self.say("354 go on")
                content = self.content()
                if content is None:
                    return
                sink.deliver(Delivery(sender, rcpts, content))
                self.say("250 2.0.0 Ok")
            elif verb == b"QUIT":
                self.say("221 2.0.0 Bye")
                return
            else:
                self.say("250 2.0.0 Ok")

    def content(self):
        lines = []
        while True:
            line = self.rfile.readline()
            if not line:
                return None
            if line == b".\r\n":
                return b"".join(lines)
            lines.append(line[1:] if line.startswith(b".") else line)

    @staticmethod
    def address(line):
        return line[line.index(b"<") + 1:line.index(b">")].decode("utf-8", "replace").lower()


class Sink(Served):
    """Subscribers are called, without the lock, for each delivery to their mailbox."""

    handler = _Handler

    def __init__(self, port, limit=50000):
        super().__init__(port)
        self.limit = limit  # deliveries kept; further ones are counted only
        self.lock = threading.Lock()
        self.conns = set()
        self.subscribers = {}
        self.reset()

    def reset(self):
        with self.lock:
            self.refuse = set()  # mailboxes that are refused at RCPT
            self.refusal = "550 5.1.1 no such mailbox"
            self.deliveries = []
            self.copies = Counter()  # (recipient, message-id) -> copies
            self.total = 0

    def __exit__(self, *_):
        super().__exit__()
        with self.lock:
            conns = list(self.conns)
        for c in conns:
            try:
                c.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def subscribe(self, recipient, fn):
        self.subscribers[recipient] = fn

    def unsubscribe(self, recipient):
        self.subscribers.pop(recipient, None)

    def deliver(self, d):
        with self.lock:
            if len(self.deliveries) < self.limit:
                self.deliveries.append(d)
            for r in d.recipients:
                self.copies[r, d.message_id] += 1
                self.total += 1
        for r in d.recipients:
            fn = self.subscribers.get(r)
            if fn:
                fn(d)

    def count(self, recipient, message_id=None):
        """Copies in one mailbox: of one message, or of all."""
        with self.lock:
            if message_id is not None:
                return self.copies[recipient, message_id]
            return sum(n for (r, _), n in self.copies.items() if r == recipient)

    def to(self, recipient):
        with self.lock:
            return [d for d in self.deliveries if recipient in d.recipients]
