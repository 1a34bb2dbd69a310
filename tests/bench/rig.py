# SPDX-License-Identifier: ISC
"""What all parts of the benchmark need: how much is measured, servers in a folder of their own, the load generator,
and what was measured, round by round."""
import contextlib
import json
import os
import platform
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "system"))

import harness  # noqa: E402

HZ = os.sysconf("SC_CLK_TCK")
DEADLINE = 120  # seconds for one run of a program, far beyond what it takes


class Plan:
    """How much: the whole, or with BENCH_QUICK=1 as little as shows that all of it works."""

    def __init__(self):
        self.quick = os.environ.get("BENCH_QUICK", "") not in ("", "0")
        self.peers = os.environ.get("PEERS", "") not in ("", "0")
        self.rounds = self.number("BENCH_ROUNDS", 1, 5)
        self.seconds = float(os.environ.get("BENCH_SECONDS", 0.1 if self.quick else 1.0))
        self.connections = [1, 10] if self.quick else [1, 10, 100]
        self.storms = 50 if self.quick else 1000
        self.rows = self.number("BENCH_ROWS", 20000, 10000000)
        self.counters = self.number("BENCH_COUNTERS", 10000, 1000000)
        self.old_rows = self.number("BENCH_OLD_ROWS", 20000, 5000000)
        self.strangers = self.number("BENCH_STRANGERS", 30000, 10000000)
        self.events = self.number("BENCH_EVENTS", 2000, 100000)
        self.idle = 50 if self.quick else 500

    def number(self, name, little, much):
        return int(os.environ.get(name, little if self.quick else much))


def about(plan):
    """What the figures were taken on."""
    model = ""
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return {"date": time.strftime("%Y-%m-%d"), "machine": f"{os.cpu_count()} x {model}, Linux {platform.release()}",
            "load": os.getloadavg()[0], "transport": "TCP loopback", "rounds": plan.rounds, "seconds": plan.seconds,
            "rows": plan.rows, "counters": plan.counters, "storms": plan.storms, "quick": plan.quick}


class Results:
    """Samples by (work, server, connections); what must be right whatever the time, counted."""

    def __init__(self):
        self.samples, self.facts, self.passed, self.failed, self.skipped = {}, [], 0, 0, 0

    def add(self, work, server, connections, sample):
        self.samples.setdefault((work, server, connections), []).append(sample)

    def fact(self, what, value, unit, aim=None, most=True):
        """A single figure; `aim` is the most (or the least) that it should be."""
        self.facts.append({"what": what, "value": value, "unit": unit, "aim": aim, "most": most})
        print(f"     {what}: {value:,.6g} {unit}", flush=True)

    def check(self, what, right, said=""):
        if right:
            self.passed += 1
            print(f"ok   {what}", flush=True)
        else:
            self.failed += 1
            print(f"FAIL {what}: {said}", flush=True)

    def skip(self, what, why):
        self.skipped += 1
        print(f"skip {what}: {why}", flush=True)

    def median(self, key, field):
        return statistics.median(s[field] for s in self.samples[key])

    def ratio(self, key, reference, field="rate"):
        """The median of the rounds' own ratios: a round's runs met the same moments of the machine."""
        pairs = zip(self.samples[key], self.samples.get((key[0], reference, key[2]), []))
        ratios = [a[field] / b[field] for a, b in pairs if b[field]]
        return statistics.median(ratios) if ratios else None

    def json(self, about):
        cells = [{"work": w, "server": s, "connections": c, "rounds": r} for (w, s, c), r in self.samples.items()]
        return json.dumps({"about": about, "samples": cells, "facts": self.facts}, indent=1)


class Server:
    def __init__(self, name, proc, policy=None, milter=None, daemon=None):
        self.name, self.proc, self.policy, self.milter, self.daemon = name, proc, policy, milter, daemon
        self.answered = 0  # whole messages
        self.broken = self.peer = False  # peer: made by others: several processes, whose CPU is not added up

    def cpu(self):
        """Seconds of CPU so far, of all threads that were and are."""
        with open(f"/proc/{self.proc.pid}/stat", encoding="utf-8") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / HZ

    def rss(self):
        """Bytes."""
        with open(f"/proc/{self.proc.pid}/status", encoding="utf-8") as f:
            for line in f:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
        return 0

    def settle(self, seconds=20):
        """Waits until it has nothing left to do behind its answers."""
        end = time.monotonic() + seconds
        before = self.cpu()
        while time.monotonic() < end:
            time.sleep(0.08)
            now = self.cpu()
            if now - before < 1.5 / HZ:
                return
            before = now


