# SPDX-License-Identifier: ISC
"""Story E: robots that answer each other."""

import re

from world import DAY, HOUR, SHIPPED_RULES, Message, World, check, date_text, rng_of

RULES = """[rule mail-loop]
detect = mail-loop
[rule ping-pong]
detect = ping-pong
[rule replication]
detect = replication
"""
OURS, AWAY = "127.0.0.1", "203.0.113.7"
LIMIT, AUTOMATIC_LIMIT = 20, 6
REPLY = ["In-Reply-To: <a@b>"]


def hop(w, host):
    return "from client by %s with ESMTPS id %s; %s" % (host, w.queue_id(), date_text(w.now))


def id_by_mta(m):
    """The Message-ID that the first MTA gives to what has none."""
    return "<2006.%s@far.example>" % m.received[0].split(" id ")[1].split(";")[0]


def id_by_exchange(m):
    """The same by one that writes its version where others have a queue id."""
    at = m.received[-1].index(" id ") + 4
    m.received[-1] = m.received[-1][:at] + "15.1.2507.39" + m.received[-1][m.received[-1].index(";"):]
    return "<60bd7793-7f39-49d0-9f91-b0%d@mail.far.example>" % m.written


def id_by_cloud(m):
    """The same by Exchange in the cloud, whose hosts have another domain in ids than in lines."""
    mid = id_by_exchange(m)
    return mid.replace("@mail.far.", "@mail.eop-eur02.prod.far.")


def id_by_second(m):
    """The same by the second one: the first, a hub, leaves it to whoever comes next."""
    m.received.append(m.received[0].replace("client by mail.", "client by hub.").replace(" id ", " id A"))
    return id_by_mta(m)


def id_of_exchange(m):
    """What a robot that lives on Exchange writes has that host's name in its id, too."""
    m.received.append(re.sub(r"by mail\.(.*) id \w+;", r"by ex1.\1 id 15.1.2507.39;", m.received[-1]))
    return "<%032x@ex1.%s>" % (m.written * 7919, m.author.split("@")[1])


class Robot:
    """Answers whatever comes to its address. `subject`: what it makes of the one it answers."""

    def __init__(self, address, subject, delay, extra=(), null=False, seen=True, polls=False, mid=None):
        self.address, self.subject, self.delay, self.extra = address, subject, delay, list(extra)
        self.null, self.seen, self.polls, self.mid = null, seen, polls, mid
        self.number = 1000

    def answer(self, talk, m):
        self.number += 7
        a = talk.write(self.address, m.author, self.subject.format(n=self.number, s=m.subject)[:240], self.extra)
        if self.null:
            a.sender = ""
        if self.mid:
            a.mid = self.mid(a)
        a.extra = [e + ": " + m.mid if e in ("In-Reply-To", "References") else e for e in self.extra]
        return a


