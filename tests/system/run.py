#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Runs every test_* function of the test_*.py files beside this one: each gets a fresh Lab (harness.py), has a time
limit, and fails as well when a sanitizer left a report or a process had to be killed."""
import glob
import importlib
import os
import resource
import signal
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

import harness  # noqa: E402

LIMIT = 60  # seconds a test


def tests(words):
    for path in sorted(glob.glob(os.path.join(HERE, "test_*.py"))):
        module = importlib.import_module(os.path.basename(path)[:-3])
        for name, fn in list(vars(module).items()):
            label = f"{module.__name__[5:]}.{name[5:]}"
            if name.startswith("test_") and callable(fn) and (not words or any(w in label for w in words)):
                yield label, fn


def too_long(_signum, _frame):
    raise TimeoutError(f"not done after {LIMIT} seconds")


def run_one(build, fn):
    """What went wrong (or None), and what the test has to tell."""
    lab = harness.Lab(build)
    wrong = note = None
    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(LIMIT)
    try:
        note = fn(lab)
        lab.check()
    except harness.Skip as why:
        note = f"skipped: {why}"
    except Exception:
        wrong = traceback.format_exc() + lab.logs()
    signal.alarm(LIMIT)
    try:
        lab.close()
    except Exception:
        wrong = (wrong or "") + traceback.format_exc()
    signal.alarm(0)
    return wrong, note


def main():
    if len(sys.argv) < 2:
        sys.exit("usage: run.py BUILD [NAME...]")
    build = os.path.abspath(sys.argv[1])
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192) if hard > 0 else 8192, hard))
    passed = failed = 0
    for label, fn in tests(sys.argv[2:]):
        begin = time.monotonic()
        wrong, note = run_one(build, fn)
        if wrong:
            failed += 1
            print(f"{wrong}FAIL {label}", flush=True)
        else:
            passed += 1
            print(f"ok   {label} ({time.monotonic() - begin:.1f}s){': ' + note if note else ''}", flush=True)
    print(f"system: {passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
