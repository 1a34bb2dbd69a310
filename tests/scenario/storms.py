# SPDX-License-Identifier: ISC
"""Story A and what follows from it: faulty servers of all kinds that multiply one message."""

from world import DAY, HOUR, START, Message, World, check, date_text, rng_of

RULE = "[rule replication]\ndetect = replication\nlimit = %d\nrepeats = %d\nwindow = %s\n"
RELAY = "198.51.100.77"
FORWARDER = ("filter.hosting.example", "198.51.100.88")
FORWARDERS = [("filter%d.hosting.example" % i, "198.51.100.%d" % (90 + i)) for i in range(3)]


def chunks(items, n):
    return [items[i:i + n] for i in range(0, len(items), n)]


def variant(rng, address):
    """The same mailbox in another spelling."""
    local, _, domain = address.partition("@")
    return rng.choice((address, address.upper(), local + "+list@" + domain, local.capitalize() + "@" + domain))


class Faulty:
    """A server that fetches its copy by POP and sends it again to all in To."""

    KEEPS = ("to", "fold", "case", "again", "marker", "name")  # habits that leave the identity as it is

    def __init__(self, world, n, habits, inside, chunk, lines):
        self.world, self.habits, self.inside, self.chunk, self.lines = world, habits, inside, chunk, lines
        self.host = "sbs%d.faulty%d.example" % (n, n)
        self.client = "203.0.113.%d" % (10 + n)
        self.box = "office%d@%s" % (n, "example.org" if inside else "faulty%d.example" % n)
        self.seq = 0

    def multiply(self, m):
        """The header that it sends out."""
        self.seq += 1
        c = m.copy()
        for i in range(self.lines):
            c.received.insert(0, "from pop.isp.example by %s with POP3 id %s.%d.%d; %s" % (
                self.host if i == self.lines - 1 else "inner%d.%s" % (i, self.host), self.host, self.seq, i,
                date_text(self.world.now)))
        c.hosts.append(self.host)
        if "to" in self.habits:
            c.to = ["all@%s" % self.host]
        if "marker" in self.habits:
            c.to = ["mspop3connector." + self.box] + c.to
        if "fold" in self.habits:
            c.fold = not c.fold
        if "name" in self.habits:
            c.author = '"The firm" <%s>' % m.sender.upper()
        if "no-date" in self.habits:
            c.date = ""
        if "date" in self.habits:
            c.date = self.world.rng.choice((c.date.upper(), date_text(c.written + HOUR).replace("+0000", "+0100"),
                                            date_text(c.written).replace(", 0", ", ") + " (UTC)"))
        if "list" in self.habits:
            c.extra.append("List-Id: <x.%s>" % self.host)
        if "new-id" in self.habits:
            c.mid = "<%d.new@%s>" % (self.seq, self.host)
        return c


FORBIDDEN = {"smtp.firm.example", "out.firm-isp.example", "198.51.100.20", "relay.firm.example", "mx1.example.org",
             "mx2.example.org", "mx3.example.org", "backup.other.example", RELAY, "desk.firm.example",
             "out2.firm-isp.example", "198.51.100.21", "198.51.100.5", *FORWARDER,
             *(x for pair in FORWARDERS for x in pair)}


