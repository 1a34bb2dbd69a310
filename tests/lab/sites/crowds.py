# SPDX-License-Identifier: ISC
"""Story F: people who answer to all, to a list that a server expands, and to hundreds in To and Cc."""

from lab import smtp

from .actors import from_far, legit, letter
from .loops import ALL, OWNER, list_site
from .rows import Row
from .world import DESK

ROOT = "<root.1@victim.example>"


def staff(n):
    return "clerk%d@victim.example" % n


def answer(n, author, to, cc=()):
    text = ("Please take me off this list.", "Me too!", "Stop answering to all!", "Why do I get this?")[n % 4]
    return letter(author, to, "Re: test", text + "\n", mid="<reply.%d@victim.example>" % n, cc=cc,
                  extra=["In-Reply-To: " + ROOT, "References: " + ROOT])


def to_one(p, author):
    """The same people write to one colleague, in the same thread."""
    mid, to = legit(author), staff(7)
    p.expect(mid, [to])
    smtp.send(p.world.port("mx"), author, [to],
              letter(author, [to], "Re: test", mid=mid, extra=["References: " + ROOT]),
              source=DESK)


def discussion(p, n, readers):
    """A lively mailing list of others, that some of ours read: one transaction for all of ours."""
    author = "poster%d@far.example" % (n % 9)
    mid = legit(author)
    p.expect(mid, readers)
    text = letter(author, ["talk@lists.example"], "Re: [talk] tabs or spaces", mid=mid,
                  extra=["List-Id: <talk.lists.example>", "Precedence: list",
                         "In-Reply-To: <talk.0@far.example>",
                         "References: <talk.0@far.example>"])
    smtp.send(p.world.port("mx"), "talk-bounces@lists.example", readers, from_far(text, n),
              helo="lists.example",
              source="127.0.0.40")


def crowd(p, row, posts, repliers, audience, members):
    """The letter, then answers to all. Returns the answers' codes and one text of a refusal."""
    codes, text = {}, ""
    mx = p.world.port("mx")
    boss = "boss@victim.example"
    rcpts = audience(boss)
    with smtp.Client(mx, "desk.victim.example", DESK) as c:
        first = c.send(boss, rcpts[0] + rcpts[1],
                       letter(boss, *rcpts[:1], "test", mid="<legit.root.%s>" % row.name, cc=rcpts[1]))
        row.need(first.code == 250, "the first letter was refused:", first.data)
        p.expect("<legit.root.%s>" % row.name, members)
        for n in range(posts):
            if p.cut():
                break
            author = staff(n % repliers)
            to, cc = audience(author)
            r = c.send(author, to + cc, answer(n, author, to, cc))
            codes[r.code] = codes.get(r.code, 0) + 1
            if r.code >= 500:
                text = r.data[1]
            if p.guarded and n % 8 == 0:
                to_one(p, author)
                discussion(p, n, [staff(k) for k in range(60, 70)])
            p.progress()
    return codes, text


def story_f(world, size):
    size_f1, posts_f1, repliers = (1000, 300, 80) if size.full else (100, 40, 20)
    clerks = [staff(n) for n in range(200 if size.full else 80)]
    outside = [("mx", ALL, "lists")]

    def in_to(author):
        rest = [r for r in clerks if r != author]
        return rest[:len(rest) // 2], rest[len(rest) // 2:]
    cases = (("F1", "list of %d, %d people answer to all" % (size_f1, repliers), ("mx", "lists"), posts_f1,
              lambda _: ([ALL], []),
              ["m%d@mbx.victim.example" % n for n in range(size_f1)]),
             ("F2", "%d in To and Cc answer to all" % len(clerks), ("mx",), 50, in_to, clerks))
    for name, what, names, posts, audience, members in cases:
        row = Row(name, what, posts * len(members))
        row.feeds = False
        more = list_site(members, OWNER) if name == "F1" else {}
        for guarded in (False, True):
            with world.phase(name, guarded, names, row.bound, size.seconds, special=outside, more=more) as p:
                codes, text = crowd(p, row, posts, repliers, audience, members)
                p.run()
                p.arrived()
            if not guarded:
                row.without(p)
                row.need(codes == {250: posts}, "without the daemon posts were refused:", codes)
        row.with_it(p)
        let = codes.get(250, 0)
        row.need(let <= 10 and let + codes.get(550, 0) == posts, "posts that passed:", codes)
        row.need(p.delivered <= 10 * len(members), "delivered", p.delivered)
        row.note("%d of %d posts passed; the others read: %s" % (let, posts, text))
        yield row
