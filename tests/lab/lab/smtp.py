# SPDX-License-Identifier: ISC
"""An SMTP client that pipelines by hand: one write for the envelope, one for the content."""

import socket

from . import sasl


class Gone(Exception):
    """The server closed the connection or spoke nonsense."""


class Result:
    """What became of one transaction."""

    def __init__(self, mail, rcpts, data):
        self.mail = mail    # (code, text)
        self.rcpts = rcpts  # {recipient: (code, text)}
        self.data = data    # (code, text): of the final dot, or of DATA when it went no further

    @property
    def code(self):
        return self.data[0]

    @property
    def accepted(self):
        """Recipients for whom the server took the message over."""
        if self.data[0] != 250:
            return []
        return [r for r, (code, _) in self.rcpts.items() if code == 250]


def stuff(content):
    """Bytes of a message -> bytes after DATA: CRLF line ends, doubled dots, the final dot."""
    text = content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    if text.startswith(b"."):
        text = b"." + text
    text = text.replace(b"\r\n.", b"\r\n..")
    if not text.endswith(b"\r\n"):
        text += b"\r\n"
    return text + b".\r\n"


class Client:
    """One connection. `source` is the loopback address that it comes from, `xclient` what it says of itself
    instead, `login` the user who logs in."""

    def __init__(self, port, helo, source="127.0.0.1", timeout=60.0, xclient="", login=""):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=timeout, source_address=(source, 0))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.sock.makefile("rb")
        try:
            self._expect(220)
            self._say("EHLO %s" % helo)
            self._expect(250)
            if xclient:
                self._say("XCLIENT " + xclient)
                self._expect(220)
                self._say("EHLO %s" % helo)
                self._expect(250)
            if login:
                self._say("AUTH PLAIN " + sasl.response(login))
                self._expect(235)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        try:
            self.sock.sendall(b"QUIT\r\n")
        except OSError:
            pass
        self.file.close()
        self.sock.close()

    def _say(self, line):
        self.sock.sendall(line.encode() + b"\r\n")

    def _reply(self):
        text = []
        while True:
            line = self.file.readline(4096)
            if len(line) < 4 or not line[:3].isdigit():
                raise Gone("reply %r" % line)
            text.append(line[4:].decode("utf-8", "replace").strip())
            if line[3:4] != b"-":
                return int(line[:3]), " ".join(text)

    def _expect(self, code):
        got = self._reply()
        if got[0] != code:
            raise Gone("%d %s, expected %d" % (got[0], got[1], code))

    def send(self, sender, recipients, content, bdat=0):
        """One transaction, by BDAT in chunks of so many bytes if wanted. Never raises for a refusal, only for a
        connection that is gone."""
        lines = ["MAIL FROM:<%s>" % sender] + ["RCPT TO:<%s>" % r for r in recipients] + ["DATA"] * (not bdat)
        self._say("\r\n".join(lines))
        mail = self._reply()
        rcpts = {r: self._reply() for r in recipients}
        data = self._bdat(content, bdat) if bdat else self._reply()
        if data[0] == 354:
            self.sock.sendall(stuff(content))
            data = self._reply()
        if data[0] != 250:
            self._say("RSET")
            self._reply()
        return Result(mail, rcpts, data)


    def _bdat(self, content, size):
        text = content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        for i in range(0, len(text), size):
            last = b" LAST" if i + size >= len(text) else b""
            self.sock.sendall(b"BDAT %d%s\r\n" % (len(text[i:i + size]), last) + text[i:i + size])
            got = self._reply()
            if got[0] != 250:
                break
        return got


def send(port, sender, recipients, content, helo="mail.sender.example", source="127.0.0.5", chunk=50, xclient="",
         login="", bdat=0):
    """All recipients, in transactions of `chunk`, over one connection. Returns the list of results."""
    with Client(port, helo, source, xclient=xclient, login=login) as c:
        return [c.send(sender, recipients[i:i + chunk], content, bdat) for i in range(0, len(recipients), chunk)]
