# SPDX-License-Identifier: ISC
"""The parts of the benchmark. Each measures, and checks what must be right at any speed: that mail passed, that all
was written down, that nothing was lost over a kill."""
import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time

import harness
import milter_client
import peers

NULL, STRAW, OURS, BIG = "null", "SQLite in the loop", "policyd-storm", "policyd-storm, big store"
SILENT, PLAIN, BODILESS = "libmilter, silent", "libmilter", "libmilter, silent, no body"
RCPT, EOM, MILTER = "RCPT", "END-OF-MESSAGE", "milter message"
MB = 1 << 20


# --- the policy door ---------------------------------------------------------------------------------------------

def policy(rig):
    plan, results = rig.plan, rig.results
    null = rig.reference(NULL, "null-policy")
    straw = rig.reference(STRAW, "straw", os.path.join(rig.store, "straw.db"))
    small = rig.start(OURS, rig.daemon("small"))
    idle_both(rig, small)
    big = big_store(rig)
    for server in (small, big):
        stopped = rig.open_storms(server)
        storms = rig.status(server.daemon)["storms"]["open"]
        results.check(f"{server.name}: {plan.storms} storms are open", storms == plan.storms and
                      stopped == 2 * plan.storms, f"{storms} open, {stopped} copies stopped")
    others = peers.start(rig) if plan.peers else []
    answers = rig.interleave([(RCPT, {"state": "RCPT"}, [null, small, *others]),
                              (EOM, {"state": "END-OF-MESSAGE"}, [null, straw, small, big])], "policy")
    for (work, name), (passed, stopped, odd) in answers.items():
        if name in (NULL, STRAW, OURS, BIG):
            results.check(f"{name}: {work}: new mail passes", passed and not stopped, f"{stopped} times {odd}")
    for server in (small, big):
        results.fact(f"{server.name}: answers that were not safe from kill -9",
                     rig.status(server.daemon)["spool"]["unsafe"], "", 0)
    memory(rig, big)
    rig.check_journal(small)
    crash(rig, big)
    rig.check_journal(big)


# --- the big store -------------------------------------------------------------------------------------------------

def big_store(rig):
    """Filled, then started several times: how long until the first answer, and is all there."""
    plan, results = rig.plan, rig.results
    d = rig.daemon("big")
    print(f"     a store of {plan.rows:,} rows and {plan.counters:,} counters is made", flush=True)
    with open(rig.lab.path("fill.log"), "ab") as log:
        p = subprocess.run([rig.program("fill"), d.path, str(plan.rows), str(plan.counters)], stdout=subprocess.PIPE,
                           stderr=log, timeout=1200, check=True)
    made = json.loads(p.stdout)
    results.fact("size of its database", os.path.getsize(d.path) / MB, "MB")
    times = []
    for n in range(plan.rounds):
        begun = time.monotonic()
        d.proc, server = None, None
        first = threading.Thread(target=first_answer, args=(d, begun, times))
        first.start()
        server = rig.start(BIG, d)
        first.join(60)
        counters = rig.status(d)["counters"]["entries"]
        results.check(f"restart {n + 1}: all counters are there again", counters >= made["counters"], counters)
        if n + 1 < plan.rounds:
            server.settle()
            d.stop(60)
    results.fact("first answer after start, big store", median(times), "s", 1.0)
    server.settle()
    server.rows_before = last_row(d)
    return server


