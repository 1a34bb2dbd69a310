# SPDX-License-Identifier: ISC
"""incidents.py BUILD [--full] [NAME...]: the storms of the record through the shipped rules, one row each. Every message is
judged by the real engine, on a clock of its own. Short by default; --full has the size of the incidents. The table goes to
BUILD/stories/ as text and JSON too. What must hold is checked, whatever the size."""

import json
import os
import random
import resource
import sys
import time as clock

import world
from world import ADDITIVE, Violation, check

HOUR, DAY = 3600, 86400
START = 1136797200  # 9 January 2006, 09:00 UTC
CONF = ("[server]\nmode = enforce\nlog = stderr\n[store]\npath = :memory:\n[mail]\nhostname = mx.example.org\n"
        "trusted = 127.0.0.0/8, ::1, 192.0.2.0/24\nlocal_domains = example.org\nlists = lists\n")
LISTS = "all@example.org owner@example.org\nteam@example.org owner@example.org\n"


class Row:
    """What one story came to. A copy is one message to one recipient."""

    def __init__(self, name, what):
        self.name, self.what = name, what
        self.offered = self.passed = self.stopped = 0  # copies of the storm
        self.first_lost = 0                            # who never got the first copy that was his
        self.legit = self.legit_lost = 0               # messages
        self.until = None                              # storm messages until the first that was stopped
        self.messages = 0                              # of the storm
        self.weight = 1                                # what one passed message would become
        self.named = ""

    def need(self, condition, *what):
        check(condition, self.name + ":", *what)


class Engine(world.Engine):
    def __init__(self, build, sets=()):
        super().__init__(build, {"policyd-storm.conf": CONF, "lists": LISTS, "rules.conf": open(world.SHIPPED_RULES).read()}, sets)
        self.now, self.asked = START, 0

    def ask(self, rcpts, header, sender="someone@other.example", client="198.51.100.7", sasl=None, size=4000):
        """(recipients who get it, verdict)"""
        event = {"time": self.now, "client_address": client, "helo_name": "h.example", "sender": sender,
                 "recipients": rcpts, "header": header, "size": size}
        if sasl:
            event["sasl_username"] = sasl
        self.asked += 1
        v = super().ask(event)
        if v["verdict"] in ADDITIVE:
            return list(rcpts), v
        if v["verdict"] in ("drop-recipients", "redirect-owner"):
            dropped = set(v["recipients_dropped"])
            return [r for r in rcpts if r not in dropped], v
        return [], v

    def end(self):
        summary = super().end()
        self.close()
        return summary


def storm(row, engine, rcpts, header, **more):
    """One message of the storm: books it, tells who gets it."""
    got, v = engine.ask(rcpts, header, **more)
    row.messages += 1
    row.offered += len(rcpts)
    row.passed += len(got)
    row.stopped += len(rcpts) - len(got)
    if len(got) < len(rcpts) and row.until is None:
        row.until = row.messages - 1
    return got, v


def legit(row, engine, rcpts, header, **more):
    got, v = engine.ask(rcpts, header, **more)
    row.legit += 1
    if len(got) < len(rcpts):
        row.legit_lost += 1
        row.need(False, "legitimate mail stopped:", v, header[:300])
    return v


serial = 0


def mail(frm, to, subject, mid=None, received=(), extra=""):
    global serial
    serial += 1
    lines = ["Received: " + r for r in received]
    lines += ["From: " + frm, "To: " + to, "Subject: " + subject, "Date: Mon, 9 Jan 2006 09:00:00 +0000",
              "Message-ID: " + (mid or "<m%d@%s>" % (serial, frm.rpartition("@")[2].strip(">")))]
    return "\r\n".join(lines) + "\r\n" + extra + "\r\n"


def way(host, n):
    return "from a.%s by %s with ESMTP id q%d; Mon, 9 Jan 2006 09:00:00 +0000" % (host, host, n)


def ordinary(n):
    return mail("friend%d@far.example" % n, "user%d@example.org" % (n % 50), "Letter %d" % n, received=[way("far.example", n)])


# --- A and B: the same message again and again --------------------------------------------------------------------