class Storm:
    """One message and the servers that multiply it, with a budget of transactions."""

    origin = "198.51.100.20", "out.firm-isp.example"  # who hands it to us at first

    def __init__(self, world, truth, people, servers, budget, shape=None, spelling=False, mid=None):
        self.world, self.truth, self.servers, self.budget = world, truth, servers, budget
        self.shape, self.spelling = shape, spelling
        self.all = people + [s.box for s in servers]
        self.ours = [a for a in self.all if a.endswith("@example.org")]
        sent = world.now + 90 * (len(self.all) % 2)  # written down long before the first server had it, or then
        self.first = Message(truth, "sales@firm.example", self.all, world.now, mid=mid, received=[
            "from relay.firm.example by out.firm-isp.example with ESMTP id R%s; %s" % (truth, date_text(sent + 1)),
            "from desk.firm.example by smtp.firm.example with ESMTP id X%s; %s" % (truth, date_text(sent))])
        world.on_delivery.append(self.delivered)

    def start(self, chunk, delay=0):
        for i, part in enumerate(chunks(self.ours, chunk)):
            self.send(self.first, part, *self.origin, delay + i)
        for s in self.servers:
            if not s.inside:
                self.world.at(self.world.now + delay + 60, self.resend, s, self.first)

    def play(self, chunk, innocent=FORBIDDEN, least=1):
        """The whole of it: it is one storm, within the limits, and names who made it."""
        w = self.world
        self.start(chunk)
        w.run()
        storms = w.finish()["storms"]
        check(len(storms) == 1, len(storms), "storms")
        w.check_limits()
        w.check_first_copies()
        w.check_open_storms()
        w.check_named(storms, {self.truth: (self.first.mid,)}, innocent, least)
        return {h["name"] for h in storms[0]["hosts"]}

    def send(self, m, rcpts, client, helo, delay):
        w, decorate = self.world, None
        if self.spelling:
            rcpts = [variant(w.rng, r) for r in rcpts]
        if self.shape == "exim":
            def decorate(world):
                q = world.queue_id()
                return ["from %s by mx1.example.org with esmtp (Exim 4.96) id %s for %s; %s" % (
                    helo, q, rcpts[0], date_text(world.now))], q
        elif self.shape == "postfix":
            def decorate(world):
                return (), world.queue_id()
        elif self.shape == "own":
            def decorate(world):
                return ["from mx%d.example.org by mx1.example.org id %s" % (k, world.queue_id()) for k in (2, 3)] + [
                    "from %s ([%s]) by mx2.example.org (Postfix) with ESMTP id %s; %s" % (
                        helo, client, world.queue_id(), date_text(world.now))], world.queue_id()
        transmission = "|".join(m.received) + m.mid + m.date
        if self.shape == "relay":
            m = m.copy()
            m.received.insert(0, "from %s (%s [%s]) by backup.other.example with ESMTP id %s; %s" % (
                helo, helo, client, w.queue_id(), date_text(w.now)))
            transmission = "|".join(m.received) + m.mid
            client, helo = RELAY, "backup.other.example"
        elif self.shape in ("forwarder", "forwarders"):  # all mail for us comes through it, and nobody told us that it is ours
            name, address = FORWARDER if self.shape == "forwarder" else w.rng.choice(FORWARDERS)
            m = m.copy()
            m.received.insert(0, "from %s (%s [%s]) by %s with ESMTP id %s; %s" % (
                helo, helo, client, name, w.queue_id(), date_text(w.now)))
            transmission = "|".join(m.received) + m.mid
            helo, client = name, address
        w.send(m, rcpts, client, helo, decorate, delay=delay, transmission=transmission)

    def delivered(self, m, rcpts):
        if m.truth != self.truth:
            return
        for s in self.servers:
            if s.inside and any(r.lower().startswith(s.box.partition("@")[0]) for r in rcpts):
                got = m.copy()
                got.received.insert(0, "from x by mx1.example.org (Postfix) with ESMTP id %s; %s" % (
                    self.world.queue_id(), date_text(self.world.now)))
                self.world.at(self.world.now + self.world.rng.randrange(30, 600), self.resend, s, got)

    def resend(self, s, m):
        c = s.multiply(m)
        times = 6 if "again" in s.habits else 1
        rcpts = list(self.ours)
        self.world.rng.shuffle(rcpts)
        for k in range(times):
            for i, part in enumerate(chunks(rcpts, s.chunk)):
                if self.budget <= 0:
                    return
                self.budget -= 1
                self.send(c, part, s.client, s.host, k * 900 + i)
        for other in self.servers:
            if not other.inside and self.budget > 0:
                self.world.at(self.world.now + self.world.rng.randrange(30, 900), self.resend, other, c)


