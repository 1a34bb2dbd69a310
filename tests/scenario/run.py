# SPDX-License-Identifier: ISC
"""Runs all scenarios, or those whose name contains one of the words given."""

import sys
import time
import traceback

import anew
import bare
import brake
import harmless
import lists
import loops
import replies
import rewritten
import rounds
import storms
from world import Violation


def main():
    build, words = sys.argv[1], sys.argv[2:]
    passed = failed = 0
    start = time.monotonic()
    for module in (storms, anew, bare, rewritten, brake, lists, loops, rounds, replies, harmless):
        for name, fn in module.scenarios():
            if words and not any(w in name for w in words):
                continue
            try:
                fn(build)
                passed += 1
            except Violation as e:
                failed += 1
                print("FAIL %s: %s" % (name, e))
            except Exception:
                failed += 1
                print("FAIL %s" % name)
                traceback.print_exc(file=sys.stdout)
    print("%.1f s" % (time.monotonic() - start))
    print("scenario: %d passed, %d failed" % (passed, failed))
    return 0 if failed == 0 and passed else 1


sys.exit(main())
