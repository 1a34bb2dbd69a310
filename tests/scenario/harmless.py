# SPDX-License-Identifier: ISC
"""Story I: what must never be harmed, each shape many times. Everything passes; what is tried too often may be
deferred, and arrives."""

from lists import LISTS
from world import DAY, HOUR, Message, World, check, date_text, rng_of

RULES = """[rule replication]
detect = replication
[rule bounce-to-list]
detect = bounce-to-list
[rule list-return-path]
detect = list-return-path
[rule bounce-flood]
detect = bounce-flood
"""
CLIENT, HELO = "192.0.2.10", "out.other.example"


def hop(host, n, t):
    return "from client by %s with ESMTPS id %s; %s" % (host, n, date_text(t))


class Mail:
    def __init__(self, build, name):
        self.w = World(build, rng_of(name, 1), RULES, lists=LISTS)
        self.n = 0

    def message(self, truth=None, sender="someone@other.example", to=("a@example.org",), **more):
        self.n += 1
        truth = truth or "h%d" % self.n
        more.setdefault("received", [hop("mail.other.example", "N%d" % self.n, self.w.now)])
        return Message(truth, sender, to, self.w.now, **more)

    def passes(self, m, rcpts, client=CLIENT, helo=HELO, **more):
        fate, v = self.w.offer(m, rcpts, client, helo, **more)
        check(v["verdict"] == "pass", "verdict", v["verdict"], "for", m.header(), rcpts)

    def later(self, seconds):
        self.w.now += seconds

    def end(self):
        self.w.run()
        summary = self.w.finish()
        check(not summary["storms"], "a storm was opened", summary["storms"])
        self.w.check_first_copies()


def verp_newsletter(x):
    """One transaction a recipient, each with a return path of its own, one Message-ID."""
    m = x.message(to=["readers@news.example"])
    for i in range(1000):
        m.extra = ["X-Recipient: %d" % i]
        x.passes(m, ["r%d@example.org" % i], sender="news-bounces+r%d=example.org@news.example" % i)


def chunks_of_fifty(x):
    for n in range(10):
        people = ["c%d@example.org" % i for i in range(630)]
        m = x.message(to=people)
        for i in range(0, 630, 50):
            x.later(1)
            x.passes(m, people[i:i + 50])


def direct_copy_and_lists(x):
    """The same post straight and through several lists, each with its own List-Id and way."""
    for n in range(50):
        m = x.message(to=["l1@l.example", "l2@l.example"])
        x.passes(m, ["a@example.org"])
        for i in range(5):
            c = m.copy()
            c.received.insert(0, hop("lists%d.l.example" % i, n, x.w.now))
            c.extra = ["List-Id: <l%d.l.example>" % i, "List-Post: <mailto:l%d@l.example>" % i, "Sender: l%d@l.example" % i]
            x.later(3)
            x.passes(c, ["a@example.org"], sender="l%d-bounces@l.example" % i)


def lists_without_list_id(x):
    """The same through lists of managers that write no List-Id, each copy with what they write."""
    fields = ("List-Owner: <mailto:l%d-request@l.example>", "Mailing-List: contact l%d-help@l.example; run by ezmlm", "X-Mailing-List: l%d@l.example")
    for n in range(30):
        m = x.message(to=["l1@l.example", "l2@l.example"])
        x.passes(m, ["a@example.org"])
        for i in range(6):
            c = m.copy()
            c.received.insert(0, hop("lists.l.example", "L%d.%d" % (n, i), x.w.now))
            c.extra = [fields[n % 3] % i, "Precedence: bulk"]
            x.later(3)
            x.passes(c, ["a@example.org"], sender="owner-l%d@l.example" % i)


def forwards(x):
    """A direct copy and the same by one or two forwarders."""
    for n in range(50):
        m = x.message()
        x.passes(m, ["a@example.org"])
        for i in range(2):
            c = m.copy()
            c.received.insert(0, hop("fwd%d.alumni.example" % i, n, x.w.now))
            c.extra = ["Delivered-To: a@alumni.example", "Resent-From: a@alumni.example"]
            x.later(60)
            x.passes(c, ["a@example.org"], sender="SRS0=abcd=ef=other.example=someone@alumni.example")