def topology(build, seed, habits=Faulty.KEEPS, shape=None, variants=1, limit=None, repeats=None, rcpts=None,
             extra_rules="", waves=1, mid=None, window=DAY, budget=400, named=True):
    rng = rng_of("topology", seed)
    limit = limit or rng.randrange(1, 6)
    repeats = rng.randrange(0, 6) if repeats is None else repeats
    n = rcpts or rng.choice((2, 5, 20, 60, 200))
    mail = "relays = %s\n" % RELAY if shape == "relay" else ""
    with World(build, rng, RULE % (limit, repeats, "%ds" % window) + extra_rules, limit, repeats, window, mail) as w:
        servers = []
        for i in range(rng.choice((1, 2, 3, 5, 20))):
            some = [h for h in habits if rng.random() < 0.3]
            servers.append(Faulty(w, i, some, rng.random() < 0.6, rng.randrange(1, 101), rng.randrange(1, 5)))
        people = ["p%d@example.org" % i for i in range(n)]
        mids = {}
        for k in range(waves):
            s = Storm(w, "m%d" % k, people, servers, budget, shape, rng.random() < 0.5, mid)
            s.start(rng.choice((1, 7, 50, 100)))
            mids["m%d" % k] = (s.first.mid,) if "new-id" not in habits else None
            w.run()
        summary = w.finish()
        w.check_limits(variants)
        w.check_first_copies()
        if variants == 1:
            w.check_open_storms()
        if named and variants == 1:
            w.check_named(summary["storms"], mids, FORBIDDEN)
        return w, summary


class Origin(Storm):
    """A storm whose original takes its own way to us, or none."""

    def __init__(self, world, truth, people, servers, budget, shape, how):
        super().__init__(world, truth, people, servers, budget, shape)
        self.how, self.sent = how, 0
        self.bottom = self.first.received[1:]

    def original(self):
        """What leaves the firm: with `parts` each transaction has a line of its own, through two gateways in turn."""
        m = self.first.copy()
        if self.how == "parts":
            self.sent += 1
            m.received = ["from relay.firm.example by out%s.firm-isp.example with ESMTP id R%d; %s" % (
                "2" if self.sent % 2 else "", self.sent, date_text(self.world.now))] + self.bottom
        return m

    def start(self, chunk, delay=0):
        w = self.world
        if self.how == "list":
            self.first.received.insert(0, "from out.firm-isp.example by lists.club.example with ESMTP id L1; x")
            self.first.extra.append("List-Id: <club.club.example>")
        for i, part in enumerate(chunks(self.ours, chunk)):
            m, gate = self.original(), 20 + (self.sent % 2 if self.how == "parts" else 0)
            if self.how == "list":
                m.received.insert(0, "from lists.club.example by exploder.club.example with ESMTP id V%d; x" % i)
            if self.how != "never":
                self.send(m, part, "198.51.100.%d" % gate, "out%s.firm-isp.example" % ("2" if gate == 21 else ""),
                          delay + i + (7200 if self.how == "late" else 0))
        for s in self.servers:
            w.at(w.now + delay + 60, self.resend, s, self.original())


def origins(build, seed, how, servers, limit=3, shape=None):
    """Who is named, whatever way the original took."""
    rng = rng_of("origin-" + how, seed)
    with World(build, rng, RULE % (limit, 2, "1d"), limit, 2) as w:
        faulty = [Faulty(w, i, (), False, rng.randrange(20, 100), rng.randrange(1, 3)) for i in range(servers)]
        s = Origin(w, "m", ["p%d@example.org" % i for i in range(40)], faulty, 400, shape, how)
        named = s.play(rng.choice((7, 50)), FORBIDDEN | {"lists.club.example", "exploder.club.example"},
                       3 if how in ("never", "late") else 1)
        check(any(f.host in named for f in faulty), "nobody is named")


class Nameless(Faulty):
    """A program on it gives each copy to qmail, whose line says no name."""

    def multiply(self, m):
        c = super().multiply(m)
        c.received[0] = "(qmail %d%s invoked by uid 500); %s" % (self.seq, self.client.rpartition(".")[2], date_text(self.world.now))
        return c


def nameless(build, servers, shape=None):
    """The client and what it says in HELO is named, and nobody else."""
    with World(build, rng_of("nameless", servers), RULE % (3, 2, "1d")) as w:
        Storm(w, "m", ["p%d@example.org" % i for i in range(40)], [Nameless(w, i, (), False, 60, 1) for i in range(servers)], 200,
              shape).play(50)


