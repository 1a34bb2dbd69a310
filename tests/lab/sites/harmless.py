# SPDX-License-Identifier: ISC
"""Story I: lawful mail that looks like a storm to a program that only counts. All of it must arrive, once."""

import time

from lab import smtp
from lab.late import LateMilter
from lab.net import free_ports

from .actors import from_far, letter
from .rows import Row
from .world import DESK

CASES = []
PATIENT = "patient@victim.example"


def case(fn):
    CASES.append(fn)
    return fn


class Sender:
    """Ways into our MX, and the copies that each mailbox must have in the end."""

    def __init__(self, p):
        self.p, self.world, self.want = p, p.world, {}
        self.refused = []

    def port(self, site):
        return self.world.port(site)

    def send(self, recipients, content, sender="friend@far.example", site="mx", source="127.0.0.30", chunk=50,
             copies=1):
        """`copies` of it are due in each mailbox."""
        for r in smtp.send(self.port(site), sender, recipients, content, helo="mail.far.example",
                           source=source, chunk=chunk):
            if r.code != 250:
                self.refused.append("%s: %d %s" % (recipients[0], *r.data))
        for r in recipients:
            self.want[r] = self.want.get(r, 0) + copies

    def by_partner(self, n, recipients, content, **kw):
        self.send(recipients, content, site="partner%d" % n, source="127.3.0.%d" % n, **kw)


def readers(name, n):
    return ["%s%d@victim.example" % (name, k) for k in range(n)]


@case
def newsletter_verp(s):
    text = letter("news@partner1.example", ["readers@partner1.example"], "News",
                  mid="<news.1@partner1.example>",
                  extra=["List-Id: <readers.partner1.example>", "Precedence: bulk"])
    for r in readers("verp", 60):
        s.by_partner(1, [r], text, sender="news+%s@partner1.example" % r.replace("@", "="))


@case
def two_lists_and_a_direct_copy(s):
    to = readers("both", 30)
    text = from_far(letter("friend@far.example", ["a@partner1.example", "b@partner2.example", *to],
                           "Posted twice", mid="<twice.1@far.example>"))
    s.send(to, text)
    for n in (1, 2):
        name = "ab"[n - 1] + ".partner%d.example" % n
        s.by_partner(n, to, ("List-Id: <%s>\n" % name).encode() + text,
                     sender="bounces@partner%d.example" % n)


@case
def forwarded_and_direct(s):
    """partner2 forwards old addresses to ours."""
    to = readers("alumni", 20)
    text = from_far(letter("friend@far.example", [*to, *("old%d@partner2.example" % n for n in range(20))],
                           "Reunion", mid="<reunion.1@far.example>"))
    s.send(to, text)
    s.by_partner(2, ["old%d@partner2.example" % n for n in range(20)], text)
    for n in range(20):
        del s.want["old%d@partner2.example" % n]
        s.want[to[n]] += 1


@case
def thirteen_transactions(s):
    to = readers("notice", 500)
    s.send(to, from_far(letter("school@far.example", ["parents@far.example"], "Notice",
                               mid="<notice.1@far.example>")), sender="school@far.example")


@case
def calendar_and_applications_use_ids_again(s):
    for n in range(8):
        text = letter("boss@far.example", ["cal@victim.example"], "Updated: meeting %d" % n,
                      "SEQUENCE:%d\n" % n, mid="<meeting.1@far.example>")
        s.send(["cal@victim.example"], from_far(text, n + 1), sender="boss@far.example")


@case
def without_message_id(s):
    for n in range(10):
        text = letter("report@far.example", ["noid@victim.example"], "Report %d" % n, mid=False)
        s.send(["noid@victim.example"], from_far(text, n + 1), sender="report@far.example")


@case
def cron_with_one_message_id(s):
    for n in range(10):
        text = letter("root@victim.example", ["admin@victim.example"], "Cron", "run %d\n" % n,
                      mid="<cron@victim.example>")
        s.send(["admin@victim.example"], text, sender="root@victim.example", source=DESK)


@case
def callouts(s):
    for n in range(30):
        with smtp.Client(s.port("mx"), "callout.example", "127.0.0.%d" % (40 + n % 5)) as c:
            c.sock.sendall(b"MAIL FROM:<>\r\nRCPT TO:<asked@victim.example>\r\nRSET\r\n")
            if [c._reply()[0] for _ in range(3)] != [250] * 3:
                s.refused.append("a callout")
    s.send(["asked@victim.example"], from_far(letter("friend@far.example", ["asked@victim.example"],
                                                     "After")))


@case
def dmarc_reports(s):
    for n in range(80):
        text = letter("dmarc@site%d.example" % n, ["dmarc@victim.example"],
                      "Report Domain: victim.example Submitter: site%d.example" % n,
                      extra=["Auto-Submitted: auto-generated"])
        s.send(["dmarc@victim.example"], from_far(text, n), sender="dmarc@site%d.example" % n,
               source="127.6.0.%d" % (n + 1))