def first_answer(d, begun, times):
    """Asks until somebody answers."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            with socket.create_connection(("127.0.0.1", d.ports[0]), 30) as s:
                harness.dunno(s, protocol_state="DATA", instance="first.answer", queue_id="FIRST")
                times.append(time.monotonic() - begun)
                return
        except (OSError, EOFError):
            time.sleep(0.005)


def median(values):
    values = sorted(values)
    return (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2


def last_row(d):
    with contextlib.closing(sqlite3.connect(d.path)) as db:
        return db.execute("SELECT ifnull(max(id), 0) FROM message").fetchone()[0]


def rows_there(d, least):
    """Once there are so many and no more come: what a crash left in the spool is fetched in its own time."""
    end, now, before = time.monotonic() + 30, last_row(d), -1
    while time.monotonic() < end and (now < least or now != before):
        time.sleep(0.5)
        before, now = now, last_row(d)
    return now


def crash(rig, server):
    """kill -9 in the middle of load; what was answered must be there afterwards."""
    d = server.daemon
    done = {}

    def load():
        try:
            done.update(rig.load(server, "policy", 10, state="END-OF-MESSAGE", seconds=60))
        except AssertionError as e:
            done["ended"] = str(e).splitlines()[0]
    answered = server.answered
    server.settle()
    rows = last_row(d)
    thread = threading.Thread(target=load)
    thread.start()
    time.sleep(max(0.3, rig.plan.seconds / 2))
    counted = rig.status(d)["messages"]
    d.proc.send_signal(signal.SIGKILL)
    d.proc.wait()
    thread.join(30)
    begun, times = time.monotonic(), []
    first = threading.Thread(target=first_answer, args=(d, begun, times))
    first.start()
    again = rig.start(BIG, d)
    first.join(60)
    rig.results.fact("first answer after kill -9 under load, big store", times[0], "s", 1.0)
    at_least = counted - answered
    now = rows_there(d, rows + at_least)
    rig.results.check("after kill -9 under load all that was answered is in the journal",
                      "ended" in done and now - rows >= at_least > 0, f"{now - rows} rows, {at_least} answered, {done}")
    server.proc = again.proc
    server.rows_before, server.answered = now, 0


# --- memory ----------------------------------------------------------------------------------------------------------

def memory(rig, big):
    counters = rig.status(big.daemon)["counters"]
    rig.results.fact("memory of a live counter", counters["bytes"] / max(1, counters["entries"]), "B", 100)
    rss = big.rss()
    rig.results.fact("resident memory with the big store", rss / MB, "MB", 32 + 100 * counters["max"] / MB)
    rig.results.fact("the same without its counters", (rss - counters["bytes"]) / MB, "MB")


def idle_both(rig, small):
    """Of a daemon that has no memory left over from load, but where as many messages as will come have touched the
    pages of the counters and of the database: those are not the connections'."""
    with contextlib.ExitStack() as held:
        idle_policy(held, small.daemon, "warm")
        m = idle_milter(held, small, 9999)
        for n in range(2 * rig.plan.idle):
            idle_message(m, small, 10000 + n)
    with contextlib.ExitStack() as held:
        idle(rig, small, "policy", lambda n: idle_policy(held, small.daemon, n))
    with contextlib.ExitStack() as held:
        idle(rig, small, "milter", lambda n: idle_milter(held, small, n))


def idle(rig, server, door, talk):
    """Connections that have asked once and stay."""
    before = server.rss()
    for n in range(rig.plan.idle):
        talk(n)
    rig.results.fact(f"{rig.plan.idle} idle connections, {door}", (server.rss() - before) / MB, "MB", 8)


def idle_policy(held, d, n):
    s = held.enter_context(socket.create_connection(("127.0.0.1", d.ports[0]), 10))
    harness.dunno(s, instance=f"idle.{n}")


def idle_milter(held, server, n):
    m = held.enter_context(milter_client.Milter(server.milter))
    m.negotiate()
    m.connect(port=10000 + n)
    m.helo()
    idle_message(m, server, n)
    return m


def idle_message(m, server, n):
    said = m.message("idle@sender.example", [f"r{n}@example.org"],
                     [("From", "idle@sender.example"), ("Message-ID", f"<idle.{n}@sender.example>")], queue_id=f"IDLE{n}")
    assert said == [("CONTINUE",)] or said == [("ACCEPT",)], said
    server.answered += 1


# --- the milter door -------------------------------------------------------------------------------------------------

def milter(rig):
    if not rig.has("null-milter"):
        rig.results.skip("milter", "it was built without libmilter")
        return
    servers = [rig.reference(SILENT, "null-milter", "silent", milter=True),
               rig.reference(PLAIN, "null-milter", milter=True),
               rig.reference(BODILESS, "null-milter", "bodiless", milter=True),
               rig.start(OURS, rig.daemon("milter"))]
    rig.open_storms(servers[-1])
    answers = rig.interleave([(MILTER, {"lines": 20}, servers)], "milter")
    for (_work, name), (passed, stopped, odd) in answers.items():
        rig.results.check(f"{name}: milter: new mail passes", passed and not stopped, f"{stopped} times {odd}")
    rig.check_journal(servers[-1])


# --- the header scanner ----------------------------------------------------------------------------------------------

