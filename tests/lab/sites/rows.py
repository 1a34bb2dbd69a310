# SPDX-License-Identifier: ISC
"""The table: one row a story, checked, printed, and kept as JSON."""

import json
import os

# Three lines of head and a width each; "|" stands between groups.
COLUMNS = (
    ("", "", "story", -52), "|",
    ("without", "copies", "offered", 9), ("", "copies to", "mailboxes", 10), ("", "most", "in one", 7), "|",
    ("with", "copies", "offered", 9), ("", "copies to", "mailboxes", 10), ("", "most", "in one", 7),
    ("", "copies", "stopped", 8), ("", " what", " became", -8), "|",
    ("first", "copies", "lost", 6), "|", ("lawful", "mail", "lost", 6), ("", "", "of", 6), "|",
    ("storm", "mails till", "1st stop", 10), ("", "last", "passed", 7), "|",
    ("", "MB", "saved", 8), "|", ("", "seconds", "without + with", 15),
)
LEGEND = """\
without, with: policyd-storm beside our MX.
offered: recipients of storm messages at our MX; of a list, before it expands them.
copies to mailboxes: storm copies in the mailboxes of all sites at the end, first copies of a letter included;
most in one: in that mailbox which got most of them.
stopped: of those offered, what the daemon refused, put off, held, dropped or gave to the owner of the list.
what became: died; went on until the lab cut it off; over: it does not feed itself. Those that do were cut
off without.
1st stop: storm messages before the first that was stopped, be it in part; last passed: the last that was not
stopped altogether.
"""


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
        self.without_highest = p.highest
        self.without_bytes, self.without_ended, self.without_seconds = p.bytes, p.ended, p.seconds

    def with_it(self, p):
        self.offered, self.delivered, self.bytes, self.seconds = p.offered, p.delivered, p.bytes, p.seconds
        self.passed, self.stopped = p.journal.passed, p.journal.stopped
        self.until_first, self.until_last = p.journal.until_first, p.journal.until_last
        self.first_lost, self.legit_lost, self.legit = len(p.first_lost), len(p.legit_lost), len(p.wanted)
        self.ended, self.highest = p.ended, p.highest
        self.bytes_saved = self.without_bytes - self.bytes
        self.need(p.code == 0, "the daemon ended with", p.code)
        self.need(not p.first_lost, "first copies lost:", p.first_lost[:5])
        self.need(not p.legit_lost, "lawful mail lost:", p.legit_lost[:5])

    def cells(self):
        became = "over" if not self.feeds else "died" if self.ended else "went on"
        first = "-" if self.until_first is None else self.until_first
        return ("%-2s %s" % (self.name, self.what), self.without_offered, self.without_delivered,
                self.without_highest, self.offered, self.delivered, self.highest, self.stopped, " " + became,
                self.first_lost, self.legit_lost, self.legit, first, self.until_last,
                "%.1f" % (self.bytes_saved / 1e6), "%.1f + %.1f" % (self.without_seconds, self.seconds))


def line(cells):
    cells = iter(cells)
    return "".join(" |" if c == "|" else "%*s" % (c[3], next(cells)) for c in COLUMNS).rstrip()


def text(rows):
    columns = [c for c in COLUMNS if c != "|"]
    out = [line(c[k] for c in columns) for k in range(3)]
    out.append("-" * max(map(len, out)))
    out += [line(r.cells()) for r in rows] + [""]
    out += ["%-2s %s" % (r.name, n) for r in rows for n in r.notes]
    return "\n".join(out) + "\n\n" + LEGEND


def keep(rows, folder, full):
    os.makedirs(folder, exist_ok=True)
    owner = int(os.environ.get("SUDO_UID", -1)), int(os.environ.get("SUDO_GID", -1))
    record = {"full": full, "stories": [vars(r) for r in rows]}
    for name, content in (("record.txt", text(rows)), ("record.json", json.dumps(record, indent=1) + "\n")):
        path = os.path.join(folder, name)
        with open(path, "w") as f:
            f.write(content)
        os.chown(path, *owner)
    os.chown(folder, *owner)