def replicate(row, engine, n, people, servers, traces, rng):
    body = mail("sales@firm.example", ",\r\n\t".join(people), "Our offer", mid="<1@firm.example>")
    got = {}
    for k in range(n):
        s = rng.choice(servers)
        engine.now += rng.random() < 0.5
        base = rng.choice(traces[-2000:])
        trace = ["Received: from pop.isp.example by sbs%d.faulty%d.example with POP3 id %d.%d; x" % (s, s, len(traces), k)] + base
        if len(trace) < 24:
            traces.append(trace)
        rcpts = [rng.choice(people)] if rng.random() < 0.5 else rng.sample(people, 10)
        served, _ = storm(row, engine, rcpts, "\r\n".join(trace) + "\r\n" + body, sender="sales@firm.example",
                          client="203.0.113.%d" % (10 + s), size=15000)
        for r in served:
            got[r] = got.get(r, 0) + 1
    return got


def story_a_and_b(build, full):
    a, b = Row("A", "one letter to 630, three servers that send it again"), Row("B", "28 days later, a stuck queue and a fifth server")
    rng = random.Random("a")
    engine = Engine(build)
    people = ["p%d@example.org" % i for i in range(630)]
    first = ["Received: from relay.firm.example by out.isp.example with ESMTP id R1; x",
             "Received: from desk.firm.example by smtp.firm.example with ESMTP id X1; x"]
    body = mail("sales@firm.example", ",\r\n\t".join(people), "Our offer", mid="<1@firm.example>")
    for i in range(0, 630, 50):
        legit(a, engine, people[i:i + 50], "\r\n".join(first) + "\r\n" + body, sender="sales@firm.example", client="198.51.100.20")
    traces = [first]
    got = replicate(a, engine, 180000 if full else 3000, people, (1, 2, 3), traces, rng)
    a.need(max(got.values()) <= 2, "somebody got", 1 + max(got.values()), "copies")
    engine.now += 28 * DAY
    replicate(b, engine, 90000 if full else 1500, people, (1, 2, 3, 5), traces, rng)
    b.need(b.passed == 0 and b.until == 0, "copies of a remembered storm passed:", b.passed)
    for i in range(100):
        legit(b, engine, ["user%d@example.org" % (i % 50)], ordinary(i))
    summary = engine.end()
    hosts = {h["name"] for s in summary["storms"] for h in s["hosts"]}
    for s in (1, 2, 3, 5):
        b.need("sbs%d.faulty%d.example" % (s, s) in hosts, "not named: sbs%d" % s)
    a.need(not hosts & {"smtp.firm.example", "out.isp.example"}, "an innocent host is named", hosts)
    a.named = b.named = "sbs1-3, 5"
    return [a, b]


# --- C: addresses of hundreds in To ----------------------------------------------------------------------------------

def story_c(build, full):
    row = Row("C", "own people show hundreds of addresses to all")
    engine = Engine(build, ["wide-recipients.action=reject 5.7.1 Please use Bcc", "wide-recipients.scope=outbound"])
    for i in range(2000 if full else 100):
        wide = ", ".join("c%d@far.example" % k for k in range(101 + i * 7 % 900))
        storm(row, engine, ["c1@far.example"], mail("me@example.org", wide, "News %d" % i), sender="me@example.org", sasl="me")
        few = ", ".join("c%d@far.example" % k for k in range(1 + i % 100))
        legit(row, engine, ["c1@far.example"], mail("me@example.org", few, "Letter %d" % i), sender="me@example.org", sasl="me")
        legit(row, engine, ["user1@example.org"], mail("school@far.example", wide, "Notice %d" % i), sender="school@far.example")
    row.need(row.passed == 0, "passed", row.passed)
    engine.end()
    return [row]


# --- D: a list that bounces to itself --------------------------------------------------------------------------------

def ndr(n, dead, rcpt, returned):
    return mail("MAILER-DAEMON@%s.example" % dead, rcpt, "Undelivered Mail Returned to Sender", received=[way("%s.example" % dead, n)],
                extra="Auto-Submitted: auto-replied\r\nReferences: %s\r\nContent-Type: multipart/report; "
                "report-type=delivery-status; boundary=x\r\n" % returned)


