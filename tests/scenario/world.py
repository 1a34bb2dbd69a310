# SPDX-License-Identifier: ISC
"""A small world around the engine: a clock, messages, MTAs that queue and retry, and a ledger of who got what.

The engine is a child process that reads one event a line and answers with one verdict a line, so what it says
decides what happens next: a deferred message comes again, a delivered one may wake a faulty server."""

import collections
import copy
import heapq
import itertools
import json
import os
import random
import shutil
import subprocess
import tempfile
import time as clock

SHIPPED_RULES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "etc", "rules.conf")
HOUR, DAY = 3600, 86400
START = 1136800000
BACKOFF = [300, 600, 1200, 2400] + [4000] * 200
GIVE_UP = 5 * DAY
ADDITIVE = ("pass", "warn", "prepend", "conceal", "set-sender-owner")
CONF = ("[server]\nmode = enforce\nlog = stderr\n[store]\npath = :memory:\n[mail]\nhostname = mx1.example.org\n"
        "own_hosts = mx2.example.org, mx3.example.org\ntrusted = 127.0.0.0/8, ::1, 10.0.0.2\nlocal_domains = example.org\n"
        "lists = lists\n")


class Violation(Exception):
    pass


def check(condition, *what):
    if not condition:
        raise Violation(" ".join(str(w) for w in what))


def date_text(t):
    return clock.strftime("%a, %d %b %Y %H:%M:%S +0000", clock.gmtime(t))


