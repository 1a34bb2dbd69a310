# SPDX-License-Identifier: ISC
"""run.py BUILD [NAME...]: all lab tests, or those whose name contains one of NAME, over one private Postfix. With LAB_FULL=1
the stories are long. The table of stories and mail servers is left in BUILD/lab."""

import os
import sys
import time
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from lab import bench  # noqa: E402
from lab.daemon import programs  # noqa: E402
from lab import table  # noqa: E402
from lab.net import polite_signals  # noqa: E402
from lab.postfix import why_not  # noqa: E402


class Said(unittest.TextTestResult):
    """One line a test, with its time."""

    def startTest(self, test):
        self.began = time.monotonic()
        unittest.TestResult.startTest(self, test)

    def say(self, word, test, more=""):
        name = test.id().split(".", 1)[1] if hasattr(test, "id") else str(test)
        self.stream.writeln("%-4s %s (%.1fs)%s" % (word, name, time.monotonic() - self.began, more))
        self.stream.flush()

    def addSuccess(self, test):
        unittest.TestResult.addSuccess(self, test)
        self.say("ok", test)
        table.note(test, getattr(test, "note", "ok"))

    def addError(self, test, err):
        unittest.TestResult.addError(self, test, err)
        self.say("FAIL", test)
        table.note(test, "FAIL")

    def addFailure(self, test, err):
        unittest.TestResult.addFailure(self, test, err)
        self.say("FAIL", test)
        table.note(test, "FAIL")

    def addSkip(self, test, reason):
        unittest.TestResult.addSkip(self, test, reason)
        self.say("skip", test, ": " + reason)
        table.note(test, "-")


def flatten(suite):
    for t in suite:
        if isinstance(t, unittest.TestSuite):
            yield from flatten(t)
        else:
            yield t


def main(build, wanted):
    polite_signals()
    tests = list(flatten(unittest.defaultTestLoader.discover(HERE, "test_*.py", HERE)))
    if wanted:
        tests = [t for t in tests if any(w in t.id() for w in wanted)]
    missing = why_not()
    if missing:
        for t in tests:
            print("skip %s" % t.id())
        print("lab: skipped, because %s (sudo sh tests/lab/run.sh)" % missing)
        print("lab: 0 passed, 0 failed, %d skipped" % len(tests))
        return 0
    if not os.access(programs(build)[0], os.X_OK):
        print("lab: %s is not built" % programs(build)[0])
        print("lab: 0 passed, 1 failed, 0 skipped")
        return 1
    runner = unittest.TextTestRunner(stream=sys.stdout, resultclass=Said, verbosity=0)
    with bench.Bench(build) as bench.BENCH:
        result = runner.run(unittest.TestSuite(tests))
        print(table.write(build, bench.BENCH.versions(), bool(os.environ.get("LAB_FULL"))), end="")
    bad = {id(t) for t, _ in result.failures + result.errors}
    skipped = len(result.skipped)
    passed = result.testsRun - len(bad) - skipped
    print("lab: %d passed, %d failed, %d skipped" % (passed, len(bad), skipped))
    return 0 if passed and not bad else 1


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: run.py BUILD [NAME...]")
    sys.exit(main(sys.argv[1], sys.argv[2:]))
