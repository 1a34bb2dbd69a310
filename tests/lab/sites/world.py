# SPDX-License-Identifier: ISC
"""The sites, who is where, the daemon beside our MX, and a run of a storm from its first message to its end.

Our site is victim.example: mx (asks the daemon in a guarded run) and lists, an inner server behind it that
expands lists as Exchange does. backup is our backup MX. The others are companies with servers of their
own."""

import concurrent.futures
import contextlib
import os
import re
import socket
import subprocess
import time

from lab.daemon import Daemon
from lab.net import free_ports, workdir

from .post import Post
from .record import Journal, from_log, last_message, storm_mail
from .site import Site

HERE = os.path.dirname(os.path.abspath(__file__))
DESK = "127.0.0.9"  # where our own people sit
CALM = 0.4          # seconds without any movement after which a storm is over

# name: (host, own address, who may send anywhere through it)
SITES = {
    "mx": ("mx.victim.example", "127.1.0.1", (DESK, "127.1.0.2")),
    "lists": ("lists.victim.example", "127.1.0.2", ()),
    "backup": ("backup.victim.example", "127.1.0.3", ()),
    "partner1": ("mail.partner1.example", "127.1.0.4", ("127.3.0.1",)),
    "partner2": ("mail.partner2.example", "127.1.0.5", ("127.3.0.2",)),
}
for _n in (1, 2, 3, 5):
    SITES["sbs%d" % _n] = ("sbs%d.faulty%d.example" % (_n, _n), "127.1.0.%d" % (10 + _n),
                           ("127.0.0.%d" % (10 + _n),))

HOME = {"victim.example": "mx", "partner1.example": "partner1", "partner2.example": "partner2",
        "faulty1.example": "sbs1", "faulty2.example": "sbs2", "faulty3.example": "sbs3",
        "faulty5.example": "sbs5"}

CONF = """\
[server]
mode    = enforce
policy  = inet:127.0.0.1:{policy}
milter  = inet:127.0.0.1:{milter}
control = unix:{dir}/control.sock
user    = nobody
rules   = rules.conf
log     = stderr
[store]
path      = {dir}/db/storm.db
[mail]
hostname = mx.victim.example
own_hosts = lists.victim.example, backup.victim.example
trusted  = 127.0.0.9/32, 127.1.0.2/32
relays   = 127.1.0.3/32
local_domains = {domains}
lists    = lists
"""
LISTS = "all@victim.example all-owner@victim.example\n"


def shipped(**changes):
    """The rules as shipped; changes: rule name with _ for -, {key: value}."""
    with open(os.path.join(HERE, "..", "..", "..", "etc", "rules.conf")) as f:
        text = f.read()
    for rule, keys in changes.items():
        head = "[rule %s]\n" % rule.replace("_", "-")
        before, after = text.split(head)
        body, sep, rest = after.partition("\n[rule ")
        for key, value in keys.items():
            body = re.sub(r"(?m)^%s *=.*\n" % key, "", body)
            body = "%s = %s\n" % (key, value) + body
        text = before + head + body + sep + rest
    return text


class OurDaemon(Daemon):
    """With a configuration of this lab's own, and a calendar that may be moved."""

    later = 0

    def set_up(self, rules, domains):
        text = {"policyd-storm.conf": CONF.format(policy=self.policy, milter=self.milter, dir=self.dir,
                                                  domains=", ".join(domains)), "rules.conf": rules,
                "lists": LISTS}
        for name, content in text.items():
            with open(os.path.join(self.dir, name), "w") as f:
                f.write(content)

    def start_later(self, seconds):
        """Started so many seconds from now, by its calendar."""
        lib = os.path.join(os.path.dirname(self.dir), "later.so")
        if not os.path.exists(lib):
            subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", lib,
                            os.path.join(HERE, "later.c"), "-ldl"], check=True, stdin=subprocess.DEVNULL,
                           timeout=60)
        os.environ.update(LD_PRELOAD=lib, LAB_LATER=str(int(seconds)))
        try:
            self.start()
        finally:
            del os.environ["LD_PRELOAD"], os.environ["LAB_LATER"]


