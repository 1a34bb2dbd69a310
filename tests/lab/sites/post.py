# SPDX-License-Identifier: ISC
"""The mailboxes of all sites. What arrives is counted and handed to whoever lives there; nothing is kept.

Mail whose Message-ID begins with <legit. is lawful and is counted for itself; all other mail is the
storm's."""

from collections import Counter

from lab.sink import Sink

LEGIT = "<legit."


def lawful(message_id):
    return (message_id or "").startswith(LEGIT)


class Post(Sink):
    def reset(self):
        with self.lock:
            self.refuse, self.refusal = set(), "550 5.1.1 no such mailbox"
            self.subscribers = {}
            self.legit = Counter()     # (message-id, recipient) -> copies
            self.each = Counter()      # recipient -> copies of the storm
            self.to_each = Counter()   # recipient -> copies of whatever mail
            self.storm_to = None       # counts what a story calls delivered; None: all
            self.copies = self.bytes = self.aside = 0
            self.watch = None

    def deliver(self, d):
        with self.lock:
            self.to_each.update(d.recipients)
        size = len(d.header) + 4 + len(d.body)
        if lawful(d.message_id):
            with self.lock:
                for r in d.recipients:
                    self.legit[d.message_id, r] += 1
        else:
            with self.lock:
                for r in d.recipients:
                    self.each[r] += 1
                    if self.storm_to and not self.storm_to(r):
                        self.aside += 1
                        continue
                    self.copies += 1
                    self.bytes += size
        if self.watch:
            self.watch(d)
        for r in d.recipients:
            fn = self.subscribers.get(r)
            if fn:
                fn(d)
