#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""The MTA's side of the milter protocol, as Sendmail's mfdef.h defines it: packets of a 32-bit length, a command
byte and data. Says what a filter is told, reads what it answers. Run by itself it plays one message:

    milter_client.py unix:/run/x.sock --sender ann@example.net --rcpt bob@example.org --header 'Subject: hello'
"""

import argparse
import socket
import struct
import sys

VERSION = 6

# What an MTA may let a filter do.
ADDHDRS, CHGBODY, ADDRCPT, DELRCPT, CHGHDRS = 0x01, 0x02, 0x04, 0x08, 0x10
QUARANTINE, CHGFROM, ADDRCPT_PAR, SETSYMLIST = 0x20, 0x40, 0x80, 0x100
ALL_ACTIONS = 0x1FF

# Events that need not be sent, answers that need not be given.
NOCONNECT, NOHELO, NOMAIL, NORCPT, NOBODY, NOHDRS, NOEOH = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40
NR_HDR, NOUNKNOWN, NODATA, SKIP, RCPT_REJ = 0x80, 0x100, 0x200, 0x400, 0x800
NR_CONN, NR_HELO, NR_MAIL, NR_RCPT = 0x1000, 0x2000, 0x4000, 0x8000
NR_DATA, NR_UNKN, NR_EOH, NR_BODY, HDR_LEADSPC = 0x10000, 0x20000, 0x40000, 0x80000, 0x100000
ALL_STEPS = 0x1FFFFF

# command: (step that leaves the event out, step that leaves the answer out)
EVENTS = {
    b"C": (NOCONNECT, NR_CONN),
    b"H": (NOHELO, NR_HELO),
    b"M": (NOMAIL, NR_MAIL),
    b"R": (NORCPT, NR_RCPT),
    b"T": (NODATA, NR_DATA),
    b"U": (NOUNKNOWN, NR_UNKN),
    b"L": (NOHDRS, NR_HDR),
    b"N": (NOEOH, NR_EOH),
    b"B": (NOBODY, NR_BODY),
}
MODIFICATIONS = "+-2behilmpq"
REPLY_NAMES = {
    "+": "ADDRCPT", "-": "DELRCPT", "2": "ADDRCPT_PAR", "4": "SHUTDOWN", "a": "ACCEPT", "b": "REPLBODY",
    "c": "CONTINUE", "d": "DISCARD", "e": "CHGFROM", "f": "CONN_FAIL", "h": "ADDHEADER", "i": "INSHEADER",
    "m": "CHGHEADER", "p": "PROGRESS", "q": "QUARANTINE", "r": "REJECT", "s": "SKIP", "t": "TEMPFAIL",
    "y": "REPLYCODE",
}
BODY_CHUNK = 65535


class MilterError(Exception):
    """The filter broke the protocol, or went away."""


def raw(text):
    """Bytes of text; anything that UTF-8 decoding kept as surrogates comes out as it was."""
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")


def strings(*parts):
    return b"".join(raw(p) + b"\0" for p in parts)


def packet(code, data=b""):
    return struct.pack("!I", len(data) + 1) + raw(code) + data


def split_strings(data):
    """The NUL-terminated strings that make up data, all of it."""
    if data and not data.endswith(b"\0"):
        raise MilterError("string without its end: %r" % data)
    return data.split(b"\0")[:-1]


def explain(code, data):
    """A reply as a tuple that compares well: name, then its arguments as text."""
    name = REPLY_NAMES.get(code)
    if name is None:
        raise MilterError("unknown reply %r" % code)
    if code in "mi":
        if len(data) < 4:
            raise MilterError("%s is too short" % name)
        args = split_strings(data[4:])
        if len(args) != 2:
            raise MilterError("%s with %d strings" % (name, len(args)))
        return (name, struct.unpack("!I", data[:4])[0]) + tuple(a.decode("utf-8", "surrogateescape") for a in args)
    if code == "b":
        return (name, data)
    want = {"h": (2,), "+": (1,), "-": (1,), "q": (1,), "y": (1,), "e": (1, 2), "2": (1, 2)}.get(code, (0,))
    args = split_strings(data)
    if len(args) not in want:
        raise MilterError("%s with %d strings" % (name, len(args)))
    return (name,) + tuple(a.decode("utf-8", "surrogateescape") for a in args)


def open_socket(address, timeout):
    """unix:/path, /path, inet:HOST:PORT or inet:[IPv6]:PORT"""
    kind, _, rest = address.partition(":")
    if address.startswith("/"):
        kind, rest = "unix", address
    if kind in ("unix", "local"):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(timeout)
        sock.connect(rest)
        return sock
    if kind in ("inet", "inet6"):
        host, _, port = rest.rpartition(":")
        return socket.create_connection((host.strip("[]"), int(port)), timeout)
    raise ValueError("not an address: %s" % address)


class Milter:
    """One connection to a filter, by its address or on a socket. Each event returns the final reply as (code, payload),
    or None when the filter has waived the event or the answer. eom() returns all replies, the final one last."""

    def __init__(self, address, timeout=10.0):
        self.sock = address if isinstance(address, socket.socket) else open_socket(address, timeout)
        self.version = self.actions = self.steps = 0
        self.offered = (0, 0)
        self.skip_body = False

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        self.sock.close()

    # --- packets

    def send(self, data):
        self.sock.sendall(data)

    def _exactly(self, n):
        data = b""
        while len(data) < n:
            more = self.sock.recv(n - len(data))
            if not more:
                raise MilterError("the filter closed the connection")
            data += more
        return data

    def read(self):
        """The next reply, (code, payload)."""
        (n,) = struct.unpack("!I", self._exactly(4))
        if n < 1 or n > 1 << 24:
            raise MilterError("reply of %d bytes" % n)
        data = self._exactly(n)
        return data[:1].decode("latin-1"), data[1:]

    def read_final(self):
        while True:
            code, data = self.read()
            if code != "p":
                return code, data

    def silent(self, seconds=0.2):
        """True when nothing comes for a while, and the connection stays open."""
        keep = self.sock.gettimeout()
        self.sock.settimeout(seconds)
        try:
            self.sock.recv(1, socket.MSG_PEEK)
            return False
        except socket.timeout:
            return True
        finally:
            self.sock.settimeout(keep)

    def closed(self):
        """True when the filter has closed, or does so within the timeout."""
        try:
            return self.sock.recv(1) == b""
        except ConnectionResetError:
            return True
        except socket.timeout:
            return False

    # --- the dialogue

    def negotiate(self, version=VERSION, actions=ALL_ACTIONS, steps=ALL_STEPS):
        """What the filter chose, (version, actions, steps); it must be part of what was offered."""
        self.offered = (actions, steps)
        self.send(packet("O", struct.pack("!III", version, actions, steps)))
        code, data = self.read()
        if code != "O" or len(data) < 12:
            raise MilterError("negotiation answered with %r %r" % (code, data))
        self.version, self.actions, self.steps = struct.unpack("!III", data[:12])
        if self.version > version or self.actions & ~actions or self.steps & ~steps:
            raise MilterError("the filter takes what was not offered: %d %#x %#x"
                              % (self.version, self.actions, self.steps))
        return self.version, self.actions, self.steps

    def macros(self, command, values):
        """values: a dict, or a list of pairs; a macro packet goes out even when it is empty, as Postfix does."""
        pairs = values.items() if isinstance(values, dict) else values
        self.send(packet("D", raw(command) + strings(*[part for pair in pairs for part in pair])))

    def event(self, command, data=b"", macros=None):
        unsent, unanswered = EVENTS[raw(command)]
        if macros is not None:
            self.macros(command, macros)
        if self.steps & unsent:
            return None
        self.send(packet(command, data))
        if self.steps & unanswered:
            return None
        return self.read_final()

    def connect(self, name="client.example.net", address="192.0.2.25", port=12345, family=None, macros=None):
        """address None: family U, neither port nor address."""
        if family is None:
            family = "U" if address is None else "L" if address.startswith("/") else "6" if ":" in address else "4"
        data = strings(name) + raw(family)
        if family != "U":
            data += struct.pack("!H", port) + strings(address)
        return self.event("C", data, macros)

    def helo(self, name="client.example.net", macros=None):
        return self.event("H", strings(name), macros)

    def mail(self, sender, *args, macros=None):
        """The path as in MAIL FROM, brackets and all."""
        self.skip_body = False
        return self.event("M", strings(sender, *args), macros)

    def rcpt(self, recipient, *args, macros=None):
        return self.event("R", strings(recipient, *args), macros)

    def data(self, macros=None):
        return self.event("T", b"", macros)

    def unknown(self, line, macros=None):
        return self.event("U", strings(line), macros)

    def header(self, name, value, macros=None):
        """A value as Sendmail has it: lines joined by LF, one leading space taken off."""
        return self.event("L", strings(name, value), macros)

    def eoh(self, macros=None):
        return self.event("N", b"", macros)

    def body(self, chunk, macros=None):
        if self.skip_body:
            return None
        reply = self.event("B", raw(chunk), macros)
        if reply and reply[0] == "s":
            if not self.steps & SKIP:
                raise MilterError("SKIP was not negotiated")
            self.skip_body = True
        return reply

    def eom(self, macros=None):
        """All replies to the end of the message, modifications first."""
        if macros is not None:
            self.macros("E", macros)
        self.send(packet("E"))
        return self.read_verdict()

    def read_verdict(self):
        replies = []
        while True:
            code, data = self.read()
            if code != "p":
                replies.append((code, data))
            if code not in MODIFICATIONS:
                return replies

    def abort(self):
        self.send(packet("A"))

    def quit(self):
        self.send(packet("Q"))

    # --- a whole message

    def message(self, sender, recipients, fields, body=b"", queue_id="4Qtest00001", mail_args=(), auth=None):
        """From MAIL to the end of the message, with the macros that Postfix sends. Returns a list of explained
        replies, the final one last; or of the one reply that ended it earlier."""
        mail_macros = [] if auth is None else [("{auth_authen}", auth)]
        early = self.mail("<%s>" % sender, *mail_args, macros=mail_macros)
        steps = [] if early is None else [early]
        for n, rcpt in enumerate(recipients):
            known = [("i", queue_id)] if n else []
            steps.append(self.rcpt("<%s>" % rcpt, macros=known + [("{rcpt_addr}", rcpt)]))
        steps.append(self.data(macros=[("i", queue_id)]))
        for name, value in fields:
            steps.append(self.header(name, value, macros=[("i", queue_id)]))
        steps.append(self.eoh(macros=[("i", queue_id)]))
        body = raw(body)
        for at in range(0, len(body), BODY_CHUNK):
            steps.append(self.body(body[at:at + BODY_CHUNK], macros=[("i", queue_id)]))
        for reply in steps:
            if reply is not None and reply[0] not in "cs":
                return [explain(*reply)]
        return [explain(*r) for r in self.eom(macros=[("i", queue_id)])]


def read_message(data):
    """Header fields as (name, value) in the form of header(), and the body."""
    data = raw(data).replace(b"\r\n", b"\n")
    head, _, body = data.partition(b"\n\n")
    fields = []
    for line in head.split(b"\n"):
        if line[:1] in (b" ", b"\t") and fields:
            fields[-1][1] += b"\n" + line
        elif b":" in line:
            name, _, value = line.partition(b":")
            fields.append([name.rstrip(), value[1:] if value.startswith(b" ") else value])
    return [tuple(f) for f in fields], body.replace(b"\n", b"\r\n")


def main():
    p = argparse.ArgumentParser(description="Plays one message to a milter and prints its replies.")
    p.add_argument("address", help="unix:/path or inet:HOST:PORT")
    p.add_argument("--client", default="192.0.2.25", help="address of the SMTP client")
    p.add_argument("--client-name", default="client.example.net")
    p.add_argument("--port", type=int, default=12345)
    p.add_argument("--helo", default="client.example.net")
    p.add_argument("--sender", default="ann@example.net")
    p.add_argument("--rcpt", action="append", help="may be given several times")
    p.add_argument("--auth", help="SASL login")
    p.add_argument("--queue-id", default="4Qtest00001")
    p.add_argument("--header", action="append", default=[], metavar="NAME: VALUE")
    p.add_argument("--message", help="file with header and body; - is standard input")
    p.add_argument("--plain", action="store_true", help="offer protocol version 2 and no step")
    p.add_argument("--repeat", type=int, default=1, help="messages on this connection")
    p.add_argument("--timeout", type=float, default=10.0)
    o = p.parse_args()
    fields, body = [], b""
    if o.message:
        if o.message == "-":
            fields, body = read_message(sys.stdin.buffer.read())
        else:
            with open(o.message, "rb") as f:
                fields, body = read_message(f.read())
    for line in o.header:
        name, _, value = line.partition(":")
        fields.append((name, value[1:] if value.startswith(" ") else value))
    try:
        with Milter(o.address, o.timeout) as m:
            print("NEGOTIATED version=%d actions=%#x steps=%#x"
                  % (m.negotiate(2, 0x3F, 0) if o.plain else m.negotiate()))
            m.connect(o.client_name, o.client, o.port, macros=[("j", "mx.example.org"), ("{daemon_name}", "smtpd")])
            m.helo(o.helo, macros=[])
            for _ in range(o.repeat):
                for reply in m.message(o.sender, o.rcpt or ["bob@example.org"], fields, body, o.queue_id,
                                       auth=o.auth):
                    print(*(str(part).replace("\n", "\\n") for part in reply))
            m.quit()
    except (MilterError, OSError) as e:
        sys.exit("milter_client: %s" % e)


if __name__ == "__main__":
    main()
