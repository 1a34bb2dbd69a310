# SPDX-License-Identifier: ISC
"""A real Sendmail in a root of its own, with the shipped line for its .mc file."""

import os
import shutil
import subprocess

from . import root
from .net import free_ports

SHIPPED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "etc", "sendmail")
PROGRAM, M4 = "/usr/libexec/sendmail/sendmail", "/usr/bin/m4"
SOCKET = "/run/policyd-storm/milter.sock"

MC = """\
divert(-1)
divert(0)
define(`_USE_ETC_MAIL_')dnl
include(`/usr/share/sendmail/cf/m4/cf.m4')dnl
OSTYPE(`linux')dnl
define(`confDOMAIN_NAME', `mx.victim.example')dnl
define(`confTO_IDENT', `0')dnl
define(`confQUEUE_LA', `200')dnl
define(`confREFUSE_LA', `200')dnl
define(`confBAD_RCPT_THROTTLE', `0')dnl
define(`confDONT_PROBE_INTERFACES', `true')dnl
define(`confDONT_BLAME_SENDMAIL', `safe')dnl
define(`confDEF_USER_ID', `mail:mail')dnl
define(`confSERVICE_SWITCH_FILE', `/etc/mail/service.switch')dnl
define(`confPID_FILE', `/run/sendmail.pid')dnl
define(`confMAX_HEADERS_LENGTH', `262144')dnl
define(`STATUS_FILE', `/var/lib/sendmail/statistics')dnl
define(`ALIAS_FILE', `/etc/mail/aliases')dnl
define(`SMART_HOST', `relay:[127.0.0.1]')dnl
LOCAL_DOMAIN(`lists.victim.example')dnl
define(`RELAY_MAILER_ARGS', `TCP $h {sink}')dnl
FEATURE(`no_default_msa')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`nocanonify')dnl
FEATURE(`promiscuous_relay')dnl
DAEMON_OPTIONS(`Name=MTA, Addr=127.0.0.1, Port={port}')dnl
include(`/etc/mail/storm.m4')dnl
MAILER(`local')dnl
MAILER(`smtp')dnl
"""

# What local programs are given to: it hands on to the server by SMTP, as Sendmail always does.
SUBMIT_MC = """\
divert(-1)
divert(0)
define(`_USE_ETC_MAIL_')dnl
include(`/usr/share/sendmail/cf/m4/cf.m4')dnl
OSTYPE(`linux')dnl
define(`confDOMAIN_NAME', `mx.victim.example')dnl
define(`confSERVICE_SWITCH_FILE', `/etc/mail/service.switch')dnl
define(`confTO_IDENT', `0')dnl
define(`confDONT_PROBE_INTERFACES', `true')dnl
define(`RELAY_MAILER_ARGS', `TCP $h {port}')dnl
FEATURE(`msp', `[127.0.0.1]')dnl
"""


# A list that it expands itself: an alias in a domain that it takes for its own.
TEAM, TEAM_OWNER = "team@lists.victim.example", "team-owner@victim.example"
MEMBERS = ["member1@victim.example", TEAM_OWNER, "member2@victim.example"]
ALIASES = "team: %s\n" % ", ".join(MEMBERS)


def why_not():
    return root.why_not("sendmail", PROGRAM)


class Sendmail(root.Mta):
    """The daemon has to listen at self.milter, where the shipped line looks for it."""

    name, command = "Sendmail", (PROGRAM, "-bD", "-X", "/run/talk")

    def __init__(self, folder, sink_port):
        self.port, = free_ports(1)
        self.root = root.Root(folder, "sendmail", [PROGRAM, M4], [("mail", 8), ("smmsp", 4102), ("daemon", 1)])
        shutil.copy(os.path.join(SHIPPED, "storm.m4"), self.root.path("/etc/mail/storm.m4"))
        self.root.own(os.path.dirname(SOCKET), 65534, 0o755)
        self.milter = "unix:" + self.root.path(SOCKET)
        self.root.write("/etc/mail/service.switch", "hosts files\naliases files\npasswd files\n")
        for name in ("local-host-names", "trusted-users", "relay-domains"):
            self.root.write("/etc/mail/" + name, "")
        for name, text in (("sendmail", MC), ("submit", SUBMIT_MC)):
            self.root.write("/etc/mail/%s.mc" % name, text.replace("{sink}", str(sink_port)).replace(
                "{port}", str(self.port)))
            # It complains that it has no shell to find out who makes this, and goes on.
            code, cf = self.root.run(M4, "/etc/mail/%s.mc" % name, errors=subprocess.DEVNULL)
            if code != 0 or "\nXstorm, S=local:%s, " % SOCKET not in cf and name == "sendmail":
                raise RuntimeError(cf)
            self.root.write("/etc/mail/%s.cf" % name, cf)
        self.root.write("/etc/mail/aliases", ALIASES)
        self.root.own("/var/spool/mqueue", 0, 0o700)
        self.root.own("/var/spool/clientmqueue", 4102, 0o770)
        self.root.own("/var/lib/sendmail", 0, 0o755)
        code, said = self.root.run(PROGRAM, "-bi")
        if code != 0:
            raise RuntimeError(said)

    def submit(self, recipients, content, sender=None):
        as_sender = ["-f", sender if sender else "<>"] if sender is not None else []
        return self.root.run(PROGRAM, "-oi", *as_sender, *recipients, text=content)

    def queue_ids(self, *queues):
        """As Postfix's: `hold` are the quarantined ones, `active` the others, which may wait for their retry."""
        wanted = {{"hold": "hf", "active": "qf"}.get(q) for q in queues or ("active", "hold")}
        ids = []
        for place in ("/var/spool/mqueue", "/var/spool/clientmqueue"):
            ids += [n[2:] for n in os.listdir(self.root.path(place)) if n[:2] in wanted]
        return ids

    def delete(self, queue_id):
        for kind in ("hf", "qf", "df", "xf"):
            try:
                os.unlink(self.root.path("/var/spool/mqueue/" + kind + queue_id))
            except FileNotFoundError:
                pass

    def release(self, queue_id):
        self.root.run(PROGRAM, "-qQ", "-qI" + queue_id, "-Q")
        self.root.run(PROGRAM, "-qI" + queue_id)

    def version(self):
        return self.root.run(PROGRAM, "-d0.1", "-bt")[1].split()[1]

    def log_text(self):
        """Sendmail writes to syslog alone; what it said to its clients is all there is here."""
        return self.root.text("/run/talk")

    def panic_text(self):
        """Started before the daemon it says that there is no socket yet, and asks it when there is."""
        return "".join(line for line in self.root.text("said").splitlines(True)
                       if line != "WARNING: Xstorm: local socket name %s missing\n" % SOCKET)
