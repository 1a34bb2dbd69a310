# SPDX-License-Identifier: ISC
"""A private Postfix: its own configuration, queue, data and log below one folder, smtpd on high loopback ports.
It shares nothing with the system's Postfix but the programs."""

import os
import pwd
import grp
import subprocess

from .net import free_ports, port_open, text_of, wait_for

MAIN_CF = """\
compatibility_level = 3.6
config_directory = {dir}/etc
queue_directory = {dir}/queue
data_directory = {dir}/data
maillog_file = {dir}/mail.log
maillog_file_prefixes = {dir}
myhostname = mx.victim.example
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.9/32
mynetworks_style = host
relay_domains = victim.example, faulty1.example, faulty2.example, faulty3.example
relay_recipient_maps =
alias_maps =
alias_database =
local_recipient_maps =
transport_maps =
relay_transport = relay:[127.0.0.1]:{sink}
default_transport = smtp:[127.0.0.1]:{sink}
relayhost =
disable_dns_lookups = yes
smtp_host_lookup = native
smtpd_peername_lookup = no
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_recipient_restrictions =
smtpd_client_restrictions =
smtpd_error_sleep_time = 0
smtpd_client_connection_count_limit = 0
smtpd_hard_error_limit = 1000
smtp_destination_recipient_limit = 1000
relay_destination_recipient_limit = 1000
default_destination_concurrency_limit = 10
smtp_tls_security_level =
smtpd_tls_security_level =
enable_long_queue_ids = yes
minimal_backoff_time = 300s
queue_run_delay = 300s
in_flow_delay = 0
{extra}
"""

MASTER_CF = """\
pickup    unix  n       -       n       60      1       pickup
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
verify    unix  -       -       n       -       1       verify
flush     unix  n       -       n       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
smtp      unix  -       -       n       -       10      smtp
relay     unix  -       -       n       -       10      smtp
showq     unix  n       -       n       -       -       showq
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
discard   unix  -       -       n       -       -       discard
anvil     unix  -       -       n       -       1       anvil
scache    unix  -       -       n       -       1       scache
postlog   unix-dgram n  -       n       -       1       postlogd
"""

SMTPD = "127.0.0.1:{port} inet n - {chroot} - 30 smtpd\n"
CLEANUP = "cleanup-{name} unix n - n - 0 cleanup\n"

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..")
SHIPPED = os.path.join(TOP, "etc", "postfix", "main.cf.snippet")

QUEUES = ("maildrop", "incoming", "active", "deferred", "hold")


def why_not():
    """The sentence that tells what is missing to run a Postfix here, or None."""
    if os.geteuid() != 0:
        return "a private Postfix needs root"
    if not os.access("/usr/sbin/postfix", os.X_OK):
        return "Postfix is not installed"
    try:
        pwd.getpwnam("postfix")
        grp.getgrnam("postdrop")
    except KeyError:
        return "the user postfix or the group postdrop is missing"
    return None


def shipped():
    """What the shipped snippet says of smtpd: {parameter: value}."""
    params, name = {}, None
    with open(SHIPPED) as f:
        for line in f:
            if line[:1] == "#" or not line.strip():
                continue
            if not line[:1].isspace():
                name, line = (part.strip() for part in line.split("=", 1))
                params[name] = ""
            params[name] = (params[name] + " " + line.strip()).strip()
    return {n: v for n, v in params.items() if n.startswith("smtpd_")}


