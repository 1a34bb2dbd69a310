# SPDX-License-Identifier: ISC
"""Story A with servers that rewrite what a message is known by: a new Message-ID where the sender's own server writes no
queue id, and a new Date as well. What is left are the Received lines up to the first one with a queue id."""

from storms import FORBIDDEN, RULE, Faulty, Storm
from world import DAY, HOUR, START, Message, World, check, date_text, rng_of

BOTTOMS = {
    "smtpsvc": ["from desk ([10.0.0.5]) by smtp.firm.example with Microsoft SMTPSVC(6.0.3790.1830); %s"],
    "exchange": ["from desk.firm.example ([fe80::1]) by smtp.firm.example ([fe80::2%%5]) with Microsoft SMTP Server"
                 " (version=TLS1_2) id 15.1.2507.35; %s",
                 "from desk.firm.example ([fe80::1]) by desk.firm.example ([fe80::1%%5]) with mapi id 15.01.2507.035; %s"],
    "qmail": ["(qmail 4711 invoked by uid 89); %s", "from unknown (HELO desk) (10.0.0.5) by smtp.firm.example with SMTP; %s"],
    "queue-id": ["from desk.firm.example by smtp.firm.example with ESMTP id X1; %s"],
}


class Rewriter(Faulty):
    """Its site's own MX has the message first, and writes a queue id."""

    def multiply(self, m):
        if not m.hosts:
            m = m.copy()
            m.received.insert(0, "from out.firm.example by mx.%s with ESMTP id M%s; %s" % (
                self.host.partition(".")[2], self.host, date_text(self.world.now)))
        c = super().multiply(m)
        if "dated-anew" in self.habits:
            c.date = date_text(self.world.now + int(self.client.rpartition(".")[2]))  # no two clocks agree
        if "no-id" in self.habits:
            c.mid = ""
        return c


class Bare(Storm):
    """`relay`: the sender's relay writes a queue id before the message parts."""

    def __init__(self, world, truth, people, servers, budget, bottom, relay):
        super().__init__(world, truth, people, servers, budget)
        self.first.received = [line % date_text(world.now) for line in BOTTOMS[bottom]]
        if relay:
            self.first.received.insert(0, "from smtp.firm.example by relay.firm.example with ESMTP id R1; %s" % date_text(world.now))


def rewritten(build, seed, bottom, relay):
    """One message where its lines show it before it parts; else one for each site from which it is sent again."""
    rng = rng_of("rewritten-" + bottom, seed)
    limit, n = rng.randrange(2, 6), rng.choice((2, 20, 100))
    with World(build, rng, RULE % (limit, 2, "1d"), limit, 2) as w:
        habits = ("new-id",) if seed % 2 else ("new-id", "to", "fold")
        servers = [Rewriter(w, i, habits, False, n + 5, 1) for i in range(rng.choice((1, 2, 3)))]
        s = Bare(w, "m", ["p%d@example.org" % i for i in range(n)], servers, 120, bottom, relay)
        s.start(50)
        w.run()
        summary = w.finish()
        one = relay or bottom in ("qmail", "queue-id")
        w.check_limits(1 if one else 1 + len(servers))
        w.check_first_copies()
        check(w.verdicts["discard"], "nothing was stopped", w.verdicts)
        if one:
            w.check_open_storms()
            check(len(summary["storms"]) == 1, len(summary["storms"]), "storms")
        w.check_named(summary["storms"], {"m": None}, FORBIDDEN)


def lost_id(build, bottom, ahead):
    """A server that takes the Message-ID away: one message still, and dropped in silence, be its author's clock fast."""
    with World(build, rng_of("lost-id-" + bottom, ahead), RULE % (3, 2, "1d")) as w:
        s = Bare(w, "m", ["p%d@example.org" % i for i in range(20)], [Rewriter(w, 1, ("no-id",), False, 30, 1)], 60, bottom, True)
        s.first.date = date_text(w.now + ahead)
        s.start(50)
        w.run()
        summary = w.finish()
        check(not w.verdicts["defer"] and w.verdicts["discard"], w.verdicts)
        w.check_limits()
        w.check_first_copies()
        w.check_open_storms()
        check(len(summary["storms"]) == 1, len(summary["storms"]), "storms")
        w.check_named(summary["storms"], {"m": None}, FORBIDDEN)


