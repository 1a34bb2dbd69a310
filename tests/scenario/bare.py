# SPDX-License-Identifier: ISC
"""Story A with a sender who writes no Received line: the bottom line of each copy is that of the first server which had
the message from him, so it has as many origins as there are such servers. What they all say is his address."""

from storms import RELAY, RULE, Faulty, Storm
from world import DAY, HOUR, Message, World, check, date_text, rng_of

SENDER = "198.51.100.20"


def from_sender(by, t, address=SENDER, host="out.firm-isp.example"):
    return "from %s (%s [%s]) by %s with ESMTP id B%s; %s" % (host, host, address, by, by, date_text(t))


class First(Faulty):
    """Its site's own MX, or it itself, has the message from the sender."""

    sent_by = SENDER, "out.firm-isp.example"

    def multiply(self, m):
        if not m.received:
            m = m.copy()
            by = self.host if self.inside or "itself" in self.habits else "mx." + self.host.partition(".")[2]
            m.received = [from_sender(by, self.world.now, *self.sent_by)]
        return super().multiply(m)


def storm(build, seed, shape=None, servers=None):
    rng = rng_of("bare", seed)
    limit, n = rng.randrange(2, 6), rng.choice((2, 20, 100))
    with World(build, rng, RULE % (limit, 2, "1d"), limit, 2, DAY, "relays = %s\n" % RELAY if shape == "relay" else "") as w:
        # What "again" sends is a retry of its first copy, which may come while its storm is not open yet.
        habits = [h for h in Faulty.KEEPS if h != "again"] + ["itself"]
        faulty = [First(w, i, [h for h in habits if rng.random() < 0.3], False, rng.randrange(20, 101),
                        rng.randrange(1, 3)) for i in range(servers or rng.choice((1, 2, 3, 12)))]
        s = Storm(w, "m", ["p%d@example.org" % i for i in range(n)], faulty, 300, shape)
        s.first.received = []
        s.play(rng.choice((7, 50)))


class Fetched(Storm):
    """The servers fetch their mail from us: what each has from the sender has our line at the bottom, with a queue id of
    its own where he used a transaction for each."""

    def delivered(self, m, rcpts):
        if not m.received:
            m = m.copy()
            m.received = ["from %s (%s [%s]) by mx1.example.org (Postfix) with ESMTP id %s; %s" % (
                "out.firm-isp.example", "unknown", SENDER, self.world.log[-1][0]["queue_id"], date_text(self.world.now))]
        super().delivered(m, rcpts)


def fetched(build, seed, n, chunk):
    with World(build, rng_of("bare-fetched", seed), RULE % (3, 2, "1d")) as w:
        faulty = [Faulty(w, i, (), True, 20 + n, 1) for i in range(n)]
        s = Fetched(w, "m", ["p%d@example.org" % i for i in range(20)], faulty, 200, "postfix")
        s.first.received = []
        s.play(chunk)


class FromUs(First):
    sent_by = "192.0.2.1", "mx1.example.org"


class OurLetter(Storm):
    origin = "127.0.0.1", "desk.example.org"


class FromHub(First):
    sent_by = "192.0.2.2", "mx2.example.org"


class ByTransaction(Faulty):
    """It had the letter out of a transaction of its own, and our line in it."""

    def multiply(self, m):
        if not m.received:
            m = m.copy()
            m.received = [from_sender("mx." + self.host, self.world.now, *FromUs.sent_by),
                          "from desk.example.org (unknown [198.51.100.5]) by mx1.example.org (Postfix) with ESMTPSA id T%s; %s" % (
                              self.host.partition(".")[0], date_text(self.world.now))]
        return super().multiply(m)