class Postfix:
    """Context manager. `services` maps a name to the smtpd parameters (main.cf names) of one listener each;
    self.port[name] is where it listens, and {NAME} in a parameter the port of another one. Beside parameters there may
    be "chroot": True, and "cleanup": parameters of a cleanup service of its own."""

    def __init__(self, folder, sink_port, services, extra=""):
        self.dir = os.path.join(folder, "postfix")
        self.etc = os.path.join(self.dir, "etc")
        self.log = os.path.join(self.dir, "mail.log")
        self.port = dict(zip(services, free_ports(len(services))))
        self.master_pid = None
        for d in ("", "etc", "queue", "data"):
            os.mkdir(os.path.join(self.dir, d))
        user = pwd.getpwnam("postfix")
        os.chown(os.path.join(self.dir, "data"), user.pw_uid, user.pw_gid)
        with open(os.path.join(self.etc, "main.cf"), "w") as f:
            f.write(MAIN_CF.format(dir=self.dir, sink=sink_port, extra=extra))
        with open(os.path.join(self.etc, "master.cf"), "w") as f:
            f.write(MASTER_CF)
            for name, params in services.items():
                f.write(self._listener(name, dict(params)))

    def _listener(self, name, params):
        text = SMTPD.format(port=self.port[name], chroot="y" if params.pop("chroot", False) else "n")
        cleanup = params.pop("cleanup", None)
        if cleanup:
            params["cleanup_service_name"] = "cleanup-" + name
        for key, value in params.items():
            for other, port in self.port.items():
                value = value.replace("{%s}" % other, str(port))
            text += "  -o { %s = %s }\n" % (key, value)
        if cleanup:
            text += CLEANUP.format(name=name) + "".join("  -o { %s = %s }\n" % row for row in cleanup.items())
        return text

    def submit(self, recipients, content, sender=None):
        """A local program's mail by sendmail(1): (exit code, what was said)."""
        as_sender = ["-f", sender] if sender is not None else []
        p = subprocess.run(["/usr/sbin/sendmail", "-i", *as_sender, *recipients], input=content, timeout=30,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C", "MAIL_CONFIG": self.etc})
        return p.returncode, p.stdout.decode("utf-8", "replace")

    def _postfix(self, command):
        p = subprocess.run(["/usr/sbin/postfix", "-c", self.etc, command], stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
                           env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C"})
        return p.returncode, p.stdout.decode("utf-8", "replace")

    def __enter__(self):
        try:
            code, text = self._postfix("start")
            if code != 0:  # on a busy machine, once in many hundred times, without a word
                self._postfix("stop")
                code, again = self._postfix("start")
                text += again
            if code != 0:
                raise RuntimeError("postfix start: %s\n%s" % (text.strip(), self.log_text()[-1000:]))
            for name, port in self.port.items():
                wait_for("smtpd %s" % name, lambda p=port: port_open(p))
            self.master_pid = self._read_pid()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def _read_pid(self):
        try:
            with open(os.path.join(self.dir, "queue/pid/master.pid")) as f:
                return int(f.read())
        except (OSError, ValueError):
            return None

    def running(self):
        pid = self.master_pid or self._read_pid()
        if not pid:
            return False
        try:
            with open("/proc/%d/comm" % pid) as f:
                return f.read().strip() == "master"
        except OSError:
            return False

    def stop(self):
        if not self.running():
            return
        self._postfix("stop")
        if self.running():
            self._postfix("abort")

    def queue_ids(self, *queues):
        ids = []
        for q in queues or QUEUES:
            for _, _, files in os.walk(os.path.join(self.dir, "queue", q)):
                ids.extend(files)
        return ids

    def _run(self, program, *args, check=False):
        subprocess.run(["/usr/sbin/" + program, "-c", self.etc, *args], stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=30, check=check)

    def delete(self, queue_id):
        self._run("postsuper", "-d", queue_id)

    def release(self, queue_id):
        """Out of the hold queue, and on its way at once."""
        self._run("postsuper", "-H", queue_id, check=True)
        self._run("postqueue", "-f", check=True)

    def settle(self, timeout=60.0):
        """Waits until nothing is on its way through the queue."""
        wait_for("the queue to empty", lambda: not self.queue_ids("maildrop", "incoming", "active"), timeout)

    def version(self):
        p = subprocess.run(["/usr/sbin/postconf", "-c", self.etc, "-h", "mail_version"], stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, timeout=30)
        return p.stdout.decode().strip()

    def log_text(self):
        return text_of(self.log)
