# SPDX-License-Identifier: ISC
"""Story D: bounces and automatic answers on their way to a list, dead members, ordinary posts."""

from world import Message, World, check, rng_of

RULES = """[rule bounce-to-list]
detect = bounce-to-list
[rule list-return-path]
detect = list-return-path
[rule replication]
detect = replication
"""
LISTS = "all@example.org owner@example.org\npress@example.org press-owner@example.org\n"
LIST, OWNER = "all@example.org", "owner@example.org"

# sender, From, Subject, further fields: automatic mail in the forms in which it comes
AUTOMATIC = {
    "dsn": ("", "MAILER-DAEMON@away.example", "Undelivered Mail Returned to Sender", [
        "Auto-Submitted: auto-replied", "Content-Type: multipart/report; report-type=delivery-status; boundary=x"]),
    "exim": ("", "Mail Delivery System <Mailer-Daemon@away.example>", "Mail delivery failed: returning message to sender", [
        "X-Failed-Recipients: gone@away.example", "Auto-Submitted: auto-replied"]),
    "qmail": ("", "MAILER-DAEMON@away.example", "failure notice", []),
    "exchange": ("", "postmaster@away.example", "Undeliverable: hello", [
        "Content-Type: multipart/report; report-type=\"delivery-status\"; boundary=x", "X-MS-Exchange-Message-Is-Ndr:"]),
    "with-sender": ("MAILER-DAEMON@away.example", "MAILER-DAEMON@away.example", "Returned mail: User unknown", []),
    "vacation": ("", "b@away.example", "Re: hello", ["Auto-Submitted: auto-replied (vacation)"]),
    "out-of-office": ("b@away.example", "b@away.example", "Automatic reply: hello", [
        "X-Auto-Response-Suppress: All", "Auto-Submitted: auto-replied"]),
    "old-vacation": ("b@away.example", "b@away.example", "Out of Office: hello", [
        "Precedence: bulk", "X-Autoreply: yes"]),
    "receipt": ("", "b@away.example", "Read: hello", [
        "Content-Type: multipart/report; report-type=disposition-notification; boundary=x"]),
}


def world(build, name):
    return World(build, rng_of(name, 1), RULES, lists=LISTS, mail="")


def automatic(w, kind, n, to=LIST):
    sender, author, subject, extra = AUTOMATIC[kind]
    m = Message("%s%d" % (kind, n), sender, [to], w.now, mid="<%s.%d@away.example>" % (kind, n), subject=subject,
                extra=extra, received=["from x by mail.away.example with ESMTP id %s%d" % (kind, n)])
    m.author = author
    return m


def reaches_nobody(build, kind):
    """None of a hundred reaches the list; each goes to its owner. Other recipients of the same mail get it."""
    with world(build, kind) as w:
        for n in range(100):
            spelled = w.rng.choice((LIST, LIST.upper(), "All@Example.ORG", "prvs=%04d1a2b3c=%s" % (n, LIST), "btv1==%d1a==%s" % (
                n + 100, LIST), "prvs=all/%d4f2a@example.org" % n, "SRS0=a%02dz=X7=example.org=all@example.net" % n,
                "SRS0+a%02dz=X7=example.org=prvs=%04d1a2b3c=all@srs.example.org" % (n, n),
                "SRS1=a%02dz=far.example==b%02dz=X7=example.org=all@example.org" % (n, n)))
            others = [["u%d@example.org" % n], [], ["u@example.org", "v@example.org"]][n % 3]
            rcpts = others + [spelled]
            w.rng.shuffle(rcpts)
            m = automatic(w, kind, n)
            w.now += 7
            v = w.engine_only(m, rcpts)
            check(v["recipients_dropped"] == [spelled], kind, rcpts, v)
            check(v.get("recipients_added") == [OWNER], kind, rcpts, v)
            check(v["verdict"] == "redirect-owner", kind, v)
        v = w.engine_only(automatic(w, kind, 1000), [LIST, OWNER])
        check(v["recipients_dropped"] == [LIST] and not v.get("recipients_added"), "the owner was there already", v)
        v = w.engine_only(automatic(w, kind, 1001), [LIST, "press@example.org", LIST.upper()])
        check(sorted(v["recipients_added"]) == [OWNER, "press-owner@example.org"], "two lists", v)
        check(len(v["recipients_dropped"]) == 3, v)
        summary = w.engine.end()
        named = {s["rule"] for s in summary["storms"]}
        check(named == {"bounce-to-list"}, named)


