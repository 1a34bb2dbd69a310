#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Runs every test_* function of the test_*.py files beside this one: each gets a fresh Lab (harness.py), has a time
limit, and fails as well when a sanitizer left a report or a process had to be killed. They mostly wait, so two run at
a time; WORKERS=1 has them one after the other."""
import glob
import importlib
import os
import random
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
NUMBER = 2  # bytes of a test's number


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
    """What went wrong (or None), what the test has to tell, and whether it was skipped for that."""
    lab = harness.Lab(build)
    wrong = note = None
    skipped = False
    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(LIMIT)
    try:
        note = fn(lab)
        lab.check()
    except harness.Skip as why:
        note, skipped = str(why), True
    except Exception:
        wrong = traceback.format_exc() + lab.logs()
    signal.alarm(LIMIT)
    try:
        lab.close()
    except Exception:
        wrong = (wrong or "") + traceback.format_exc()
    signal.alarm(0)
    return wrong, note, skipped


def work(build, chosen, todo):
    """Runs tests by the numbers that it takes from `todo`. Returns how many passed, failed and were skipped."""
    counts = [0, 0, 0]
    while number := os.read(todo, NUMBER):
        label, fn = chosen[int.from_bytes(number, "little")]
        begin = time.monotonic()
        wrong, note, skipped = run_one(build, fn)
        if wrong:
            text = f"{wrong}FAIL {label}\n"
        elif skipped:
            text = f"skip {label}: {note}\n"
        else:
            text = f"ok   {label} ({time.monotonic() - begin:.1f}s){': ' + note if note else ''}\n"
        sys.stdout.write(text)
        sys.stdout.flush()
        counts[1 if wrong else 2 if skipped else 0] += 1
    return counts


def worker(build, chosen, todo, report):
    """In a process of its own; never returns."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    random.seed()  # ports are drawn: not the same ones as the other worker's
    try:
        os.write(report, ("%d %d %d\n" % tuple(work(build, chosen, todo))).encode())
    finally:
        os._exit(0)


def run(build, chosen):
    todo, numbers = os.pipe()
    said, report = os.pipe()
    for i in range(len(chosen)):
        os.write(numbers, i.to_bytes(NUMBER, "little"))
    os.close(numbers)
    sys.stdout.flush()
    pids = []
    for _ in range(min(int(os.environ.get("WORKERS") or min(2, os.cpu_count())), len(chosen)) or 1):
        pid = os.fork()
        if pid == 0:
            worker(build, chosen, todo, report)
        pids.append(pid)
    signal.signal(signal.SIGTERM, lambda *_: [os.kill(p, signal.SIGTERM) for p in pids] and sys.exit(1))
    os.close(report)
    with os.fdopen(said) as f:
        counts = [[int(n) for n in line.split()] for line in f]
    for pid in pids:
        os.waitpid(pid, 0)
    passed, _, skipped = [sum(n) for n in zip([0, 0, 0], *counts)]
    # A worker that ended without a word has failed with all that it took.
    return passed, len(chosen) - passed - skipped, skipped


def main():
    if len(sys.argv) < 2:
        sys.exit("usage: run.py BUILD [NAME...]")
    build = os.path.abspath(sys.argv[1])
    os.umask(0o022)  # files of the lab are read by the daemon's user and by the MTA's
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192) if hard > 0 else 8192, hard))
    passed, failed, skipped = run(build, list(tests(sys.argv[2:])))
    print(f"system: {passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed or not passed + skipped else 0)


if __name__ == "__main__":
    main()
