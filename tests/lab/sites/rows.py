# SPDX-License-Identifier: ISC
"""The table: one row a story, checked, printed, and kept as JSON."""

import json
import os

HEAD = """\
                                                        | without             | with policyd-storm                     | first  | lawful mail | storm messages  |        |
                                                        |  copies   copies to |  copies   copies to   copies  what     | copies |             | before     last |     MB |
story                                                   | offered   mailboxes | offered   mailboxes  stopped  became   | lost   | lost     of | 1st stop passed |  saved | seconds
"""
LEGEND = """\
offered: recipients of storm messages at our MX (for lists: posts and bounces to the list, before it expands them).
copies to mailboxes: storm copies that lay in mailboxes of all sites at the end; first copies of the letter itself included.
stopped: of those offered, what the daemon refused, put off, held, dropped or gave to the list's owner.
what became: died, went on until the lab cut it off, or over: it does not feed itself. Without the daemon each that does was cut off.
before 1st stop: storm messages before the first of which a copy was stopped; last passed: the last one that any copy passed of.
"""


class Wrong(Exception):
    """A story that did not come to what it must."""


class Row:
    def __init__(self, name, what, bound):
        self.name, self.what, self.bound = name, what, bound
        self.feeds = True  # it makes more of itself
        self.notes = []
        self.faults = []

    def need(self, condition, *what):
        if not condition:
            self.faults.append(" ".join(str(w) for w in what))

    def note(self, text):
        self.notes.append(text)

    def without(self, p):
        self.without_offered, self.without_delivered = p.offered, p.delivered
        self.without_bytes, self.without_ended, self.without_seconds = p.bytes, p.ended, p.seconds

    def with_it(self, p):
        self.offered, self.delivered, self.bytes, self.seconds = p.offered, p.delivered, p.bytes, p.seconds
        self.passed, self.stopped = p.journal.passed, p.journal.stopped
        self.until_first, self.until_last = p.journal.until_first, p.journal.until_last
        self.first_lost, self.legit_lost, self.legit = len(p.first_lost), len(p.legit_lost), len(p.wanted)
        self.ended, self.highest = p.ended, max(p.each.values(), default=0)
        self.need(p.code == 0, "the daemon ended with", p.code)
        self.need(not p.first_lost, "first copies lost:", p.first_lost[:5])
        self.need(not p.legit_lost, "lawful mail lost:", p.legit_lost[:5])

    def saved(self):
        return self.without_bytes - self.bytes

    def line(self):
        first = "-" if self.until_first is None else self.until_first
        what = "%-2s %s" % (self.name, self.what)
        became = "over" if not self.feeds else "died" if self.ended else "went on"
        return "%-55s |%8d %11d |%8d %11d %8d  %-8s |%7d |%5d %6d |%9s %6d |%7.1f | %.1f + %.1f" % (
            what[:55], self.without_offered, self.without_delivered, self.offered, self.delivered, self.stopped,
            became, self.first_lost, self.legit_lost, self.legit, first, self.until_last,
            self.saved() / 1e6, self.without_seconds, self.seconds)

    def record(self):
        return dict(vars(self), bytes_saved=self.saved())


def text(rows):
    out = [HEAD + "-" * 188]
    for r in rows:
        out.append(r.line())
    out.append("")
    for r in rows:
        out += ["%-2s %s" % (r.name, n) for n in r.notes]
    return "\n".join(out) + "\n\n" + LEGEND


def keep(rows, folder, full):
    os.makedirs(folder, exist_ok=True)
    owner = int(os.environ.get("SUDO_UID", -1)), int(os.environ.get("SUDO_GID", -1))
    for name, content in (("record.txt", text(rows)),
                          ("record.json", json.dumps({"full": full, "stories": [r.record() for r in rows]}, indent=1))):
        path = os.path.join(folder, name)
        with open(path, "w") as f:
            f.write(content + "\n" * (not content.endswith("\n")))
        os.chown(path, *owner)
    os.chown(folder, *owner)
