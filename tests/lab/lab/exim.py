# SPDX-License-Identifier: ISC
"""A real Exim in a root of its own, with the shipped files put where an administrator would put them."""

import os
import shutil

from . import root
from .net import free_ports

SHIPPED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "etc", "exim")
PROGRAM = "/usr/sbin/exim4"
UID = 4101

# What the administrator adds is marked with "storm": a macro, an .include in each ACL, one before the routers.
CONFIG = """\
STORM = {storm}
message_body_visible = 60000
message_body_newlines = true

primary_hostname = mx.victim.example
qualify_domain = victim.example
domainlist relay_domains = victim.example : old.victim.example : faulty1.example : faulty2.example : faulty3.example
hostlist relay_hosts = <; 127.0.0.9 ; @[]
acl_smtp_rcpt = acl_rcpt
acl_smtp_data = acl_data
acl_not_smtp = acl_local
{common}
begin acl
acl_rcpt:
  deny ! domains = +relay_domains
       ! hosts = +relay_hosts
       ! authenticated = *
       message = relay not permitted
  .include /etc/exim4/storm.rcpt
  accept
acl_data:
  deny condition = ${{if match{{$h_subject:}}{{virus}}}}
       message = 5.7.1 not that
  .include /etc/exim4/storm.acl
  accept
acl_local:
  .include /etc/exim4/storm.acl
  accept

begin routers
.include /etc/exim4/storm.routers
aliases:
  driver = redirect
  domains = victim.example
  data = ${{if eq{{$local_part}}{{team}}{{member1@victim.example, team-owner@victim.example, member2@victim.example}}}}
{router}
begin transports
{transport}
begin retry
* * F,2h,15m

begin rewrite
*@old.victim.example $1@victim.example T

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_advertise_condition = yes
  server_condition = ${{if or{{{{eq{{$auth2:$auth3}}{{alice:ecila}}}}{{eq{{$auth2:$auth3}}{{bob:bob}}}}}}}}
  server_set_id = $auth2@victim.example
"""

SINK_ROUTER = """\
sink:
  driver = manualroute
  route_list = * 127.0.0.1::{sink}
  transport = sink
  self = send
  no_more
"""
SINK_TRANSPORT = """\
sink:
  driver = smtp
  max_rcpt = 1000
  hosts_try_fastopen =
  hosts_avoid_tls = *
  hosts_try_chunking =
"""

# For the lab alone: nothing is looked up, nothing waits, nothing goes out of the machine.
COMMON = """\
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
notifier_socket =
exim_user = Debian-exim
exim_group = Debian-exim
keep_environment =
spool_directory = /var/spool/exim4
log_file_path = /var/log/exim4/%slog
log_selector = +all_parents +received_recipients
host_lookup =
rfc1413_query_timeout = 0s
tls_advertise_hosts =
dns_again_means_nonexist = *
smtp_accept_queue_per_connection = 0
smtp_accept_max = 60
message_size_limit = 20M
"""


def why_not():
    return root.why_not("exim", PROGRAM)


class Exim(root.Mta):
    """`storm` is the address of the daemon's policy door as the configuration has it; `config` makes
    the text of the configuration, or puts files of its own into self.root and returns None."""

    name, command, logs = "Exim", (PROGRAM, "-bdf"), ("said", "/var/log/exim4/paniclog")

    def __init__(self, folder, sink_port, storm, config=None):
        self.port, = free_ports(1)
        self.root = root.Root(folder, "exim", [PROGRAM], [("Debian-exim", UID), ("mail", 8), ("uucp", 10)])
        os.chmod(self.root.path(PROGRAM), 0o4755)
        for d in ("/var/spool/exim4", "/var/log/exim4", "/var/lib/exim4"):
            self.root.own(d, UID, 0o750)
        self.values = {"storm": storm, "sink": sink_port, "port": self.port}
        for name in ("storm.rcpt", "storm.acl", "storm.routers"):
            shutil.copy(os.path.join(SHIPPED, name), self.root.path("/etc/exim4/" + name))
        text = (config or self.plain)(self)
        if text:
            self.root.write("/etc/exim4/exim4.conf", text)

    @staticmethod
    def plain(exim):
        return CONFIG.format(common=COMMON.format(**exim.values), router=SINK_ROUTER.format(**exim.values),
                             transport=SINK_TRANSPORT, **exim.values)

    def submit(self, recipients, content, sender=None, options=(), uid=0):
        """A local program's mail, as sendmail(1) would take it: (exit code, what was said)."""
        as_sender = ["-f", sender if sender else "<>"] if sender is not None else []
        return self.root.run(PROGRAM, "-oi", *options, *as_sender, *recipients, text=content, uid=uid)

    def _spool(self):
        folder = self.root.path("/var/spool/exim4/input")
        return [os.path.join(p, f) for p, _, files in os.walk(folder) for f in files if f.endswith("-H")]

    def _states(self):
        """{queue id: frozen?}"""
        states = {}
        for path in self._spool():
            try:
                with open(path, errors="replace") as f:
                    states[os.path.basename(path)[:-2]] = "\n-frozen " in f.read()
            except OSError:
                pass
        return states

    def queue_ids(self, *queues):
        """As Postfix's: `hold` are the frozen ones, `active` the others."""
        wanted = set(queues or ("active", "hold"))
        return [i for i, frozen in self._states().items() if ("hold" if frozen else "active") in wanted]

    def delete(self, queue_id):
        self.root.run(PROGRAM, "-Mrm", queue_id)

    def release(self, queue_id):
        self.root.run(PROGRAM, "-Mt", queue_id)
        self.root.run(PROGRAM, "-M", queue_id)

    def clean(self):
        """The next test finds an empty queue, and nothing remembered of hosts that did not answer."""
        for queue_id in self.queue_ids():
            self.delete(queue_id)

    def version(self):
        return self.root.run(PROGRAM, "-bV")[1].split()[2]

    def log_text(self):
        return self.root.text("/var/log/exim4/mainlog")

    def panic_text(self):
        return self.root.text("/var/log/exim4/paniclog")