def story_d(build, full):
    row = Row("D", "a list that is its own return path, two dead members")
    engine = Engine(build)
    for i in range(100):
        engine.now += 300
        legit(row, engine, ["all@example.org"], mail("partner%d@far.example" % i, "all@example.org", "Post %d" % i, received=[way("far.example", i)]))
        v = legit(row, engine, ["m%d@partner.example" % (i % 9)], mail("partner%d@far.example" % i, "all@example.org", "Post %d" % i,
                  mid="<post%d@far.example>" % i), sender="all@example.org", client="127.0.0.1")
        row.need(v["verdict"] == "set-sender-owner" and v["sender"] == "owner@example.org", "return path not repaired", v)
    for i in range(1000000 if full else 2000):
        engine.now += i % 3 == 0
        _, v = storm(row, engine, ["all@example.org"], ndr(i, "dead%d" % (i % 2), "all@example.org", "<post%d@far.example>" % (i % 100)), sender="",
                     client="203.0.113.%d" % (i % 2))
        if i % 100 == 0:
            row.need(v.get("recipients_added") == ["owner@example.org"], "not given to the owner", v)
    row.need(row.passed == 0, "bounces reached the list:", row.passed)
    row.weight = 12
    summary = engine.end()
    row.named = ", ".join(h["name"] for s in summary["storms"] for h in s["hosts"][:2])
    return [row]


# --- E: machines that answer each other ------------------------------------------------------------------------------

def story_e(build, full):
    rows = []
    for name, what, automatic in (("E1", "two out-of-office robots", True), ("E2", "service desk and mailbox rule, no sign of a robot", False)):
        row = Row(name, what)
        engine = Engine(build)
        sides = (("desk@example.org", "rule@far.example"), ("rule@far.example", "desk@example.org"))
        alive, subject = True, "Question"
        for i in range(100000 if full else 500):
            engine.now += 2
            frm, to = sides[i % 2]
            subject = ("Re: " + subject)[-200:]
            extra = "In-Reply-To: <e%d@x>\r\nReferences: <e0@x>\r\n" % (i - 1) if i else ""
            extra += "Auto-Submitted: auto-replied\r\n" if automatic else ""
            more = {"sasl": "desk"} if i % 2 == 0 else {}
            got, v = storm(row, engine, [to], mail(frm, to, subject, mid="<e%d@x>" % i, received=[] if i % 2 == 0 else [way("far.example", i)],
                           extra=extra), sender=frm, client="192.0.2.9" if i % 2 == 0 else "198.51.100.7", **more)
            if not got:
                alive = False
                break
        row.need(not alive, "it never ended:", row.messages)
        for i in range(10):
            engine.now += 60
            legit(row, engine, ["carl@example.org"], mail("dora@far.example", "carl@example.org", "Re: lunch", received=[way("far.example", 900 + i)],
                  extra="In-Reply-To: <l%d@x>\r\nReferences: <l0@x>\r\n" % i), sender="dora@far.example")
        engine.end()
        rows.append(row)
    return rows


# --- F: reply to all -------------------------------------------------------------------------------------------------

def reply(i, author, to, root="<root@example.org>"):
    return mail(author, to, "Re: test", mid="<r%d.%s>" % (i, root.strip("<>")), extra="In-Reply-To: %s\r\nReferences: %s\r\n" % (root, root))


def story_f(build, full):
    rows = []
    for name, what, audience, repliers, minutes in (
            ("F1", "a list of 840,000 and people who answer to all", None, 80, 75), ("F2", "200 people in To and Cc", 200, 40, 30)):
        row = Row(name, what)
        row.weight = audience or 840000
        engine = Engine(build)
        everybody = ["e%d@example.org" % i for i in range(audience or 1)]
        posts = (1200 if full else 150) if not audience else 50
        def to_all(author):
            return ", ".join(a for a in everybody if a != author) if audience else "all@example.org"
        rcpts = everybody if audience else ["all@example.org"]
        root = "boss@example.org" if not audience else "e0@example.org"
        legit(row, engine, rcpts, mail(root, to_all(root), "test", mid="<root@example.org>"), sender=root, sasl="boss", client="192.0.2.8")
        blocked = 0
        for i in range(posts):
            engine.now += minutes * 60 // posts
            n = i % repliers + 1
            author = "e%d@example.org" % n
            storm(row, engine, rcpts[:1], reply(i, author, to_all(author)), sender=author, sasl="e%d" % n, client="192.0.2.8")
            if i % 3 == 0:   # the same people write to one colleague, in the same thread too
                legit(row, engine, ["e7@example.org"], reply(10000 + i, author, "e7@example.org"), sender=author, sasl="e%d" % n, client="192.0.2.8")
        blocked = row.stopped
        row.need(row.passed <= 12, "posts that passed:", row.passed)
        row.need(blocked >= posts - 12, "stopped", blocked)
        engine.end()
        rows.append(row)
    return rows


