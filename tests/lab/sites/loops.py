# SPDX-License-Identifier: ISC
"""Stories D and E: what goes round between machines. A list as its own return path, robots that answer."""

import itertools

from lab import smtp

from .actors import Robot, from_far, legit, letter
from .rows import Row
from .world import DESK, shipped

ALL, OWNER = "all@victim.example", "all-owner@victim.example"
INSIDE = ["in%d@mbx.victim.example" % n for n in range(4)]
ALIVE = ["contact%d@partner%d.example" % (n, 1 + n % 2) for n in range(6)]
DEAD = ["gone@partner1.example", "gone@partner2.example"]
NO_USER = "error:5.1.1 user unknown"
NAMES = ("mx", "lists", "partner1", "partner2")
LIST_MAIN = ("mydestination = victim.example\nalias_maps = texthash:{etc}/aliases\nexpand_owner_alias = yes\n"
             "allow_mail_to_commands =\nallow_mail_to_files =\n")


def list_site(members, owner=ALL):
    """An inner server that expands the list, with itself as the return path if nobody says otherwise."""
    return {"lists": (LIST_MAIN, {"aliases": "all\t:include:{etc}/members\nowner-all\t%s\n" % owner,
                                  "members": "\n".join(members) + "\n"})}


def post(p, n, members):
    """A lawful post of an outside contact."""
    author = ALIVE[n % len(ALIVE)]
    mid = legit(author)
    p.expect(mid, members)
    text = letter(author, [ALL], "Offer %d" % n, "We can offer the following things.\n" * 40, mid=mid)
    smtp.send(p.world.port("mx"), author, [ALL], from_far(text, n), source="127.1.0.%d" % (4 + n % 2))


def to_list(p):
    p.only_to = ALL
    p.post.storm_to = lambda r: r != OWNER


def story_d(world, size):
    """Partners that take mail for the dead members and bounce it, and partners that refuse it: then our own MX writes
    the bounces, which nobody asks the daemon about."""
    special = [("mx", ALL, "lists")]
    refusing = special + [("partner%d" % n, DEAD[n - 1], NO_USER) for n in (1, 2)]
    cases = (("D1", "list = its own return path, two dead members", {"list_return_path": {"mode": "off"}}, special, 20),
             ("D2", "the same; return path repaired too", {}, special, 20),
             ("D3", "the same; our own MX writes the bounces", {}, refusing, 10))
    plain = {}
    for name, what, rules, places, bounces in cases:
        bound = (50000 if size.full else 1500) // (1 if places is special else 20)
        row = Row(name, what, bound)
        for guarded in (False, True):
            if not guarded and len(places) in plain:
                row.without(plain[len(places)])
                continue
            with world.phase(name, guarded, NAMES, bound, size.seconds, shipped(**rules), special=places,
                             more=list_site(INSIDE + ALIVE + DEAD)) as p:
                to_list(p)
                p.post.refuse.update(DEAD)
                p.of_storm = lambda sender, _: sender == ""
                for n in range(10 if guarded else 1):
                    post(p, n, INSIDE + ALIVE)
                p.run()
                p.arrived()
            if not guarded:
                row.without(p)
                plain[len(places)] = p
        row.with_it(p)
        row.need(not row.without_ended and p.ended, "without: ended, or with: went on")
        row.need(row.delivered == 0, "bounces reached members:", row.delivered)
        row.need(p.post.aside == bounces, "bounces that the owner got:", p.post.aside, "of", bounces)
        if name == "D1":
            names = p.journal.named("bounce-to-list")
            row.need({"mail.partner1.example", "mail.partner2.example"} <= names, "not named:", names)
            row.need(set(DEAD) <= names, "dead members not named:", names)
            row.note("named: " + ", ".join(sorted(names)))
        row.note("the owner got %d bounces of 10 posts" % p.post.aside)
        yield row
    yield out_of_office_to_list(world, size, special)


