# SPDX-License-Identifier: ISC
"""spread.py BUILD [--full]: one letter to people at many sites, some of which have a server that sends each copy again to
all in To. A share of the sites runs policyd-storm: the real engine of each is asked about each message that comes to it.
How many copies are made, and from which share on does the storm die by itself? Short by default; --full has the size of
the incident and leaves table, figures and pictures in BUILD/lab/.

The model, and what it leaves out:
  - Sites are alike, so many people each, all named in To. Which sites have a faulty server and which are protected is
    drawn by the seed, one from the other independent; with a growing share, sites are added and none is taken away.
  - A faulty server fetches one mailbox every POLL seconds and sends each letter that it finds to all others in To, in one
    transaction a site, a round every ROUND seconds. So copies of copies multiply without an end of their own.
  - It changes nothing that identifies the message and leaves no gateway's marker in it (with one, the shipped limit is 1
    instead of 3). It adds two Received lines, each mail server one; mail servers without policyd-storm refuse mail with
    more than HOPS of them. That limit is what ends chains of copies where only a few servers multiply.
  - "in": policyd-storm judges the mail that comes to the site; its own faulty server sends past it. "in and out": what
    the server sends goes through the protected mail server too, a hundred recipients a message.
  - Nobody steps in, nothing is lost, no line is full; refused copies make no bounces; a run ends after CAP copies or LIMIT
    and counts as alive then. People who answer to all, and servers that send one queue item for ever, are left out.
"""

import collections
import heapq
import itertools
import json
import math
import os
import random
import shutil
import statistics
import sys
import tempfile
import time as clock

import pictures
from world import SHIPPED_RULES, Replay, Violation, check, date_text

START = 1136797200  # 9 January 2006, 09:00 UTC
POLL, ROUND, HOPS, LIMIT, BATCH = 900, 60, 50, 72 * 3600, 100
COPIES_MAX = 3  # what [rule replication] of etc/rules.conf lets one recipient have
GOES_ON = ("pass", "warn", "prepend")
WAYS = ("in", "in and out")


class Engine(Replay):
    def __init__(self, build, folder, n):
        conf = os.path.join(folder, "site%d.conf" % n)
        with open(conf, "w") as f:
            f.write("[server]\nmode = enforce\nlog = stderr\n[store]\npath = :memory:\n[mail]\nhostname = mx.site%d.example\n"
                    "trusted = 127.0.0.0/8, ::1, 192.0.2.%d\nlocal_domains = site%d.example\n" % (n, n, n))
        super().__init__(build, conf)


class Server:
    """The faulty one of a site: letters that wait, each with the time at which it is fetched."""

    def __init__(self, offset):
        self.offset, self.waiting, self.busy, self.rounds = offset, collections.deque(), False, 0

    def fetched_at(self, now):
        return now + POLL - (now - self.offset) % POLL


class Site:
    def __init__(self, n, people):
        self.n, self.engine, self.server = n, None, None
        self.people = ["p%d@site%d.example" % (k, n) for k in range(people)]
        self.got = dict.fromkeys(self.people, 0)


class Letter:
    """What travels: its Received lines as text, newest first, and how many."""

    def __init__(self, received="", hops=0):
        self.received, self.hops = received, hops

    def through(self, *lines):
        return Letter("".join("Received: %s\r\n" % s for s in lines) + self.received, self.hops + len(lines))


Plan = collections.namedtuple("Plan", "sites people cap")


