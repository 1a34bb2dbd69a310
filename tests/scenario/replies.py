# SPDX-License-Identifier: ISC
"""Story F: people who answer to all, because others did. Readers answer what reached them, robots answer every post;
what is stopped wakes nobody. And threads that are lively without being a storm."""

import collections

from world import DAY, HOUR, Message, World, check, date_text, rng_of

RULE = "[rule reply-all]\ndetect = reply-all\n"
LISTS = "all@example.org owner@example.org\ntalk@example.org owner@example.org\n"
LIMIT, WIDE = 10, 50
PREFIXES = ("Re: ", "RE: ", "AW: ", "SV: [EXTERNAL] ", "Re: Re: ", "Antw: ", "=?utf-8?Q?Re=3A_?= ")

LANGUAGES = ("Svar: ", "SV: VS: ", "Vedr.: ", "Vast.: ", "Antw.: ", "R\u00e9f. : ", "=?koi8-r?B?7uE6?= ", "\u041e\u0442\u0432: ",
             "=?gb2312?B?u9i4tKO6?=", "=?iso-2022-jp?B?GyRCSlY/LhsoQjo=?= ", "Odg: ", "\u0130LT: ", "***SPAM*** Re: ", "External: AW: ")


class Firm:
    """People, and how their mail looks. `form`: who is written to: "to" (everybody in To), "mixed" (To and Cc, in any
    order, some left out), "list" (a posting address), "alias" (an alias that somebody expanded before)."""

    def __init__(self, build, name, size, form, client="login", rules=RULE, threading="references", mail=""):
        self.w = World(build, rng_of(name, 1), rules, lists=LISTS, mail=mail)
        self.rng, self.form, self.client, self.threading = self.w.rng, form, client, threading
        self.people = ["p%d@%s" % (i, "example.org" if client != "outside" else "f%d.example" % i) for i in range(size)]
        self.n, self.posts, self.passed, self.held, self.refused = 0, 0, [], 0, 0

    def audience(self, author):
        others = [p for p in self.people if p != author]
        if self.form == "list":
            return ["all@example.org"], [], ["all@example.org"]
        if self.form == "alias":
            return ["everybody@example.org"], [], others
        if self.form == "to":
            return others, [], others
        self.rng.shuffle(others)
        others = others[:len(others) - len(others) // 30]
        cut = self.rng.randrange(len(others))
        return others[:cut], others[cut:], others

    def thread(self, parent):
        """Header fields of an answer, as the author's client writes them."""
        how = self.threading if self.threading != "any" else self.rng.choice(
            ("references", "references", "in-reply-to", "nothing", "root-only"))
        refs, last = parent.refs + [parent.mid], "In-Reply-To: " + parent.mid
        return {"references": [last, "References: " + " ".join(refs)], "in-reply-to": [last], "nothing": [],
                "root-only": ["References: " + refs[0]]}[how]

    def message(self, author, to, subject, parent=None, cc=(), extra=()):
        self.n += 1
        m = Message("m%d" % self.n, author, to, self.w.now, mid="<m%d@client.example>" % self.n, subject=subject,
                    extra=list(extra) + (self.thread(parent) if parent else []) + (["Cc: " + ", ".join(cc)] if cc else []))
        m.refs = parent.refs + [parent.mid] if parent else []
        return m

    def where(self, author):
        """How an author's mail comes in: by login, through the firm's server, or from outside."""
        if self.client == "login":
            return {"client": "203.0.113.%d" % (1 + len(author) * 7), "sasl": author}
        if self.client == "server":
            return {"client": "127.0.0.1"}
        i = int(author[1:author.index("@")])
        return {"client": "%d.%d.7.%d" % (11 + i % 80, 3 * (i // 80) + 1, 1 + i % 200)}

    def give(self, m, rcpts, author, **more):
        where = dict(self.where(author), helo="client.example", **more)
        chunk = 40 if len(rcpts) > 40 and self.form != "alias" and self.rng.random() < 0.5 else len(rcpts)
        verdicts = set()
        for i in range(0, len(rcpts), chunk):
            _, v = self.w.offer(m, rcpts[i:i + chunk], **where)
            verdicts.add(v["verdict"])
        check(len(verdicts) == 1, "one post, several verdicts", verdicts)
        return verdicts.pop()

    def post(self, author, subject, parent=None, extra=()):
        to, cc, rcpts = self.audience(author)
        m = self.message(author, to, subject, parent, cc, extra)
        self.posts += 1
        what = self.give(m, rcpts, author)
        if what == "pass":
            self.passed.append(m)
        elif what == "reject":
            self.refused += 1
        else:
            check(what == "hold", what)
            self.held += 1
        return m if what == "pass" else None

    def later(self, seconds):
        self.w.now += seconds

    def end(self):
        with self.w:
            return self.w.finish()


def storm(build, name, size, form, repliers, minutes, client="login", threading="references", limit=LIMIT, rules=RULE, loose=0,
          prefixes=PREFIXES, tail=""):
    """`repliers` people answer to all within so many minutes, some of them more than once; who is refused tries again."""
    f = Firm(build, name, size, form, client, rules, threading)
    root = f.post(f.people[0], "Test of the new address book")
    crowd = f.rng.sample(f.people, repliers)
    times = sorted((f.rng.random() * minutes * 60, p) for p in crowd for _ in range(f.rng.choice((1, 1, 1, 2, 7))))
    last, robots = 0, []
    for t, person in times:
        f.later(t - last)
        last = t
        parent = f.rng.choice(([root] if root else []) + f.passed[-3:])
        m = f.post(person, f.rng.choice(prefixes) + "Test of the new address book" + tail, parent)
        for k in range(3 if m and f.form != "list" else 0):
            robots.append((person, m, k))
        if not m:
            colleague = f.rng.choice(f.people)
            private = f.message(person, [colleague], "Re: Test of the new address book", parent)
            check(f.give(private, [colleague], person) == "pass", "a word to one colleague")
    check(f.posts > limit + 5, "too few posts to tell", f.posts)
    check(len(f.passed) <= limit + loose, "passed", len(f.passed), "limit", limit)
    check(len(f.passed) >= min(limit, 3), "passed only", len(f.passed))
    if client == "outside":
        check(f.held == f.posts - len(f.passed), f.held, f.refused)
    else:
        check(f.refused == f.posts - len(f.passed), f.held, f.refused)
        for person, m, k in robots:
            to = [person]
            answer = f.message("robot%d@away.example" % k, to, "Automatic reply: away until Monday", m,
                               extra=["Auto-Submitted: auto-replied"])
            answer.extra = ["Auto-Submitted: auto-replied", "In-Reply-To: " + m.mid]
            _, v = f.w.offer(answer, to, "198.51.100.9", "away.example", sender="")
            check(v["verdict"] == "hold", "a robot's answer", v)
    other = f.message(f.people[3], *f.audience(f.people[3])[:1], "Canteen: menu of the week")
    check(f.give(other, f.audience(f.people[3])[2], f.people[3]) == "pass", "another thread")
    f.later(5.5 * HOUR - last)
    again = len(f.passed)
    f.post(f.people[5], "Re: Test of the new address book", root)
    check(len(f.passed) == again, "it opened again before its time")
    f.later(1.2 * HOUR + last)
    f.post(f.people[6], "Re: Test of the new address book", root)
    check(len(f.passed) == again + 1, "it stays closed for ever")
    summary = f.end()
    check(summary["storms"], "no storm")
    check(all(s["rule"] == "reply-all" for s in summary["storms"]), summary["storms"])


def together(build):
    """Own people and others, each from a firm of his own, answer to all in turns: outsiders do not begin at nought."""
    f = Firm(build, "together", 60, "list")
    root = f.post(f.people[0], "Meeting of our partners")
    passed = collections.Counter()
    for i in range(60):
        f.later(30)
        if i % 2:
            passed["own"] += f.post(f.people[i], "Re: Meeting of our partners", root) is not None
            continue
        m = f.message("q@firm%d.example" % i, ["all@example.org"], "Re: Meeting of our partners", root)
        _, v = f.w.offer(m, ["all@example.org"], "%d.%d.7.9" % (11 + i, i), "out.firm%d.example" % i)
        check(v["verdict"] in ("pass", "hold"), v)
        passed["others"] += v["verdict"] == "pass"
    check(passed["own"] == LIMIT - 1, passed)
    check(passed["others"] == 5, passed)
    f.end()


def lone_outsider(build):
    """One outsider answers beside nine own people: it is theirs and his, and he alone is no storm."""
    f = Firm(build, "lone", 60, "list")
    root = f.post(f.people[0], "Budget")
    for i in range(1, 9):
        f.later(60)
        f.post(f.people[i], "Re: Budget", root)
        m = f.message("guest@partner.example", ["all@example.org"], "Re: Budget", root)
        _, v = f.w.offer(m, ["all@example.org"], "192.0.2.33", "mail.partner.example")
        check(v["verdict"] == "pass", "the outsider", i, v)
    quiet(f)


def numbered(build):
    """A list that writes its name and the number of each post into the subject, and clients that keep In-Reply-To alone."""
    f = Firm(build, "numbered", 150, "list", threading="in-reply-to")
    subject = "Test of the new address book"
    posts = [(f.post(f.people[0], subject), subject)]
    for n, person in enumerate(f.rng.sample(f.people, 40)):
        f.later(40)
        parent, text = f.rng.choice(posts[-4:])
        answer = "Re: [all:%05d] %s" % (100 + n, "" if parent is posts[0][0] else "Re: ") + subject
        m = f.post(person, answer, parent)
        if m:
            posts.append((m, answer))
    check(len(f.passed) == LIMIT, "passed", len(f.passed))
    check(f.end()["storms"], "no storm")


def kept(build, apart, again, late=2 * DAY, n=24):
    """So many people, each of a firm of his own, answer to all, `apart` seconds after each other. A host of ours took the
    posts and brings them all in a minute or two: the backup MX that kept them, or somebody who puts an old mailbox in
    again. Returns how many pass."""
    f = Firm(build, "kept", 60, "to", "outside", mail="relays = 192.0.2.9\n")
    posts, passed = [], 0
    for i in range(n):
        f.later(apart)
        to, cc, rcpts = f.audience(f.people[i])
        m = f.message(f.people[i], to, "Re: Programme of the meeting", posts[0] if posts else None)
        m.received = [
            "from out.f%d.example (out.f%d.example [%s]) by %s with ESMTP id 4%05X; %s" % (
                i, i, f.where(f.people[i])["client"], "mx2.example.org" if again else "backup.example.net", i, date_text(f.w.now)),
            "from pc by out.f%d.example with ESMTP id 9%05X; %s" % (i, i, date_text(f.w.now))]
        posts.append(m)
    f.later(late)
    for m in posts:
        f.later(2)
        _, v = f.w.offer(m, ["r@example.org"], "127.0.0.1" if again else "192.0.2.9", "mail.example.org")
        check(v["verdict"] in ("pass", "hold"), v)
        passed += v["verdict"] == "pass"
    f.end()
    return passed


def kept_storm(build):
    for again in (False, True):
        check(kept(build, 40, again) <= LIMIT * 2, "a storm that was kept")
    check(kept(build, 75, False, HOUR // 2, 55) <= LIMIT * 2, "a storm that was kept in part")


def kept_by_nobody(build):
    """Each post says that a host of ours took it, in another hour of the past; it comes from outside."""
    f = Firm(build, "kept-by-nobody", 60, "to", "outside", mail="relays = 192.0.2.9\n")
    first, passed = None, 0
    for i in range(40):
        f.later(40)
        to, cc, rcpts = f.audience(f.people[i])
        m = f.message(f.people[i], to, "Re: Programme of the meeting", first)
        m.received = ["from pc by mx1.example.org with ESMTP id 4%05X; %s" % (i, date_text(f.w.now - (i + 1) * 2 * HOUR)),
                      "from pc by out.f%d.example with ESMTP id 9%05X; %s" % (i, i, date_text(f.w.now))]
        first = first or m
        relay = ["from out.f%d.example ([%s]) by mx2.example.org id 5%05X; %s" % (
            i, f.where(f.people[i])["client"], i, date_text(f.w.now))]
        if i % 2:
            m.received = relay + m.received
        _, v = f.w.offer(m, ["r@example.org"], "192.0.2.9" if i % 2 else f.where(f.people[i])["client"], "mail.f%d.example" % i)
        passed += v["verdict"] == "pass"
    f.end()
    check(passed <= LIMIT * 2, passed, "posts passed")


def queued(build, apart, by="postfix", n=40, clock=0):
    """We were away for a night: a partner's queue brings all that nine of his people wrote to sixty, `apart` seconds after
    each other, within minutes, some of it through our relay; or to Exim, which shows the line that it just wrote. Returns
    how many of it pass."""
    f = Firm(build, "queued", 60, "to", "outside", mail="relays = 192.0.2.9\n")
    posts, passed = [], 0
    for i in range(n):
        f.later(apart)
        author = "q%d@partner.example" % (i % 9)
        m = f.message(author, f.people, "Re: Programme of the meeting", posts[0] if posts else None)
        m.received = ["from pc%d by out.partner.example with ESMTP id 9%05X; %s" % (i % 9, i, date_text(f.w.now))]
        m.date = date_text(f.w.now + clock)
        posts.append(m)
    f.later(2 * HOUR)
    for i, m in enumerate(posts):
        f.later(9)
        if by != "postfix":
            m.received.insert(0, "from out.partner.example (out.partner.example [203.0.113.44]) by %s.example.org with ESMTP id 5%05X; %s" % (
                "mx2" if by == "relay" else "mx1", i, date_text(f.w.now)))
        _, v = f.w.offer(m, ["r@example.org"], "192.0.2.9" if by == "relay" else "203.0.113.44", "out.partner.example",
                         queue_id="5%05X" % i if by == "exim" else None)
        check(v["verdict"] in ("pass", "hold"), v)
        passed += v["verdict"] == "pass"
    f.end()
    return passed


def queued_talk(build):
    for by in ("postfix", "relay", "exim"):
        check(queued(build, HOUR // 3, by) == 40, "a talk that stood in a queue, by", by)


def queued_storm(build):
    """What was a storm when it was written is one when it comes, and what says only in part that it is old is new."""
    for by in ("postfix", "relay", "exim"):
        check(queued(build, 30, by) <= LIMIT * 2, "a storm that stood in a queue, by", by)
    check(queued(build, HOUR // 3, clock=DAY) <= LIMIT, "by a clock that is fast")
    check(queued(build, 1, clock=-DAY) <= LIMIT, "by one that is slow")


def filtered(build, n, apart, who="outside"):
    """A content filter on this machine gives back what came in, and is asked about a second time. Who writes: outsiders, be
    there a line like ours in what they send, or own people, who log in or write by a server of ours in another room. Returns
    how many of so many posts pass, and whether an own person may still answer."""
    outside, server = who in ("outside", "forger"), who == "server"
    f = Firm(build, "filtered", 60, "to", "outside")
    ip, helo = ("10.0.0.2", "mx2.example.org") if server else ("203.0.113.44", "out.partner.example")
    first, passed = None, 0
    for i in range(n):
        f.later(apart)
        author = "q%d@%s.example" % (i % 9, "partner" if outside else "example.org")
        m = f.message(author, f.people, "Re: Programme of the meeting", first)
        before = {"outside": ["from pc by out.partner.example with ESMTP id 9%05X; %s"], "login": [],
                  "server": ["from pc ([10.0.7.1]) by mx2.example.org with ESMTP id 9%05X; %s"],
                  "forger": ["from pc ([192.0.2.3]) by mx1.example.org with ESMTPSA id 9%05X; %s"]}[who]
        m.received = [line % (i, date_text(f.w.now)) for line in before]
        first = first or m
        _, v = f.w.offer(m, ["r@example.org"], ip, helo, sasl=author if who == "login" else None)
        if v["verdict"] == "pass":
            front = "from %s (%s [%s]) by mx1.example.org with %s id 5%05X; %s" % (
                helo, helo, ip, "ESMTPSA" if who == "login" else "ESMTPS", i, date_text(f.w.now))
            back = "from mx1.example.org ([127.0.0.1]) by localhost (amavisd-new, port 10024) with ESMTP id 6%05X; %s" % (
                i, date_text(f.w.now))
            m.received = [back, front] + m.received
            _, v = f.w.offer(m, ["r@example.org"], "127.0.0.1", "localhost")
        check(v["verdict"] != ("reject" if outside else "hold"), v)
        passed += v["verdict"] == "pass"
    m = f.message("ann@example.org", f.people, "Re: Programme of the meeting", first)
    _, v = f.w.offer(m, ["r@example.org"], "203.0.113.7", "client.example", sasl="ann")
    f.end()
    return passed, v["verdict"] == "pass"


def web_mailer(build):
    """One on this machine gives what its users write to 127.0.0.1 and says from where they did."""
    f = Firm(build, "web-mailer", 60, "to", "outside")
    first, passed = None, 0
    for i in range(30):
        f.later(30)
        m = f.message(f.people[i % 9], f.people, "Re: Programme of the meeting", first)
        m.received = ["from [203.0.113.%d] by mx1.example.org with HTTP (HTTP/1.1 POST); %s" % (i % 9 + 1, date_text(f.w.now))]
        first = first or m
        _, v = f.w.offer(m, ["r@example.org"], "127.0.0.1", "localhost")
        check(v["verdict"] in ("pass", "reject"), v, "own people are told so")
        passed += v["verdict"] == "pass"
    f.end()
    check(passed == 10, passed, "passed")


def filtered_talk(build):
    check(filtered(build, 10, 60) == (10, True), "outsiders' posts that a filter gives back")
    for who in ("login", "server"):
        check(filtered(build, 9, 60, who) == (9, True), "own people's posts that a filter gives back", who)


def filtered_storm(build):
    for who in ("outside", "forger"):
        check(filtered(build, 30, 30, who) == (10, True), who, "outsiders close the thread to own people")
    for who in ("login", "server"):
        check(filtered(build, 30, 30, who) == (10, False), who, "own people")


def fetched(build):
    """A machine of ours fetches mail from a provider's mailboxes: it would delete what is refused, so that is held."""
    for by in ("localhost", "mover.lan"):
        f = Firm(build, "fetched", 60, "to", "server")
        first, held = None, 0
        for i in range(30):
            f.later(40)
            m = f.message("q%d@partner.example" % (i % 9), f.people, "Re: Programme of the meeting", first)
            m.received = ["from pop.isp.example [198.51.100.7] by %s with POP3 (fetchmail-6.4.37); %s" % (by, date_text(f.w.now)),
                          "from out.partner.example by mx.isp.example with ESMTP id 9%05X; %s" % (i, date_text(f.w.now))]
            first = first or m
            _, v = f.w.offer(m, ["r@example.org"], "127.0.0.1", "localhost")
            check(v["verdict"] in ("pass", "hold"), v)
            held += v["verdict"] == "hold"
        check(held == 20, held, "held")
        m = f.message("ann@example.org", f.people, "Re: Programme of the meeting", first)
        check(f.w.offer(m, ["r@example.org"], "127.0.0.1", "client.example")[1]["verdict"] == "reject", "an own person's")
        f.end()


def kept_talk(build):
    for again in (False, True):
        for apart in (HOUR // 2, 2 * HOUR):
            check(kept(build, apart, again) == 24, "a talk that was kept")


def all_of_an_alias(build):
    """It leaves the writer out, so whoever he is, those that are left must be known again."""
    for i in range(8):
        storm(build, "alias-%d" % i, 60, "alias", 60, 40)


STORMS = {
    "firm-of-200": lambda b: storm(b, "firm", 200, "to", 30, 60),
    "firm-of-200-server": lambda b: storm(b, "server", 200, "to", 30, 50, "server"),
    "firm-of-200-mixed": lambda b: storm(b, "mixed", 200, "mixed", 40, 60, threading="any", loose=3),
    "firm-of-200-list": lambda b: storm(b, "list", 200, "list", 50, 90),
    "firm-of-200-alias": lambda b: storm(b, "alias", 200, "alias", 25, 40),
    "all-of-an-alias": all_of_an_alias,
    "small": lambda b: storm(b, "small", 61, "to", 8, 20, loose=0),
    "roots-cut": lambda b: storm(b, "cut", 150, "to", 30, 45, threading="in-reply-to"),
    "roots-gone": lambda b: storm(b, "gone", 150, "to", 30, 45, threading="nothing"),
    "health-service": lambda b: storm(b, "health", 840, "list", 80, 75),
    "department": lambda b: storm(b, "department", 750, "list", 120, 120, "outside", loose=1),
    "languages": lambda b: storm(b, "languages", 200, "to", 50, 60, threading="nothing", prefixes=LANGUAGES),
    "languages-list": lambda b: storm(b, "languages-list", 200, "list", 50, 60, threading="any", prefixes=LANGUAGES),
    "numbered": numbered,
    "groupwise": lambda b: storm(b, "groupwise", 120, "to", 30, 45, threading="any", prefixes=("",), tail=" -Reply"),
    "together": together,
    "kept": kept_storm,
    "queued": queued_storm,
    "filtered": filtered_storm,
    "web-mailer": web_mailer,
    "fetched": fetched,
    "kept-by-nobody": kept_by_nobody,
    "copies": lambda b: storm(b, "copies", 200, "to", 40, 60, limit=20, rules=RULE + "copies = 3980\n"),
}


# --- what is none ------------------------------------------------------------------------------------------------

def quiet(f):
    check(f.posts == len(f.passed), "stopped", f.posts - len(f.passed), "of", f.posts)
    check(not f.end()["storms"], "a storm")


def broadcast(build):
    """One sender, eight hundred readers, an update every five minutes; two say thanks to all."""
    f = Firm(build, "broadcast", 800, "to")
    root = f.post(f.people[0], "Fire alarm in building 4")
    for i in range(40):
        f.later(300)
        f.post(f.people[0], "Re: Fire alarm in building 4", root)
        if i in (25, 30):
            f.post(f.people[i], "Re: Fire alarm in building 4", root)
    quiet(f)


def patches(build):
    """A hundred patches, forty-five of them in ten minutes, everybody concerned in Cc, and their reviews."""
    f = Firm(build, "patches", 90, "mixed")
    root = f.post(f.people[0], "[PATCH 00/99] treewide: use the new helper")
    for i in range(1, 100):
        f.later(13 if i < 46 else 90)
        p = f.post(f.people[0], "[PATCH %02d/99] part %d: use the new helper" % (i, i), root)
        if i % 4 == 0:
            f.post(f.people[1 + i % 9], "Re: [PATCH %02d/99] part %d: use the new helper" % (i, i), p)
    quiet(f)


def discussion(build, listed):
    """Seventy people on a list for two days, up to thirty posts in an hour: the list's copies to our readers; and where
    it is a list of ours, its copies on their way out."""
    f = Firm(build, "discussion", 70, "list", "login" if listed else "outside")
    parent = None
    for i in range(600):
        f.later(120 if (i // 30) % 3 else 900)
        author = f.people[int(f.rng.random() ** 2 * 70)]
        m = f.message(author, ["talk@example.org"], "Re: Tabs or spaces", parent, cc=f.rng.sample(f.people, 4),
                      extra=["List-Id: <talk.example.org>", "Precedence: list", "Sender: talk-bounces@lists.example"])
        _, v = f.w.offer(m, ["r%d@%s" % (k, "away.example" if listed else "example.org") for k in range(70)],
                         "127.0.0.1" if listed else "198.51.100.20", "lists.example", sender="talk-bounces@lists.example")
        check(v["verdict"] == "pass", v)
        parent = m if parent is None or f.rng.random() < 0.5 else parent
    quiet(f)


def tickets(build):
    """A ticket system with one fake root for all that it sends to the team's list, in its customers' names."""
    f = Firm(build, "tickets", 300, "list", "server")
    fake = f.message("help@example.org", ["all@example.org"], "root")
    for i in range(300):
        f.later(40)
        f.post(f.people[i], "Re: [help #%d] %s" % (i // 2, ("printer", "login", "phone")[i % 3]), fake)
    quiet(f)


def poison(build):
    """An outsider has seen a post. He answers it five hundred times in the names of all; nobody else is stopped."""
    f = Firm(build, "poison", 200, "to")
    root = f.post(f.people[0], "Budget")
    held = 0
    for i in range(500):
        f.later(2)
        m = f.message(f.people[i % 200], f.people, "Re: Budget", root)
        _, v = f.w.offer(m, f.people[:20], "198.51.100.%d" % (i % 250), "evil.example", sender="x%d@evil.example" % i)
        held += v["verdict"] == "hold"
        check(v["verdict"] in ("pass", "hold"), v)
        if i % 60 == 59:
            f.post(f.people[i % 7 + 1], "Re: Budget", root)
            guest = f.message("guest@partner.example", f.people, "Re: Budget", root)
            _, v = f.w.offer(guest, f.people[:20], "192.0.2.33", "mail.partner.example")
            check(v["verdict"] == "pass", "another outsider", v)
    check(held > 450, "held", held)
    check(f.posts == len(f.passed), "own people were stopped")
    f.end()


def provider(build):
    """Two hundred posts to a list by people of firms whose mail leaves through the same three providers; the firm's own
    people and others outside are not stopped for it."""
    f = Firm(build, "provider", 60, "list")
    root = f.post(f.people[0], "Meeting of our partners")
    passed = 0
    for i in range(200):
        f.later(f.rng.randrange(1, 20))
        n = f.rng.randrange(50)
        m = f.message("p%d@firm%d.example" % (n, n // 2), ["all@example.org"], "Re: Meeting of our partners", root)
        client = "%s.%d.%d" % (("100.64", "203.0", "198.51")[n % 3], f.rng.randrange(250), f.rng.randrange(1, 250))
        _, v = f.w.offer(m, ["all@example.org"], client, "out.provider.example")
        passed += v["verdict"] == "pass"
        check(v["verdict"] in ("pass", "hold"), v)
    check(passed <= 3 * LIMIT, "passed", passed)
    guest = f.message("guest@partner.example", ["all@example.org"], "Re: Meeting of our partners", root)
    _, v = f.w.offer(guest, ["all@example.org"], "192.0.2.33", "mail.partner.example")
    check(v["verdict"] == "pass", "another outsider", v)
    for i in range(5):
        f.post(f.people[i + 1], "Re: Meeting of our partners", root)
    check(f.posts == len(f.passed), "own people were stopped")
    f.end()


def sick(build):
    """Everybody tells the list the same on a Monday morning; each is a thread of its own."""
    f = Firm(build, "sick", 60, "list")
    for person in f.people:
        f.later(30)
        m = f.post(person, "Sick today")
        if person in f.people[:4]:
            f.post(f.people[50], "Re: Sick today", m)
    quiet(f)


def scenarios():
    for name, fn in STORMS.items():
        yield "reply-" + name, fn
    yield "reply-firms-at-few-providers", provider
    for fn in (broadcast, patches, tickets, poison, sick, lone_outsider):
        yield "reply-harmless-" + fn.__name__, fn
    yield "reply-harmless-kept", kept_talk
    yield "reply-harmless-queued", queued_talk
    yield "reply-harmless-filtered", filtered_talk
    yield "reply-harmless-discussion", lambda b: discussion(b, False)
    yield "reply-harmless-discussion-of-our-own", lambda b: discussion(b, True)
