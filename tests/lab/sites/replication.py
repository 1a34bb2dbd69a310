# SPDX-License-Identifier: ISC
"""Stories A, B and C: three faulty servers send one letter to 630 people again and again, come back 28 days
later, and find nobody to send to when addresses are not shown."""

import itertools
import time

from lab import smtp
from lab.actors import Budget

from .actors import Connector, from_far, legit, letter
from .rows import Row
from .world import DESK, shipped

DAY = 86400
FAULTY = ["reception@faulty%d.example" % n for n in (1, 2, 3)]
INNOCENT = "office@sender.example"
BODY = "Dear all,\n" + "please find the programme of the meeting below.\n" * 250
HUB = {"faulty1.example": "mx", "faulty2.example": "mx", "faulty3.example": "mx", "faulty5.example": "mx"}


def circular(people):
    return letter(INNOCENT, people, "Meeting of all parishes", BODY, mid="<43CB6B9F.2030501@sender.example>")


def parish(people, domain="victim.example"):
    return FAULTY + ["parish%03d@%s" % (n, domain) for n in range(people - len(FAULTY))]


def write(p, content, groups, sender=INNOCENT, source="127.0.0.5"):
    """The one lawful sending of the letter: [(port, recipients)]."""
    for port, rcpts in groups:
        for r in smtp.send(port, sender, rcpts, content, source=source):
            if r.code != 250:
                raise RuntimeError("the letter was refused: %d %s" % r.data)
    p.due = [r for _, rcpts in groups for r in rcpts]


def lawful(p, n=10):
    """Letters of the innocent author and of others to people who are in the storm."""
    port = p.world.port("mx")
    for i in range(n):
        author = INNOCENT if i % 2 else "friend%d@far.example" % i
        mid, to = legit(author), "parish%03d@victim.example" % i
        p.expect(mid, [to])
        text = letter(author, [to], "Meeting of all parishes" if i % 3 else "Flowers", mid=mid)
        smtp.send(port, author, [to], from_far(text, i + 2), source="127.0.0.%d" % (30 + i))


def faulty(p, budget, *numbers):
    p.budget = budget
    return [p.actor(Connector(n, p.world, budget)) for n in numbers]


def named(row, p, *numbers):
    names = p.journal.named("replication")
    for n in numbers:
        row.need("sbs%d.faulty%d.example" % (n, n) in names, "sbs%d is not named:" % n, names)
    row.need(not any(n.endswith("sender.example") for n in names), "an innocent host is named:", names)
    row.note("named: " + ", ".join(sorted(names)))


def story_a(world, size):
    people, bound = (630, size.copies) if size.full else (120, 2400)
    for name, what, homes in (("A1", "one letter to %d; POP boxes behind our MX" % people, HUB),
                              ("A2", "the same; faulty servers with MX of their own", {})):
        row = Row(name, what, bound)
        everybody = parish(people)
        for guarded in (False, True):
            with world.phase(name, guarded, ("mx", "sbs1", "sbs2", "sbs3"), bound, size.seconds, homes=homes,
                             domains=("victim.example", *homes)) as p:
                p.post.storm_to = None if homes else (lambda r: r.endswith("@victim.example"))
                faulty(p, Budget(bound), 1, 2, 3)
                mx = world.port("mx")
                own = [(world.port("sbs%d" % n), [FAULTY[n - 1]]) for n in (1, 2, 3)]
                write(p, from_far(circular(everybody)),
                      [(mx, everybody)] if homes else [(mx, everybody[3:])] + own)
                if guarded:
                    lawful(p)
                p.run()
                p.arrived()
            if not guarded:
                row.without(p)
        row.with_it(p)
        inside = {r: n for r, n in p.each.items() if r.endswith("@victim.example")}
        row.need(max(inside.values()) <= 3, "somebody got", max(inside.values()))
        row.need(not row.without_ended, "without the daemon the storm ended by itself")
        row.need(p.ended == bool(homes), "the storm ended by itself:", p.ended)
        if not homes:
            row.note("our %d people got at most %d copies each; outside, where nobody stops it, it goes on"
                     % (len(inside), max(inside.values())))
        named(row, p, 1, 2, 3)
        yield row


