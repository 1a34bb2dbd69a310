# SPDX-License-Identifier: ISC
"""traffic.py BUILD [--full]: a day of a firm's mail server on which an outsider writes to a list that is its own return path
and has two dead members, without and with the daemon: messages an hour as the administrator would count them in his logs.
With it, the real engine is asked about each message, on a clock of its own. --full has the size of the incident (a quarter of
a million messages a day, a million with the storm) and leaves the figures and a picture in BUILD/stories/.

The model: the server handles RATE messages an hour, in the order in which they come; a message is one that comes in or one
copy that goes out. It expands a post into a copy for each member; after a minute the servers of the two dead ones return it
to its return path, and what comes to the list is expanded again. Nobody steps in before midnight."""

import collections
import json
import os
import sys
import time as clock

import incidents
import pictures
from world import Violation, check

DAY, MINUTE = 86400, 60
MEMBERS = ["m%d@partner%d.example" % (n, n) for n in range(12)]
DEAD = MEMBERS[:2]
LIST, OWNER = "all@example.org", "owner@example.org"
# Share of the day's mail by hour.
SHAPE = (1, 1, 1, 1, 1, 2, 3, 5, 8, 10, 10, 9, 7, 8, 9, 9, 8, 6, 4, 3, 2, 2, 1, 1)
POSTS = [9 * 3600 + 1800, 11 * 3600, 14 * 3600, 16 * 3600 + 900]
Plan = collections.namedtuple("Plan", "ordinary rate")