class DatedAnew(Faulty):
    """It had the letter with our line in it, out of the one transaction that there was, and writes a Date of its own."""

    def multiply(self, m):
        if not m.received:
            m = m.copy()
            m.received = [from_sender("mx." + self.host, self.world.now, *FromUs.sent_by),
                          "from desk.example.org (unknown [198.51.100.5]) by mx1.example.org (Postfix) with ESMTPSA id %s; %s" % (
                              self.world.log[0][0]["queue_id"], m.date)]
        c = super().multiply(m)
        c.date = date_text(self.world.now + int(self.client.rpartition(".")[2]))  # no two clocks agree
        return c


class HubLetter(Storm):
    """Another host of ours, which is not among `trusted`, hands it to the one that is asked."""

    origin = FromHub.sent_by


def our_letter(build, n, letter=OurLetter, server=FromUs):
    """The author is one of our own people, and our MTA takes its own lines out of what leaves, as header_checks do."""
    with World(build, rng_of("bare-ours", n), RULE % (3, 2, "1d")) as w:
        s = letter(w, "m", ["p%d@example.org" % i for i in range(20)],
                   [server(w, i, (), False, 20, 1) for i in range(n)], 100, "postfix")
        s.first.received = []
        s.play(50)


def our_letter_dated_anew(build, n, habits):
    """It is one message: our own line at the bottom tells it. With another Message-ID too, nobody knows: put off, and nothing is lost."""
    with World(build, rng_of("bare-ours-dated", n), RULE % (3, 2, "1d")) as w:
        s = OurLetter(w, "m", ["p%d@example.org" % i for i in range(20)],
                      [DatedAnew(w, i, habits, False, 20, 1) for i in range(n)], 60, "postfix")
        s.first.received = []
        if not habits:
            s.play(50)
            return
        s.start(50)
        w.run()
        check(not w.verdicts["discard"] and w.verdicts["defer"], w.verdicts)
        for (_, box), got in w.got.items():
            early = [g for g in got if g.time - got[0].time < w.window]
            check(len(early) <= 3 + n, box, "got", len(early))
        w.check_first_copies()


def wakes_bare(build):
    """After 28 days it is one storm still, and a server that nobody has seen is a part of it."""
    with World(build, rng_of("bare-wakes", 1), RULE % (3, 2, "1d")) as w:
        servers = [First(w, i, (), False, 40, 1) for i in range(3)]
        s = Storm(w, "m", ["p%d@example.org" % i for i in range(40)], servers, 100)
        s.first.received = []
        s.start(50)
        w.run()
        before = {k: len(v) for k, v in w.got.items()}
        check(w.opened, "no storm")
        w.now += 28 * DAY
        s.budget = 50
        for server in (servers[0], First(w, 9, (), False, 30, 2)):
            w.at(w.now, s.resend, server, s.first)
        w.run()
        for k, n in before.items():
            check(len(w.got[k]) == n, k, "got another one after 28 days")
        check(len(w.finish()["storms"]) == 1, "more than one storm")


def fake(w, m, to, i, address=SENDER):
    """Somebody else's, which says that it began where the real one does."""
    c = m.copy()
    c.truth = "own"
    c.received = [from_sender("mx%d.spam.example" % i, w.now, address)]
    return w.offer(c, to, "203.0.113.66", "spam.example")


def forwarded(w, m, i):
    """His, by another old address of the recipient's each."""
    c = m.copy()
    c.received = [from_sender("old%d.example" % i, w.now)]
    return w.offer(c, m.to, "198.51.100.%d" % (30 + i), "old%d.example" % i)


def planted_lines(build):
    """Who knows the message and its sender's address takes nothing from those whom the sender writes to himself."""
    for before in (True, False):
        with World(build, rng_of("bare-planted", before), RULE % (3, 2, "7d"), window=7 * DAY) as w:
            m = Message("real", "sales@firm.example", ["p@example.org", "q@example.org"], w.now)
            for part in (["first@example.org"], m.to):
                if before or part is m.to:
                    for i in range(20):
                        fake(w, m, m.to, i)
                w.now += 60
                for k in range(3):
                    _, v = w.offer(m, part, SENDER, "out.firm-isp.example")
                    check(v["verdict"] == "pass", before, part, k, v)
                    w.now += 900