def scan(rig):
    plan, results = rig.plan, rig.results
    p = subprocess.run([rig.program("scan"), str(plan.rounds), str(plan.seconds / 4)], stdout=subprocess.PIPE,
                       timeout=600, check=True, stdin=subprocess.DEVNULL)
    found = {}
    for line in p.stdout.decode().splitlines():
        got = json.loads(line)
        got["rate"] = got["bytes_per_s"]
        found.setdefault(got["what"], {})[got["who"]] = got["mailboxes"]
        results.add(got["what"], got["who"], 0, got)
    if not any("GMime" in who for who in found.values()):
        results.skip("GMime", "it was built without it")
    results.check("the scanner counts the mailboxes of a list", found["To of 64 KB"][OURS] > 1000, found)
    for what, who in found.items():
        if "GMime" in who:
            results.check(f"{what}: GMime counts the same mailboxes", who["GMime"] == who[OURS] > 0, who)
    for what in found:
        if what.endswith(", 1024 KB"):
            small = results.median((what.replace(", 1024 KB", ", 64 KB"), OURS, 0), "us")
            large = results.median((what, OURS, 0), "us")
            results.fact(f"header of 1 MB against 64 KB, {what[:-9]}", large / small / 16, "x bytes", 1.5)


# --- replay --------------------------------------------------------------------------------------------------------------

HEADER = """Received: from relay.sender.example (relay.sender.example [192.0.2.10])
\tby mx.edge.example (Postfix) with ESMTP id Q%(n)x; Sat, 21 Nov 2026 06:00:02 +0000 (UTC)
Received: from desk (desk.sender.example [192.0.2.11])
\tby relay.sender.example (Postfix) with ESMTPSA id I%(n)x; Sat, 21 Nov 2026 06:00:01 +0000 (UTC)
From: "A Sender" <s%(s)d@sender.example>
To: "A Recipient" <r%(r)d@example.org>
Subject: Minutes of the meeting %(n)d
Date: Sat, 21 Nov 2026 06:00:00 +0000
Message-ID: <%(n)x@sender.example>
MIME-Version: 1.0
"""


def replay(rig):
    plan, results = rig.plan, rig.results
    path, d = os.path.join(rig.store, "events.jsonl"), rig.daemon("replay")
    with open(path, "w", encoding="utf-8") as f:
        for n in range(plan.events):
            v = {"n": n, "s": n * 7919 % 10007, "r": n * 104729 % 10009}
            json.dump({"time": 1795240800 + n / 100, "client_address": f"10.{n % 200}.1.1",
                       "helo_name": "relay.sender.example", "sender": f"s{v['s']}@sender.example",
                       "recipients": [f"r{v['r']}@example.org"], "header": HEADER % v}, f)
            f.write("\n")
    said = ""
    for _ in range(plan.rounds):
        begun = time.monotonic()
        p = subprocess.run([rig.lab.binary("stormctl"), "-c", d.conf, "replay", path], capture_output=True,
                           timeout=300, check=False, stdin=subprocess.DEVNULL)
        took = time.monotonic() - begun
        said = p.stdout.decode() + p.stderr.decode()
        assert p.returncode == 0, said
        results.add("replay", OURS, 0, {"rate": plan.events / took, "seconds": took})
    results.check(f"replay judged all {plan.events} events", str(plan.events) in said, said[-300:])
    results.fact("replay of .jsonl, all rules", results.median(("replay", OURS, 0), "rate"), "messages/s", 100000,
                 most=False)
    os.unlink(path)


# --- strangers -----------------------------------------------------------------------------------------------------------