class Day:
    """`judge`: asks the engine; None: nobody is asked."""

    def __init__(self, plan, engine):
        self.plan, self.engine = plan, engine
        self.queue, self.returning = collections.deque(), collections.deque()
        self.hours = [{"ordinary": 0, "list": 0, "bounces": 0} for _ in range(24)]
        self.waited = self.lost = self.to_owner = self.serial = 0
        self.now = 0

    def judge(self, rcpts, header, **more):
        """(who gets it, verdict); the verdict is None where nobody is asked."""
        if not self.engine:
            return rcpts, None
        self.engine.now = incidents.START - 9 * 3600 + self.now
        return self.engine.ask(rcpts, header, **more)

    # --- the queue: (since, function, arguments of each message)

    def put(self, fn, *each):
        self.queue.append((self.now, fn, collections.deque(each)))

    def next(self):
        since, fn, each = self.queue[0]
        args = each.popleft()
        if not each:
            self.queue.popleft()
        return since, fn, args

    def waiting(self):
        return sum(len(each) for _, _, each in self.queue)

    def ordinary(self, since):
        self.serial += 1
        n = self.serial
        got, v = self.judge(["user%d@example.org" % (n % 5000)], incidents.mail(
            "friend%d@far%d.example" % (n, n % 900), "user%d@example.org" % (n % 5000), "Letter %d" % n,
            received=[incidents.way("far%d.example" % (n % 900), n)]), client="198.51.%d.%d" % (n % 900 // 250, n % 250))
        self.lost += not got
        self.waited = max(self.waited, self.now - since)
        return "ordinary"

    def post(self, since, n):
        mid = "<post%d@far.example>" % n
        got, v = self.judge([LIST], incidents.mail("partner@far.example", LIST, "Post %d" % n, mid=mid,
                                                   received=[incidents.way("far.example", n)]), sender="partner@far.example")
        self.lost += not got
        self.expand(mid, "Post %d" % n)
        return "list"

    def expand(self, mid, subject):
        self.put(self.outgoing, *[(m, mid, subject) for m in MEMBERS])

    def outgoing(self, since, member, mid, subject):
        got, v = self.judge([member], incidents.mail("partner@far.example", LIST, subject, mid=mid), sender=LIST, client="127.0.0.1")
        back = v["sender"] if v and v["verdict"] == "set-sender-owner" else LIST
        if member in DEAD and got:
            self.returning.append((self.now + MINUTE, DEAD.index(member), back, mid))
        return "list"

    def bounce(self, since, dead, to, mid):
        self.serial += 1
        got, v = self.judge([to], incidents.ndr(self.serial, "dead%d" % dead, to, mid), sender="", client="203.0.113.%d" % dead)
        if v and v.get("recipients_added"):
            got = got + v["recipients_added"]
        if LIST in got:
            self.expand("<bounce%d@dead%d.example>" % (self.serial, dead), "Undelivered Mail Returned to Sender")
        self.to_owner += OWNER in got
        return "bounces"

    # --- second by second

    def run(self):
        came, room, posts = 0.0, 0.0, list(POSTS)
        for self.now in range(DAY):
            hour = self.now // 3600
            came += self.plan.ordinary * SHAPE[hour] / sum(SHAPE) / 3600
            while came >= 1:
                came -= 1
                self.put(self.ordinary, ())
            while posts and posts[0] <= self.now:
                posts.pop(0)
                self.put(self.post, (len(posts),))
            while self.returning and self.returning[0][0] <= self.now:
                self.put(self.bounce, self.returning.popleft()[1:])
            room = min(room + self.plan.rate / 3600, self.plan.rate / 60)
            while self.queue and room >= 1:
                room -= 1
                since, fn, args = self.next()
                self.hours[hour][fn(since, *args)] += 1
        return self

    def total(self, what=None):
        return sum(h[what] if what else sum(h.values()) for h in self.hours)

    def facts(self):
        return {"hours": self.hours, "messages": self.total(), "ordinary": self.total("ordinary"), "bounces": self.total("bounces"),
                "waiting_at_midnight": self.waiting(), "ordinary_waited_seconds": self.waited, "lost": self.lost,
                "bounces_to_owner": self.to_owner}


def both(build, plan):
    without = Day(plan, None).run().facts()
    engine = incidents.Engine(build)
    day = Day(plan, engine).run().facts()
    engine.end()
    posts = len(POSTS)
    check(without["messages"] > 2 * plan.ordinary, "without the daemon there was no storm:", without["messages"])
    check(day["bounces"] == day["bounces_to_owner"] == len(DEAD) * posts, "bounces with the daemon:", day["bounces"], day["bounces_to_owner"])
    check(day["messages"] == day["ordinary"] + posts + posts * len(MEMBERS) + day["bounces"], "messages with the daemon:", day)
    check(day["lost"] == 0 and day["ordinary"] >= plan.ordinary - 2 and day["ordinary_waited_seconds"] <= MINUTE, "ordinary mail:", day)
    return without, day


def table(without, day):
    out = ["%5s %10s %10s" % ("hour", "without", "with")]
    for n, (a, b) in enumerate(zip(without["hours"], day["hours"])):
        out.append("%02d:00 %10d %10d" % (n, sum(a.values()), sum(b.values())))
    out += ["%5s %10d %10d" % ("day", without["messages"], day["messages"]), "",
            "bounces: %d without, %d with; still waiting at midnight: %d, %d" % (
                without["bounces"], day["bounces"], without["waiting_at_midnight"], day["waiting_at_midnight"]),
            "ordinary mail handled: %d, %d; it waited up to %d s, %d s" % (
                without["ordinary"], day["ordinary"], without["ordinary_waited_seconds"], day["ordinary_waited_seconds"]), ""]
    return "\n".join(out)


def main():
    full = "--full" in sys.argv
    build = [a for a in sys.argv[1:] if a != "--full"][0]
    plan = Plan(250000, 66000) if full else Plan(2500, 660)
    begun = clock.monotonic()
    try:
        without, day = both(build, plan)
    except Violation as e:
        print("FAIL %s" % e)
        print("traffic: 0 passed, 1 failed")
        return 1
    text = table(without, day)
    if full:
        print(text)
        folder = os.path.join(build, "stories")
        os.makedirs(folder, exist_ok=True)
        files = {"traffic.txt": text, "traffic.json": json.dumps({"plan": plan._asdict(), "without": without, "with": day}, indent=1)}
        for theme in ("light", "dark"):
            files["traffic-%s.svg" % theme] = pictures.traffic(without, day, theme)
        for name, content in files.items():
            with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
                f.write(content)
        print("%s: %s; %.0f s" % (folder, ", ".join(files), clock.monotonic() - begun))
    print("traffic: 1 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