class Phase:
    """One run: what was delivered, and what the MX and the daemon saw."""

    def __init__(self, world, title, guarded, bound, seconds):
        self.world, self.post, self.title = world, world.post, title
        self.guarded, self.bound, self.limit = guarded, bound, seconds
        self.of_storm, self.only_to = storm_mail, None
        self.began = self.shown = time.monotonic()
        self.ended = None
        self.due = []      # who must have got a copy of the storm's first message
        self.wanted = []   # (message-id, recipient) of lawful mail
        self.budget = None # what its actors may offer at most
        self.idle = []     # functions: is that actor at rest?
        self.leave = []    # called when the run is over

    def actor(self, actor):
        actor.start()
        self.idle.append(actor.idle)
        self.leave.append(actor.stop)
        return actor

    def expect(self, letter, recipients):
        self.wanted += [(letter, r) for r in recipients]

    def progress(self, more=""):
        now = time.monotonic()
        if now - self.shown > 2.0:
            self.shown = now
            self.world.say("    %-38s %5.1fs %8d copies in mailboxes%s" % (self.title, now - self.began,
                                                                           self.post.copies, more))

    def calm(self):
        return all(i() for i in self.idle) and all(s.idle() for s in self.world.running())

    def cut(self):
        return self.post.copies >= self.bound or time.monotonic() - self.began > self.limit

    def run(self):
        """Until nothing moves any more, or to the bound. `ended`: by itself."""
        since = None
        while not self.cut():
            self.progress()
            if not self.calm():
                since = None
            elif since is None:
                since = time.monotonic()
            elif time.monotonic() - since > CALM:
                self.ended = not (self.budget and self.budget.left <= 0)
                return
            time.sleep(0.05)
        self.ended = False

    def arrived(self, timeout=20.0):
        """Waits for lawful mail; what is missing then counts as lost."""
        end = time.monotonic() + timeout
        while self.lost() and time.monotonic() < end:
            self.progress(", waiting for lawful mail")
            time.sleep(0.05)

    def lost(self):
        return [w for w in self.wanted if not self.post.legit[w]]

    def close(self):
        for fn in self.leave:
            fn()
        self.leave = []
        self.seconds = time.monotonic() - self.began
        self.delivered, self.bytes, self.each = self.post.copies, self.post.bytes, dict(self.post.each)
        mine = self.post.storm_to or (lambda _: True)
        self.highest = max((n for r, n in self.each.items() if mine(r)), default=0)
        self.first_lost = [r for r in self.due if not self.each.get(r)]
        self.legit_lost = self.lost()
        mx = self.world.sites["mx"]
        if self.guarded:
            self.code = self.world.daemon.stop()
            self.journal = Journal(self.world.daemon.db, self.of_storm, self.after, self.only_to)
            self.offered = self.journal.offered
        else:
            self.offered = from_log(mx.log, self.of_storm)


class World:
    def __init__(self, build, say=print):
        self.build, self.say = build, say
        self.sites = {}
        self.cut_off = False
        self.behind = []  # milters behind ours at the MX
        self.undo = []

    def __enter__(self):
        try:
            folder = workdir("storm-sites-")
            self.folder = folder.__enter__()
            self.undo.append(lambda: folder.__exit__(None, None, None))
            self.post = Post(free_ports(1)[0]).__enter__()
            self.undo.append(lambda: self.post.__exit__())
            self.daemon = OurDaemon(self.folder, self.build)
            self.undo.append(self.daemon.stop)
            with contextlib.ExitStack() as held:  # so that no port is drawn twice
                for name, (host, source, friends) in SITES.items():
                    self.sites[name] = Site(self.folder, name, host, source, friends, self.post.port)
                    held.enter_context(socket.socket()).bind(("127.0.0.1", self.sites[name].smtp))
            self.undo.append(self.down)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        while self.undo:
            self.undo.pop()()

    def running(self):
        return [s for s in self.sites.values() if s.up]

    def every(self, what, sites):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(what, sites))

    def down(self):
        self.every(Site.down, self.running())

    def port(self, name):
        return self.sites[name].smtp

    def to(self, name):
        return "smtp:[127.0.0.1]:%d" % self.port(name)

    def place(self, name, guarded, homes, special, text="", files=()):
        """One site with its table of where domains are."""
        own = [d for d, home in homes.items() if home == name]
        routes = [(a, self.to(t) if t in self.sites else t) for at, a, t in special if at == name]
        routes += [(d, self.to(home)) for d, home in homes.items() if home != name]
        if name == "lists":  # all that it does not keep leaves through the MX
            own, routes = [], [("mbx.victim.example", "relay:[127.0.0.1]:%d" % self.post.port)]
            text += "default_transport = %s\n" % self.to("mx")
        if name == "backup":
            own = ["victim.example"]
        params = self.daemon.postfix_params(guarded, guarded, self.behind) if name == "mx" else {}
        text += "".join("%s = %s\n" % kv for kv in params.items())
        self.sites[name].configure(own, routes, text, files)

    def settle(self, names, guarded, homes, special, more, keep):
        """The sites of a story, clean and started; further ones that were started before may idle on."""
        self.where = (guarded, homes, special)
        if self.cut_off:  # all at once: who finds another one gone would not call it again for minutes
            self.down()
            self.cut_off = False
        self.sites["mx"].down()  # a session that knew another daemon must not live on
        for name in names:
            self.place(name, *self.where, *more.get(name, ()))
        if not keep:
            self.every(Site.clear, self.sites.values())
        self.every(Site.need, [self.sites[n] for n in names])

    def change(self, name, text=""):
        """Further main.cf lines for one site, in the middle of a run."""
        self.place(name, *self.where, text)
        self.sites[name].need()

    @contextlib.contextmanager
    def phase(self, title, guarded, names, bound, seconds=120, rules=None, homes=None, special=(), more=None,
              domains=("victim.example",), keep=False, later=0):
        """A run on the named sites; `keep`: with the last one's queues and record, `later` seconds on."""
        self.daemon.stop()
        self.settle(names, guarded, {**HOME, **(homes or {})}, special, more or {}, keep)
        self.post.reset()
        if guarded:
            if not keep:
                self.daemon.forget()
            self.daemon.set_up(rules or shipped(), domains)
            if later:
                self.daemon.start_later(later)
            else:
                self.daemon.start()
        p = Phase(self, title + (" with" if guarded else " without"), guarded, bound, seconds)
        p.after = last_message(self.daemon.db) if keep and guarded else 0
        try:
            yield p
            p.close()
        finally:
            for fn in p.leave:
                fn()
            self.cut_off = any(not s.idle() for s in self.running())