def resent(x):
    """The same message resent by hand a few times, over weeks."""
    m = x.message()
    for n in range(40):
        c = m.copy()
        c.received.insert(0, hop("mail.other.example", "RS%d" % n, x.w.now))
        c.extra = ["Resent-From: b@other.example", "Resent-Date: " + date_text(x.w.now), "Resent-Message-ID: <rs%d@x>" % n]
        x.passes(c, ["a@example.org"])
        x.later(DAY // 2)


def greylisting(x):
    """Another filter says 4xx once or twice before it accepts: the same transmission up to three times."""
    for n in range(300):
        m = x.message()
        for k in range(1 + n % 3):
            x.passes(m, ["g%d@example.org" % (n % 7)])
            x.later(300)


def retried_many_times(x):
    """A later filter is down for hours: everything of ours beyond the repeats is a defer, and it arrives."""
    for n in range(20):
        m = x.message()
        verdicts = []
        for k in range(60):
            _, v = x.w.offer(m, ["a@example.org", "b@example.org"], CLIENT, HELO)
            verdicts.append(v["verdict"])
            x.later(HOUR)
        check(set(verdicts) == {"pass", "defer"}, verdicts)
        check("pass" in verdicts[24:50], "nothing passed on the second day", verdicts)


def retried_through_own_hosts(x):
    """The same, and each attempt carries lines that our own hosts wrote anew: Exim's own, or those of the outer MX."""
    for n in range(20):
        m = x.message()
        for k in range(12):
            q = x.w.queue_id()
            own = ["from out by mx1.example.org with esmtp (Exim 4.96) id %s" % q]
            if n % 2:
                own.append("from out by mx2.example.org (Postfix) with ESMTP id %s" % x.w.queue_id())
            if n % 3 == 0:  # a name that nobody told us, but this request's queue id
                own[0] = own[0].replace("mx1.example.org", "vm17.internal")
            _, v = x.w.offer(m, ["a@example.org"], CLIENT, HELO, own=own, queue_id=q)
            check(v["verdict"] == ("pass" if k < 3 else "defer"), "attempt", k, v)
            x.later(600)


def retried_by_hosts_in_turn(x):
    """The same for an item of a provider's queue: each attempt comes from another host of his, which writes a line and
    says its name."""
    for n in range(20):
        m = x.message()
        verdicts = []
        for k in range(40):
            turn = k if n % 2 else k // 3  # the first host may have tried several times before the next one does
            host = "out%d.mail.other.example" % ((turn * 7 + n) % 11)
            c = m.copy()
            c.received.insert(0, hop(host, "P%d.%d" % (n, k), x.w.now))
            _, v = x.w.offer(c, ["a@example.org"], "192.0.2.%d" % (10 + k), host)
            verdicts.append(v["verdict"])
            x.later(300 if k < 12 else HOUR)
        check(set(verdicts) == {"pass", "defer"}, verdicts)
        check("defer" in verdicts[:24] and "pass" in verdicts[30:], verdicts)


def our_own_defer(x):
    """Somebody else's item that we deferred comes again until it is accepted."""
    for n in range(5):
        m = x.message()
        done = []
        for k in range(5):
            x.w.send(m, ["a@example.org"], CLIENT, HELO, delay=k * 60, done=done.append)
        x.w.run()
        check(len(done) == 5, "items ended", len(done))
        check(not x.w.bounced, x.w.bounced)


def calendar(x):
    """An appointment's updates carry one Message-ID, each with its own Date."""
    for n in range(10):
        for k in range(30):
            m = x.message(mid="<appointment%d@cal.other.example>" % n, subject="Meeting %d" % n)
            x.passes(m, ["a@example.org", "b@example.org"])
            x.later(60)


def calendar_without_hops(x):
    """The same straight from the program, without a Received line."""
    for n in range(10):
        for k in range(30):
            m = x.message(mid="<appointment%d@cal.other.example>" % n, subject="Meeting %d" % n, received=[])
            x.passes(m, ["a@example.org", "b@example.org"])
            x.later(60)


def cron(x):
    """A constant Message-ID, every five minutes, from a machine of ours."""
    for k in range(500):
        m = x.message(sender="root@example.org", mid="<cron@host.example.org>", subject="Cron <root@host> job",
                      received=[] if k % 2 else [hop("host.example.org", "C%d" % k, x.w.now)],
                      extra=["Auto-Submitted: auto-generated", "X-Cron-Env: <SHELL=/bin/sh>"])
        x.passes(m, ["admin@example.org"], client="127.0.0.1")
        x.later(300)


def no_message_id(x):
    for k in range(300):
        m = x.message(mid=("", "<>", " ")[k % 3], subject=None if k % 2 else "Alert", received=[] if k % 5 == 0 else
                      [hop("app.other.example", "A%d" % k, x.w.now)])
        x.passes(m, ["a@example.org"])
        x.later(61)


def password_resets(x):
    for k in range(200):
        m = x.message(sender="no-reply@shop.example", subject="Reset your password",
                      extra=["Auto-Submitted: auto-generated", "Precedence: bulk"])
        x.passes(m, ["a@example.org"], sender="")
        x.later(5)


def school_notice(x):
    """Five hundred by Bcc, at once and in pieces."""
    people = ["parent%d@example.org" % i for i in range(500)]
    for n in range(3):
        m = x.message(to=["office@school.example"])
        x.passes(m, people)
        m = x.message(to=["office@school.example"])
        for i in range(0, 500, 10):
            x.passes(m, people[i:i + 10])


def dkim_held_and_released(x):
    """Signed mail held by another filter and released hours later through a second pass of our own hosts."""
    for n in range(100):
        m = x.message(extra=["DKIM-Signature: v=1; a=rsa-sha256; d=other.example; s=a; b=%d" % n])
        x.passes(m, ["a@example.org"], own=["from out.other.example by mx1.example.org id H%d" % n])
        x.later(4 * HOUR)
        x.passes(m, ["a@example.org"], client="127.0.0.1", helo="localhost",
                 own=["from localhost by mx1.example.org id R%d" % n, "from out by mx1.example.org id H%d" % n])


def content_filter(x):
    """Each message is seen before and after our own content filter: own lines on top, another queue id."""
    for n in range(200):
        m = x.message()
        q = x.w.queue_id()
        x.passes(m, ["a@example.org"], queue_id=q)
        x.passes(m, ["a@example.org"], client="127.0.0.1", helo="localhost", queue_id=x.w.queue_id(),
                 own=["from localhost by mx2.example.org id %s" % x.w.queue_id(), "from out by mx1.example.org id %s" % q])


def filter_named_localhost(x):
    """amavis in front of the queue, or fetchmail, writes a line as "localhost" at each attempt, and who stands behind us
    says 4xx to all of them but the last."""
    for n in range(20):
        m = x.message()
        for k in range(8):
            front = "from out.other.example ([%s]) by mx1.example.org (Postfix)" % CLIENT
            own = [["from mx1.example.org ([127.0.0.1]) by localhost (mx1.example.org [127.0.0.1]) (amavisd-new, port 10024) with ESMTP"
                    " id A%d.%d; %s" % (n, k, date_text(x.w.now)), front],
                   ["from pop.isp.example by localhost with POP3 (fetchmail-6.4.37); " + date_text(x.w.now)]][n % 2]
            _, v = x.w.offer(m, ["a@example.org"], "127.0.0.1", "localhost", own=own, queue_id=x.w.queue_id())
            check(v["verdict"] == ("pass" if k < 3 else "defer"), "attempt", k, v)
            x.later(600)


def callouts_reports_roles(x):
    """Null senders, DMARC reports, receipts, mail to postmaster@ and abuse@, however often the same."""
    for k in range(200):
        x.passes(x.message(subject="Report Domain: example.org Submitter: other.example Report-ID: <r%d>" % k, extra=[
            "Content-Type: application/zip"]), ["dmarc@example.org"], sender="")
        x.passes(x.message(subject="Read: hello", extra=[
            "Content-Type: multipart/report; report-type=disposition-notification; boundary=x"]), ["a@example.org"],
            sender="")
    m = x.message()
    for k in range(50):
        c = m.copy()
        c.received.insert(0, hop("h%d.other.example" % k, k, x.w.now))
        x.passes(c, ["postmaster@example.org", "abuse@example.org"])


def success_reports(x):
    """Somebody wants to know for each of 500 recipients that his letter arrived (NOTIFY=SUCCESS), and is told."""
    for k in range(500):
        m = x.message(sender="MAILER-DAEMON@other.example", to=["a@example.org"], subject="Successful Mail Delivery Report", extra=[
            "Content-Type: multipart/report; report-type=delivery-status; boundary=B", "Auto-Submitted: auto-replied"])
        x.passes(m, ["a@example.org"], sender="", body="--B\r\nContent-Type: message/delivery-status\r\n\r\n"
                 "Reporting-MTA: dns; mx.other.example\r\n\r\nFinal-Recipient: rfc822; r%d@other.example\r\nAction: %s\r\n"
                 "Status: 2.0.0\r\n\r\n--B--\r\n" % (k, ("delivered", "relayed", "expanded")[k % 3]))
        x.later(1)


def null_senders_that_tell_what_they_are(x):
    """Posts of a list, a newsletter and invitations whose programs want no bounce: the null sender, no Auto-Submitted, and a
    header by which none of them is one. Many of them for one mailbox in an hour."""
    kinds = (["List-Id: <news.other.example>", "Precedence: list"], ["List-Unsubscribe: <mailto:off@other.example>"],
             ["Content-Type: text/calendar; method=REPLY"])
    for k in range(300):
        x.passes(x.message(subject=("[news] hello", "This week", "Accepted: plan")[k % 3], extra=kinds[k % 3]),
                 ["a@example.org"], sender="")
        x.later(10)


def journal_reports(x):
    """An Exchange elsewhere copies each mail to an archive here: its own name, the null sender, the mail's subject."""
    for k in range(300):
        m = x.message(sender="MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@other.example", to=["journal@example.org"],
                      subject=("Order", "Undeliverable: order", "Re: Re: Re: order")[k % 3], extra=["X-MS-Journal-Report:"])
        x.passes(m, ["journal@example.org"], sender="")
        x.later(2)


def postmaster_tells_all(x):
    """Whoever is postmaster writes to a list what is wrong with the mail: logged in, or by a program for people."""
    subjects = ("Mail delivery problems this morning", "Undeliverable mail on Monday", "Mail system error solved", "Delivery delayed")
    for k in range(40):
        m = x.message(sender="postmaster@example.org", to=["all@example.org"], subject=subjects[k % 4], received=[],
                      extra=["User-Agent: Mozilla Thunderbird"] if k % 2 else [])
        m.author = ("Postmaster <postmaster@example.org>", "System Administrator <it@example.org>")[k // 2 % 2]
        x.passes(m, ["all@example.org"], client="127.0.0.1", sasl=None if k % 2 else "joe")
        x.later(600)


def planted_ids(x):
    """An outsider knows the id, date and author of a message to come and sends ten fakes: the real one arrives."""
    for n in range(30):
        real = x.message()
        for k in range(10):
            fake = real.copy()
            fake.truth = "fake%d.%d" % (n, k)
            fake.received = [hop("evil.example", "E%d.%d" % (n, k), x.w.now)]
            x.passes(fake, ["a@example.org"], client="203.0.113.99", helo="evil.example")
        x.passes(real, ["a@example.org"])


def a_thousand_senders(x):
    for k in range(1500):
        m = x.message(sender="s%d@d%d.example" % (k, k % 97))
        x.passes(m, ["u%d@example.org" % x.w.rng.randrange(40) for _ in range(x.w.rng.randrange(1, 6))])


def run(build, fn):
    x = Mail(build, fn.__name__)
    with x.w:
        fn(x)
        x.end()


def scenarios():
    for fn in (verp_newsletter, chunks_of_fifty, direct_copy_and_lists, lists_without_list_id, forwards, resent, greylisting,
               retried_many_times, retried_through_own_hosts, retried_by_hosts_in_turn, our_own_defer, calendar, calendar_without_hops, cron, no_message_id,
               password_resets, school_notice, dkim_held_and_released, content_filter, filter_named_localhost, callouts_reports_roles,
               success_reports, null_senders_that_tell_what_they_are, journal_reports, postmaster_tells_all, planted_ids, a_thousand_senders):
        yield "harmless-" + fn.__name__.replace("_", "-"), lambda b, f=fn: run(b, f)
