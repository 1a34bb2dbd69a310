#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""run.py BUILD [PART...]: measures what the daemon costs beside the least that the same work can cost, in turns, and
leaves a table and charts in BUILD/bench. It never judges a time: what fails are wrong answers and lost records.

  BENCH_QUICK=1    as little as shows that all of it works, some ten seconds
  BENCH_ROWS=N     rows of the big store (10000000)        BENCH_COUNTERS=N  live counters in it (1000000)
  BENCH_ROUNDS=N   rounds, of which the median is shown (5)  BENCH_SECONDS=S   of one run (1.0)
  BENCH_EVENTS=N   replayed messages (100000)               BENCH_KEEP=1      keeps the stores in BUILD/bench/store
  BENCH_OLD_ROWS=N rows that retention deletes under load (5000000)
  BENCH_STRANGERS=N messages of which no two have anything in common (10000000)
  PEERS=1          other policy servers too, as far as they are installed
"""
import os
import resource
import sys
import time
import traceback

sys.dont_write_bytecode = True

import rig as rigs  # noqa: E402
import chart  # noqa: E402
import parts  # noqa: E402
import report  # noqa: E402


def run_part(name, build, plan, results):
    rig = rigs.Rig(build, plan, results)
    print(f"--- {name}", flush=True)
    try:
        parts.ALL[name](rig)
        rig.lab.check()
    except Exception:
        results.check(name, False, traceback.format_exc() + rig.lab.logs()[-2000:])
    finally:
        try:
            rig.close()
        except AssertionError as e:
            results.check(f"{name}: all servers ended well", False, e)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    build, plan, results = sys.argv[1], rigs.Plan(), rigs.Results()
    names = sys.argv[2:] or list(parts.ALL)
    unknown = set(names) - set(parts.ALL)
    if unknown:
        sys.exit(f"no such part: {', '.join(unknown)}")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192) if hard > 0 else 8192, hard))
    facts, begun = rigs.about(plan), time.monotonic()
    for name in names:
        run_part(name, build, plan, results)
    facts["took"] = round(time.monotonic() - begun)
    out = os.path.join(build, "bench", "quick" if plan.quick else "result")
    os.makedirs(out, exist_ok=True)
    table = report.table(results, facts)
    files = {"results.json": results.json(facts), "table.md": table, "chart-light.svg": chart.svg(results, facts, "light"),
             "chart-dark.svg": chart.svg(results, facts, "dark")}
    for name, text in files.items():
        with open(os.path.join(out, name), "w", encoding="utf-8") as f:
            f.write(text)
    print(f"\n{table}\n{out}: {', '.join(files)}; {facts['took']} s")
    print(f"bench: {results.passed} passed, {results.failed} failed, {results.skipped} skipped")
    sys.exit(1 if results.failed or not results.passed else 0)


if __name__ == "__main__":
    main()