class Talk:
    """A site on whose MTA some parties live, with robots here and away."""

    def __init__(self, build, name, *robots, rules=RULES):
        self.w = World(build, rng_of(name, 1), rules)
        self.robots = {r.address: r for r in robots}
        self.n = 0
        self.passed, self.held, self.by_people, self.held_people = 0, 0, 0, 0

    def write(self, author, to, subject, extra=()):
        self.n += 1
        w = self.w
        m = Message("t%d" % self.n, author, [to], w.now, mid="<t%d.%d@%s>" % (self.n, w.now, author.split("@")[1]),
                    subject=subject, extra=extra, received=[hop(w, "mail." + author.split("@")[1])])
        return m

    def deliver(self, m, person=False):
        """One mail on its way; what is delivered wakes the robot at the other end."""
        w, to = self.w, m.to[0]
        robot, me = self.robots.get(to), self.robots.get(m.author)
        through = True
        if not me or me.seen or person:
            ours = m.author.endswith("example.org")
            fate, v = w.offer(m, [to], OURS if ours else AWAY, "mail." + m.author.split("@")[1])
            through = fate[to] == "delivered"
            check(through or v["rule"] in ("ping-pong", "slow-robots", "mail-loop"), v)
            check(through or fate[to] == "held", fate, v)
        if person:
            self.by_people += 1
            self.held_people += not through
        else:
            self.passed += through
            self.held += not through
        if through and robot:
            later = w.now + robot.delay
            if robot.polls:
                later = (w.now // robot.delay + 1) * robot.delay
            w.at(later, lambda: self.deliver(robot.answer(self, m)))

    def person(self, at, author, to, subject, extra=()):
        self.w.at(at, lambda: self.deliver(self.write(author, to, subject, extra), person=True))

    def run(self, most=20000):
        self.w.run(most)
        return self.w.finish()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.w.engine.close()


def named(summary, *parties):
    """The storm of ping-pong names both, and nobody else."""
    storms = [s for s in summary["storms"] if s["rule"] == "ping-pong"]
    check(storms, "no storm", summary)
    for s in storms:
        names = {h["name"] for h in s["hosts"]}
        check(names == set(parties), "named", names, "not", parties)


DESK, BOB = "desk@example.org", "bob@far.example"
REPLIED, GENERATED = "Auto-Submitted: auto-replied", "Auto-Submitted: auto-generated"

# two robots, and how many of their mails may pass
PAIRS = {
    "desk-and-mailbox-rule": (Robot(DESK, "[Ticket #{n}] received: {s}", 3), Robot(BOB, "Re: {s}", 1), 23),
    "desk-and-mailbox-rule-half-marked": (
        Robot(DESK, "[Ticket #{n}] received: {s}", 3, [REPLIED]), Robot(BOB, "Re: {s}", 1, ["In-Reply-To", "References"]), 10),
    "desk-that-polls": (
        Robot(DESK, "[Ticket #{n}] received: {s}", 60, [REPLIED], polls=True), Robot(BOB, "RE: {s}", 2), 23),
    "desk-that-polls-and-formail": (
        Robot(DESK, "[Ticket #{n}] received: {s}", 60, [REPLIED], polls=True),
        Robot(BOB, "Thank you", 1, ["Precedence: junk", "In-Reply-To", "References"], mid=id_by_mta), 20),
    "desk-that-polls-with-tickets": (
        Robot(DESK, "Ticket {n} has been opened", 60, [GENERATED, "In-Reply-To"], polls=True), Robot(BOB, "RE: {s}", 2), 22),
    "two-out-of-office": (
        Robot("ann@example.org", "Automatic reply: {s}", 2, [REPLIED], null=True),
        Robot(BOB, "Out of Office: {s}", 4, [REPLIED, "Precedence: bulk"]), 7),
    "two-out-of-office-slow": (
        Robot("ann@example.org", "Automatic reply: {s}", 280, [REPLIED]), Robot(BOB, "Out of Office: {s}", 240, [REPLIED]), 7),
    "called-as-a-lists-own": (
        Robot("service-request@example.org", "[Ticket #{n}] received: {s}", 3), Robot("product-owner@far.example", "Re: {s}", 1), 23),
    "tickets-growing": (
        Robot(DESK, "[Ticket#{n}] opened: {s}", 5), Robot("help@far.example", "Case {n} received: {s}", 8), 24),
    "tickets-growing-marked": (
        Robot(DESK, "[Ticket#{n}] Re: {s}", 5, [GENERATED]),
        Robot("help@far.example", "[Case #{n}] Re: {s}", 60, [GENERATED, "In-Reply-To", "References"], polls=True), 7),
    "tickets-of-exchange": (
        Robot(DESK, "Your case {n} has been opened", 60, [GENERATED, "In-Reply-To"], mid=id_of_exchange),
        Robot("help@far.example", "Thank you, your case is {n}", 45, [GENERATED, "In-Reply-To"], mid=id_of_exchange), 7),
    "tickets-with-their-own-subjects": (
        Robot(DESK, "Ticket {n} has been opened", 5), Robot("help@far.example", "Thank you, your case is {n}", 9), 23),
    "subject-cut-at-its-end": (
        Robot(DESK, "We have received your message: {s}", 2), Robot(BOB, "This is an automated response to: {s}", 2), 26),
    "two-of-our-own": (Robot(DESK, "[Ticket #{n}] received: {s}", 3), Robot("ann@example.org", "Re: {s}", 1), 22),
    "two-of-our-own-marked": (
        Robot(DESK, "[Ticket #{n}] received: {s}", 3, [REPLIED]), Robot("ann@example.org", "Automatic reply: {s}", 1, [REPLIED]), 7),
    "seen-in-one-direction": (
        Robot("ann@example.org", "Automatic reply: {s}", 20, [REPLIED], seen=False),
        Robot(BOB, "Automatic reply: {s}", 20, [REPLIED], null=True), 9),
    "growing-in-one-direction": (
        Robot("ann@example.org", "[Ticket#{n}] Re: {s}", 20, seen=False), Robot(BOB, "[Case#{n}] Re: {s}", 20), 25),
    "growing-in-one-direction-marked": (
        Robot("ann@example.org", "[Ticket#{n}] Re: {s}", 20, seen=False), Robot(BOB, "[Case#{n}] Re: {s}", 20, [GENERATED]), 30),
}


def robots(build, kind):
    """One mail by a person starts it. The talk ends; what people write to each other meanwhile and later arrives."""
    a, b, most = PAIRS[kind]
    with Talk(build, kind, a, b) as t:
        start = t.w.now
        t.person(start, b.address, a.address, "The printer on floor two is broken")
        summary = t.run(500)
        seen = t.passed if a.seen and b.seen else t.passed // 2
        check(seen <= most, kind, seen, "passed", t.w.verdicts)
        check(t.held == 1, kind, t.held, "held")
        named(summary, a.address, b.address)


def do_not_wait(build):
    """Two who write all the same while their mail is held, with no sign of a robot and a subject of their own each."""
    for gap, most in ((5, LIMIT), (25, LIMIT), (28, LIMIT)):
        with Talk(build, "do-not-wait", Robot(DESK, "", 1), Robot(BOB, "", 1)) as t:
            t.robots = {}
            for n in range(HOUR // gap):
                a, b, subject = (DESK, BOB, "We got your mail") if n % 2 else (BOB, DESK, "Thank you for your message")
                t.w.now += gap
                t.deliver(t.write(a, b, subject))
            check(t.passed <= most, gap, t.passed, "passed")
            named(t.run(), DESK, BOB)


def go_on_for_hours(build):
    """Whose mail is held and who writes on all the same, with one subject, does not look slow for it: no more of it
    passes. An hour after the last one the next mail is a new talk."""
    with Talk(build, "go-on", Robot(DESK, "", 1), Robot(BOB, "", 1)) as t:
        t.robots = {}
        for n in range(4 * HOUR // 10):
            a, b = (DESK, BOB) if n % 2 else (BOB, DESK)
            t.w.now += 10
            t.deliver(t.write(a, b, "Re: Your request"))
        check(t.passed <= LIMIT, t.passed, "passed")
        t.w.now += 2 * HOUR
        t.deliver(t.write(BOB, DESK, "Re: Your request"), person=True)
        check(t.held_people == 0, "held an hour later")
        named(t.run(), DESK, BOB)


def agents_meanwhile(build):
    """Five hours of alarms, each acknowledged; to one in ten an agent writes in its subject. Hardly any is held."""
    with Talk(build, "agents-meanwhile") as t:
        rng = rng_of("agents-meanwhile", 3)
        at = t.w.now
        for n in range(5 * HOUR // 60):
            at += int(rng.expovariate(1 / 60)) + 1
            subject = "%s: disk on host%d" % (rng.choice(("PROBLEM", "RECOVERY")), n % 9)
            t.w.at(at, lambda s=subject: t.deliver(t.write(BOB, DESK, s)))
            mid = "In-Reply-To: <alarm%d@far.example>" % n
            t.w.at(at + rng.randint(2, 10), lambda s=subject, i=mid, n=n: t.deliver(
                t.write(DESK, BOB, "[Ticket #%d] %s" % (n, s), [REPLIED, i])))
            if rng.random() < 0.1:
                t.person(at + rng.randint(60, 900), DESK, BOB, "Re: [Ticket #%d] %s" % (n, subject), [mid])
        t.run()
        check(t.by_people > 20 and t.held_people <= 5, t.held_people, "of", t.by_people, "held")


def person_and_tickets(build):
    """A person and a desk write about one thing for an hour; the desk marks its mails and is at once there with each."""
    with Talk(build, "person-and-tickets") as t:
        for n in range(40):
            t.w.now += 88
            t.deliver(t.write(BOB, DESK, "Re: [Ticket #5] The lift is broken", REPLY), person=True)
            t.w.now += 2
            t.deliver(t.write(DESK, BOB, "[Ticket #5] The lift is broken", REPLY + [GENERATED]), person=True)
        check(t.by_people == 80 and t.held_people == 0, t.held_people, "held")
        t.run()


def planted(build, how, marks):
    """Somebody outside lets two addresses of ours answer each other, by From or Reply-To. What their own people and
    machines write to each other meanwhile, about the same, passes; his is held, and so is a robot's that really answers."""
    with Talk(build, "planted") as t:
        ann, desk, subject = "ann@example.org", DESK, "Re: The printer on floor two is broken"
        his = 0
        for n in range(700):
            a, b = (ann, desk) if n % 2 else (desk, ann)
            t.w.now += 5
            m = t.write("x@evil.example", b, subject, marks + REPLY + ["Reply-To: " + a])
            if how == "from":
                m = t.write(a, b, subject, marks + REPLY)
            fate, _ = t.w.offer(m, [b], "203.0.113.66", "evil.example")
            his += fate[b] == "held"
            if n % 50 == 30:
                t.deliver(t.write(ann, desk, subject, REPLY), person=True)
            if n % 50 == 32:
                t.deliver(t.write(desk, ann, "Re: [Ticket #5] The printer on floor two is broken", REPLY + [GENERATED]), person=True)
        check(his >= 400, "his", his)
        check(t.by_people == 28 and t.held_people == 0, "held", t.held_people, "of", t.by_people)
        t.w.now += 2 * HOUR
        t.robots = {desk: Robot(desk, "[Ticket #{n}] received: {s}", 3), ann: Robot(ann, "Re: {s}", 1)}
        t.person(t.w.now, ann, desk, "The lift is broken")
        t.run(2000)
        check(t.passed <= LIMIT and t.held == 1, t.passed, "passed", t.held, "held")


def quick_alarms(build):
    """Three hours of alarms; a ticket system acknowledges each. Its acknowledgements may be held, no alarm is."""
    with Talk(build, "quick-alarms") as t:
        for n in range(3 * HOUR // 30):
            t.w.now += 27
            m = t.write(BOB, DESK, "PROBLEM: disk on host%d" % (n % 9))
            t.deliver(m, person=True)
            t.w.now += 3
            t.deliver(t.write(DESK, BOB, "[Ticket #%d] PROBLEM: disk on host%d" % (n, n % 9),
                              [REPLIED, "In-Reply-To: " + m.mid]))
        t.run()
        check(t.held_people == 0, t.held_people, "alarms held")


def threaded_alarms(build, every, mark, added, by):
    """An alarm program puts its event's number into In-Reply-To and leaves Message-ID to the MTA, as Zabbix does, or into
    References, as scripts for Nagios do: those are no answers. A desk acknowledges each: no alarm is held, and no acknowledgement where they are slow."""
    with Talk(build, "threaded-alarms-%d" % every) as t:
        for n in range(2 * HOUR // every):
            t.w.now += every - 3
            m = t.write(BOB, DESK, "Problem: disk on host%d" % (n % 9), ["%s: <%d.c0ffee.1@alarms.example>" % (by, n)])
            m.mid = added(m) if added else ""
            t.deliver(m, person=True)
            t.w.now += 3
            t.deliver(t.write(DESK, BOB, "[Ticket #%d] Problem: disk on host%d" % (n, n % 9), mark + REPLY))
        t.run()
        check(t.held_people == 0, t.held_people, "alarms held")
        check(every < 60 or t.held == 0, t.held, "acknowledgements held")


def alarms_in_our_name(build):
    """A program outside sends alarms in the name of an address of ours, one in five minutes and all alike, to a desk of
    ours, which acknowledges each from inside: no more of them than there are alarms, and none is held."""
    with Talk(build, "alarms-in-our-name") as t:
        alarms, subject = "alarms@example.org", "Backup of files failed"
        for n in range(3 * HOUR // 300):
            t.w.now += 295
            m = t.write(alarms, DESK, subject)
            fate, v = t.w.offer(m, [DESK], AWAY, "mail.cloud.example")
            check(fate[DESK] == "delivered", "alarm", n, v)
            t.w.now += 5
            t.deliver(t.write(DESK, alarms, "[Ticket #%d] %s" % (n, subject), [REPLIED, "In-Reply-To: " + m.mid]))
        check(t.held == 0, t.held, "acknowledgements held")
        check(not t.run()["storms"], "a storm")


def desk_and_address_outside(build):
    """A desk of ours that polls, and an address of ours whose rule answers from somebody else's servers."""
    with Talk(build, "desk-and-address-outside") as t:
        box = "ann@example.org"
        held = 0
        for n in range(100):
            t.w.now += 90
            t.w.offer(t.write(box, DESK, "Re: [Ticket #%d] received: The lift" % n, REPLY), [DESK], AWAY, "mail.cloud.example")
            t.w.now += 60
            fate, _ = t.w.offer(t.write(DESK, box, "[Ticket #%d] received: Re: The lift" % n, [REPLIED] + REPLY), [box], OURS, DESK)
            held += fate[box] == "held"
        check(held >= 40, held, "held")
        named(t.run(), DESK, box)


def people_meanwhile(build):
    """While desk and mailbox rule talk, the two people behind write to each other about something else: nobody of
    them is held. (The robots keep quiet about that mail: they answer each thread's first mail only.)"""
    desk = Robot(DESK, "[Ticket #{n}] received: {s}", 3)
    box = Robot(BOB, "Re: {s}", 1)
    with Talk(build, "people-meanwhile", desk, box) as t:
        start = t.w.now
        for chain in range(5):
            t.w.at(start + chain, lambda: t.deliver(t.write(BOB, DESK, "The printer is broken")))
        t.w.run(500)
        check(t.held >= 5, "chains", t.held)
        check(t.passed <= 40, "passed", t.passed)
        t.robots = {}
        for n in range(20):
            a, b = (BOB, DESK) if n % 2 else (DESK, BOB)
            t.person(t.w.now + 55 * (n + 1), a, b, ("Re: " if n else "") + "Invoice of May",
                     ["In-Reply-To: <x@y>"] if n else [])
        t.run(500)
        check(t.by_people == 20 and t.held_people == 0, "people", t.by_people, t.held_people, t.w.verdicts)


def bounces_of_bounces(build):
    """A user who left: two mail systems return each other's returns, several hundred a minute, for an hour; they do
    not wait for each other."""
    with Talk(build, "ndr") as t:
        report = ["Content-Type: multipart/report; report-type=delivery-status; boundary=x", "Auto-Submitted: auto-replied"]
        w = t.w
        passed = 0
        for n in range(3000):
            a, b = ("MAILER-DAEMON@example.org", "postmaster@far.example")
            if n % 2:
                a, b = "MAILER-DAEMON@far.example", "MAILER-DAEMON@example.org"
            m = t.write(a, b, "Undelivered Mail Returned to Sender", report)
            m.sender = ""
            fate, v = w.offer(m, [b], AWAY if n % 2 else OURS, "mail")
            passed += fate[b] == "delivered"
            w.now += n % 5 == 0
        check(passed <= 10, "passed", passed)
        named(w.finish(), "@example.org", "@far.example")


def desk_and_bounces(build, daemon):
    """A service desk that says nowhere that it is a robot acknowledges a bounce, and what it writes is bounced in turn."""
    returns = Robot(daemon, "Undelivered Mail Returned to Sender", 1, [
        "Content-Type: multipart/report; report-type=delivery-status; boundary=x", REPLIED], null=True)
    with Talk(build, "desk-and-bounces-" + daemon, Robot(DESK, "[Ticket #{n}] received", 3), returns) as t:
        t.w.at(t.w.now, lambda: t.deliver(returns.answer(t, t.write(DESK, daemon, "Your ticket is closed"))))
        t.w.run(500)
        check(t.passed <= 24 and t.held == 1, "passed", t.passed, "held", t.held)
        t.robots = {}
        for n in range(5):
            t.person(t.w.now + 60 * n, "ann@example.org", daemon, "Your bounces of today")
        named(t.run(500), DESK, "@far.example")
        check(t.held_people == 0, "people", t.held_people)


def office_hours(build):
    """What must not be held: a day of people, alarms with acknowledgements, tickets, receipts, bounces, lists."""
    with Talk(build, "office") as t:
        w = t.w
        start = w.now
        acks = Robot("help@far.example", "[Case #{n}] {s}", 4, [REPLIED])
        for n in range(200):
            at = start + n * 110
            t.person(at, "nagios@example.org", "help@far.example", "PROBLEM: host %d is DOWN" % (n % 5))
            t.person(at + 4, "help@far.example", "nagios@example.org", "[Case #%d] PROBLEM: host %d is DOWN" % (n, n % 5),
                     acks.extra)
        for n in range(30):  # support over a day, the desk acknowledges each
            at = start + n * DAY // 30
            t.person(at, "eve@far.example", DESK, "Re: [Ticket #5] no sound", REPLY)
            t.person(at + 3, DESK, "eve@far.example", "[Ticket #5] received: Re: no sound", [REPLIED])
            t.person(at + 1500, DESK, "eve@far.example", "Re: [Ticket #5] no sound", [GENERATED, "In-Reply-To: <a@b>"])
        for n in range(50):  # two people, lively
            a, b = ("ann@example.org", BOB) if n % 2 else (BOB, "ann@example.org")
            t.person(start + n * 65, a, b, "Re: lunch", REPLY)
        for n in range(120):  # changes of two tickets, one of which began as an answer to an answer, and a cron job
            t.person(start + n * 30, "jira@far.example", "ann@example.org", "[JIRA] (ABC-7) Sound", [GENERATED, "In-Reply-To: <a@b>"])
            t.person(start + n * 40, "jira@far.example", "ann@example.org", "[JIRA] (ABC-8) RE: [EXT] RE: [EXT] RE: Light", [GENERATED, "In-Reply-To: <a@b>"])
            t.person(start + n * 60, "root@host.example.org", "ops@example.org", "Cron <root@host> backup", [GENERATED])
        t.run()
        check(t.held_people == 0, "held", t.held_people, w.verdicts)


def tickets_at_work(build, every, person):
    """A ticket system tells an agent what the others do, and he answers some of it by mail: two hours, none is held."""
    with Talk(build, "tickets-at-work-%d" % every) as t:
        desk, ann = "tickets@far.example", "ann@example.org"
        start = t.w.now
        for n in range(2 * HOUR // every):
            t.person(start + n * every, desk, ann, "[case #%d] Re: no sound" % (n % 7), [GENERATED, "In-Reply-To: <case@far.example>"])
        for n in range(2 * HOUR // person):
            t.person(start + n * person + 7, ann, desk, "Re: [case #%d] no sound" % (n % 7), ["In-Reply-To: <case@far.example>"])
        t.run(5000)
        check(t.held_people == 0, "held", t.held_people, t.w.verdicts)


def tickets_after_a_quick_minute(build, other):
    """An agent, or a customer's own ticket system, answers six mails of a ticket system within two minutes, and each
    answer is acknowledged. What the system tells for an hour from then on passes."""
    with Talk(build, "tickets-after-%d" % len(other)) as t:
        desk, ann, w = "tickets@far.example", "ann@example.org", t.w
        for n in range(6):
            w.now += 20
            t.deliver(t.write(ann, desk, "Re: [case #%d] no sound" % n, other + ["In-Reply-To: <case%d@far.example>" % n]))
            w.now += 4
            t.deliver(t.write(desk, ann, "[case #%d] Re: no sound" % n, [GENERATED, "In-Reply-To: <case%d@far.example>" % n]))
        check(t.held > 0, "the quick ones passed")
        for n in range(HOUR // 300):
            t.person(w.now + 300 * (n + 1), desk, ann, "[case #%d] Re: no light" % n, [GENERATED, "In-Reply-To: <light@far.example>"])
            if other:
                t.person(w.now + 300 * (n + 1) + 150, ann, desk, "Re: [case #%d] no light" % n, other + ["In-Reply-To: <light@far.example>"])
        t.run()
        check(t.held_people == 0, "held", t.held_people, "of", t.by_people)


MATTERS = ("invoice of March", "no heating", "new badge", "broken lift", "lost parcel", "wrong bill", "water in cellar", "key for Ann",
           "desk lamp", "guest network", "paper tray", "loud fan", "window stuck", "phone dead", "parking space", "fire drill",
           "milk ordered", "late train", "old laptop", "server room", "blue chairs", "green paint", "torn carpet", "spare mouse")


def requests_of_a_desk(build, kind):
    """Each about something else: a customer's own ticket system opens tickets at ours, with one fake root in all of them;
    an agent answers tickets of a vendor's, whose desk acknowledges what it gets; a chief approves what a workflow asks
    him for, and is told each time that it was done. None is held, however soon the one follows the other."""
    with Talk(build, "requests-" + kind) as t:
        desk, other, w = DESK, "tickets@far.example", t.w
        for n, matter in enumerate(MATTERS):
            root = ["In-Reply-To: <root@far.example>"]
            w.now += {"tickets": 60, "agent": 80, "chief": 9}[kind]
            if kind == "tickets":
                t.deliver(t.write(other, desk, "[CUST-%d] %s" % (n, matter), root + [GENERATED]), person=True)
                w.now += 3
                t.deliver(t.write(desk, other, "[Ticket #%d] [CUST-%d] %s" % (n, n, matter), root + [REPLIED]), person=True)
                continue
            if kind == "chief":
                t.deliver(t.write(other, desk, "[%d] Please approve: %s" % (n, matter), [GENERATED]), person=True)
            m = t.write(desk, other, "Re: [%d] %s" % (n, matter), root)
            t.deliver(m, person=True)
            w.now += 3
            t.deliver(t.write(other, desk, "[%d] %s" % (n, matter), ["In-Reply-To: " + m.mid, REPLIED]), person=True)
        check(t.held_people == 0, t.held_people, "of", t.by_people, "held")
        check(not t.run()["storms"], "a storm")


def after_a_busy_hour(build):
    """Two desks exchange many tickets, each about something else, and acknowledge them: none is held. What begins then to go
    round between them is ended as soon as it is when they had been quiet."""
    for before in (0, 8, 24, 30):
        with Talk(build, "busy-%d" % before) as t:
            far, root, w = "tickets@far.example", ["In-Reply-To: <root@far.example>"], t.w
            for n in range(before):
                matter = "colour%s thing%s" % ("abcdefgh"[n % 8], "abcdefgh"[n // 8])
                w.now += 25
                t.deliver(t.write(far, DESK, "[CUST-%d] %s" % (n, matter), root + [GENERATED]), person=True)
                w.now += 3
                t.deliver(t.write(DESK, far, "[Ticket #%d] [CUST-%d] %s" % (n, n, matter), root + [REPLIED]), person=True)
            t.robots = {DESK: Robot(DESK, "[Ticket #{n}] {s}", 3, [REPLIED]), far: Robot(far, "[CUST-{n}] {s}", 3, root + [GENERATED])}
            t.deliver(t.write(far, DESK, "[CUST-900] lost keys", root + [GENERATED]))
            summary = t.run()
            check(t.held_people == 0 and t.held == 1, before, "before:", t.held_people, "and", t.held, "held")
            check(t.passed <= AUTOMATIC_LIMIT, before, "before:", t.passed, "passed")
            named(summary, DESK, far)


def acknowledged_late(build):
    """We were away for a day: of one desk, whose users write by another way, a partner's queue brings in a minute what it
    acknowledged meanwhile, all with one subject; and what a robot answered within minutes then is one way still."""
    for apart, least, most in ((900, 40, 40), (20, AUTOMATIC_LIMIT, 2 * AUTOMATIC_LIMIT)):
        with Talk(build, "acknowledged-late") as t:
            late = []
            for n in range(40):
                t.w.now += apart
                late.append(t.write("help@far.example", "ann@example.org", "We have received your mail", [REPLIED]))
            t.w.now += 2 * HOUR
            for m in late:
                t.w.now += 2
                t.deliver(m)
            check(least <= t.passed <= most, apart, t.passed, "passed")
            t.run()


def ever_new_words(build):
    """Two robots that never say the same twice: more of their mail passes, and it ends all the same."""
    with Talk(build, "ever-new-words", Robot(DESK, "", 1), Robot(BOB, "", 1)) as t:
        t.robots = {}
        for n in range(HOUR // 8):
            t.w.now += 8
            word = "".join(chr(97 + n // 26 ** k % 26) for k in range(3))
            a, b = (DESK, BOB) if n % 2 else (BOB, DESK)
            t.deliver(t.write(a, b, "%sx y%s" % (word, word), [REPLIED, "In-Reply-To: <a@b>"]))
        check(t.passed <= 4 * LIMIT, t.passed, "passed")
        named(t.run(), DESK, BOB)


def slow_desks(build, every):
    """A desk that fetches its mail now and then, and a rule that answers at once, without marks: the second rule that
    etc/rules.conf speaks of ends it. Two people who write on that pace, but go home, and the desk's customers pass."""
    with open(SHIPPED_RULES, encoding="utf-8") as f:
        keys = re.search(r"^#   (limit = 100, .*)$", f.read(), re.M).group(1)
    rules = RULES + "[rule slow-robots]\ndetect = ping-pong\n" + keys.replace(", ", "\n") + "\n"
    robots = Robot(DESK, "[Ticket #4711] received", every, REPLY, polls=True), Robot(BOB, "Re: {s}", 2, REPLY)
    with Talk(build, "slow-desks-%d" % every, *robots, rules=rules) as t:
        start, eve = t.w.now, "eve@far.example"
        t.person(start, BOB, DESK, "The printer on floor two is broken")
        for n in range(90):
            a, b = ("ann@example.org", eve) if n % 2 else (eve, "ann@example.org")
            t.person(start + n * 300, a, b, "Re: lunch", REPLY)
        for n in range(45):  # each is acknowledged
            t.person(start + n * 600, eve, DESK, "Chair %d" % n)
        t.run()
        check(t.held_people == 0, "held", t.held_people)
        check(t.passed <= 101 + 45 and t.held == 1, t.passed, "passed", t.held, "held")


def scenarios():
    for every in (60, 300):
        yield "loops-slow-desks-%d" % every, lambda b, e=every: slow_desks(b, e)
    for kind in PAIRS:
        yield "loops-" + kind, lambda b, k=kind: robots(b, k)
    for fn in (do_not_wait, go_on_for_hours, agents_meanwhile, person_and_tickets, quick_alarms, alarms_in_our_name,
               desk_and_address_outside, people_meanwhile, acknowledged_late, ever_new_words, after_a_busy_hour, bounces_of_bounces, office_hours):
        yield "loops-" + fn.__name__.replace("_", "-"), fn
    for daemon in ("MAILER-DAEMON@far.example", "postmaster@far.example"):
        yield "loops-desk-and-bounces-of-" + daemon.split("@")[0].lower(), lambda b, d=daemon: desk_and_bounces(b, d)
    for by in ("In-Reply-To", "References"):
        for i, (every, mark, added) in enumerate((
                (20, [], None), (20, [REPLIED], id_by_mta), (90, [REPLIED], None), (90, [REPLIED], id_by_mta),
                (20, [], id_by_exchange), (90, [REPLIED], id_by_second), (20, [], id_by_cloud))):
            yield "loops-threaded-alarms-%d%s" % (i, "" if by == "In-Reply-To" else "-by-references"), (
                lambda b, e=every, m=mark, a=added, y=by: threaded_alarms(b, e, m, a, y))
    for how in ("from", "reply-to"):
        for i, marks in enumerate(([], [REPLIED], [GENERATED])):
            yield "loops-planted-%s-%d" % (how, i), lambda b, h=how, m=marks: planted(b, h, m)
    for kind in ("tickets", "agent", "chief"):
        yield "loops-requests-of-a-desk-" + kind, lambda b, k=kind: requests_of_a_desk(b, k)
    for every, person in ((4, 60), (15, 100), (25, 150)):
        yield "loops-tickets-at-work-%d" % every, lambda b, e=every, p=person: tickets_at_work(b, e, p)
    for i, other in enumerate(([], [GENERATED])):
        yield "loops-tickets-after-a-quick-minute-%d" % i, lambda b, o=other: tickets_after_a_quick_minute(b, o)
