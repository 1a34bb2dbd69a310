# SPDX-License-Identifier: ISC
"""One Postfix with several listeners, a sink behind it and a daemon beside it; and the test class that uses them."""

import os
import time
import unittest

from . import daemon as daemon_mod
from . import smtp
from .actors import Message, origin
from .daemon import Daemon
from .exim import Exim
from .late import LateMilter
from .net import free_ports, workdir
from .postfix import Postfix, shipped
from .sasl import Sasl
from .sendmail import Sendmail
from .sink import Sink


# An alias that Postfix expands behind the milters; its owner is one of its members. Another address leads to it.
CREW = "crew@victim.example"
TEAM, TEAM_OWNER = "team@victim.example", "team-owner@victim.example"
MEMBERS = ["member1@victim.example", TEAM_OWNER, "member2@victim.example"]
ALIASES = "virtual_alias_maps = inline:{ { %s = %s } { %s = %s } }\n" % (TEAM, ", ".join(MEMBERS), CREW, TEAM)


class Bench:
    """Listeners: plain (no daemon asked), guarded (both doors), policy (that door alone), rcpt (the same, asked at RCPT
    alone), milter (that door alone), late (both doors, and a milter behind ours that may refuse); more in forms()."""

    def __init__(self, build):
        self.build = build
        self.undo = []
        self.others = {}

    def __enter__(self):
        try:
            self.folder = self._enter(workdir())
            sink_port, late_port, self.sasl = free_ports(3)
            self.sink = self._enter(Sink(sink_port))
            self.late = self._enter(LateMilter(late_port))
            self._enter(Sasl(self.sasl))
            self.daemon = Daemon(self.folder, self.build)
            self.undo.append(lambda: self.daemon.stop())
            os.mkdir(os.path.join(self.folder, "second"))
            self.second = Daemon(os.path.join(self.folder, "second"), self.build)
            self.undo.append(lambda: self.second.stop())
            d = self.daemon
            queue = os.path.join(self.folder, "postfix", "queue", "policyd-storm")
            d.more_policy, d.more_milter = ["unix:%s/policy.sock" % queue], ["unix:%s/milter.sock" % queue]
            rcpt = d.postfix_params(milter=False)
            del rcpt["smtpd_data_restrictions"]
            late = ["{ inet:127.0.0.1:%d, default_action=tempfail }" % late_port]
            self.postfix = self._enter(Postfix(self.folder, sink_port, {
                "plain": {}, "guarded": d.postfix_params(), "policy": d.postfix_params(milter=False),
                "rcpt": rcpt, "milter": d.postfix_params(policy=False), "late": d.postfix_params(later=late), **self.forms()},
                ALIASES + "non_smtpd_milters = %s\n" % d.postfix_params()["smtpd_milters"]))
        except BaseException:
            self.__exit__()
            raise
        return self

    def forms(self):
        """chroot (the shipped snippet, by unix sockets), short (queue ids that come again), filtered (a content
        filter brings mail back to a listener that does not ask), filtered2 (to one that asks again), proxied (a filter before the
        queue: asked at RCPT in front of it, by the milter behind), submission (for those who log in), second (asks the
        second daemon, both doors), srs (return paths that were rewritten by SRS are undone when they come back)."""
        both, anybody = self.daemon.postfix_params(), {"mynetworks": "127.0.0.0/8"}
        srs = os.path.join(self.folder, "srs")
        with open(srs, "w", encoding="utf-8") as f:
            f.write("/^SRS0=[^=]*=[^=]*=victim\\.example=(.*)@victim\\.example$/ $1@victim.example\n")
        return {
            "chroot": {"chroot": True, **shipped()},
            "short": {"cleanup": {"enable_long_queue_ids": "no"}, **both},
            "filtered": {"content_filter": "relay:[127.0.0.1]:{reinject}", **both},
            "reinject": {"smtpd_recipient_restrictions": "permit_mynetworks, reject", **anybody},
            "filtered2": {"content_filter": "relay:[127.0.0.1]:{reinject2}", **both},
            "reinject2": {**both, **anybody},
            "proxied": {"smtpd_authorized_xclient_hosts": "127.0.0.0/8", "smtpd_proxy_filter": "127.0.0.1:{behind}",
                        "smtpd_recipient_restrictions": both["smtpd_recipient_restrictions"]},
            "behind": {"smtpd_authorized_xforward_hosts": "127.0.0.0/8", **anybody,
                       **self.daemon.postfix_params(policy=False)},
            "second": self.second.postfix_params(),
            "srs": {"cleanup": {"recipient_canonical_maps": "regexp:" + srs}, **both},
            "submission": {
                "smtpd_sasl_auth_enable": "yes", "smtpd_sasl_type": "dovecot", **both,
                "smtpd_sasl_path": "inet:127.0.0.1:%d" % self.sasl,
                "smtpd_relay_restrictions": "permit_sasl_authenticated, reject",
                "smtpd_recipient_restrictions": both["smtpd_recipient_restrictions"] + ", permit_sasl_authenticated, reject",
            },
        }

    def _enter(self, manager):
        value = manager.__enter__()
        self.undo.append(lambda: manager.__exit__(None, None, None))
        return value

    def other(self, name, make):
        """Another mail server, started when the first test wants it, or again when it is gone."""
        if name not in self.others:
            self.others[name] = self._enter(make())
        return self.others[name]

    def exim(self):
        return self.other("exim", lambda: Exim(self.folder, self.sink.port, "inet:127.0.0.1:%d" % self.daemon.policy))

    def sendmail(self):
        """From the daemon's next start on it listens for it."""
        s = self.other("sendmail", lambda: Sendmail(self.folder, self.sink.port))
        if s.milter not in self.daemon.more_milter:
            self.daemon.more_milter.append(s.milter)
        return s

    def versions(self):
        """{mail server: version} of those that took part."""
        return {type(s).__name__: s.version() for s in (self.postfix, *self.others.values())}

    def __exit__(self, *_):
        while self.undo:
            self.undo.pop()()


