# SPDX-License-Identifier: ISC
"""protect.py setup | mode shadow|enforce | storm shadow|enforce|away | storm again SERIAL: the storm of three faulty servers on
the Postfix and the policyd-storm that this machine's packages brought; again is the letter of a storm that was stopped
before. Changes main.cf: for machines made to be thrown away."""

import os
import re
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lab"))

from lab import smtp, store  # noqa: E402
from lab.actors import Message, Storm, origin  # noqa: E402
from lab.net import port_open, wait_for  # noqa: E402
from lab.postfix import Postfix  # noqa: E402
from lab.sink import Delivery, Sink  # noqa: E402

SINK = 10588
PEOPLE, COPIES, LIMIT = 40, 2000, 3
AWAY = 6, 36  # the same while Postfix waits a second for each question
CONF = "/etc/policyd-storm/policyd-storm.conf"
DB = "/var/lib/policyd-storm/storm.db"
SOCKETS = "/var/spool/postfix/policyd-storm"
FAULTY = ["faulty%d.example" % n for n in (1, 2, 3)]
FAULTY_HOSTS = {"sbs%d.%s" % (n, d) for n, d in enumerate(FAULTY, 1)}

# What the README asks for.
PROTECTION = [
    "smtpd_recipient_restrictions = check_policy_service { unix:policyd-storm/policy.sock, timeout=5s, default_action=DUNNO }",
    "smtpd_data_restrictions = check_policy_service { unix:policyd-storm/policy.sock, timeout=5s, default_action=DUNNO }",
    "smtpd_milters = { unix:policyd-storm/milter.sock, default_action=accept, connect_timeout=5s, command_timeout=10s, "
    "content_timeout=30s }",
    "non_smtpd_milters = $smtpd_milters",
    "enable_long_queue_ids = yes",
]
# Where mail goes instead of into the world.
LAB = [
    "myhostname = mx.victim.example", "mydestination =", "inet_protocols = ipv4",
    "relay_domains = victim.example, " + ", ".join(FAULTY),
    "relay_transport = smtp:[127.0.0.1]:%d" % SINK, "default_transport = error:nowhere to go",
    "smtpd_peername_lookup = no", "disable_dns_lookups = yes", "smtp_host_lookup = native",
    "smtp_tls_security_level =", "smtpd_tls_security_level =",
]


class SystemPostfix(Postfix):
    """The machine's own: lab.postfix's questions about the queue, and nothing of its starting and stopping."""

    def __init__(self):
        self.etc = "/etc/postfix"
        self.port = {"guarded": 25}

    def queue_ids(self, *queues):
        return [name for q in queues for _, _, files in os.walk("/var/spool/postfix/" + q) for name in files]


def run(*command, fail=True):
    p = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    text = p.stdout.decode("utf-8", "replace")
    if fail and p.returncode != 0:
        sys.exit("protect: %s: %d\n%s" % (" ".join(command), p.returncode, text))
    return text


def answering():
    """Both sockets, where the chroot of Postfix sees them."""
    import socket
    for name in ("policy.sock", "milter.sock"):
        with socket.socket(socket.AF_UNIX) as s:
            if s.connect_ex(os.path.join(SOCKETS, name)) != 0:
                return False
    return True


def change(**keys):
    """As an administrator does it: policyd-storm.conf, -t, reload."""
    with open(CONF, encoding="utf-8") as f:
        text = f.read()
    for key, value in keys.items():
        text, n = re.subn(r"(?m)^;?%s *=.*$" % key, "%s = %s" % (key, value), text)
        if n != 1:
            sys.exit("protect: %d lines of %s in %s" % (n, key, CONF))
    with open(CONF, "w", encoding="utf-8") as f:
        f.write(text)
    run("policyd-storm", "-t")
    run("service", "policyd-storm", "reload")


