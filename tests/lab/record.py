# SPDX-License-Identifier: ISC
"""record.py BUILD [--full] [--copies=N] [NAME...]: the storms of the record on real mail servers, without and
with policyd-storm. Short by default. The table goes to BUILD/lab/ as text and as JSON too."""

import argparse
import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from lab.daemon import programs  # noqa: E402
from lab.net import polite_signals  # noqa: E402
from lab.postfix import why_not  # noqa: E402
from sites import crowds, floods, harmless, loops, replication, rows  # noqa: E402
from sites.world import World  # noqa: E402

STORIES = {"A": replication.story_a, "B": replication.story_b, "C": replication.story_c, "D": loops.story_d,
           "E": loops.story_e, "F": crowds.story_f, "G": floods.story_g, "H": floods.story_h,
           "I": harmless.story_i}


class Size:
    def __init__(self, full, copies):
        self.full, self.copies = full, copies
        self.seconds = 300 + copies // 1000 if full else 60  # for one run of one storm


def say(text=""):
    print(text, flush=True)


def play(world, names, size):
    for name in names:
        say("story %s" % name)
        for row in STORIES[name](world, size):
            for fault in row.faults:
                say("FAIL %s: %s" % (row.name, fault))
            yield row


def main():
    parser = argparse.ArgumentParser(description="plays the storms of the record on real mail servers")
    parser.add_argument("build", nargs="?", default="build", help="folder with the built programs")
    parser.add_argument("names", nargs="*", help="A to I; all of them by default")
    parser.add_argument("--full", action="store_true", help="as large as real mail servers carry in minutes")
    parser.add_argument("--copies", type=int, default=100000,
                        help="where the lab cuts story A off, with --full")
    args = parser.parse_args()
    missing = why_not()
    if missing:
        sys.exit("lab: %s. Run it as: sudo make lab" % missing)
    if not os.access(programs(args.build)[0], os.X_OK):
        sys.exit("lab: %s is not built; run make" % programs(args.build)[0])
    polite_signals()
    began, done = time.monotonic(), []
    try:
        with World(args.build, say) as world:
            for row in play(world, args.names or STORIES, Size(args.full, args.copies)):
                done.append(row)
                rows.keep(done, os.path.join(args.build, "lab"), args.full)
    except KeyboardInterrupt:
        say("interrupted; everything was stopped")
    bad = sum(1 for r in done if r.faults)
    say("\n" + rows.text(done))
    say("lab: %d rows as they must be, %d not, %.0f s; %s" % (len(done) - bad, bad, time.monotonic() - began,
                                                             os.path.join(args.build, "lab", "record.txt")))
    return 1 if bad or not done else 0


if __name__ == "__main__":
    sys.exit(main())