BENCH = None  # set by the runner


class LabTest(unittest.TestCase):
    """Each test has an empty sink and a fresh daemon with the rules that its class names."""

    rules = daemon_mod.REPLICATION
    lists = daemon_mod.LISTS
    mode = "enforce"

    def setUp(self):
        b = self.bench = BENCH
        self.sink, self.daemon, self.postfix = b.sink, b.daemon, b.postfix
        self.mta = self.server()
        self.daemon.stop()
        self.daemon.forget()
        self.sink.reset()
        b.late.refuse = 0
        self.log_start = len(self.mta.log_text())
        self.daemon_log_start = len(self.daemon.log_text())
        self.daemon.configure(self.rules, self.mode, self.lists)
        self.daemon.start()
        self.addCleanup(self.finish)

    def server(self):
        """The mail server under test."""
        return self.bench.postfix

    def port(self, door):
        return self.mta.port[door]

    def finish(self):
        alive = self.daemon.running()
        was = self.daemon.proc
        code = self.daemon.stop()
        self.clean_queue()
        if was is not None and alive and code != 0:
            self.fail("the daemon ended with %d:\n%s" % (code, self.daemon_said()[-1500:]))
        if was is not None and not alive and code != -9:
            self.fail("the daemon was gone (%d):\n%s" % (code, self.daemon_said()[-3000:]))

    def clean_queue(self):
        self.mta.settle()
        for name in self.mta.queue_ids("deferred", "hold"):
            self.mta.delete(name)

    def use(self, rules, mode="enforce"):
        """The daemon as it is now, with other rules."""
        self.daemon.stop()
        self.daemon.configure(rules, mode, self.lists)
        self.daemon.start()

    def daemon_said(self):
        return self.daemon.log_text()[self.daemon_log_start:]

    def verdicts(self):
        return [line for line in self.daemon_said().splitlines() if "verdict action=" in line]

    def mta_said(self):
        return self.mta.log_text()[self.log_start:]

    def send(self, recipients, content, door="guarded", sender="office@sender.example", **kw):
        """Sends, checks nothing, waits until what was accepted has arrived. Returns the list of results."""
        results = smtp.send(self.port(door), sender, list(recipients), content, **kw)
        self.mta.settle()
        return results

    def send_ok(self, *args, **kw):
        for r in self.send(*args, **kw):
            self.assertEqual(250, r.code, r.data)
            refused = {a: c for a, c in r.rcpts.items() if c[0] != 250}
            self.assertEqual({}, refused)

    def assert_each(self, recipients, copies, message_id=None):
        """Every recipient has exactly that many copies."""
        wrong = {r: n for r, n in ((r, self.sink.count(r, message_id)) for r in recipients) if n != copies}
        self.assertEqual({}, wrong, "expected %d each" % copies)


class OnAnother:
    """Any of the lab's test classes, with another server than Postfix: that of `module`."""

    module = None

    def server(self):
        why = self.module.why_not()
        if why:
            self.skipTest(why)
        return getattr(self.bench, self.module.__name__.rpartition(".")[2])()

    def port(self, door):
        return self.mta.port

    def finish(self):
        super().finish()
        self.assertEqual("", self.mta.panic_text())

    def time_of_one(self, n):
        """A message that is accepted; how long that took."""
        m = Message("<open.%d@sender.example>" % n, "Open", ["reader%d@victim.example" % n])
        began = time.monotonic()
        self.send_ok(m.to, m.through(origin()))
        return time.monotonic() - began