def wakes_after_28_days(build):
    with World(build, rng_of("wakes", 1), RULE % (3, 2, "1d")) as w:
        servers = [Faulty(w, i, (), False, 40, 1) for i in range(3)]
        s = Storm(w, "m", ["p%d@example.org" % i for i in range(120)], servers, 200)
        s.start(50)
        w.run()
        before = {k: len(v) for k, v in w.got.items()}
        check(w.opened, "no storm")
        w.now += 28 * DAY
        late = Faulty(w, 9, (), False, 30, 2)
        s.budget = 100
        for server in (servers[0], late):
            w.at(w.now, s.resend, server, s.first)
        newcomer = "new@example.org"
        s.ours.append(newcomer)
        w.run()
        check(len(w.got["m", newcomer]) == 1, "a newcomer got", len(w.got["m", newcomer]))
        for k, n in before.items():
            check(len(w.got[k]) == n, k, "got another one after 28 days")
        w.finish()


def longer_than_remembered(build):
    """A storm that goes on for longer than the time for which it would be remembered stays one."""
    with World(build, rng_of("long", 1), RULE % (2, 2, "1h") + "remember = 1h\nquiet = 1h\n", 2, 2, HOUR) as w:
        s = Storm(w, "m", ["p%d@example.org" % i for i in range(10)], [Faulty(w, 1, (), False, 10, 1)], 0)
        s.start(10)
        for i in range(120):
            w.at(START + 120 + i * 600, lambda: (setattr(s, "budget", 1), s.resend(s.servers[0], s.first)))
        w.run()
        w.finish()
        w.check_limits()
        w.check_open_storms()


