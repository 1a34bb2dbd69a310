# SPDX-License-Identifier: ISC
"""Who may log in: the side of Dovecot's authentication protocol that Postfix talks to. PLAIN only; each password is the
user's name backwards."""

import base64
import os
import socketserver

from .net import Served

DOMAIN = "@victim.example"


class _Handler(socketserver.StreamRequestHandler):
    def say(self, *fields):
        self.wfile.write("\t".join(fields).encode() + b"\n")

    def handle(self):
        for line in (("VERSION", "1", "2"), ("MECH", "PLAIN", "plaintext"), ("SPID", str(os.getpid())), ("CUID", "1"),
                     ("COOKIE", "0" * 32), ("DONE",)):
            self.say(*line)
        try:
            for line in self.rfile:
                fields = line.decode("utf-8", "replace").rstrip("\n").split("\t")
                if fields[0] == "AUTH":
                    self.judge(fields)
        except OSError:
            pass

    def judge(self, fields):
        given = [f[5:] for f in fields if f.startswith("resp=")]
        _, user, password = base64.b64decode(given[0]).decode().split("\0") if given else ("", "", "")
        if fields[2] == "PLAIN" and user and password == user[::-1]:
            self.say("OK", fields[1], "user=" + user + DOMAIN)
        else:
            self.say("FAIL", fields[1], "user=" + user)


def response(user, password=None):
    """What a client says to AUTH PLAIN."""
    return base64.b64encode(("\0%s\0%s" % (user, user[::-1] if password is None else password)).encode()).decode()


class Sasl(Served):
    handler = _Handler
