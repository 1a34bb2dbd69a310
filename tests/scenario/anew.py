# SPDX-License-Identifier: ISC
"""Story A with servers that take the old Received lines away and submit their copies themselves: no copy has its origin
in common with another. Nothing proves that these are copies, so they are deferred, each client's for its own alone, and
nothing may be lost by it."""

import collections

from storms import FORBIDDEN, RULE, Faulty, Storm
from world import DAY, HOUR, START, Message, World, check, date_text, rng_of


class Anew(Faulty):
    def multiply(self, m):
        c = super().multiply(m)
        c.received = ["from pc%d.%s (pc [10.0.0.%d]) by %s (Mail 2.1) with SMTP id s%d; %s" % (
            self.seq, self.host, self.seq % 250, self.host, self.seq, date_text(self.world.now))]
        return c


def storm(build, seed, habits, shape):
    """The copy that came straight and one fewer than the limit of the others, shared by the servers; or one of each."""
    rng = rng_of("anew", seed)
    limit = rng.randrange(2, 6)
    n = rng.choice((1, 5, 30, 100))
    with World(build, rng, RULE % (limit, 2, "1d"), limit, 2) as w:
        servers = [Anew(w, i, habits, rng.random() < 0.5, n + 20, 1) for i in range(rng.choice((1, 3, 10)))]
        s = Storm(w, "m", ["p%d@example.org" % i for i in range(n)], servers, 60, shape)
        s.start(n + 20)
        w.run()
        summary = w.finish()
        check("discard" not in w.verdicts and "drop-recipients" not in w.verdicts, w.verdicts)
        check(w.verdicts["defer"] > 0, "nothing was deferred", w.verdicts)
        for (_, box), got in w.got.items():
            ways = [g for g in got if g.time - got[0].time < w.window]
            check(len(ways) <= limit + len(servers) - 1, box, "got", len(ways), "limit", limit, "servers", len(servers))
            of = collections.Counter(g.header.hosts[-1] for g in ways if g.header.hosts)
            check(max(of.values(), default=0) <= limit - 1, box, of, "limit", limit)
        w.check_first_copies()
        check(len(summary["storms"]) == 1, len(summary["storms"]), "storms")
        named = {h["name"] for h in summary["storms"][0]["hosts"]}
        check(named and named <= {x.host for x in servers}, "named:", named)
        check(not named & FORBIDDEN, named)


def one_origin_however_late(build, seed):
    """Written long before it was sent, and then multiplied as usual: as many as ever pass, and the rest goes in silence."""
    rng = rng_of("late-origin", seed)
    with World(build, rng, RULE % (3, 2, "1d")) as w:
        servers = [Faulty(w, i, (), rng.random() < 0.5, 40, 1 + i) for i in range(rng.choice((1, 3)))]
        s = Storm(w, "m", ["p%d@example.org" % i for i in range(30)], servers, 60)
        s.first.date = date_text(w.now - rng.choice((60, 4 * HOUR, 3 * DAY)))
        s.play(50)
        check(not w.verdicts["defer"], w.verdicts)
        check(max(len(g) for g in w.got.values()) == 3, "fewer than the limit")


def fakes(w, real, n, late):
    """Whoever knows the message makes others that look like it."""
    for i in range(n):
        c = real.copy()
        c.truth = "fake%d" % i
        c.received = ["from bot by spam.example with SMTP id f%d; %s" % (i, date_text(real.written + late))]
        w.offer(c, real.to, "203.0.113.66", "spam.example")


def planted(build):
    """They harm nothing, however late the message begins and comes here."""
    for begun, delay in ((2, 0), (2, 2 * DAY), (300, 0), (4 * HOUR, 0), (4 * HOUR, DAY)):
        with World(build, rng_of("planted", begun + delay), RULE % (3, 2, "7d"), window=7 * DAY) as w:
            real = Message("real", "sales@firm.example", ["p@example.org"], START, received=[
                "from desk.firm.example by smtp.firm.example with ESMTP id X1; %s" % date_text(START + begun)])
            w.now = START + begun + 60
            fakes(w, real, 20, 60)
            check(w.verdicts["defer"] > 0, "no storm of fakes", w.verdicts)
            w.now += delay
            _, v = w.offer(real, real.to, "198.51.100.20", "out.firm-isp.example")
            check(v["verdict"] == "pass", begun, delay, v)


def late_and_retried(build):
    """It waited in an outbox, and a filter behind us refuses it: a retry like any other."""
    with World(build, rng_of("outbox", 1), RULE % (2, 4, "1d"), 2, 4) as w:
        real = Message("real", "sales@firm.example", ["p@example.org"], START, received=[
            "from laptop.firm.example by smtp.firm.example with ESMTP id X1; %s" % date_text(START + 4 * HOUR)])
        for i in range(5):
            w.now = START + 4 * HOUR + i * 900
            _, v = w.offer(real, real.to, "198.51.100.20", "out.firm-isp.example")
            check(v["verdict"] == "pass", i, v)
        check(not w.finish()["storms"], "a storm")


def one_item_by_many_gateways(build):
    """A filter behind us refuses for days; each attempt comes through a gateway that writes the bottom line anew."""
    with World(build, rng_of("gateways", 1), RULE % (3, 2, "1d")) as w:
        real = Message("real", "sales@firm.example", ["p@example.org"], START)
        passed = []

        def attempt(i):
            m = real.copy()
            m.received = ["from inside by gw%d.firm.example with ESMTP id g%d; %s" % (i % 3, i, date_text(w.now))]
            fate, _ = w.offer(m, m.to, "198.51.100.%d" % (20 + i % 3), "gw%d.firm.example" % (i % 3))
            check(fate["p@example.org"] in ("delivered", "deferred"), fate)
            if fate["p@example.org"] == "delivered":
                passed.append(w.now)
        for i in range(100):
            w.at(START + 60 + i * 4000, attempt, i)
        w.run()
        gaps = [b - a for a, b in zip(passed, passed[1:])]
        check(passed and max(gaps) <= DAY + 4000, "put off for", max(gaps or [0]), passed)


def clock_never_set(build):
    """A device without a clock, and with one id for all, through a relay: none of its messages is a copy."""
    for date in ("Thu, 01 Jan 1970 00:00:09 +0000", "Sat, 01 Jan 2000 00:00:00 +0000", "x"):
        with World(build, rng_of("device", 1), RULE % (3, 2, "1d")) as w:
            for i in range(20):
                m = Message("alarm%d" % i, "alarm@plant.example", ["p@example.org"], START, mid="<1@device>", received=[
                    "from device by relay.plant.example with SMTP id d%d; %s" % (i, date_text(w.now))])
                m.subject, m.date = "Alarm", date
                _, v = w.offer(m, m.to, "198.51.100.20", "relay.plant.example")
                check(v["verdict"] == "pass", date, i, v)
                w.now += 600


def scenarios():
    for seed in range(12):
        yield "anew-%d" % seed, lambda b, s=seed: storm(b, s, (), None)
    for shape in ("exim", "postfix", "own"):
        for seed in range(20, 23):
            yield "anew-%s-%d" % (shape, seed), lambda b, s=seed, x=shape: storm(b, s, ("to", "fold"), x)
    for seed in range(4):
        yield "anew-not-%d" % seed, lambda b, s=seed: one_origin_however_late(b, s)
    for fn in (planted, late_and_retried, one_item_by_many_gateways, clock_never_set):
        yield fn.__name__.replace("_", "-"), fn