class World:
    def __init__(self, build, plan, faulty, share, way, seed):
        self.plan, self.way, self.now = plan, way, START
        self.agenda, self.order, self.ids = [], itertools.count(), itertools.count(1)
        self.sent = self.arrived = self.refused = self.too_long = self.asked = 0
        self.last = START
        self.sites = [Site(n + 1, plan.people) for n in range(plan.sites)]
        rng = random.Random("spread/%d" % seed)
        for s in rng.sample(self.sites, plan.sites)[:faulty]:
            s.server = Server(rng.randrange(POLL))
        rng = random.Random("protected/%d" % seed)
        self.folder = tempfile.mkdtemp(prefix="storm-spread.")
        shutil.copy(SHIPPED_RULES, self.folder)
        for s in rng.sample(self.sites, plan.sites)[:round(share * plan.sites)]:
            s.engine = Engine(build, self.folder, s.n)
        everybody = [r for s in self.sites for r in s.people]
        self.body = ("From: sales@firm.example\r\nTo: %s\r\nSubject: Our offer\r\nDate: %s\r\nMessage-ID: <1@firm.example>\r\n"
                     "\r\n" % (",\r\n\t".join(everybody), date_text(START)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for s in self.sites:
            if s.engine:
                s.engine.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- a message comes to mail servers

    def event(self, rcpts, header, client, helo):
        """`header` is text of JSON already: the same for all sites of a round."""
        return ('{"time": %d, "client_address": "%s", "helo_name": "%s", "sender": "sales@firm.example", "size": 16000, '
                '"recipients": %s, "header": %s}\n' % (self.now, client, helo, json.dumps(rcpts), header)).encode()

    def verdict(self, engine, rcpts):
        """Who gets it."""
        v = engine.answer()
        self.asked += 1
        if v["verdict"] in GOES_ON:
            return rcpts
        if v["verdict"] == "drop-recipients":
            dropped = set(v["recipients_dropped"])
            return [r for r in rcpts if r not in dropped]
        if v["verdict"] == "reject":  # its hops: the loop detector
            self.refused += len(rcpts)
            return []
        check(v["verdict"] == "discard", "a verdict that the model does not know:", v)
        return []

    def bring(self, letter, to, client, helo):
        """One transaction to each site of `to`: [(site, recipients)]."""
        header = json.dumps(letter.received + self.body)
        for site, rcpts in to:
            self.sent += len(rcpts)
            if site.engine:
                site.engine.question(self.event(rcpts, header, client, helo))
        for site, rcpts in to:
            if site.engine:
                rcpts = self.verdict(site.engine, rcpts)
            elif letter.hops > HOPS:
                self.too_long += len(rcpts)
                rcpts = []
            if rcpts:
                self.deliver(site, rcpts, letter, helo)

    def deliver(self, site, rcpts, letter, helo):
        self.arrived += len(rcpts)
        self.last = self.now
        for r in rcpts:
            site.got[r] += 1
        if site.server and site.people[0] in rcpts:
            s = site.server
            ready = s.fetched_at(self.now)
            s.waiting.append((ready, letter.through("from %s by mx.site%d.example with ESMTP id M%d; %s" % (
                helo, site.n, next(self.ids), date_text(self.now)))))
            if not s.busy:
                s.busy = True
                self.at(ready, site)

    # --- the faulty servers

    def at(self, t, site):
        heapq.heappush(self.agenda, (t, next(self.order), site))

    def work(self, site):
        s = site.server
        _, letter = s.waiting.popleft()
        s.rounds += 1
        sbs, date = "sbs.site%d.example" % site.n, date_text(self.now)
        letter = letter.through("from sbs by %s with SMTP id S%d; %s" % (sbs, s.rounds, date),
                                "from pop.site%d.example by %s with POP3 id P%d; %s" % (site.n, sbs, s.rounds, date))
        client, to = "203.0.113.%d" % site.n, [(o, o.people) for o in self.sites if o is not site]
        if site.engine and self.way == "in and out":
            to = self.outgoing(site, letter, to, sbs)
            letter = letter.through("from %s by mx.site%d.example with ESMTP id O%d; %s" % (sbs, site.n, next(self.ids), date))
            client, sbs = "198.51.100.%d" % site.n, "mx.site%d.example" % site.n
        self.bring(letter, to, client, sbs)
        s.busy = bool(s.waiting)
        if s.waiting:
            self.at(max(self.now + ROUND, s.waiting[0][0]), site)

    def outgoing(self, site, letter, to, helo):
        """What the site's own mail server lets out of it."""
        header, out = json.dumps(letter.received + self.body), set()
        rcpts = [r for _, some in to for r in some]
        for k in range(0, len(rcpts), BATCH):
            some = rcpts[k:k + BATCH]
            site.engine.question(self.event(some, header, "192.0.2.%d" % site.n, helo))
            out.update(self.verdict(site.engine, some))
        left = [(o, [r for r in some if r in out]) for o, some in to]
        return [(o, some) for o, some in left if some]

    def run(self):
        first = Letter().through("from relay.firm.example by out.isp.example with ESMTP id R1; x",
                                 "from desk.firm.example by smtp.firm.example with ESMTP id X1; x")
        self.bring(first, [(s, s.people) for s in self.sites], "198.51.100.250", "out.isp.example")
        while self.agenda and self.sent < self.plan.cap:
            t, _, site = heapq.heappop(self.agenda)
            if t - START > LIMIT:
                break
            self.now = t
            self.work(site)
        return not any(s.server and s.server.waiting for s in self.sites)


def one(build, plan, faulty, share, way, seed):
    """What came of it; what must hold, whatever comes of it, is checked."""
    with World(build, plan, faulty, share, way, seed) as w:
        died = w.run()
        for s in w.sites:
            check(min(s.got.values()) >= 1, "a first copy was lost at site", s.n)
            check(not s.engine or max(s.got.values()) <= COPIES_MAX, "site", s.n, "is protected and somebody got", max(s.got.values()))
        check(share < 1 or died, "all are protected, and it lives")
        open_faulty = sum(1 for s in w.sites if s.server and not s.engine)
        return {"faulty": faulty, "share": share, "way": way, "seed": seed, "died": died, "sent": w.sent, "arrived": w.arrived,
                "refused": w.refused, "too_many_hops": w.too_long, "asked": w.asked, "faulty_open": open_faulty,
                "rounds": sum(s.server.rounds for s in w.sites if s.server), "hours": round((w.last - START) / 3600, 1),
                "most": max(max(s.got.values()) for s in w.sites)}


# --- many of them --------------------------------------------------------------------------------------------------

def together(runs):
    """One row for all seeds of the same sites: medians, and in how many it died."""
    rows = []
    for key in dict.fromkeys((r["way"], r["faulty"], r["share"]) for r in runs):
        some = [r for r in runs if (r["way"], r["faulty"], r["share"]) == key]
        rows.append({"way": key[0], "faulty": key[1], "share": key[2], "seeds": len(some), "died": sum(r["died"] for r in some),
                     **{f: statistics.median(r[f] for r in some) for f in ("sent", "arrived", "hours", "most", "faulty_open")},
                     "least_sent": min(r["sent"] for r in some), "most_sent": max(r["sent"] for r in some)})
    return rows


def thresholds(runs):
    """By way and number of faulty servers: for each seed the share from which on it always died; least, median, most. Beside
    it the most servers without protection with which a storm died, and the fewest with which one lived."""
    out = []
    for way, faulty in dict.fromkeys((r["way"], r["faulty"]) for r in runs):
        mine = [r for r in runs if (r["way"], r["faulty"]) == (way, faulty)]
        from_on = []
        for seed in sorted({r["seed"] for r in mine}):
            shares = sorted((r["share"], r["died"]) for r in mine if r["seed"] == seed)
            alive = [share for share, died in shares if not died]
            from_on.append(min((share for share, _ in shares if not alive or share > max(alive)), default=math.inf))
        out.append({"way": way, "faulty": faulty, "share_least": min(from_on), "share": statistics.median(from_on),
                    "share_most": max(from_on), "open_died": max((r["faulty_open"] for r in mine if r["died"]), default=0),
                    "open_lived": min((r["faulty_open"] for r in mine if not r["died"]), default=0)})
    return out


def chance(plan, faulty, share, most):
    """Of all ways to choose the protected sites, those that leave at most so many faulty servers without."""
    n, m = plan.sites, round(share * plan.sites)
    ways = sum(math.comb(faulty, k) * math.comb(n - faulty, m - faulty + k) for k in range(most + 1) if m - faulty + k >= 0)
    return ways / math.comb(n, m)


def model():
    """What the head of this file says, with the figures in it."""
    text = __doc__[__doc__.index("The model"):].rstrip()
    for name, value in (("POLL", POLL), ("ROUND", ROUND), ("HOPS", HOPS), ("LIMIT", "%d hours" % (LIMIT // 3600)), ("CAP copies", "so many copies")):
        text = text.replace(name, str(value))
    return text


def table(rows, limits, plan):
    most = {(t["way"], t["faulty"]): t["open_died"] for t in limits}
    out = ["One letter to %d people at %d sites. Copies: what the servers sent and what arrived in mailboxes, medians of %d seeds." % (
        plan.sites * plan.people, plan.sites, rows[0]["seeds"]),
        "A run ends after %d copies or %d hours and is alive then. \"without\": faulty servers at unprotected sites. \"chance\": of" % (
            plan.cap, LIMIT // 3600),
        "all ways to choose the sites, those that leave no more of them than the storm died with in any run.", "",
        "%-10s %6s %9s %8s %10s %23s %10s %7s %7s %7s %7s" % ("protects", "faulty", "protected", "without", "sent", "least - most",
                                                           "arrived", "a head", "hours", "died", "chance")]
    for r in rows:
        out.append("%-10s %6d %8.0f%% %8g %10d %11d - %9d %10d %7d %7.1f %5d/%d %6.0f%%" % (
            r["way"], r["faulty"], r["share"] * 100, r["faulty_open"], r["sent"], r["least_sent"], r["most_sent"], r["arrived"],
            r["most"], r["hours"], r["died"], r["seeds"], 100 * chance(plan, r["faulty"], r["share"], most[r["way"], r["faulty"]])))
    out.append("")
    for t in limits:
        out.append("%s, %d faulty servers: it died by itself from a share of %.0f%% on (%.0f%% to %.0f%% by seed); died with at most %d of "
                   "the servers unprotected, lived with %s" % (
                       t["way"], t["faulty"], t["share"] * 100, t["share_least"] * 100, t["share_most"] * 100, t["open_died"],
                       "%d or more" % t["open_lived"] if t["open_lived"] else "none"))
    return "\n".join([*out, "", model(), ""])


def write(folder, rows, runs, limits, plan, seconds):
    os.makedirs(folder, exist_ok=True)
    files = {"spread.txt": table(rows, limits, plan), "spread.json": json.dumps({
        "plan": plan._asdict(), "poll": POLL, "round": ROUND, "hops": HOPS, "limit": LIMIT, "seconds": seconds,
        "thresholds": limits, "rows": rows, "runs": runs}, indent=1)}
    for theme in ("light", "dark"):
        files["spread-%s.svg" % theme] = pictures.spread(rows, runs, plan, theme)
    for name, text in files.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
            f.write(text)
    print("%s: %s" % (folder, ", ".join(files)))


def main():
    full = "--full" in sys.argv
    build = [a for a in sys.argv[1:] if a != "--full"][0]
    plan = Plan(42, 15, 1000000) if full else Plan(12, 5, 6000)
    shares = [k / 10 for k in range(11)] if full else [0, 0.5, 1]
    counts, seeds = ((3, 6, 12), range(5)) if full else ((4,), range(2))
    runs, failed, begun = [], 0, clock.monotonic()
    cases = list(itertools.product(WAYS, counts, shares, seeds))
    for n, (way, faulty, share, seed) in enumerate(cases):
        try:
            runs.append(one(build, plan, faulty, share, way, seed))
        except Violation as e:
            failed += 1
            print("FAIL %s, %d faulty, %.1f, seed %d: %s" % (way, faulty, share, seed, e), flush=True)
            continue
        r = runs[-1]
        if full:
            print("     %d of %d, %.0f s: %s, %d faulty, %.0f%% protected: %d copies, %s" % (
                n + 1, len(cases), clock.monotonic() - begun, way, faulty, share * 100, r["sent"], "died" if r["died"] else "alive"),
                flush=True)
    rows, limits = together(runs), thresholds(runs)
    lived = [r for r in runs if r["share"] == 0 and not r["died"]]
    if not lived:
        failed += 1
        print("FAIL without protection no storm outlived the run: it proves nothing")
    if full:
        write(os.path.join(build, "lab"), rows, runs, limits, plan, round(clock.monotonic() - begun))
    print(table(rows, limits, plan).partition("\nThe model")[0])
    print("spread: %d passed, %d failed" % (len(runs), failed))
    return 1 if failed or not runs else 0


if __name__ == "__main__":
    sys.exit(main())