class Rig:
    def __init__(self, build, plan, results):
        self.build, self.plan, self.results = os.path.abspath(build), plan, results
        self.programs = os.path.join(self.build, "bench")
        self.lab = harness.Lab(self.build)
        self.store = os.path.join(self.programs, "store")
        self.serial, self.background = 1, []
        self.clear()
        os.makedirs(self.store)

    def close(self):
        for proc in self.background:
            with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):
                proc.terminate()
                proc.wait(5)
        try:
            self.lab.close()
        finally:
            if os.environ.get("BENCH_KEEP", "") in ("", "0"):
                self.clear()

    def clear(self):
        """Of a run that was cut off, too."""
        self.lab.forget_rings(self.store)
        shutil.rmtree(self.store, ignore_errors=True)

    def program(self, name):
        return os.path.join(self.programs, name)

    def has(self, name):
        return os.path.exists(self.program(name))

    def spawn(self, name, args, log, **more):
        with open(self.lab.path(f"{log}.log"), "ab") as out:
            proc = subprocess.Popen([name, *args], stdin=subprocess.DEVNULL, stdout=out, stderr=out, **more)
        self.lab.procs.append(proc)
        return proc

    def peer(self, name, proc, policy):
        server = Server(name, proc, policy)
        server.peer = True
        return server

    def reference(self, name, program, *args, milter=False):
        port = harness.free_port()
        address = f"inet:127.0.0.1:{port}"
        proc = self.spawn(self.program(program), [address, *args], program)
        self.reachable(port, proc, name)
        return Server(name, proc, milter=address if milter else None, policy=None if milter else address)

    def reachable(self, port, proc, name):
        def there():
            assert proc.poll() is None, f"{name} ended: {self.lab.logs()}"
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return True
            except OSError:
                return False
        harness.wait_for(f"{name} on port {port}", there, 20)

    # --- the daemon

    def daemon(self, tag, **store):
        """Configured, not started: all rules of etc/, in force, doors on TCP."""
        d = self.lab.daemon(tag)
        d.ports = [harness.free_port(), harness.free_port()]
        d.control = self.lab.path(f"{tag}.sock")
        d.path = os.path.join(self.store, f"{tag}.db")
        with open(os.path.join(ROOT, "etc", "rules.conf"), encoding="utf-8") as f:
            rules = f.read()
        with open(self.lab.path("lists"), "w", encoding="utf-8") as f:
            f.write("all@example.org postmaster@example.org\npress@example.org owner@example.org ed@example.org\n")
        keys = {"path": d.path, "retention": "3650d", **store}
        d.configure(server=f"mode = enforce\npolicy = inet:127.0.0.1:{d.ports[0]}\n"
                           f"milter = inet:127.0.0.1:{d.ports[1]}\ncontrol = unix:{d.control}",
                    store="\n".join(f"{k} = {v}" for k, v in keys.items()),
                    mail="local_domains = example.org\nlists = lists", rules=rules)
        return d

    def start(self, name, d):
        d.start()
        return Server(name, d.proc, f"inet:127.0.0.1:{d.ports[0]}", f"inet:127.0.0.1:{d.ports[1]}", d)

    def status(self, d):
        p = subprocess.run([self.lab.binary("stormctl"), "-c", d.conf, "status", "--json"], capture_output=True,
                           timeout=30, check=True, stdin=subprocess.DEVNULL)
        return json.loads(p.stdout)

    def open_storms(self, server):
        """As many as the plan says, each by five copies of one message for one person."""
        n = self.plan.storms
        got = self.load(server, "policy", 10, state="END-OF-MESSAGE", ids=n, requests=5 * n, first=0)
        return got["stopped"]

    # --- load

    def load(self, server, door, connections, **options):
        """One run; whole messages are counted. Each gets numbers that no other run has."""
        options.setdefault("first", self.serial)
        self.serial += 100000000
        args = ["--door", door, "--address", getattr(server, door), "--connections", str(connections)]
        for key, value in options.items():
            args += [f"--{key}", str(value)]
        p = subprocess.run([self.program("load"), *args], capture_output=True, timeout=DEADLINE, check=False,
                           stdin=subprocess.DEVNULL)
        assert p.returncode == 0, f"{server.name}: {p.stderr.decode()}"
        got = json.loads(p.stdout)
        if options.get("state") != "RCPT":
            server.answered += got["requests"]
        return got

    def measure(self, work, server, door, connections, **options):
        server.settle()
        cpu = server.cpu()
        got = self.load(server, door, connections, seconds=self.plan.seconds, **options)
        server.settle()
        got["cpu_us"] = 0 if server.peer else (server.cpu() - cpu) * 1e6 / max(1, got["requests"])
        self.results.add(work, server.name, connections, got)
        return got

    def measure_or_leave(self, work, server, door, connections, **options):
        """A server of others that breaks down is left out from then on: that is no fault of ours."""
        if server.broken:
            return None
        try:
            return self.measure(work, server, door, connections, **options)
        except (AssertionError, OSError) as e:
            if not server.peer:
                raise
            server.broken = True
            self.results.skip(f"{server.name} from {connections} connections on", str(e).strip())
            return None

    def interleave(self, works, door):
        """works: (name, options, servers). Round by round everybody in turn, every other round backwards."""
        answers = {}
        for n in range(self.plan.rounds):
            for connections in self.plan.connections:
                for work, options, servers in works:
                    for server in servers[::-1] if n % 2 else servers:
                        got = self.measure_or_leave(work, server, door, connections, **options)
                        if not got:
                            continue
                        a = answers.setdefault((work, server.name), [0, 0, ""])
                        a[0] += got["passed"]
                        a[1] += got["stopped"]
                        a[2] = a[2] or got["odd"]
            print(f"     {door}: round {n + 1} of {self.plan.rounds}", flush=True)
        return answers

    def check_journal(self, server):
        """Stops the daemon; each whole message that was answered is one row, no more and no less."""
        d, before = server.daemon, getattr(server, "rows_before", 0)
        server.settle()
        d.stop(60)
        with contextlib.closing(sqlite3.connect(d.path)) as db:
            rows = db.execute("SELECT count(*) FROM message WHERE id > ?", (before,)).fetchone()[0]
        left = sum(os.lstat(os.path.join(d.path + ".spool", f)).st_size for f in os.listdir(d.path + ".spool"))
        self.results.check(f"{server.name}: each answered message is one row of the journal",
                           rows == server.answered, f"{rows} rows, {server.answered} answered, {left} B of spool")
