# SPDX-License-Identifier: ISC
"""The list that is its own return path, and the dead member whose server sends a bounce there for each copy. A bounce is
one more post. Both loop through the mail server under test, up to a bound."""

import itertools
import queue
import threading
import time

from . import smtp

SERIAL = itertools.count(1)
DEAD = "dead@gone.example"
QUIET = 0.4  # seconds without anything under way: it has ended
BOUNCE = """\
From: Mail Delivery System <MAILER-DAEMON@gone.example>
To: <%s>
Subject: Undelivered
Auto-Submitted: auto-replied
Message-ID: <dead.%d@gone.example>
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b

gone
--b--
"""


class ListLoop(threading.Thread):
    """Context manager. `copies`: at most so many recipient copies are sent to members."""

    def __init__(self, port, sink, mta, address, members, copies):
        super().__init__(daemon=True, name="list")
        self.port, self.sink, self.mta, self.address = port, sink, mta, address
        self.members = [*members, DEAD]
        self.left, self.offered, self.bounces = copies, 0, 0
        self.inbox = queue.Queue()
        self.leave = threading.Event()
        self.busy = threading.Event()
        self.trouble = None

    def __enter__(self):
        for mailbox in (self.address, DEAD):
            self.sink.subscribe(mailbox, lambda d, m=mailbox: self.inbox.put((m, d)))
        self.start()
        return self

    def __exit__(self, *_):
        self.leave.set()
        for mailbox in (self.address, DEAD):
            self.sink.unsubscribe(mailbox)
        self.join(30)

    def run(self):
        while not self.leave.is_set():
            try:
                mailbox, d = self.inbox.get(timeout=0.05)
            except queue.Empty:
                continue
            self.busy.set()
            try:
                if mailbox == self.address:
                    self.to_members(d)
                else:
                    self.bounce(d)
            except (OSError, smtp.Gone) as e:
                self.trouble = e
                return
            finally:
                self.busy.clear()

    def to_members(self, d):
        members = self.members[:self.left]
        self.left -= len(members)
        self.offered += len(members)
        if members:
            line = b"Received: by list.sender.example (Listserver) id %d;\r\n\tMon, 16 Jan 2006 09:20:00 +0000\r\n"
            smtp.send(self.port, self.address, members, line % next(SERIAL) + d.content, helo="list.sender.example",
                      source="127.0.0.9", chunk=100)

    def bounce(self, d):
        if d.sender:
            self.bounces += 1
            smtp.send(self.port, "", [d.sender], (BOUNCE % (d.sender, next(SERIAL))).encode(), helo="mx.gone.example",
                      source="127.0.0.50")

    def ends(self, timeout):
        """True when it ended by itself, False when the bound or the time did."""
        end, since = time.monotonic() + timeout, None
        while time.monotonic() < end and self.left:
            if self.trouble:
                raise RuntimeError(self.trouble)
            still = self.inbox.empty() and not self.busy.is_set() and not self.mta.queue_ids("incoming", "active")
            since = (since or time.monotonic()) if still else None
            if since and time.monotonic() - since > QUIET:
                return True
            time.sleep(0.02)
        return False
