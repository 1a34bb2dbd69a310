# SPDX-License-Identifier: ISC
"""policyd-storm itself: started with a configuration of its own, stopped by its pid."""

import os
import pwd
import signal
import subprocess
import threading

from .net import forget_rings, free_ports, port_open, text_of, wait_for

CONF = """\
[server]
mode    = {mode}
policy  = {policy}
milter  = {milter}
control = unix:{dir}/control.sock
user    = nobody
rules   = rules.conf
log     = stderr
idle_timeout = 4h
[store]
path      = {dir}/db/storm.db
[mail]
hostname = mx.victim.example
trusted  = {trusted}
{mail}local_domains = victim.example, lists.victim.example, faulty1.example, faulty2.example, faulty3.example
lists    = lists
"""

REPLICATION = """\
[rule replication]
detect  = replication
limit   = 3
window  = 1d
action  = discard
mode    = enforce
remember = 45d
"""

LISTS = "all@victim.example all-owner@victim.example\n"

SAN = "abort_on_error=0:exitcode=86"


def programs(build):
    return os.path.join(build, "policyd-storm"), os.path.join(build, "stormctl")


class Daemon:
    """Ports are drawn once, so that Postfix may name them before the daemon runs, and keeps them over restarts."""

    def __init__(self, folder, build, ports=None):
        self.dir = os.path.join(folder, "daemon")
        self.program, self.stormctl = programs(os.path.abspath(build))
        self.policy, self.milter = ports or free_ports(2)
        self.conf = os.path.join(self.dir, "policyd-storm.conf")
        self.db = os.path.join(self.dir, "db", "storm.db")
        self.log = os.path.join(self.dir, "log")
        self.proc = None
        self.trusted = "127.0.0.9/32"
        self.more_mail = ""  # further lines of [mail]
        self.more_policy, self.more_milter = [], []  # further addresses of the doors
        if not os.path.isdir(self.dir):
            os.mkdir(self.dir)
        user = pwd.getpwnam("nobody")
        os.makedirs(os.path.dirname(self.db), exist_ok=True)
        for d in (self.dir, os.path.dirname(self.db)):
            os.chown(d, user.pw_uid, user.pw_gid)

    def postfix_params(self, policy=True, milter=True, later=()):
        """The main.cf settings of a listener that asks this daemon: as in etc/postfix, failing open."""
        params = {}
        if policy:
            # Not try_limit=1: an smtpd whose connection went away would never ask again.
            ask = "check_policy_service { inet:127.0.0.1:%d, timeout=5s, default_action=DUNNO }" % self.policy
            params["smtpd_recipient_restrictions"] = ask
            params["smtpd_data_restrictions"] = ask
        milters = list(later)
        if milter:
            milters.insert(0, "{ inet:127.0.0.1:%d, default_action=accept, connect_timeout=5s, command_timeout=10s, "
                           "content_timeout=30s }" % self.milter)
        if milters:
            params["smtpd_milters"] = ", ".join(milters)
        return params

    def configure(self, rules=REPLICATION, mode="enforce", lists=LISTS):
        policy = ["inet:127.0.0.1:%d" % self.policy, *self.more_policy]
        milter = ["inet:127.0.0.1:%d" % self.milter, *self.more_milter]
        for name, text in (("policyd-storm.conf", CONF.format(mode=mode, policy=",\n  ".join(policy),
                                                              milter=",\n  ".join(milter), mail=self.more_mail, trusted=self.trusted,
                                                              dir=self.dir)),
                           ("rules.conf", rules), ("lists", lists)):
            with open(os.path.join(self.dir, name), "w") as f:
                f.write(text)

    def start(self):
        said = len(self.log_text())
        with open(self.log, "ab") as log:
            self.proc = subprocess.Popen([self.program, "-c", self.conf], stdin=subprocess.DEVNULL, stdout=log,
                                         stderr=log, cwd="/", start_new_session=True,
                                         env=dict(os.environ, ASAN_OPTIONS=SAN, UBSAN_OPTIONS=SAN))
        try:
            wait_for("policyd-storm to listen", lambda: self._listening(said), 20)
        except BaseException:
            self.stop()
            raise
        return self

    def _listening(self, said):
        """At all addresses: it says that it has started when it does."""
        if self.proc.poll() is not None:
            raise RuntimeError("policyd-storm ended with %d:\n%s" % (self.proc.returncode, self.log_text()[-2000:]))
        return "started version=" in self.log_text()[said:] and port_open(self.policy) and port_open(self.milter)

    def running(self):
        return self.proc is not None and self.proc.poll() is None

    def stop(self):
        """SIGTERM, and SIGKILL when that does not help. Returns the exit code."""
        if self.proc is None:
            return None
        if self.proc.poll() is None:
            self.proc.send_signal(signal.SIGTERM)
            try:
                self.proc.wait(20)
            except subprocess.TimeoutExpired:
                self.proc.kill()
        code = self.proc.wait()
        self.proc = None
        return code

    def kill(self):
        self.proc.kill()
        self.proc.wait()
        self.proc = None

    def kill_after(self, seconds):
        """kill -9 from a thread, so that it hits whatever is under way."""
        t = threading.Timer(seconds, self.proc.kill)
        t.start()
        return t

    def forget(self):
        """A new, empty database for the next test."""
        folder = os.path.dirname(self.db)
        forget_rings(folder)
        for root, dirs, files in os.walk(folder, topdown=False):
            for name in files:
                os.unlink(os.path.join(root, name))
            for name in dirs:
                os.rmdir(os.path.join(root, name))

    def log_text(self):
        return text_of(self.log)
