# SPDX-License-Identifier: ISC
"""A milter that stands behind ours and refuses messages at their end: the scanner that is down."""

import socket
import socketserver
import struct
import threading

from .net import Served

# Everything but the end of the message is declined in the option negotiation.
NO_CONNECT, NO_HELO, NO_MAIL, NO_RCPT, NO_BODY, NO_HEADERS, NO_EOH = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40
NO_UNKNOWN, NO_DATA = 0x100, 0x200
STEPS = NO_CONNECT | NO_HELO | NO_MAIL | NO_RCPT | NO_BODY | NO_HEADERS | NO_EOH | NO_UNKNOWN | NO_DATA


class _Handler(socketserver.BaseRequestHandler):
    def packet(self):
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)  # no delayed acknowledgement
        head = self.exactly(4)
        return self.exactly(struct.unpack("!I", head)[0]) if head else None

    def exactly(self, n):
        data = b""
        while len(data) < n:
            more = self.request.recv(n - len(data))
            if not more:
                return None
            data += more
        return data

    def answer(self, data):
        self.request.sendall(struct.pack("!I", len(data)) + data)

    def handle(self):
        while True:
            packet = self.packet()
            if not packet:
                return
            verb = packet[:1]
            if verb == b"O":
                self.answer(b"O" + struct.pack("!III", 6, 0, STEPS))
            elif verb == b"E":
                self.answer(self.server.owner.verdict())
            elif verb == b"Q":
                return
            elif verb not in b"DA":
                self.answer(b"c")


class LateMilter(Served):
    handler = _Handler

    def __init__(self, port):
        super().__init__(port)
        self.lock = threading.Lock()
        self.refuse = 0  # messages still to be refused
        self.seen = 0

    def verdict(self):
        with self.lock:
            self.seen += 1
            if self.refuse == 0:
                return b"c"
            self.refuse -= 1
            return b"t"