def stuck(world, connector, copies, people):
    """Copies that a faulty server made and never got rid of."""
    world.change("sbs1", "defer_transports = smtp\n")
    connector.budget = Budget(copies)
    for d in itertools.islice(itertools.cycle(connector.kept), -(-copies // people)):
        connector.take(d)
    world.sites["sbs1"].settle()


def story_b(world, size):
    """January: the storm dies (or the daemon is not there yet). 28 days later the queue is opened; one of the
    others was not really repaired, and a fifth server joins."""
    people, n_stuck, bound = (630, size.copies // 3, size.copies // 2) if size.full else (120, 720, 2400)
    row = Row("B", "28 days later: a stuck queue, a fifth server", bound)
    names = ("mx", "sbs1", "sbs2", "sbs3", "sbs5")
    everybody = parish(people) + ["reception@faulty5.example"]
    where = {"homes": HUB, "domains": ("victim.example", *HUB)}
    for guarded in (False, True):
        with world.phase("B January", guarded, names, 10 * bound, size.seconds, **where) as p:
            first = faulty(p, Budget(10 * people if guarded else 0), 1, 2, 3)[0]
            write(p, from_far(circular(everybody)), [(world.port("mx"), everybody)])
            p.run()
            stuck(world, first, n_stuck, len(everybody))
        if guarded:
            world.daemon.start_later(14 * DAY)  # retention runs meanwhile
            time.sleep(1.5)
            world.daemon.stop()
        with world.phase("B", guarded, names, bound, size.seconds, keep=True, later=28 * DAY, **where) as p:
            faulty(p, Budget(bound), 2, 5)
            lawful(p)
            world.change("sbs1")
            world.sites["sbs1"].flush()
            p.run()
            p.arrived()
        if not guarded:
            row.without(p)
    row.with_it(p)
    row.need(p.delivered == 0, "copies of a remembered storm were delivered:", p.delivered)
    row.need(not row.without_ended and p.ended, "without: ended, or with: went on")
    row.need(row.stopped >= n_stuck, "stopped", row.stopped, "of", n_stuck)
    yield row


def story_c(world, size):
    people, bound = (630, size.copies // 2) if size.full else (120, 2400)
    names = ("mx", "partner1", "sbs1", "sbs2", "sbs3")
    everybody = parish(people, "partner1.example")
    own = "press@victim.example"
    content = letter(own, everybody, "Our news", BODY)
    hidden = letter(own, [], "Our news", BODY).replace(b"To: \n", b"To: undisclosed-recipients:;\n")
    plain = None
    for name, what, action in (("C1", "own letter shows %d addresses; concealed" % people, "conceal"),
                               ("C2", "the same; refused with advice, then by Bcc",
                                "reject 5.7.1 Please use Bcc")):
        row = Row(name, what, bound)
        rules = shipped(wide_recipients={"action": action, "scope": "outbound"})
        for guarded in (False, True):
            if plain and not guarded:
                row.without(plain)
                continue
            with world.phase(name, guarded, names, bound, size.seconds, rules) as p:
                faulty(p, Budget(bound), 1, 2, 3)
                mx = world.port("mx")
                said = smtp.send(mx, own, everybody, content, source=DESK, chunk=1000)[0]
                if guarded and action != "conceal":
                    row.need(said.code == 550 and "Please use Bcc" in said.data[1], "no advice:", said.data)
                    said = smtp.send(mx, own, everybody, hidden, source=DESK, chunk=1000)[0]
                row.need(said.code == 250, "refused:", said.data)
                p.due = everybody
                if guarded:
                    few_and_notice(p)
                p.run()
                p.arrived()
            if not guarded:
                row.without(p)
                plain = p
        row.with_it(p)
        row.need(not row.without_ended and p.ended, "without: ended, or with: went on")
        row.need(set(p.each.values()) == {1}, "copies in one mailbox:", sorted(set(p.each.values())))
        yield row


def few_and_notice(p):
    """An own letter to some, and a school's notice to many of ours: not what the rule is for."""
    port = p.world.port("mx")
    some = ["friend%d@partner1.example" % n for n in range(40)]
    many = ["pupil%d@victim.example" % n for n in range(150)]
    for author, rcpts, source in (("press@victim.example", some, DESK),
                                  ("school@far.example", many, "127.0.0.31")):
        mid = legit(author)
        p.expect(mid, rcpts)
        smtp.send(port, author, rcpts, letter(author, rcpts, "For you", mid=mid), source=source)