def out_of_office_to_list(world, size, special):
    """Two members are away, and their robots answer to the list, with a sender of their own."""
    bound = 20000 if size.full else 600
    row = Row("D4", "two members' out-of-office answers to the list", bound)
    away = ["away1@partner1.example", "away2@partner2.example"]
    members = INSIDE + ALIVE + away

    def robot(n):
        me = away[n - 1]

        def answer(d):
            if me in (d.field("from") or ""):
                return None
            return me, ALL, letter(me, [ALL], "Out of office: " + (d.field("subject") or "")[:60],
                                   extra=["Auto-Submitted: auto-replied"])
        return Robot(me, world.post, world.port("partner%d" % n), "127.3.0.%d" % n, answer, bound)
    for guarded in (False, True):
        with world.phase("D4", guarded, NAMES, bound, size.seconds, special=special,
                         more=list_site(members, OWNER)) as p:
            to_list(p)
            p.actor(robot(1))
            p.actor(robot(2))
            for n in range(10 if guarded else 1):
                post(p, n, members)
            p.run()
            p.arrived()
        if not guarded:
            row.without(p)
    row.with_it(p)
    row.need(not row.without_ended and p.ended, "without: ended, or with: went on")
    row.need(row.delivered == 0, "answers reached members:", row.delivered)
    row.need(p.post.aside == 20, "answers that the owner got:", p.post.aside, "of 20")
    return row


def answering(address, other, subject, extra=()):
    """A robot that answers everything but what people write about lunch. It knows no other robots."""
    serial = itertools.count(1000, 7)

    def answer(d):
        heard = d.field("subject") or ""
        if "lunch" in heard:
            return None
        said = subject.format(n=next(serial), s=heard)[:200]
        return address, other, letter(address, [other], said, "This answer was written by a machine.\n",
                                      extra=extra)
    return answer


PAIRS = (
    ("E1", "two out-of-office robots", 6,
     ("ann@victim.example", "Automatic reply: {s}", ["Auto-Submitted: auto-replied"]),
     ("bob@partner1.example", "Out of office: {s}", ["Auto-Submitted: auto-replied"])),
    ("E2", "service desk and mailbox rule, both unmarked", 20,
     ("desk@victim.example", "[Ticket #{n}] received: {s}", []),
     ("bob@partner1.example", "Re: {s}", [])),
    ("E3", "ticket system against ticket system", 20, ("desk@victim.example", "[Ticket#{n}] opened: {s}", []),
     ("help@partner1.example", "Case {n} received: {s}", [])),
)


def people(p, ours, theirs):
    """Ten letters in a hurry between the people behind the two addresses, and a third one."""
    world = p.world
    sides = [(ours, theirs, world.port("mx"), DESK), (theirs, ours, world.port("partner1"), "127.3.0.1"),
             ("carl@victim.example", theirs, world.port("mx"), DESK)]
    last = None
    for n in range(10):
        author, to, port, source = sides[n % 3]
        mid = legit(author)
        extra = ["In-Reply-To: " + last, "References: " + last] if last else []
        p.expect(mid, [to])
        smtp.send(port, author, [to], letter(author, [to], "Re: lunch", "At noon %d?\n" % n, mid=mid,
                                             extra=extra), source=source)
        last = mid


def story_e(world, size):
    for name, what, most, left, right in PAIRS:
        bound = 1000 if size.full else 60
        row = Row(name, what, bound)
        (ours, our_subject, our_extra), (theirs, their_subject, their_extra) = left, right
        for guarded in (False, True):
            with world.phase(name, guarded, ("mx", "partner1"), bound, size.seconds) as p:
                mx, there = world.port("mx"), world.port("partner1")
                p.actor(Robot(ours, world.post, mx, DESK, answering(ours, theirs, our_subject, our_extra)))
                p.actor(Robot(theirs, world.post, there, "127.3.0.1",
                              answering(theirs, ours, their_subject, their_extra)))
                smtp.send(there, theirs, [ours], letter(theirs, [ours], "The printer is broken"),
                          source="127.3.0.1")
                p.run()
                if guarded:  # at once, faster than any people
                    people(p, ours, theirs)
                    people(p, ours, theirs)
                p.arrived()
                held = world.sites["mx"].count("hold")
            if not guarded:
                row.without(p)
        row.with_it(p)
        row.need(not row.without_ended and p.ended, "without: ended, or with: went on")
        row.need(row.delivered <= most + 1, "delivered", row.delivered, "of at most", most + 1)
        row.need(held == row.stopped == 1, "held", held, "stopped", row.stopped)
        row.need({ours, theirs} <= p.journal.named("ping-pong"), "not named:", p.journal.named())
        yield row
