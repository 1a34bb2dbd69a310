# SPDX-License-Identifier: ISC
"""demo.py BUILD: the replication storm of January 2006 on a private Postfix, first without policyd-storm, then with it.

630 people are written to once. Three of them have servers that send whatever they receive to everybody again."""

import argparse
import os
import shutil
import sqlite3
import statistics
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from lab import smtp, store  # noqa: E402
from lab.actors import Message, Storm, origin  # noqa: E402
from lab.bench import Bench  # noqa: E402
from lab.daemon import programs  # noqa: E402
from lab.net import polite_signals  # noqa: E402
from lab.postfix import why_not  # noqa: E402

PEOPLE = 630
LIMIT = 3
FAULTY = {"sbs%d.faulty%d.example" % (n, n) for n in (1, 2, 3)}

RULES = """\
[rule replication]
detect   = replication
limit    = %d
window   = 1d
action   = discard
mode     = enforce
remember = 45d

[rule wide]
detect = wide-recipients
limit  = 100
action = prepend X-Storm-Wide: many people can be answered at once
mode   = enforce
""" % LIMIT


def say(text=""):
    print(text, flush=True)


class Run:
    """One storm from the first message to its end or to the cap, and what it did to the mailboxes."""

    def __init__(self, title, bench, door, copies):
        self.title, self.bench, self.door, self.copies = title, bench, door, copies
        self.shown = 0.0

    def progress(self, storm):
        now = time.monotonic()
        if now - self.shown > 1.0:
            self.shown = now
            say("    %5.1fs  %6d copies offered, %6d delivered"
                % (now - self.began, storm.budget.offered + PEOPLE, self.bench.sink.total))

    def blow(self, message):
        b = self.bench
        b.sink.reset()
        self.began = time.monotonic()
        with Storm(b.postfix.port[self.door], b.sink, b.postfix, self.copies) as storm:
            for r in smtp.send(b.postfix.port[self.door], message.sender, message.to, message.through(origin())):
                if r.code != 250:
                    raise RuntimeError("the first message was refused: %d %s" % r.data)
            self.ended = storm.run(timeout=60, progress=self.progress)
            self.seconds = time.monotonic() - self.began
            self.offered = storm.budget.offered + len(message.to)
        self.counts = sorted(b.sink.count(r, message.message_id) for r in message.to)
        self.lost = sum(1 for n in self.counts if n == 0)
        self.delivered = sum(self.counts)
        say("    %5.1fs  %s" % (self.seconds, "the storm has died down" if self.ended
                                else "cut off by the demo: it would go on for ever"))
        return self

    def row(self):
        c = self.counts
        return ("%-34s %8d %10d   %4d %6g %5d %12d   %s"
                % (self.title, self.offered, self.delivered, c[0], statistics.median(c), c[-1], self.lost,
                   "ended by itself" if self.ended else "cut off at the cap"))


def keep_database(source, folder):
    """A copy without write-ahead log, readable by anybody."""
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "storm.db")
    for old in (path, path + "-wal", path + "-shm"):
        if os.path.exists(old):
            os.unlink(old)
    src, dst = sqlite3.connect(source), sqlite3.connect(path)
    try:
        src.backup(dst)
        dst.execute("PRAGMA journal_mode=DELETE")
    finally:
        src.close()
        dst.close()
    owner = int(os.environ.get("SUDO_UID", -1)), int(os.environ.get("SUDO_GID", -1))
    for p in (folder, path):
        os.chown(p, *owner)
    return path