class Replay:
    """stormctl replay, asked event by event. Many may be asked before the answers are read."""

    def __init__(self, build, conf, sets=()):
        argv = [os.path.join(build, "stormctl"), "-c", conf, "replay", "--json"]
        for one in sets:
            argv += ["--set", one]
        self.errors = tempfile.TemporaryFile("w+")
        self.child = subprocess.Popen(argv + ["-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors)

    def question(self, line):
        try:
            self.child.stdin.write(line)
            self.child.stdin.flush()
        except BrokenPipeError:
            pass  # the missing answer tells it

    def answer(self):
        line = self.child.stdout.readline()
        check(line, "the engine went away:", self.said())
        return json.loads(line)

    def ask(self, event):
        self.question(json.dumps(event).encode() + b"\n")
        return self.answer()

    def said(self):
        self.errors.seek(0)
        return self.errors.read()

    def end(self):
        self.child.stdin.close()
        line = self.child.stdout.readline()
        status = self.child.wait()
        check(status == 0 and line, "the engine ended with", status, self.said())
        return json.loads(line)["summary"]

    def close(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        for f in (self.child.stdin, self.child.stdout, self.errors):
            try:
                f.close()
            except BrokenPipeError:
                pass


class Engine(Replay):
    """With files of its own: policyd-storm.conf and what that names."""

    def __init__(self, build, files, sets=()):
        self.dir = tempfile.mkdtemp(prefix="storm-scenario.")
        for name, text in files.items():
            with open(os.path.join(self.dir, name), "w") as f:
                f.write(text)
        super().__init__(build, os.path.join(self.dir, "policyd-storm.conf"), sets)

    def close(self):
        super().close()
        shutil.rmtree(self.dir, ignore_errors=True)


class Message:
    """What travels. `truth` is which message it really is, whatever its header says; `received` is top first."""

    def __init__(self, truth, sender, to, t, mid=None, subject=None, received=(), extra=()):
        self.truth, self.sender, self.to = truth, sender, list(to)
        self.mid = "<%s@firm.example>" % truth if mid is None else mid
        self.subject = subject or "About %s" % truth
        self.date, self.written = date_text(t), t
        self.received, self.extra = list(received), list(extra)
        self.hosts = []  # faulty servers on its way
        self.fold = False
        self.author = sender

    def copy(self):
        m = copy.copy(self)
        m.received, m.extra, m.hosts = list(self.received), list(self.extra), list(self.hosts)
        return m

    def header(self):
        gap = "\r\n\t" if self.fold else " "
        lines = ["Received: " + r.replace(" by ", gap + "by ") for r in self.received]
        lines.append("From:%s%s" % (gap, self.author))
        if self.to:
            lines.append("To: " + (("," + gap).join(self.to)))
        if self.subject:
            lines.append("Subject: " + self.subject.replace(" ", gap))
        if self.date:
            lines.append("Date:%s%s" % (gap, self.date))
        if self.mid:
            lines.append("Message-ID:%s%s" % (gap, self.mid))
        return "\r\n".join(lines + self.extra) + "\r\n\r\n"


def mailbox(address):
    """Whose mailbox that is: case and +detail do not make another one."""
    local, _, domain = address.lower().rpartition("@")
    return local.partition("+")[0] + "@" + domain


Got = collections.namedtuple("Got", "time transmission header")


class World:
    def __init__(self, build, rng, rules, limit=3, repeats=2, window=DAY, mail="", lists="", enforce=True):
        self.engine = Engine(build, {"policyd-storm.conf": CONF + mail, "rules.conf": rules, "lists": lists})
        self.rng, self.limit, self.repeats, self.window, self.enforce = rng, limit, repeats, window, enforce
        self.now = START
        self.agenda, self.order, self.ids = [], itertools.count(), itertools.count(1)
        self.got = collections.defaultdict(list)      # (truth, mailbox) -> [Got]
        self.offered = collections.defaultdict(set)   # truth -> mailboxes
        self.opened = {}                              # truth -> when its first copy was stopped
        self.stopped_by = collections.defaultdict(lambda: collections.defaultdict(set))
        self.verdicts = collections.Counter()
        self.bounced = []
        self.copies = self.messages = 0
        self.on_delivery = []
        self.log = []

    def at(self, t, fn, *args):
        heapq.heappush(self.agenda, (t, next(self.order), fn, args))

    def run(self, max_events=20000):
        while self.agenda:
            t, _, fn, args = heapq.heappop(self.agenda)
            self.now = max(self.now, t)
            fn(*args)
            check(self.messages < max_events, "it never ends:", self.verdicts)

    def queue_id(self):
        return "%X%05X" % (self.rng.randrange(1 << 24), next(self.ids))

    def offer(self, m, rcpts, client, helo, sender=None, own=(), queue_id=None, transmission=None, sasl=None, body=None):
        """One SMTP transaction at our MTA. Returns {recipient: "delivered" | "stopped" | "deferred" | ...}."""
        shown = m.copy()
        shown.received = list(own) + shown.received
        event = {"time": self.now, "client_address": client, "helo_name": helo, "recipients": rcpts,
                 "sender": m.sender if sender is None else sender, "header": shown.header(), "size": 2000}
        if queue_id:
            event["queue_id"] = queue_id
        if sasl:
            event["sasl_username"] = sasl
        if body:
            event["body"] = body
        v = self.engine.ask(event)
        self.messages += 1
        self.copies += len(rcpts)
        self.verdicts[v["verdict"]] += 1
        self.log.append((event, v))
        fate = self.fates(rcpts, v)
        self.book(m, fate, transmission or "|".join(m.received) + m.mid + m.date, v)
        if any(f == "delivered" for f in fate.values()):
            for fn in self.on_delivery:
                fn(m, [r for r in rcpts if fate[r] == "delivered"])
        return fate, v

    def engine_only(self, m, rcpts, client="203.0.113.5"):
        """The verdict alone, without fates: for rules that redirect."""
        return self.engine.ask({
            "time": self.now, "client_address": client, "helo_name": "mail.away.example", "recipients": rcpts, "sender": m.sender,
            "header": m.header(), "size": 2000})

    @staticmethod
    def fates(rcpts, v):
        what, dropped = v["verdict"], v["recipients_dropped"]
        left = collections.Counter(rcpts)
        left.subtract(dropped)
        check(min(left.values()) >= 0, "dropped somebody who is no recipient", dropped, rcpts)
        if what in ("discard", "reject", "defer", "hold"):
            check(not dropped, "whole-message", what, "and dropped recipients", dropped)
            return {r: {"discard": "stopped", "reject": "rejected", "defer": "deferred", "hold": "held"}[what]
                    for r in rcpts}
        if what in ADDITIVE:
            check(not dropped, what, "with dropped recipients", dropped)
        elif what == "drop-recipients":
            check(0 < len(dropped) < len(rcpts), "drop-recipients, and dropped", len(dropped), "of", len(rcpts))
        return {r: "stopped" if r in dropped else "delivered" for r in rcpts}

    def book(self, m, fate, transmission, v):
        served = set()
        for r, f in fate.items():
            box = mailbox(r)
            self.offered[m.truth].add(box)
            have = self.got[m.truth, box]
            if f == "delivered":
                if box not in served:
                    have.append(Got(self.now, transmission, m))
                served.add(box)
            elif f == "stopped":
                check(have or box in served, "first copy lost:", box, "of", m.truth, v)
                for host in m.hosts:
                    self.stopped_by[m.truth][host].add(transmission)
        # What is stopped now was decided before this message's own copies were known.
        if "stopped" in fate.values():
            self.opened.setdefault(m.truth, self.now)

    def send(self, m, rcpts, client, helo, decorate=None, done=None, delay=0, **more):
        """As an MTA does it: one queue item, tried again with the same header while it gets 4xx."""
        item = {"since": self.now + delay, "tries": 0}

        def attempt(left):
            own, queue_id = decorate(self) if decorate else ((), None)
            fate, v = self.offer(m, left, client, helo, own=own, queue_id=queue_id, **more)
            again = [r for r in left if fate[r] == "deferred"]
            if again and self.now - item["since"] < GIVE_UP:
                item["tries"] += 1
                self.at(self.now + BACKOFF[item["tries"] - 1], attempt, again)
            elif again:
                self.bounced.append((m.truth, again))
            elif done:
                done(fate)
        self.at(self.now + delay, attempt, list(rcpts))

    # --- what must hold ------------------------------------------------------------------------------------

    def check_limits(self, variants=1):
        """`variants`: identities that faulty servers made of one message by rewriting what identifies it."""
        for (truth, box), all_got in self.got.items():
            for i, g in enumerate(all_got):
                recent = [o for o in all_got[:i + 1] if g.time - o.time < self.window]
                ways = {o.transmission for o in recent}
                check(len(ways) <= self.limit * variants, box, "got", len(ways), "copies of", truth, "limit",
                      self.limit, "variants", variants)
                same = [o for o in recent if o.transmission == g.transmission]
                spans = 1 if all_got[-1].time - all_got[0].time < self.window else 2
                check(len(same) <= (1 + self.repeats) * spans, box, "got", len(same), "times one transmission of",
                      truth, "repeats", self.repeats)

    def check_first_copies(self):
        for truth, boxes in self.offered.items():
            lost = [b for b in boxes if not self.got[truth, b]]
            check(not lost, "never got", truth, ":", lost[:5], len(lost))

    def check_open_storms(self):
        """From the first stopped copy on, who has one (and had it within the window) gets no other."""
        for truth, opened in self.opened.items():
            for (t, box), all_got in self.got.items():
                if t != truth:
                    continue
                seen = {}
                for g in all_got:
                    known = [o for o, at in seen.items() if at > opened - self.window]
                    check(g.time <= opened or g.transmission in seen or not known, box, "got another copy of", truth,
                          g.time - opened, "s after its storm had opened")
                    seen[g.transmission] = g.time

    def check_named(self, storms, truth_mids, forbidden, least=1):
        """Each server of which `least` copies were stopped stands in a storm of that message; the innocent in none."""
        for truth, hosts in self.stopped_by.items():
            mids = truth_mids.get(truth, ())  # None: its copies have many
            named = {h["name"].lower() for s in storms if mids is None or s["message_id"] in mids for h in s["hosts"]}
            missing = sorted(h for h, ways in hosts.items() if h.lower() not in named and len(ways) >= least)
            check(not missing, "not named in the storm of", truth, ":", missing, "named:", sorted(named))
        for s in storms:
            for h in s["hosts"]:
                check(h["name"].lower() not in forbidden, "innocent", h, "named in the storm of", s["message_id"])

    def finish(self):
        summary = self.engine.end()
        check(summary["messages"] == self.messages, "messages", summary["messages"], self.messages)
        check(summary["copies_offered"] == self.copies, "copies", summary["copies_offered"], self.copies)
        return summary

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.engine.close()


def rng_of(name, seed):
    return random.Random("%s/%d" % (name, seed))