def dated_anew(build, seed, bottom):
    """Message-ID, if there is one, and Date are the server's own: deferred, each client's for its own alone, and nothing is lost."""
    rng = rng_of("dated-anew-" + bottom, seed)
    limit, n = rng.randrange(2, 6), rng.choice((2, 20, 100))
    with World(build, rng, RULE % (limit, 2, "1d"), limit, 2) as w:
        habits = ("no-id" if seed % 2 else "new-id", "dated-anew")
        servers = [Rewriter(w, i, habits, False, n + 5, 1) for i in range(rng.choice((1, 2, 3)))]
        s = Bare(w, "m", ["p%d@example.org" % i for i in range(n)], servers, 20, bottom, True)
        s.start(50)
        w.run()
        summary = w.finish()
        check(not w.verdicts["discard"] and w.verdicts["defer"], w.verdicts)
        for (_, box), got in w.got.items():
            ways = [g for g in got if g.time - got[0].time < w.window]
            check(len(ways) <= limit + len(servers), box, "got", len(ways), "limit", limit, "servers", len(servers))
        w.check_first_copies()
        check(len(summary["storms"]) == 1, len(summary["storms"]), "storms")
        w.check_named(summary["storms"], {"m": None}, FORBIDDEN)
        named = {h["name"] for h in summary["storms"][0]["hosts"]}
        check(named & {x.host for x in servers}, "nobody is named:", named)


class Program(Faulty):
    """It gives what it fetched to our MX as it is, but for the Message-ID, as libraries for mail do that are told to send."""

    def multiply(self, m):
        self.seq += 1
        c = m.copy()
        c.mid = "<%d.%d.%s@program.example>" % (self.seq, self.world.now, self.box)
        return c


def program(build, inside):
    """Where two hosts wrote queue ids it is one transmission again and again: put off, and nothing is lost."""
    with World(build, rng_of("program", inside), RULE % (3, 2, "1d")) as w:
        s = Storm(w, "m", ["p%d@example.org" % i for i in range(20)], [Program(w, 1, (), inside, 30, 1)], 60)
        s.start(50)
        for i in range(60):
            w.at(START + 120 + i * 300, s.resend, s.servers[0], s.first)
        w.run()
        check(not w.finish()["storms"] and not w.verdicts["discard"] and w.verdicts["defer"], w.verdicts)
        for (_, box), got in w.got.items():
            early = [g for g in got if g.time - got[0].time < w.window]
            check(len(early) <= 3, box, "got", len(early))
        w.check_first_copies()


def burst(build, bottom):
    """Forty alarms, tickets or newsletters of one second to one recipient: the same but for the Message-ID, also in the line
    of the first server, which hands them to a relay in one session, or to us."""
    for way in ("relay", "straight", "two lists"):
        with World(build, rng_of("burst", 1), RULE % (3, 2, "1d")) as w:
            for i in range(40):
                m = Message("alarm%d" % i, "app@firm.example", ["p@example.org"], START, subject="Alarm", received=[
                    line % date_text(START) for line in BOTTOMS[bottom]])
                if bottom == "qmail":
                    m.received[0] = m.received[0].replace("4711", str(4711 + i))
                if way != "straight":
                    m.received.insert(0, "from smtp.firm.example by relay.firm.example with ESMTP id R%d; %s" % (i, date_text(START)))
                for k in range(2 if way == "two lists" else 1):
                    c = m.copy()
                    if way == "two lists":
                        c.received.insert(0, "from x by lists.club.example with ESMTP id L%d.%d; %s" % (k, i, date_text(START)))
                        c.extra.append("List-Id: <l%d.club.example>" % k)
                    w.now = START + i // 20
                    _, v = w.offer(c, m.to, "198.51.100.20", "relay.firm.example")
                    check(v["verdict"] == "pass", way, i, v)
            check(not w.finish()["storms"], "a storm")


def pattern(w, old, i):
    """Another message for which an old one was taken, with its lines: the Date, the Message-ID and the upper lines are new."""
    m = old.copy()
    m.truth, m.mid, m.date = "new%d" % i, "<new%d@pc.firm.example>" % i, date_text(w.now)
    m.received.insert(0, "from pc by smtp.firm.example with ESMTP id N%d; %s" % (i, date_text(w.now)))
    return m


def old_mail_as_a_pattern(build):
    """Somebody sends an old message of his again and again as another one, all of its lines below the new ones. Weeks later
    nothing is put off. In the same week what is over the limit is, until the next day, and nothing is lost."""
    for age, often in ((8 * DAY, 40), (3 * DAY, 5)):
        with World(build, rng_of("pattern", often), RULE % (3, 2, "1d")) as w:
            old = Message("old", "sales@firm.example", ["p@example.org"], START, subject="Status", received=[
                "from desk.firm.example by smtp.firm.example with ESMTP id X1; %s" % date_text(START)])
            late, w.now = [], START + age
            for i in range(often):
                at = START + age + i * 1800

                def sent(at=at, i=i):
                    w.send(pattern(w, old, i), old.to, "198.51.100.20", "out.firm-isp.example",
                           done=lambda fate: late.append(w.now - at))
                w.at(at, sent)
            w.run()
            check(len(late) == often and not w.bounced, len(late), w.bounced)
            check(not w.verdicts["discard"], w.verdicts)
            check(max(late) == 0 if often > 5 else max(late) < 2 * DAY, late)