def report(path):
    """What the daemon wrote down. True when it named the three servers, and not the sender's."""
    names = set()
    for storm in store.query(path, "SELECT * FROM storms ORDER BY first, id"):
        say("\nStorm %(id)s, rule %(rule)s, %(state)s: \"%(subject)s\" from %(sender)s" % storm)
        say("  %(messages)d messages, %(offered)d copies for %(recipients)d recipients: %(passed)d passed, "
            "%(stopped)d stopped" % storm)
        say("  Its copies came through:")
        for host in store.query(path, "SELECT * FROM storm_hosts WHERE storm = ?", storm["id"]):
            say("    %-45s %-15s %6d copies" % (host["name"], host["how"], host["copies"]))
            names.add(host["name"])
    return FAULTY <= names and not any(n.endswith("sender.example") for n in names)


def letters():
    faulty = ["reception@faulty%d.example" % n for n in (1, 2, 3)]
    people = faulty + ["parish%03d@victim.example" % n for n in range(PEOPLE - len(faulty))]
    first = Message("<43CB6B9F.2030507@sender.example>", "Meeting of all parishes", people)
    again = Message("<43CB6B9F.2030508@sender.example>", "Meeting of all parishes", people)
    reply = Message("<please-stop.1@victim.example>", "Re: Meeting of all parishes", people,
                    sender="parish007@victim.example", extra=["In-Reply-To: " + again.message_id])
    return first, again, reply


def demo(build, copies):
    first, again, reply = letters()
    say("Starting a private Postfix and 630 mailboxes behind it (nothing of the system's Postfix is touched) ...")
    with Bench(build) as bench:
        say("\n1. Without policyd-storm: one message to %d people, three faulty servers among them." % PEOPLE)
        without = Run("without policyd-storm", bench, "plain", copies).blow(first)
        bench.daemon.configure(RULES, "enforce", "")
        bench.daemon.start()
        say("\n2. With policyd-storm at both doors (policy and milter), at most %d copies each." % LIMIT)
        with_it = Run("with policyd-storm", bench, "guarded", copies).blow(again)
        say("\n3. A second wave: somebody answers all, \"please stop\". The daemon is still there.")
        wave = Run("with policyd-storm, second wave", bench, "guarded", copies).blow(reply)
        bench.daemon.stop()
        path = keep_database(bench.daemon.db, os.path.join(build, "demo"))
        shutil.copyfile(bench.daemon.log, os.path.join(build, "demo", "log"))
    say("\n%-34s %8s %10s   %s" % ("", "offered", "delivered", "copies in one mailbox"))
    say("%-34s %8s %10s   %4s %6s %5s %12s" % ("", "copies", "copies", "min", "median", "max", "nothing got"))
    for run in (without, with_it, wave):
        say(run.row())
    named = report(path)
    say("\nLook for yourself:")
    say("  sqlite3 -box %s 'SELECT * FROM storms'" % path)
    say("  sqlite3 -box %s 'SELECT * FROM storm_hosts'" % path)
    say("  sqlite3 -box %s 'SELECT * FROM messages LIMIT 20'" % path)
    say("  less %s" % os.path.join(build, "demo", "log"))
    good = with_it.ended and wave.ended and not with_it.lost and not wave.lost and named \
        and max(with_it.counts[-1], wave.counts[-1]) <= LIMIT
    say("\n%s" % ("Both storms were stopped, nobody lost his first copy, and the three servers are named." if good
                  else "The storm was NOT stopped as it should have been."))
    return 0 if good else 1


def main():
    parser = argparse.ArgumentParser(description="shows a mail storm without and with policyd-storm")
    parser.add_argument("build", nargs="?", default="build", help="folder with the built programs")
    parser.add_argument("--copies", type=int, default=31500, help="recipient copies at which each storm is cut off")
    args = parser.parse_args()
    missing = why_not()
    if missing:
        sys.exit("demo: %s. Run it as: sudo make demo" % missing)
    if not os.access(programs(args.build)[0], os.X_OK):
        sys.exit("demo: %s is not built; run make" % programs(args.build)[0])
    polite_signals()
    try:
        return demo(args.build, args.copies)
    except KeyboardInterrupt:
        say("\ninterrupted; everything was stopped")
        return 130


if __name__ == "__main__":
    sys.exit(main())