def one_item_for_five_days(build):
    """A queue item whose acceptance a later filter refuses for five days: in the midst of an open storm of the same
    message it is deferred at most, never discarded."""
    with World(build, rng_of("late", 1), RULE % (1, 2, "1d"), 1, 2) as w:
        s = Storm(w, "m", ["p%d@example.org" % i for i in range(3)], [Faulty(w, 1, (), False, 10, 1)], 0)
        s.start(3)
        verdicts = set()

        def again():
            fate, _ = w.offer(s.first, s.ours, "198.51.100.20", "out.firm-isp.example")
            verdicts.update(fate.values())
        for i in range(5 * DAY // 4000):
            w.at(START + 4000 * i + 2000, lambda: (setattr(s, "budget", 1), s.resend(s.servers[0], s.first)))
            w.at(START + 4000 * (i + 1), again)
        w.run()
        check(w.opened, "no storm")
        check(verdicts == {"delivered", "deferred"}, verdicts)
        w.finish()


def retries_later_than_the_window(build):
    """A sender that tries again after hours or days, in the midst of an open storm: deferred at most, and it arrives."""
    for gap in (3 * HOUR, 8 * HOUR, 30 * HOUR, 5 * DAY - HOUR):
        with World(build, rng_of("gap", gap), RULE % (1, 2, "2h"), 1, 2, 2 * HOUR) as w:
            s = Storm(w, "m", ["p%d@example.org" % i for i in range(3)], [Faulty(w, 1, (), False, 10, 1)], 0)
            s.start(3)
            verdicts = []

            def again():
                fate, _ = w.offer(s.first, s.ours, "198.51.100.20", "out.firm-isp.example")
                verdicts.extend(fate.values())
            for i in range(5 * DAY // 4000):
                w.at(START + 4000 * i + 2000, lambda: (setattr(s, "budget", 1), s.resend(s.servers[0], s.first)))
            for i in range(1, 5 * DAY // gap + 1):
                w.at(START + gap * i, again)
            w.run()
            check(w.opened, "no storm")
            check(set(verdicts) <= {"delivered", "deferred"} and "delivered" in verdicts, gap, verdicts)
            w.finish()


def one_by_one_or_together(build):
    """The same copies at the same times, to each recipient alone or to all at once: each gets within the limit."""
    for n in (1, 3, 50):
        rng = rng_of("together", 0)
        with World(build, rng, RULE % (3, 2, "1d")) as w:
            servers = [Faulty(w, i, (), False, n, 1) for i in range(2)]
            s = Storm(w, "m", ["p%02d@example.org" % i for i in range(50)], servers, 1000)
            s.start(n)
            w.run()
            w.finish()
            w.check_limits()
            w.check_first_copies()
            w.check_open_storms()


def duplicates_in_one_message(build):
    """a@ twice, in other case and with a detail: one mailbox, and none of the spellings is a repeat or a copy."""
    names = ["a@example.org", "a@example.org", "A@EXAMPLE.ORG", "a+x@example.org", "a+y@example.org", "b@example.org"]
    for limit, repeats in ((1, 0), (1, 2), (3, 0), (3, 2)):
        with World(build, rng_of("dup", 1), RULE % (limit, repeats, "1d"), limit, repeats) as w:
            m = Message("m", "sales@firm.example", names, w.now, received=["from d by smtp.firm.example id 1"])
            for rcpts in (names, names[:5]):
                m.truth = "m%d" % len(rcpts)
                m.mid = "<%s@x>" % m.truth
                fate, v = w.offer(m, rcpts, "198.51.100.20", "out")
                check(v["verdict"] == "pass", limit, repeats, len(rcpts), "first time", v)
            w.finish()


def recipient_order(build):
    """The verdict for each recipient is the same in whatever order they come."""
    outcomes = []
    for turn in range(4):
        rng = rng_of("order", 7)
        with World(build, rng, RULE % (2, 1, "1d"), 2, 1) as w:
            mix = rng_of("mix", turn)
            per = {}
            people = ["p%d@example.org" % i for i in range(30)]
            m = Message("m", "sales@firm.example", people, w.now, received=["from d by smtp.firm.example id 1"])
            for k in range(40):
                f = Faulty(w, k % 3, (), False, 1, 1)
                f.seq = k if rng.random() < 0.7 else 0
                c = f.multiply(m) if k else m
                part = rng.sample(people, rng.randrange(1, 20))
                if turn:
                    mix.shuffle(part)
                w.now += 60
                fate, _ = w.offer(c, part, f.client, f.host)
                for r, what in fate.items():
                    per.setdefault(r, []).append(what)
            w.finish()
        outcomes.append(per)
    check(all(o == outcomes[0] for o in outcomes), "order matters")


def shadow(build):
    """A shadow rule stops nothing, whatever comes, and says what it would have done."""
    with World(build, rng_of("shadow", 1), RULE % (3, 2, "1d") + "mode = shadow\n") as w:
        s = Storm(w, "m", ["p%d@example.org" % i for i in range(20)], [Faulty(w, 1, (), False, 10, 1)], 60)
        s.start(10)
        w.run()
        summary = w.finish()
        check(set(w.verdicts) == {"pass"}, w.verdicts)
        check(summary["would_stop"] > 20, summary)


def several_rules(build):
    """A narrow enforcing rule, a wide one and a shadow one at the same time; the narrow one's limit holds."""
    more = "[rule wide]\ndetect = replication\nlimit = 5\n[rule look]\ndetect = replication\nlimit = 1\nmode = shadow\n"
    for seed in range(4):
        topology(build, 900 + seed, extra_rules=more, limit=2, repeats=2, budget=200)


def in_the_midst_of_mail(build):
    """Several storms at once and a thousand ordinary messages to the same people: only copies are stopped."""
    rng = rng_of("midst", 3)
    with World(build, rng, RULE % (3, 2, "1d")) as w:
        people = ["p%d@example.org" % i for i in range(100)]
        mids = {}
        for k in range(4):
            servers = [Faulty(w, k * 10 + i, (), rng.random() < 0.5, 50, 1 + i) for i in range(3)]
            s = Storm(w, "storm%d" % k, people, servers, 150)
            s.start(50, delay=k * 1000)
            mids[s.truth] = (s.first.mid,)
        bad = []

        def ordinary(i):
            m = Message("mail%d" % i, "u%d@other.example" % rng.randrange(50), [rng.choice(people)], w.now,
                        received=["from d by smtp.other.example id %d" % i])
            _, v = w.offer(m, m.to, "192.0.2.9", "smtp.other.example")
            if v["verdict"] != "pass":
                bad.append(v)
        for i in range(1000):
            w.at(START + i * 5, ordinary, i)
        w.run()
        check(not bad, "ordinary mail was not passed", bad[:1])
        summary = w.finish()
        w.check_limits()
        w.check_first_copies()
        w.check_open_storms()
        w.check_named(summary["storms"], mids, FORBIDDEN)
        check(len(summary["storms"]) == 4, len(summary["storms"]), "storms")


def sent_on_by_own_users(build):
    """A dozen users here, whose Sieve scripts send all on to one archive: it has three copies, the others end in
    silence. Put off, they stood in our own queue for days, and came back to the author."""
    users = ["u%d@example.org" % i for i in range(12)]
    with World(build, rng_of("sent-on", 1), RULE % (3, 2, "1d")) as w:
        m = Message("m", "joe@firm.example", users, w.now, received=["from d by smtp.firm.example id 1"])
        fates = [w.offer(m, users, "198.51.100.20", "smtp.firm.example")[1]["verdict"]]
        for i, u in enumerate(users):
            c = m.copy()
            w.now += 1
            own = ["from mx1.example.org by mx1.example.org with LMTP id L%d; %s" % (i, date_text(w.now)),
                   "from smtp.firm.example by mx1.example.org (Postfix) with ESMTP id P1; %s" % date_text(w.now)]
            c.extra = ["X-Sieve-Redirected-From: " + u]
            own[0] += "\r\nDelivered-To: " + u
            for _ in range(2):  # a scanner behind us was down
                fates.append(w.offer(c, ["archive@example.org"], "127.0.0.1", "localhost", own=own,
                                     transmission="by " + u)[1]["verdict"])
        check(fates == ["pass"] * 7 + ["discard"] * 18, fates)
        w.check_first_copies()
        w.finish()


def a_thousand_recipients(build):
    topology(build, 77, limit=3, repeats=2, rcpts=1000, budget=60)


def scenarios():
    for seed in range(24):
        yield "storm-%d" % seed, lambda b, s=seed: topology(b, s)
    for shape in ("exim", "postfix", "own", "relay"):
        for seed in range(100, 105):
            yield "storm-%s-%d" % (shape, seed), lambda b, s=seed, x=shape: topology(b, s, shape=x)
    for seed in range(200, 204):
        yield "storm-date-case-%d" % seed, lambda b, s=seed: topology(b, s, ("date",))
        yield "storm-no-date-%d" % seed, lambda b, s=seed: topology(b, s, ("no-date",), variants=2)
        yield "storm-list-fields-%d" % seed, lambda b, s=seed: topology(b, s, ("list",), variants=21)
        yield "storm-no-id-%d" % seed, lambda b, s=seed: topology(b, s, mid="", named=False)
        yield "storm-new-id-%d" % seed, lambda b, s=seed: topology(b, s, Faulty.KEEPS + ("new-id",))
        yield "storm-new-id-exim-%d" % seed, lambda b, s=seed: topology(b, s, ("new-id", "marker", "again"), shape="exim")
        yield "storm-second-wave-%d" % seed, lambda b, s=seed: topology(b, s, waves=3, budget=120)
        yield "storm-window-%d" % seed, lambda b, s=seed: topology(b, s, window=2 * HOUR)
    for how in ("direct", "never", "late", "list", "parts"):
        for servers in (1, 2, 3, 20):
            for shape in (None, "forwarder", "forwarders"):
                yield "origin-%s-%d%s" % (how, servers, "-" + shape if shape else ""), (
                    lambda b, h=how, n=servers, x=shape: origins(b, n, h, n, shape=x))
    for servers in (1, 2, 5):
        for shape in (None, "exim", "own"):
            yield "nameless-%d%s" % (servers, "-" + shape if shape else ""), lambda b, n=servers, x=shape: nameless(b, n, x)
    for limit in (1, 2, 5):
        for how in ("never", "late", "parts"):
            yield "origin-%s-limit-%d" % (how, limit), lambda b, h=how, n=limit: origins(b, n, h, 2, limit=n)
    for fn in (wakes_after_28_days, longer_than_remembered, one_item_for_five_days, retries_later_than_the_window,
               one_by_one_or_together,
               duplicates_in_one_message, recipient_order, shadow, several_rules, in_the_midst_of_mail,
               a_thousand_recipients, sent_on_by_own_users):
        yield fn.__name__.replace("_", "-"), fn