# --- G and H: floods -----------------------------------------------------------------------------------------------------

def story_g(build, full):
    row = Row("G", "mailbox-full bounces to the innocent sender")
    engine = Engine(build)
    n = 100000 if full else 3000
    legit(row, engine, ["world@far.example"], mail("victim@example.org", "world@far.example", "Our offer", mid="<offer@example.org>"),
          sender="victim@example.org", sasl="victim")
    for i in range(n):
        engine.now += i % 100 == 0
        storm(row, engine, ["victim@example.org"], ndr(i, "full%d" % (i % 300), "victim@example.org", "<offer@example.org>"), sender="",
              client="203.0.%d.%d" % (i % 100, i % 250))
        if i % (n // 200) == 0:
            legit(row, engine, ["victim@example.org"], ordinary(i))
            legit(row, engine, ["other%d@example.org" % i], ndr(n + i, "away", "other%d@example.org" % i, "<x%d@example.org>" % i), sender="")
    row.need(row.passed <= 50 * (1 + engine.now // HOUR - START // HOUR), "passed", row.passed)
    engine.end()
    return [row]


def story_h(build, full):
    row = Row("H", "a spam storm: 100,000 messages in two hours among ordinary ones")
    rng = random.Random("h")
    engine = Engine(build, ["flood.mode=enforce", "flood.limit=100", "trap.mode=enforce", "trap.addresses=trap@example.org"])
    n, letters = (100000, 1500) if full else (4000, 60)
    clients = ["203.%d.%d.7" % (i // 250, i % 250) for i in range(100 if full else 8)]
    for i in range(n):
        engine.now = START + i * 7200 // n
        who = rng.randrange(1 << 40)
        to = "trap@example.org" if rng.random() < 0.002 else "u%x@example.org" % rng.randrange(1 << 30)
        storm(row, engine, [to], mail("s%x@%x.example" % (who, who), to, "Offer %x" % who, mid="<%x@spam>" % who, received=[way("bot%x.example" % who, i)]),
              sender="s%x@%x.example" % (who, who), client=rng.choice(clients))
        if i % (n // letters) == 0:
            legit(row, engine, ["user%d@example.org" % (i % 50)], ordinary(i), client="198.51.%d.%d" % (i // 250 % 250, i % 250))
    row.need(row.passed <= len(clients) * 300, "passed", row.passed)
    engine.end()
    return [row]


# --- I: what must never be harmed ----------------------------------------------------------------------------------------

def story_i(build, full):
    import harmless
    row = Row("I", "newsletters, lists, forwards, retries, calendars, receipts, notices, ...")
    for _, fn in harmless.scenarios():
        fn(build)
        row.legit += 1
    return [row]


STORIES = [("A", story_a_and_b), ("C", story_c), ("D", story_d), ("E", story_e), ("F", story_f), ("G", story_g), ("H", story_h), ("I", story_i)]
HEAD = ("story", "copies offered", "passed", "stopped", "until stopped", "legitimate", "lost", "seconds", "what")


def line(cells):
    return "%-5s %14s %8s %11s %13s %10s %5s %8s  %s" % tuple(cells)


def main():
    args = [a for a in sys.argv[1:] if a != "--full"]
    build, names, full = args[0], args[1:], "--full" in sys.argv
    out, failed = [], 0
    print(line(HEAD))
    for name, fn in STORIES:
        if names and name not in names:
            continue
        begun = clock.monotonic()
        try:
            rows = fn(build, full)
        except Violation as e:
            failed += 1
            print("FAIL %s" % e)
            continue
        spent = clock.monotonic() - begun
        for row in rows:
            print(line((row.name, row.offered, row.passed, row.stopped, row.until if row.until is not None else "-", row.legit,
                        row.legit_lost, "%.1f" % (spent / len(rows)), row.what)), flush=True)
            out.append(dict(vars(row), seconds=spent / len(rows)))
    folder = os.path.join(build, "stories")
    os.makedirs(folder, exist_ok=True)
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    with open(os.path.join(folder, "incidents.json"), "w") as f:
        json.dump({"full": full, "peak_memory_mb": memory, "stories": out}, f, indent=1)
    print("incidents: %d passed, %d failed, peak memory of the engine %d MB" % (len(out), failed, memory))
    return 1 if failed or not out else 0


if __name__ == "__main__":
    sys.exit(main())
