# SPDX-License-Identifier: ISC
"""Stories G and H: bounces by the thousand for one innocent, and a spam storm by the backup MX too."""

import random
import time

from lab import smtp

from .actors import Feeder, from_far, legit, letter
from .rows import Row
from .world import DESK, shipped

VICTIM = "office@victim.example"
FULL = "full.example"


def bounce(mid, to, about, n):
    """A bounce as another company's server writes it."""
    head = letter("MAILER-DAEMON@away%d.example" % n, [to], "Undelivered Mail Returned to Sender", "",
                  mid=mid, extra=[
        "Auto-Submitted: auto-replied", "MIME-Version: 1.0",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"'])
    body = ("--b\n\nThe mailbox is full.\n--b\nContent-Type: message/delivery-status\n\n"
            "Reporting-MTA: dns; mail.away%d.example\n\n"
            "Final-Recipient: rfc822; someone@away%d.example\nAction: failed\nStatus: 5.2.2\n\n--b\n"
            "Content-Type: text/rfc822-headers\n\nFrom: <%s>\nMessage-ID: %s\n\n--b--\n" % (n, n, to, about))
    return from_far(head + body.encode(), n)


def lawful(p, n):
    """Ordinary mail to the victim, bounces of other people's mail, and one of a letter that he did write."""
    mx = p.world.port("mx")
    mine, about, partner = legit(VICTIM), legit("away99.example"), "world@partner2.example"
    p.expect(mine, [partner])
    p.expect(about, [VICTIM])
    smtp.send(mx, VICTIM, [partner], letter(VICTIM, [partner], "Order", mid=mine), source=DESK)
    yield
    smtp.send(mx, "", [VICTIM], bounce(about, VICTIM, mine, 99), source="127.0.0.99")
    for k in range(n):
        mid, to, source = legit("away%d.example" % k), "clerk%d@victim.example" % k, "127.0.0.%d" % (60 + k)
        p.expect(mid, [to])
        smtp.send(mx, "", [to], bounce(mid, to, "<own.%d@victim.example>" % k, k), source=source)
        mid, author = legit(), "friend%d@far.example" % k
        p.expect(mid, [VICTIM])
        smtp.send(mx, author, [VICTIM], from_far(letter(author, [VICTIM], "Letter", mid=mid), k),
                  source=source)
        yield


def story_g(world, size):
    """What the innocent seems to have written comes to full mailboxes at two companies, which bounce it."""
    n = 5000 if size.full else 240
    row = Row("G", "%d bounces of full mailboxes to the innocent" % n, n)
    row.feeds = False
    full = {k: ["user%d@%d.%s" % (i, k, FULL) for i in range(n // 2)] for k in (1, 2)}
    homes = {"%d.%s" % (k, FULL): "partner%d" % k for k in (1, 2)}
    for guarded in (False, True):
        with world.phase("G", guarded, ("mx", "partner1", "partner2"), n, size.seconds, homes=homes) as p:
            p.post.refusal = "552 5.2.2 mailbox full"
            others = lawful(p, 15) if guarded else ()
            for _ in others:  # his own letter, before the flood
                break
            for k in (1, 2):
                p.post.refuse.update(full[k])
                mails = [(VICTIM, [to], letter(VICTIM, [to], "Our offer",
                                               "This is our best offer.\n" * 40)) for to in full[k]]
                p.actor(Feeder(world.port("partner%d" % k), "198.18.0.%d" % k, "bot.example", mails))
            for _ in others:
                time.sleep(0.02)
            p.run()
            p.arrived()
            waiting = sum(world.sites["partner%d" % k].count("deferred") for k in (1, 2))
        if not guarded:
            row.without(p)
            row.need(p.delivered == n, "without the daemon", p.delivered, "bounces of", n)
    row.with_it(p)
    # the bounce of his own letter is one of the 50
    row.need(row.delivered in (49, 50), "bounces delivered:", row.delivered, "where 50 an hour may pass")
    row.need(p.ended, "the flood went on")
    row.need(waiting == n - row.delivered, "bounces that wait at their servers:", waiting)
    row.note("the victim got %d bounces; %d wait at the servers that wrote them" % (row.delivered, waiting))
    yield row


KNOWN = ["user%d@victim.example" % n for n in range(60)]
TRAP = "old.trap@victim.example"


def spam(rng, n):
    """Every message with a sender, an id and a subject of its own; half of it to users that do not exist."""
    for _ in range(n):
        who = rng.randrange(1 << 40)
        kind = rng.random()
        to = "nobody%x@victim.example" % rng.randrange(1 << 24)
        if kind < 0.5:
            to = TRAP if kind < 0.01 else rng.choice(KNOWN)
        sender = "s%x@forged.example" % who
        yield sender, [to], from_far(letter(sender, [to], "Offer %x" % who,
                                            "Buy this, and buy it now.\n" * 100,
                                            mid="<%x@spam.example>" % who), who)


def ordinary(p, world, n, sent):
    """A lawful letter, every second one by the backup MX."""
    mid, author, to = legit(), "friend%d@far.example" % n, KNOWN[n % len(KNOWN)]
    p.expect(mid, [to])
    sent[mid] = time.monotonic()
    smtp.send(world.port("mx" if n % 2 else "backup"), author, [to],
              from_far(letter(author, [to], "Letter", mid=mid), n),
              helo="mail.far.example", xclient="ADDR=198.18.%d.%d" % (100 + n // 200, n % 200 + 1))


def story_h(world, size):
    clients, each, limit, letters = (40, 250, 50, 200) if size.full else (6, 50, 20, 16)
    n = clients * each
    row = Row("H", "spam storm from %d clients, half by the backup MX" % clients, n)
    row.feeds = False
    rules = shipped(flood={"mode": "enforce", "limit": limit},
                    trap={"mode": "enforce", "addresses": TRAP, "action": "discard"})
    users = "".join("%s\tx\n" % u for u in KNOWN + [TRAP])
    more = {"mx": ("relay_recipient_maps = texthash:{etc}/users\n", {"users": users})}
    for guarded in (False, True):
        with world.phase("H", guarded, ("mx", "backup"), 4 * n, size.seconds, rules, more=more) as p:
            p.post.storm_to = lambda r: r.endswith("@victim.example")
            sent, came = {}, {}
            p.post.watch = lambda d: came.setdefault(d.message_id, time.monotonic())
            feeders = [p.actor(Feeder(world.port("backup" if k % 2 else "mx"), "198.18.1.%d" % (k + 1),
                                      "bot%d.example" % k,
                                      spam(random.Random(k), each))) for k in range(clients)]
            for k in range(letters):
                ordinary(p, world, k, sent)
                p.progress()
            p.run()
            p.arrived(60)
            direct = {}
            for f in feeders[::2]:
                for code, count in f.codes.items():
                    direct[code] = direct.get(code, 0) + count
            waiting, backscatter = world.sites["backup"].count("deferred"), p.post.aside
        late = sorted(came[m] - sent[m] for m in sent if m in came)
        row.note("%s: %d spam mails in mailboxes, %d bounces to forged senders, %d wait at the backup MX; "
                 "direct clients read %s; lawful mail took %.2f s (median), %.2f s (longest)"
                 % ("with" if guarded else "without", p.delivered, backscatter, waiting, direct,
                    late[len(late) // 2], late[-1]))
        if not guarded:
            row.without(p)
            innocent = backscatter
    row.with_it(p)
    row.need(p.ended, "the flood went on")
    row.need(backscatter <= innocent, "bounces to forged senders:", backscatter, "where there were", innocent)
    row.need(p.delivered <= clients * limit, "spam delivered:", p.delivered, "from", clients, "clients of",
             limit)
    yield row