def setup():
    change(hostname=LAB[0].split()[-1], trusted="127.0.0.9/32", local_domains="victim.example, " + ", ".join(FAULTY))
    run("postconf", "-e", *PROTECTION, *LAB)
    chrooted = run("postconf", "-F", "smtp/inet/chroot").strip()
    run("service", "postfix", "restart")
    wait_for("Postfix on port 25", lambda: port_open(25))
    wait_for("the daemon's sockets", answering)
    found = run("stormctl", "doctor", "--postfix", fail=False)
    print(found)
    if "danger: 0" not in found:
        sys.exit("protect: the doctor sees a danger in a main.cf that was written as the README says")
    print("protect: Postfix %s asks policyd-storm; %s" % (run("postconf", "-h", "mail_version").strip(), chrooted))


def mode(word):
    change(mode=word)
    wait_for("the new mode", lambda: word in mode_line())
    print("protect: mode = %s" % word)


def mode_line():
    return "".join(line for line in run("stormctl", "status", fail=False).splitlines(True) if "mode" in line)


def blow(message, copies, again):
    """(ended by itself, copies offered, copies in each mailbox); again: the sender writes nothing, the servers have it"""
    postfix = SystemPostfix()
    with Sink(SINK) as sink:
        # What a storm that was cut off left, and Postfix's opinion that the mailboxes are gone.
        run("postsuper", "-d", "ALL")
        run("postqueue", "-f")
        with Storm(25, sink, postfix, copies) as storm:
            content = message.through(origin())
            if again:
                for server in storm.servers:
                    server.inbox.put(Delivery(message.sender, [server.mailbox], content.replace(b"\n", b"\r\n")))
            else:
                for r in smtp.send(25, message.sender, message.to, content):
                    if r.code != 250:
                        sys.exit("protect: the first message was refused: %d %s" % r.data)
            ended = storm.run(timeout=180)
        if ended and postfix.queue_ids("deferred"):
            sys.exit("protect: mail waits in the queue; nothing can be told of what arrives")
        return ended, storm.budget.offered, [sink.count(r, message.message_id) for r in message.to]


def open_storms(subject):
    try:
        return [s for s in store.storms(DB) if s["subject"] == subject]
    except Exception:  # not made yet
        return []


def named(storm_id):
    return {h["name"] for h in store.storm_hosts(DB) if h["storm"] == storm_id}


def storm(kind, serial=None):
    number, copies = AWAY if kind == "away" else (PEOPLE, COPIES)
    people = ["reception@" + d for d in FAULTY] + ["parish%03d@victim.example" % n for n in range(number - 3)]
    serial = serial or "%s.%d" % (kind, time.time_ns())
    subject = "Meeting of all parishes (%s)" % serial
    message = Message("<%s@sender.example>" % serial, subject, people)
    ended, offered, counts = blow(message, copies, kind == "again")
    told = "%d people, %d copies offered by three servers, in one mailbox %d to %d, %s" % (
        number, offered, min(counts), max(counts), "died by itself" if ended else "cut off at the cap")
    print("protect: %s: %s\nserial %s" % (kind, told, serial))
    if kind == "again":
        # Everybody has the letter, and the storm is open or remembered.
        if max(counts) > 0 or offered < PEOPLE or not ended:
            sys.exit("protect: the storm of before was forgotten")
        return
    if min(counts) < 1:
        sys.exit("protect: somebody got nothing")
    if kind == "enforce":
        good = ended and max(counts) <= LIMIT
    else:
        good = not ended and max(counts) > LIMIT
    if not good:
        sys.exit("protect: that is not what %s should do" % kind)
    if kind == "away":
        return
    wait_for("the storm in the record", lambda: open_storms(subject), 30)
    listed = run("stormctl", "storms")
    print(listed)
    for row in open_storms(subject):
        if row["id"][:8] not in listed:
            sys.exit("protect: stormctl does not list storm %s" % row["id"])
        if row["rule"] == "replication":
            wait_for("the three servers to be named", lambda r=row: FAULTY_HOSTS <= named(r["id"]), 20)


def main():
    table = {"setup": setup, "mode": mode, "storm": storm}
    table[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    main()