def planted(build):
    """Whoever has the message makes others with its lines and later Dates: the real one passes, be its author's clock fast."""
    for ahead in (0, 300):
        with World(build, rng_of("dated-planted", ahead), RULE % (3, 2, "7d"), window=7 * DAY) as w:
            real = Message("real", "sales@firm.example", ["p@example.org"], START + ahead, received=[
                "from desk.firm.example by smtp.firm.example with ESMTP id X1; %s" % date_text(START)])
            for i in range(20):
                w.now = START + 600 + i
                c = pattern(w, real, i)
                c.truth = "fake%d" % i
                w.offer(c, real.to, "203.0.113.66", "spam.example")
            check(w.verdicts["defer"] > 0, "no storm of fakes", w.verdicts)
            w.now += HOUR
            _, v = w.offer(real, real.to, "198.51.100.20", "out.firm-isp.example")
            check(v["verdict"] == "pass", ahead, v)


def fast_clock(build):
    """The copies of a message whose author's clock is fast, by forwarders: no fewer than of others."""
    with World(build, rng_of("fast", 1), RULE % (3, 2, "1d")) as w:
        m = Message("m", "sales@firm.example", ["p@example.org"], START + 300, received=[
            "from desk.firm.example by smtp.firm.example with ESMTP id X1; %s" % date_text(START)])
        verdicts = []
        for i in range(5):
            c = m.copy()
            c.received.insert(0, "from smtp.firm.example by old%d.example with ESMTP id F%d; %s" % (i, i, date_text(w.now)))
            verdicts.append(w.offer(c, m.to, "198.51.100.%d" % (30 + i), "old%d.example" % i)[1]["verdict"])
        check(verdicts == ["pass"] * 3 + ["discard"] * 2, verdicts)


def hosts_in_turn(build, bottom):
    """One item of a provider's queue that somebody behind us defers, with its Message-ID as it was: put off, never lost,
    whichever of his hosts tried it in which order before."""
    for limit, order in ((2, (1, 2, 1, 2)), (3, (1, 2, 2, 2, 1)), (3, (1, 2, 1, 2, 1)), (5, (1, 2, 2, 2, 2, 2, 2))):
        with World(build, rng_of("turn", limit), RULE % (limit, 2, "1d")) as w:
            m = Message("m", "sales@firm.example", ["p@example.org"], START, received=[
                "from smtp.firm.example by in.provider.example with ESMTP id R1; %s" % date_text(START)] + [
                line % date_text(START) for line in BOTTOMS[bottom]])
            for i, k in enumerate(order):
                w.now = START + 60 + i * 1200
                c, host = m.copy(), "out%d.provider.example" % k
                c.received.insert(0, "from in.provider.example by %s with ESMTP id T%d; %s" % (host, i, date_text(w.now)))
                _, v = w.offer(c, m.to, "198.51.100.%d" % (30 + k), host)
                check(v["verdict"] == ("pass" if i < limit else "defer"), limit, order, i, v)


def scenarios():
    for bottom in BOTTOMS:
        yield "rewritten-hosts-in-turn-" + bottom, lambda b, x=bottom: hosts_in_turn(b, x)
    for bottom in ("smtpsvc", "exchange", "qmail"):
        yield "rewritten-burst-" + bottom, lambda b, x=bottom: burst(b, x)
    for inside in (False, True):
        yield "rewritten-program-" + ("inside" if inside else "outside"), lambda b, x=inside: program(b, x)
    for fn in (old_mail_as_a_pattern, planted, fast_clock):
        yield "rewritten-" + fn.__name__.replace("_", "-"), fn
    for bottom in BOTTOMS:
        for ahead in (0, 60):
            yield "rewritten-lost-id-%s-%d" % (bottom, ahead), lambda b, x=bottom, a=ahead: lost_id(b, x, a)
        for seed in range(4):
            yield "rewritten-%s-%d" % (bottom, seed), lambda b, s=seed, x=bottom: rewritten(b, s, x, True)
            yield "rewritten-%s-parts-%d" % (bottom, seed), lambda b, s=10 + seed, x=bottom: rewritten(b, s, x, False)
            yield "dated-anew-%s-%d" % (bottom, seed), lambda b, s=20 + seed, x=bottom: dated_anew(b, s, x)