def endless_loop(build):
    """Two dead members: each post that reaches the list brings two bounces to it. One post, two bounces, silence."""
    with world(build, "loop") as w:
        posts, bounces = 0, 0
        waiting = [Message("post", "a@away.example", [LIST], w.now, received=["from x by mail.away.example id 1"])]
        while waiting and posts < 100:
            m = waiting.pop()
            w.now += 30
            v = w.engine_only(m, [LIST])
            if LIST in v["recipients_dropped"]:
                check(v["recipients_added"] == [OWNER], v)
                continue
            posts += 1
            for member in range(2):
                bounces += 1
                waiting.append(automatic(w, "dsn", bounces))
        check((posts, bounces) == (1, 2), "posts and bounces", posts, bounces)
        w.engine.end()


def people_post(build):
    """Posts, answers, and mail that only looks a little automatic reach the list, all of them."""
    with world(build, "posts") as w:
        shapes = (("Hello %d", []), ("Re: hello %d", ["In-Reply-To: <1@x>", "References: <1@x>"]),
                  ("Failure of the heating %d", []), ("Newsletter %d", ["Precedence: bulk", "List-Unsubscribe: <mailto:x@y>"]),
                  ("Ticket %d", ["X-Auto-Response-Suppress: OOF"]), ("Report %d", ["Auto-Submitted: no"]),
                  ("Undeliverable parcels %d", []), ("Out of office party %d", []))
        for n in range(400):
            subject, extra = shapes[n % len(shapes)]
            m = Message("post%d" % n, "u%d@example.org" % (n % 9), [LIST], w.now, subject=subject % n, extra=extra,
                        received=["from x by mail.away.example id %d" % n])
            w.now += 20
            v = w.engine_only(m, [LIST, "b@example.org"])
            check(v["verdict"] == "pass", subject, v)
        check(not w.engine.end()["storms"], "a storm")


def statistics_reach_their_readers(build):
    """What providers tell of a domain each day, to those who look after it: they may be a list. No loop comes of it."""
    with world(build, "statistics") as w:
        subject = "Report Domain: example.org; Submitter: away.example; Report-ID: <%d>"
        shapes = (("", ["Content-Type: application/gzip; name=x.xml.gz"]),
                  ("dmarc@away.example", ["Auto-Submitted: auto-generated", "Content-Type: multipart/mixed; boundary=x"]),
                  ("", ["TLS-Report-Domain: example.org", "TLS-Report-Submitter: away.example",
                        "Content-Type: multipart/report; report-type=\"tlsrpt\"; boundary=x"]))
        for n in range(90):
            sender, extra = shapes[n % len(shapes)]
            m = Message("report%d" % n, sender, [LIST], w.now, subject=subject % n, extra=extra,
                        received=["from x by mail.away.example id %d" % n])
            m.author = "dmarc@away.example"
            w.now += 60
            v = w.engine_only(m, [LIST])
            check(v["verdict"] == "pass", extra, v)
        check(not w.engine.end()["storms"], "a storm")


def owners_and_people_get_theirs(build):
    """Bounces to the owner, to VERP addresses and to people are none of this rule's business."""
    with world(build, "owners") as w:
        for n in range(200):
            kind = sorted(AUTOMATIC)[n % len(AUTOMATIC)]
            to = ("owner@example.org", "all-bounces+u%d=away.example@example.org" % n, "u%d@example.org" % n,
                  "all+u@example.org", "SRS0=a1z=X7=example.org=all+bounces-help@example.net",
                  "SRS0+a1z=X7=example.org=prvs=0011a2b3c4=all+bounces-help@example.net",
                  "prvs=0011a2b3c4=all+bounces-help@example.org", "prvs=all+owner/0011a2b3c4@example.org")[n % 8]
            v = w.engine_only(automatic(w, kind, n, to), [to])
            check(v["verdict"] == "pass", kind, to, v)
        w.engine.end()


def return_path_is_repaired(build):
    """What leaves with the list as its return path leaves with the owner."""
    with world(build, "path") as w:
        for n in range(50):
            sender = LIST if n % 2 else LIST.upper()
            m = Message("out%d" % n, sender, [LIST], w.now, received=["from x by mail.away.example id %d" % n],
                        extra=["List-Id: <all.example.org>"])
            m.author = "a@away.example"
            v = w.engine_only(m, ["m%d@away.example" % n], client="127.0.0.1")
            check(v["verdict"] == "set-sender-owner" and v.get("sender") == OWNER, v)
            v = w.engine_only(m, ["m%d@example.org" % n], client="203.0.113.1")
            check(v["verdict"] == "pass" and "sender" not in v, "inbound", v)
        w.engine.end()


def scenarios():
    for kind in AUTOMATIC:
        yield "list-" + kind, lambda b, k=kind: reaches_nobody(b, k)
    for fn in (endless_loop, people_post, statistics_reach_their_readers, owners_and_people_get_theirs,
               return_path_is_repaired):
        yield "list-" + fn.__name__.replace("_", "-"), fn