def planted_sender(build):
    """Somebody hands over a copy himself, in whose name he sends more: only what says that it began with him is his."""
    with World(build, rng_of("bare-own", 1), RULE % (3, 2, "1d")) as w:
        m = Message("real", "sales@firm.example", ["p@example.org"], w.now)
        own = m.copy()
        own.truth = "own"
        w.offer(own, m.to, "203.0.113.66", "spam.example")
        verdicts = [fake(w, m, m.to, i, "203.0.113.66")[1]["verdict"] for i in range(10)]
        check(verdicts == ["pass"] * 2 + ["discard"] * 8, verdicts)
        for i in range(3):
            _, v = forwarded(w, m, i)
            check(v["verdict"] == "pass", "forwarded", i, v)
        _, v = w.offer(m, m.to, SENDER, "out.firm-isp.example")
        check(v["verdict"] == "pass", "the real one", v)


def never_had_it_straight(build):
    """A newsletter goes to the old addresses of somebody who is no subscriber here; others are."""
    with World(build, rng_of("bare-forwarded", 1), RULE % (3, 2, "1d")) as w:
        m = Message("real", "sales@firm.example", ["p@example.org"], w.now)
        for i in range(5):
            w.offer(m, ["other%d@example.org" % i], SENDER, "out.firm-isp.example")
        for i in range(6):
            fate, v = forwarded(w, m, i)
            check(fate == {"p@example.org": "delivered"}, i, v)
        check(not w.finish()["storms"], "a storm")


def one_provider_retries(build):
    """Straight, and through an old address whose provider tries again from host after host: put off, never lost."""
    with World(build, rng_of("bare-pool", 1), RULE % (3, 2, "1d")) as w:
        m = Message("real", "sales@firm.example", ["p@example.org"], w.now)
        w.offer(m, m.to, SENDER, "out.firm-isp.example")
        for i in range(12):
            c = m.copy()
            c.received = ["from in.old.example by out%d.old.example with ESMTP id P; %s" % (i % 3, date_text(w.now)),
                          from_sender("in.old.example", w.now - i * HOUR)]
            fate, _ = w.offer(c, m.to, "198.51.100.%d" % (30 + i % 3), "out%d.old.example" % (i % 3))
            check(fate["p@example.org"] in ("delivered", "deferred"), i, fate)
            w.now += HOUR


def scenarios():
    for seed in range(12):
        yield "bare-%d" % seed, lambda b, s=seed: storm(b, s)
    for i, shape in enumerate(("exim", "postfix", "own", "relay")):
        for seed in range(2):
            yield "bare-%s-%d" % (shape, seed), lambda b, s=100 + 10 * i + seed, x=shape: storm(b, s, x, 3)
    for seed, (n, chunk) in enumerate(((1, 50), (3, 1), (12, 1), (12, 7), (20, 1))):
        yield "bare-fetched-%d-by-%d" % (n, chunk), lambda b, s=seed, k=n, c=chunk: fetched(b, s, k, c)
    for n in (1, 3, 12):
        yield "bare-our-letter-%d" % n, lambda b, k=n: our_letter(b, k)
        yield "bare-our-letter-hub-%d" % n, lambda b, k=n: our_letter(b, k, HubLetter, FromHub)
        yield "bare-our-letter-by-transactions-%d" % n, lambda b, k=n: our_letter(b, k, OurLetter, ByTransaction)
        for habits in ((), ("new-id",)):
            yield "bare-our-letter-dated-anew-%d-%d" % (n, len(habits)), lambda b, k=n, h=habits: our_letter_dated_anew(b, k, h)
    for fn in (wakes_bare, planted_lines, planted_sender, never_had_it_straight, one_provider_retries):
        yield fn.__name__.replace("_", "-"), fn