def strangers(rig):
    """Messages of which no two have anything in common, ten times as many as there are counters, and more than the
    journal can write down: what is kept in memory stays at its cap, and they push out nothing of an open storm."""
    plan, results = rig.plan, rig.results
    server = rig.start(OURS, rig.daemon("strangers", max_counters=min(plan.counters, plan.strangers // 10)))
    rig.open_storms(server)
    pinned = rig.status(server.daemon)["counters"]["pinned"]
    chunks, sizes, stopped = 20, [], 0
    for _ in range(chunks):
        got = rig.load(server, "policy", 10, state="END-OF-MESSAGE", requests=plan.strangers // chunks,
                       senders=100000000, rcpts=100000000, clients=1000000)
        stopped += got["stopped"]
        sizes.append(server.rss())
    status = rig.status(server.daemon)
    counters, full = status["counters"], max(sizes[:chunks // 2])
    results.fact("counters that strangers pushed out", counters["evicted"], "")
    results.fact(f"resident memory after {plan.strangers // 2:,} strangers", full / MB, "MB")
    results.fact(f"resident memory after {plan.strangers:,}, of that", max(sizes) / full, "x", 1.1)
    results.fact("records that found the journal's queue full", status["journal"]["deferred"], "")
    results.check("all strangers pass", stopped == 0, stopped)
    results.check("counters stay at their cap", counters["entries"] <= counters["max"] < counters["evicted"], counters)
    results.check("what open storms hold is held", counters["pinned"] == pinned > 0, f"{pinned}, {counters}")
    again = rig.load(server, "policy", 10, state="END-OF-MESSAGE", ids=plan.storms, requests=plan.storms,
                     first=5 * plan.storms)
    results.check("each storm knows its next copy", again["stopped"] == plan.storms, again)


# --- retention ---------------------------------------------------------------------------------------------------------------

KEEPS, DELETES = "keeps all rows", "deletes old rows"
STEADY = 100  # messages a second on each of ten connections


def retention(rig):
    """Two daemons on the same store, to one of which nearly all of it is too old; in turns, the other one halted."""
    plan, results = rig.plan, rig.results
    daemons = [rig.daemon("keeps"), rig.daemon("deletes", retention="1h")]
    print(f"     a store of {plan.old_rows:,} rows is made, twice", flush=True)
    with open(rig.lab.path("fill.log"), "ab") as log:
        subprocess.run([rig.program("fill"), daemons[0].path, str(plan.old_rows), "1000"], stdout=log, stderr=log,
                       timeout=1200, check=True)
    shutil.copyfile(daemons[0].path, daemons[1].path)
    was = os.path.getsize(daemons[1].path)
    loads = {"as fast as they come": {"seconds": plan.seconds},
             f"{10 * STEADY} a second": {"seconds": 5 * plan.seconds, "pace": STEADY}}  # else a few decide
    servers, p99, deleted = [], {}, 0
    for name, d in zip((KEEPS, DELETES), daemons):
        servers.append(rig.start(name, d))
        servers[-1].rows_before = plan.old_rows
        halt(servers[-1])
    for n in range(plan.rounds):
        for server in servers[::-1] if n % 2 else servers:
            d, oldest = server.daemon, first_row(server.daemon)
            d.proc.send_signal(signal.SIGCONT)
            for what, options in loads.items():
                got = rig.load(server, "policy", 10, state="END-OF-MESSAGE", **options)
                p99.setdefault(what, {}).setdefault(server.name, []).append(got["p99_us"])
            halt(server)
            deleted += first_row(d) - oldest
    for what in loads:
        ratios = [b / a for a, b in zip(p99[what][KEEPS], p99[what][DELETES])]
        results.fact(f"p99 while old rows are deleted, {what}", median(ratios), "x", 2)
    results.fact("rows deleted during these runs", deleted, "rows")
    for server in servers:
        server.daemon.proc.send_signal(signal.SIGCONT)
    begun = time.monotonic()
    end = begun + 900
    while time.monotonic() < end and first_row(daemons[1]) <= plan.old_rows * 0.99:
        time.sleep(0.2)
    results.fact("until all of them were gone after that", time.monotonic() - begun, "s")
    results.check("retention deleted what was old", plan.old_rows * 0.99 < first_row(daemons[1]) <= plan.old_rows + 1,
                  first_row(daemons[1]))
    results.check("and only there", first_row(daemons[0]) == 1, first_row(daemons[0]))
    for server in servers:
        rig.check_journal(server)
    results.fact("size of the file afterwards, of what it was", os.path.getsize(daemons[1].path) / was, "x")


def halt(server):
    server.daemon.proc.send_signal(signal.SIGSTOP)


def first_row(d):
    """Of a daemon that runs or is halted: a reader sees what was committed last."""
    with contextlib.closing(sqlite3.connect(d.path, timeout=30)) as db:
        return db.execute("SELECT ifnull(min(id), 0) FROM message").fetchone()[0]


ALL = {"scan": scan, "replay": replay, "milter": milter, "policy": policy,
       "strangers": strangers, "retention": retention}
