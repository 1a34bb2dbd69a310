# SPDX-License-Identifier: ISC
"""What comes round: mail that is forwarded in a circle, and what only looks like it."""

from loops import AWAY, OURS, RULES, hop
from world import DAY, HOUR, Message, World, check, rng_of


def circle(build, writes_delivered_to, most):
    """Our user forwards to a mailbox away, which forwards back; each delivered copy goes round again."""
    with World(build, rng_of("circle", most), RULES) as w:
        start = Message("circle", "someone@other.example", ["a@example.org"], w.now,
                        received=[hop(w, "mail.other.example")])
        visits, rejected = 0, 0
        m = start
        while visits < 100:
            v = w.engine.ask({"time": w.now, "client_address": AWAY, "helo_name": "out.far.example", "sender": m.sender,
                              "recipients": ["a@example.org"], "header": "".join(m.trace) + m.header() if visits else m.header(),
                              "size": 2000})
            visits += 1
            if v["verdict"] == "reject":
                rejected = 1
                break
            check(v["verdict"] in ("pass", "discard"), v)
            w.now += 4
            trace = getattr(m, "trace", ["Received: %s\r\n" % r for r in m.received])
            m = m.copy()
            m.received = []
            m.trace = ["Received: %s\r\n" % hop(w, "out.far.example"), "Received: %s\r\n" % hop(w, "in.far.example")]
            if writes_delivered_to:
                m.trace.append("Delivered-To: a@example.org\r\n")
            m.trace += ["Received: %s\r\n" % hop(w, "mx1.example.org")] + trace
        check(rejected and visits == most, "visits", visits, rejected)
        storms = [s for s in w.engine.end()["storms"] if s["rule"] == "mail-loop"]
        check(len(storms) == 1, storms)
        names = {h["name"] for h in storms[0]["hosts"]}
        check({"out.far.example", "in.far.example"} <= names, names)
        check("mail.other.example" not in names and "mx1.example.org" not in names, names)


def round_once(build):
    """Away by an alias and back to another address, posts that come back from lists, mail fetched by POP: all pass."""
    with World(build, rng_of("round", 1), RULES) as w:
        for n in range(60):
            out, mx = hop(w, "out.far.example"), hop(w, "mx1.example.org")
            start = hop(w, "mail.other.example")
            shapes = (
                [out, "Delivered-To: info@example.org", mx, start],
                ["Delivered-To: a@example.org", hop(w, "pop.isp.example"), start],
                ["Delivered-To: a@example.org", hop(w, "pop.isp.example"), hop(w, "lists.isp.example"), mx],
                [hop(w, "lists.far.example"), "Delivered-To: l@lists.far.example", mx, hop(w, "mx2.example.org")],
                [hop(w, "mx2.example.org"), hop(w, "mx1.example.org"), hop(w, "mx2.example.org"), mx, start],
            )
            lines = "".join(("%s\r\n" if s.startswith("Delivered-To") else "Received: %s\r\n") % s for s in shapes[n % 5])
            m = Message("round%d" % n, "someone@other.example", ["a@example.org"], w.now)
            v = w.engine.ask({"time": w.now, "client_address": AWAY, "helo_name": "out.far.example", "sender": m.sender,
                              "recipients": ["a@example.org"], "header": lines + m.header(), "size": 2000})
            check(v["verdict"] == "pass", n % 5, v)
            w.now += 60
        check(not w.engine.end()["storms"], "a storm")


def mailboxes_move(build):
    """A machine in our networks takes old mail out of a mailbox here and gives it to us for the same user: it passes.
    What comes round so again and again is ended, and what outsiders bring back that way is a loop at once."""
    with World(build, rng_of("move", 1), RULES) as w:
        def fetched(client, rounds, how, inner=""):
            lines = hop(w, "mail.other.example")
            for _ in range(rounds):
                lines = "from pop3.example.org by mover.lan with %s (fetchmail-6.4); x\r\nDelivered-To: a@example.org\r\n" \
                        "%sReceived: %s\r\nReceived: %s" % (how, inner % hop(w, "mx1.example.org") if inner else "",
                                                         hop(w, "mx1.example.org"), lines)
            m = Message("move%d" % w.now, "someone@other.example", ["a@example.org"], w.now)
            w.now += 1
            return w.engine.ask({"time": w.now, "client_address": client, "helo_name": "mover.lan", "sender": m.sender,
                                 "recipients": ["a@example.org"], "header": "Received: " + lines + "\r\n" + m.header()})
        for how in ("POP3", "IMAP"):
            check(all(fetched(OURS, 1, how)["verdict"] == "pass" for _ in range(100)), how)
        # an alias, or a filter that writes it (pipe(8) with flags=D): the way to the mailbox has two
        inner = "Received: %s\r\nDelivered-To: a@example.org\r\n"
        check(fetched(OURS, 1, "POP3", inner)["verdict"] == "pass", "delivered in two steps")
        check(fetched(OURS, 1, "ESMTP", inner)["verdict"] == "reject", "in two steps, came back by SMTP")
        check(fetched(OURS, 1, "ESMTP")["verdict"] == "reject", "came back by SMTP")
        check(fetched(AWAY, 1, "POP3")["verdict"] == "reject", "from outside")
        check(fetched(OURS, 6, "POP3")["verdict"] == "pass", "six rounds")
        check(fetched(OURS, 7, "POP3")["verdict"] == "reject", "seven rounds")


def old_mail_again(build):
    """The mailbox server that delivers behind us has a name that nobody told us. What lies there is put in again as it
    lies, by a machine in our networks; what was delivered more than a day ago is sent again by whatever host. The same
    from outside, or by another host within a day, is a circle."""
    with World(build, rng_of("old", 1), RULES) as w:
        def ask(client, age, way=(), top=""):
            t, w.now = w.now, w.now - age
            lines = ["Delivered-To: a@example.org"] + ["Received: " + hop(w, h) for h in ("imap7.internal", "mx1.example.org", "mail.other.example")]
            m = Message("old%d" % w.n, "someone@other.example", ["a@example.org"], w.now)
            w.n += 1
            w.now = t + 60
            lines = [top] * bool(top) + ["Received: " + hop(w, h) for h in way] + lines
            return w.engine.ask({"time": w.now, "client_address": client, "helo_name": "mover.lan", "sender": m.sender, "queue_id": "Q7",
                                 "recipients": ["a@example.org"], "header": "\r\n".join(lines) + "\r\n" + m.header()})["verdict"]
        w.n = 0
        exim = "Received: from mover.lan by mx1.example.org with esmtp (Exim 4.96) id Q7"
        for age in (60, HOUR, 5 * DAY, 900 * DAY):
            check(ask(OURS, age) == "pass", "as it lay", age)
            check(ask(OURS, age, top=exim) == "pass", "as it lay, by Exim", age)
            late = "pass" if age > DAY else "reject"
            check(ask(AWAY, age) == late, "from outside", age)
            check(ask(OURS, age, ["old.lan"]) == late, "by a host", age)
            check(ask(AWAY, age, ["out.far.example", "in.far.example"]) == late, "by hosts outside", age)
        check(ask(AWAY, DAY - 61, ["old.lan"]) == "reject" and ask(AWAY, DAY, ["old.lan"]) == "pass", "a day")


def scenarios():
    for fn in (round_once, mailboxes_move, old_mail_again):
        yield "loops-" + fn.__name__.replace("_", "-"), lambda b, f=fn: f(b)
    yield "loops-delivered-here-before", lambda b: circle(b, True, 2)
    yield "loops-own-host-too-often", lambda b: circle(b, False, 8)