@case
def receipts(s):
    """60 read receipts for one letter to 60: more than bounces may come in an hour."""
    for n in range(60):
        text = letter("reader%d@far.example" % n, ["author@victim.example"], "Read: Our plans",
                      "--b\n\nRead.\n--b\nContent-Type: "
                      "message/disposition-notification\n\nFinal-Recipient: rfc822;reader%d@far.example\n"
                      "Disposition: manual-action/MDN-sent-manually; displayed\n\n--b--\n" % n, extra=[
                          "In-Reply-To: <plans.1@victim.example>", "MIME-Version: 1.0",
                          "Content-Type: multipart/report; report-type=disposition-notification; boundary=b"])
        s.send(["author@victim.example"], from_far(text, n), sender="", source="127.6.1.%d" % (n + 1))


@case
def postmaster_and_abuse(s):
    for n in range(30):
        for to in ("postmaster@victim.example", "abuse@victim.example"):
            s.send([to], from_far(letter("user%d@far.example" % n, [to], "Complaint"), n),
                   sender="user%d@far.example" % n,
                   source="127.6.2.%d" % (n + 1))


@case
def password_resets(s):
    for n in range(25):
        text = letter("noreply@shop.example", ["forgetful@victim.example"], "Your password",
                      "Code %d\n" % (n * 7919), extra=["Auto-Submitted: auto-generated"])
        s.send(["forgetful@victim.example"], from_far(text, n), sender="noreply@shop.example")


@case
def emergency_broadcasts(s):
    to = readers("all", 60)
    for n in range(14):
        s.send(to, letter("safety@victim.example", to, "Fire drill: part %d" % n,
                          extra=["References: <drill@victim.example>"] * (n > 0)),
               sender="safety@victim.example", source=DESK, chunk=100)


@case
def signed_held_and_released(s):
    text = letter("bank@far.example", ["signed@victim.example"], "Statement",
                  extra=["X-Please-Hold: yes", "DKIM-Signature: v=1; a=rsa-sha256; "
                  "d=far.example; s=k; h=from:to:subject; bh=abc=; b=def="])
    s.send(["signed@victim.example"], from_far(text), sender="bank@far.example")


@case
def retried_because_a_later_filter_fails(s):
    """partner1's queue tries again until the filter behind ours is repaired. The third retry is put off."""
    s.world.late.refuse = 3
    s.by_partner(1, [PATIENT], letter("slow@partner1.example", [PATIENT], "Important"))
    attempts(s, 5)
    if s.p.guarded:
        s.world.daemon.stop()
        s.world.daemon.start_later(26 * 3600)
        attempts(s, 3)


def attempts(s, n):
    site = s.world.sites["partner1"]
    for _ in range(n):
        site.settle()
        if s.p.post.to_each.get(PATIENT):
            break
        time.sleep(0.2)
        site.flush()
        time.sleep(0.2)


def story_i(world, size):
    row = Row("I", "%d kinds of mail that look like a storm" % len(CASES), 10000)
    row.feeds = False
    port = free_ports(1)[0]
    forward = "virtual_alias_maps = inline:{%s}\n" % ", ".join(
        "{ old%d@partner2.example = alumni%d@victim.example }" % (n, n) for n in range(20))
    more = {"partner2": (forward, {}), "mx": ("header_checks = regexp:{etc}/checks\n",
                                              {"checks": "/^X-Please-Hold:/ HOLD\n"})}
    with LateMilter(port) as world.late:
        world.behind = ["{ inet:127.0.0.1:%d, default_action=tempfail }" % port]
        try:
            for guarded in (False, True):
                with world.phase("I", guarded, ("mx", "partner1", "partner2"), row.bound, size.seconds,
                                 more=more) as p:
                    p.of_storm = lambda *_: True
                    s = Sender(p)
                    for fn in CASES:
                        fn(s)
                        p.progress()
                    for held in world.sites["mx"].queue_ids("hold"):
                        world.sites["mx"].release(held)
                    p.run()
                    got = p.post.to_each
                    wrong = {r: (got.get(r, 0), n) for r, n in s.want.items() if got.get(r, 0) != n}
                row.need(not wrong, "with" if guarded else "without", "arrived, due:",
                         list(wrong.items())[:5])
                row.need(not s.refused, "refused:", s.refused[:5])
                if not guarded:
                    row.without(p)
        finally:
            world.behind = []
    row.with_it(p)
    put_off = p.journal.count(PATIENT)
    row.need(row.stopped == put_off, "stopped:", row.stopped, "put off:", put_off)
    row.note("what a later filter refused three times was put off %d times, and came a day later" % put_off)
    row.legit = sum(s.want.values())
    row.legit_lost = sum(max(0, n - got.get(r, 0)) for r, n in s.want.items())
    yield row
