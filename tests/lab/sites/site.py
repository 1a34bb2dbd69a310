# SPDX-License-Identifier: ISC
"""One site: a Postfix of its own, that knows by a table where the domains of the others are."""

import os
import signal

from lab.net import wait_for
from lab.postfix import MASTER_CF, Postfix

# What stands in main.cf of every site behind the lab's own settings.
MAIN = """\
myhostname = {host}
smtp_bind_address = {source}
mynetworks = {friends}
relay_domains = {own}
transport_maps = texthash:{etc}/transport
smtp_destination_recipient_limit = 50
default_destination_concurrency_limit = 20
smtp_connection_cache_on_demand = yes
smtpd_client_connection_limit_exceptions = 127.0.0.0/8
smtpd_recipient_limit = 2000
bounce_size_limit = 50000
hopcount_limit = 50
smtpd_authorized_xclient_hosts = 127.0.0.0/8
"""

LOCAL = "local     unix  -       n       n       -       -       local\n"
STORES = ("maildrop", "incoming", "active", "deferred", "hold", "bounce", "defer", "trace", "corrupt",
          "saved")
assert "\nlocal " not in MASTER_CF


def entries(text):
    return dict(line.split(" =", 1) for line in text.splitlines() if line)


def alive(group):
    """Is there a process of that group that is more than a name waiting to be reaped?"""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % pid) as f:
                state, _, its_group = f.read().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if its_group == str(group) and state not in "ZX":
            return True
    return False


class Site(Postfix):
    """`friends` may send anywhere through it. Made once, and started when it is wanted."""

    def __init__(self, folder, name, host, source, friends, sink_port):
        self.name, self.host, self.source, self.friends = name, host, source, friends
        self.sink_port = sink_port
        os.mkdir(os.path.join(folder, name))
        super().__init__(os.path.join(folder, name), sink_port, {"smtp": {}})
        self.smtp = self.port["smtp"]
        self.up = False
        self.said = None
        with open(os.path.join(self.etc, "main.cf")) as f:
            self.base = entries(f.read())
        with open(os.path.join(self.etc, "master.cf"), "a") as f:
            f.write(LOCAL)

    def configure(self, own, routes, more="", files=()):
        """`own`: domains that it takes mail for; `routes`: [(address or domain, transport)]; `more`: main.cf;
        `files`: {name: text} beside main.cf. A running site takes it over before this returns."""
        say = {"transport": "".join("%s\t%s\n" % r for r in routes),
               **{n: t.replace("{etc}", self.etc) for n, t in dict(files).items()}}
        mine = MAIN.format(host=self.host, source=self.source, friends=", ".join(self.friends),
                           own=", ".join(own), etc=self.etc)
        # One entry a name: postlogd would wait for itself to log a warning of two.
        main = {**self.base, **entries(mine + more.replace("{etc}", self.etc))}
        main = "".join("%s =%s\n" % e for e in main.items())
        if self.said == (main, say):
            return
        self.said = (main, say)
        for name, text in {**say, "main.cf": main}.items():
            with open(os.path.join(self.etc, name), "w") as f:
                f.write(text)
        if self.up:
            self.down()

    def need(self):
        if not self.up:
            self.__enter__()
            self.up = True

    def down(self):
        """At once, whatever is under way."""
        if not self.up:
            return
        self.up = False
        if not self.running():
            return
        group = self.master_pid
        for sig, patience in ((signal.SIGTERM, 8), (signal.SIGKILL, 8)):
            try:
                os.killpg(group, sig)
                wait_for("%s to end" % self.name, lambda: not alive(group), patience)
                return
            except ProcessLookupError:
                return
            except TimeoutError:
                continue

    def clear(self):
        """An empty queue and an empty log. What is still under way is cut off."""
        if not self.idle():
            self.down()
        for q in STORES:
            for top, _, names in os.walk(os.path.join(self.dir, "queue", q)):
                for n in names:
                    try:
                        os.unlink(os.path.join(top, n))
                    except FileNotFoundError:
                        pass
        if os.path.exists(self.log):
            os.truncate(self.log, 0)

    def idle(self):
        return not self.queue_ids("maildrop", "incoming", "active")

    def flush(self):
        self._run("postqueue", "-f", check=True)

    def count(self, *queues):
        return len(self.queue_ids(*queues))

