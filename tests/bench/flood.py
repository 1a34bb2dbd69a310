#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""flood.py BUILD: legitimate mail during a flood. A real daemon in real time: how long a decision takes for a few quiet
clients while nothing else happens, and while floods come through its doors at the highest rate that this machine carries.
All in turns; table and figures are left in BUILD/lab. It never judges a time: what fails are wrong answers to legitimate
mail and lost records.

  BENCH_QUICK=1  as little as shows that all of it works        BENCH_ROUNDS=N   rounds, of which the median is shown (5)
  BENCH_SECONDS=S  of one run (5)                               FLOOD_CONNECTIONS=N  of the flood at each door (50)

Quiet clients ask as an MTA's processes do, one question outstanding on each of four connections, PACE a second on each, at
both doors at once; a milter message has three recipients and takes several exchanges. A decision is from the first byte of
a question, or of a message, to the last of its answer. The floods: at the policy door, recipients of a hundred clients that
are over the limit of [rule flood] and braked; at the milter door, whole messages with another sender, recipients and
Message-ID each, which nothing can stop. They wait for each answer, on as many connections as a busy mail server has
processes. A flood comes from other machines, and so does its work: the generators run only when nobody else wants to."""
import contextlib
import functools
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import time
import traceback

sys.dont_write_bytecode = True

import rig as rigs  # noqa: E402

PACE = {"policy": 50, "milter": 25}
# Numbers of clients; 10000 of them are a network of their own: 500000 are 10.150.0.0/16.
BRAKED, UNSTOPPED, QUIET_MILTER, QUIET_POLICY = 0, 500000, 900000, 910000
EXEMPT = "10.150.0.0/16, 10.190.0.0/16"
QUIET = {"policy": {"clients": 10000, "client": QUIET_POLICY, "state": "RCPT"},
         "milter": {"clients": 10000, "client": QUIET_MILTER, "lines": 20}}
FLOOD = {"policy": {"clients": 100, "client": BRAKED, "state": "RCPT"},
         "milter": {"clients": 10000, "client": UNSTOPPED, "lines": 20}}
FLOODS = {"idle": (), "policy flood": ("policy",), "milter flood": ("milter",), "both": ("policy", "milter")}
AIM = 2.0  # p50 and p99 in times of idle, at most
BEFORE, AFTER = 0.5, 0.5  # seconds for which a flood goes on before and after the quiet clients


@functools.cache
def permitted(how):
    """Not everybody may, nor in every container; without it the figures have more noise."""
    with contextlib.suppress(OSError):
        return subprocess.run(["chrt", *how, "true"], capture_output=True, timeout=10, check=False).returncode == 0
    return False


def begin(rig, server, door, elsewhere=False, **options):
    """`elsewhere`: stands for other machines, and takes no time that the daemon or a quiet client could use. Quiet clients go
    before all else, where that is permitted: how long they themselves wait for a processor is not what is asked."""
    rig.serial += 100000000
    args = [rig.program("load"), "--door", door, "--address", getattr(server, door), "--first", str(rig.serial)]
    for key, value in options.items():
        args += [f"--{key}", str(value)]
    how = ("--idle", "0") if elsewhere else ("--fifo", "1") if "pace" in options else ()
    if how and permitted(how):
        args = ["chrt", *how, *args]
    return subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)


def end(proc):
    out, err = proc.communicate(timeout=rigs.DEADLINE)
    assert proc.returncode == 0, err.decode()
    return json.loads(out)


def once(rig, server, floods, seconds, connections):
    """{(who, door): figures} of one run."""
    running = {}
    server.settle()
    cpu = server.cpu()
    try:
        for door in floods:
            running["flood", door] = begin(rig, server, door, True, seconds=seconds + BEFORE + AFTER, connections=connections,
                                           **FLOOD[door])
        time.sleep(BEFORE if floods else 0)
        for door, options in QUIET.items():
            running["quiet", door] = begin(rig, server, door, seconds=seconds, connections=4, pace=PACE[door], **options)
        got = {key: end(proc) for key, proc in running.items()}
    finally:
        for proc in running.values():
            if proc.poll() is None:
                proc.kill()
                proc.wait()
    for (_, door), figures in got.items():
        server.answered += figures["requests"] if door == "milter" else 0
    return got, server.cpu() - cpu


def flooded_daemon(rig):
    """All rules of etc/, with the flood rule on."""
    d = rig.daemon("flood", max_journal="4G")
    path = rig.lab.path("flood.rules")
    with open(path, encoding="utf-8") as f:
        before, rule = f.read().split("[rule flood]")
    for old, new in (("limit    = 1000", "limit    = 100"), ("mode     = off", "mode     = enforce"),
                     ("exempt   = ", f"exempt   = {EXEMPT}, ")):
        assert old in rule, old
        rule = rule.replace(old, new, 1)
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"{before}[rule flood]{rule}")
    return rig.start("flooded", d)


def fill(rig, server, connections):
    """Until the daemon has as many counters as it may: what it does then, it does for the rest of its life."""
    for _ in range(15):
        counters = rig.status(server.daemon)["counters"]
        if counters["entries"] >= 0.95 * counters["max"]:
            return
        got = end(begin(rig, server, "milter", seconds=2, connections=connections, **FLOOD["milter"]))
        server.answered += got["requests"]
    print(f"     counters: {counters['entries']} of {counters['max']}", flush=True)


def measure(rig, rounds, seconds, connections):
    """All runs, [(round, flood, figures, seconds of CPU, load of the machine)]."""
    results, server, runs = rig.results, flooded_daemon(rig), []
    # The braked ones get over their limit; what that made of messages are rows, too.
    rig.load(server, "policy", 10, state="END-OF-MESSAGE", requests=15000, clients=100, client=BRAKED)
    server.answered = 0
    if not rig.plan.quick:
        fill(rig, server, connections)
    rss = server.rss()
    for n in range(rounds):
        names = list(FLOODS)
        for name in names[::-1] if n % 2 else names:
            got, cpu = once(rig, server, FLOODS[name], seconds, connections)
            runs.append((n, name, got, cpu, os.getloadavg()[0]))
        print(f"     round {n + 1} of {rounds}, load {os.getloadavg()[0]:.1f}", flush=True)
    quiet = [g for _, _, got, _, _ in runs for (who, _), g in got.items() if who == "quiet"]
    results.check("all legitimate mail passed", all(g["passed"] == g["requests"] > 0 for g in quiet),
                  [g["odd"] for g in quiet if g["stopped"]])
    braked = [g for _, _, got, _, _ in runs for key, g in got.items() if key == ("flood", "policy")]
    results.check("the flood at the policy door was braked", all(g["stopped"] == g["requests"] > 0 for g in braked), braked)
    results.fact("resident memory, after all floods less before", (server.rss() - rss) / (1 << 20), "MB")
    server.settle()
    server.daemon.stop(60)
    with contextlib.closing(sqlite3.connect(server.daemon.path)) as db:
        rows = db.execute("SELECT count(*) FROM message WHERE door = 'milter' AND outcome = 0").fetchone()[0]
    results.check("each message that passed is one row of the journal", rows == server.answered,
                  f"{rows} rows, {server.answered} answered")
    return runs


def figures(runs):
    """Medians of the rounds: {flood: {door: p50, p99, their ratios to idle, rate}, and of the flood its rate}."""
    out = {}
    for name in FLOODS:
        mine = sorted(((n, got) for n, f, got, _, _ in runs if f == name), key=lambda r: r[0])
        idle = sorted(((n, got) for n, f, got, _, _ in runs if f == "idle"), key=lambda r: r[0])
        row = {"flood": {door: statistics.median(got["flood", door]["rate"] for _, got in mine) for door in FLOODS[name]}}
        for door in QUIET:
            one = {}
            for field in ("p50_us", "p99_us", "max_us"):
                one[field] = statistics.median(got["quiet", door][field] for _, got in mine)
                one[field + "_ratio"] = statistics.median(
                    a["quiet", door][field] / b["quiet", door][field] for (_, a), (_, b) in zip(mine, idle))
            row[door] = one
        out[name] = row
    return out


def table(rows, about, connections):
    out = [f"{about['date']}, {about['machine']}, load {about['load']:.1f} before and {about['load_max']:.1f} at most; medians of "
           f"{about['rounds']} rounds of {about['seconds']:g} s, {about['transport']}; the flood has {connections} connections at "
           f"each of its doors; all rules of etc/, [rule flood] on."
           f"{' A smoke run: these figures mean nothing.' if about['quick'] else ''}", "",
           "| what else happens | flood a second, policy / milter | door | p50 us | x idle | p99 us | x idle | max us | aim |",
           "|---|---:|---|---:|---:|---:|---:|---:|---|"]
    for name, row in rows.items():
        rate = " / ".join(f"{row['flood'][d]:,.0f}" if d in row["flood"] else "-" for d in QUIET)
        for door in QUIET:
            q = row[door]
            met = max(q["p50_us_ratio"], q["p99_us_ratio"]) <= AIM
            goal = "" if name == "idle" else f"<= {AIM:g} x: {'met' if met else 'short'}"
            out.append(f"| {name} | {rate} | {door} | {q['p50_us']:,.0f} | {q['p50_us_ratio']:.2f} | {q['p99_us']:,.0f} | "
                       f"{q['p99_us_ratio']:.2f} | {q['max_us']:,.0f} | {goal} |")
    return "\n".join([*out, ""])


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    build, plan, results = sys.argv[1], rigs.Plan(), rigs.Results()
    plan.seconds = float(os.environ.get("BENCH_SECONDS", 0.4 if plan.quick else 5))
    connections = int(os.environ.get("FLOOD_CONNECTIONS", 10 if plan.quick else 50))
    about, begun, runs = rigs.about(plan), time.monotonic(), []
    rig = rigs.Rig(build, plan, results)
    try:
        runs = measure(rig, plan.rounds, plan.seconds, connections)
        rig.lab.check()
    except Exception:
        results.check("flood", False, traceback.format_exc() + rig.lab.logs()[-2000:])
    finally:
        try:
            rig.close()
        except AssertionError as e:
            results.check("the daemon ended well", False, e)
    if runs:
        about.update(took=round(time.monotonic() - begun), load_max=max(r[4] for r in runs))
        rows = figures(runs)
        text = table(rows, about, connections)
        folder = os.path.join(build, "lab", "quick" if plan.quick else "")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "flood.txt"), "w", encoding="utf-8") as f:
            f.write(text)
        with open(os.path.join(folder, "flood.json"), "w", encoding="utf-8") as f:
            json.dump({"about": about, "rows": rows, "facts": results.facts, "runs": [
                {"round": n, "flood": name, "cpu": cpu, "load": load, **{f"{w} {d}": g for (w, d), g in got.items()}}
                for n, name, got, cpu, load in runs]}, f, indent=1)
        print(f"\n{text}\n{folder}: flood.txt, flood.json; {about['took']} s")
    print(f"flood: {results.passed} passed, {results.failed} failed")
    sys.exit(1 if results.failed or not results.passed else 0)


if __name__ == "__main__":
    main()
