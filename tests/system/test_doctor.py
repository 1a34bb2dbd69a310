# SPDX-License-Identifier: ISC
"""stormctl doctor on Postfix: a configuration made of the shipped snippet has no finding; each check finds the fault made
for it and nothing else, and the line that it gives puts it right. postconf reads folders of our own; no Postfix runs."""
import json
import os
import re
import shutil
import socket
import stat
import subprocess

import harness
from harness import ctl

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ASK = "check_policy_service { unix:policyd-storm/policy.sock, timeout=5s, default_action=DUNNO }"
MILTER = ("{ unix:policyd-storm/milter.sock, default_action=accept, connect_timeout=5s, command_timeout=10s,"
          " content_timeout=30s }")
MASTER = """\
smtp       inet  n - y - -    smtpd
submission inet  n - y - -    smtpd
  -o syslog_name=postfix/submission
  -o smtpd_sasl_auth_enable=yes
cleanup    unix  n - y - 0    cleanup
qmgr       unix  n - n 300 1  qmgr
"""
REFUSES = "[rule flood]\ndetect = flood\naction = reject 550 5.7.1 enough\n"


class Ours:
    """Our configuration, and sockets as a daemon's."""

    def bind(self, path):
        if not os.path.exists(path):
            s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.lab.sockets.append(s)
            s.bind(path)
        os.chmod(path, 0o666)

    def write_ours(self):
        self.lab.put("storm.conf", "".join(
            f"[{section}]\n" + "".join(f"{k} = {v}\n" for k, v in keys.items())
            for section, keys in (("server", self.server), ("mail", self.mail))))
        self.lab.put("rules.conf", self.rules)

    def set_ours(self, section, fix):
        """The daemon listens where it is told to then."""
        keys = {"server": self.server, "mail": self.mail}[section]
        keys.update(line.split(" = ", 1) for line in re.split(r"\n(?! )", fix))
        for door in ("policy", "milter"):
            for path in self.server.get(door, "").split(", "):
                if path.startswith(f"unix:{self.lab.dir}"):
                    os.makedirs(os.path.dirname(path[5:]), exist_ok=True)
                    self.bind(path[5:])


class Site(Ours):
    """With a folder for postconf -c."""

    def __init__(self, lab):
        self.lab = lab
        self.queue, self.etc = lab.path("queue"), lab.path("postfix")
        self.main, self.master = [], MASTER
        self.server = {"policy": f"unix:{self.queue}/policyd-storm/policy.sock",
                       "milter": f"unix:{self.queue}/policyd-storm/milter.sock"}
        self.mail = {"hostname": "mx.example.org", "local_domains": "example.org, .example.org"}
        self.rules = "[rule replication]\ndetect = replication\n"
        os.makedirs(f"{self.queue}/policyd-storm", exist_ok=True)
        os.makedirs(self.etc, exist_ok=True)
        for door in ("policy", "milter"):
            self.bind(f"{self.queue}/policyd-storm/{door}.sock")
        with open(os.path.join(TOP, "etc/postfix/main.cf.snippet"), encoding="utf-8") as f:
            self.snippet = f.read()

    def add_main(self, text):
        """The last setting of a name holds."""
        self.main += [line for line in text.splitlines() if line.strip()]

    def write(self):
        base = (f"compatibility_level = 3.6\nqueue_directory = {self.queue}\nmyhostname = mx.example.org\n"
                "mydestination = $myhostname, localhost, example.org\nmynetworks = 127.0.0.0/8, [::1]/128\n"
                "mail_owner = nobody\nalias_maps =\nsmtpd_relay_restrictions = permit_mynetworks, "
                "permit_sasl_authenticated, reject_unauth_destination\n")
        with open(f"{self.etc}/main.cf", "w", encoding="utf-8") as f:
            f.write(base + self.snippet + "\n".join(self.main) + "\n")
        with open(f"{self.etc}/master.cf", "w", encoding="utf-8") as f:
            f.write(self.master)
        for name in ("main.cf", "master.cf"): # Postfix waits until a file that was just written is a second old
            os.utime(f"{self.etc}/{name}", (1e9, 1e9))
        self.write_ours()

    def doctor(self):
        self.write()
        code, out, err = ctl(self.lab, "-c", self.lab.path("storm.conf"), "doctor", "--json", "--postfix", self.etc)
        assert code in (0, 1, 2), (code, err)
        lines = [json.loads(line) for line in out.splitlines()]
        summary = lines.pop()["summary"]
        counts = {s: sum(f["severity"] == s for f in lines) for s in ("danger", "warning", "note")}
        assert {s: summary[s] for s in counts} == counts
        assert code == (2 if counts["danger"] else 1 if counts["warning"] else 0), (code, counts)
        assert [f["severity"] for f in lines] == sorted((f["severity"] for f in lines), key=list(counts).index)
        return lines

    def override(self, service, line):
        name, kind = service.split("/")
        lines = self.master.splitlines()
        at = next(i for i, text in enumerate(lines) if text.split()[:2] == [name, kind])
        while at + 1 < len(lines) and lines[at + 1].startswith(" "):
            at += 1
        lines.insert(at + 1, line)
        self.master = "\n".join(lines) + "\n"

    def follow(self, finding):
        """Does what the finding says."""
        place, fix = finding["in"], finding["fix"]
        below = re.match(r"master\.cf, below (\S+)$", place)
        section = re.match(r"\S+ \[(\w+)\]$", place)
        if place == "main.cf":
            self.add_main(fix)
        elif below:
            for line in fix.splitlines():
                self.override(below.group(1), line)
        elif section:
            self.set_ours(section.group(1), fix)
        elif fix.startswith("chmod o+x "):
            os.chmod(fix[10:], os.stat(fix[10:]).st_mode | stat.S_IXOTH)
        elif fix == "systemctl restart policyd-storm":
            self.bind(finding["where"])
        elif fix == "Postfix 3.0 or newer":
            self.add_main("mail_version = 3.12.0")
        else:
            raise AssertionError(f"what does this mean: {finding}")


def need_postconf():
    if not shutil.which("postconf", path="/usr/sbin:/usr/bin"):
        raise harness.Skip("there is no postconf")


def main(text):
    return lambda site: site.add_main(text)


def server(**keys):
    return lambda site: site.server.update(keys)


def service(name, line):
    return lambda site: site.override(name, line)


def several(*steps):
    return lambda site: [step(site) for step in steps]


FILTERED = several(main("content_filter = scan:[127.0.0.1]:10024"), lambda site: setattr(
    site, "master", site.master + "127.0.0.1:10025 inet n - y - 10 smtpd\n  -o content_filter=\n"
    "  -o mynetworks=127.0.0.0/8\n"))
# The filter runs on 192.0.2.9, which brings mail back to a listener that all can reach.
REMOTE = several(main("content_filter = scan:[192.0.2.9]:10024"), lambda site: setattr(
    site, "master", site.master + "192.0.2.5:10025 inet n - y - 10 smtpd\n  -o content_filter=\n"
    "  -o mynetworks=127.0.0.0/8,192.0.2.9\n"))
REMOTE_AT_DATA = several(REMOTE, *(service("192.0.2.5:10025/inet", f"  -o {o}") for o in (
    "smtpd_recipient_restrictions=permit_mynetworks,reject", "smtpd_milters=")))
REMOTE_NOT_AGAIN = several(REMOTE_AT_DATA, service("192.0.2.5:10025/inet", "  -o smtpd_data_restrictions="))
NOT_AGAIN = several(FILTERED, *(service("127.0.0.1:10025/inet", f"  -o {o}") for o in (
    "smtpd_recipient_restrictions=permit_mynetworks,reject", "smtpd_data_restrictions=", "smtpd_milters=")))


PROXIED = service("smtp/inet", "  -o smtpd_proxy_filter=127.0.0.1:10024")
FRONT = several(PROXIED, service("smtp/inet", "  -o smtpd_data_restrictions="), service("smtp/inet", "  -o smtpd_milters="))
BEHIND = several(lambda site: setattr(site, "master", site.master + "127.0.0.1:10025 inet n - y - 10 smtpd\n"), *(
    service("127.0.0.1:10025/inet", f"  -o {o}") for o in (
        "mynetworks=127.0.0.0/8", "smtpd_recipient_restrictions=permit_mynetworks,reject", "smtpd_data_restrictions=")))


def relay(address):
    return lambda site: site.mail.update(relays=address)


def no_relay_before(site):
    site.add_main("smtpd_relay_before_recipient_restrictions = no")


def over_tcp(listens, asked):
    """Where the policy door listens, and where it is asked."""
    entry = ASK.replace("unix:policyd-storm/policy.sock", f"inet:{asked}:10040")
    return several(server(policy=f"inet:{listens}:10040"), main(f"{R}{entry}\nsmtpd_data_restrictions = {entry}"))


def remove_socket(site):
    os.unlink(f"{site.queue}/policyd-storm/policy.sock")


def close_folder(site):
    os.chmod(f"{site.queue}/policyd-storm", 0o700)


def close_socket(site):
    os.chmod(f"{site.queue}/policyd-storm/milter.sock", 0o600)


def outside(site):
    where = site.lab.path("run/policyd-storm")
    os.makedirs(where, exist_ok=True)
    site.bind(f"{where}/policy.sock")
    site.server["policy"] = f"unix:{where}/policy.sock"
    entry = f"check_policy_service {{ unix:{where}/policy.sock, timeout=5s, default_action=DUNNO }}"
    site.add_main(f"smtpd_recipient_restrictions = {entry}\nsmtpd_data_restrictions = {entry}")


def outside_without_chroot(site):
    outside(site)
    site.master = site.master.replace("n - y", "n - n")


def beside(site):
    """The daemon listens below the queue directory too, as it is shipped; Postfix asks elsewhere."""
    queue = site.server["policy"]
    outside(site)
    site.server["policy"] = f"{queue}, {site.server['policy']}"


def whole_path(site):
    """The sockets as policyd-storm.conf has them, in Postfix's chroot."""
    for old in ("policy", "milter"):
        site.snippet = site.snippet.replace(f"unix:policyd-storm/{old}.sock", site.server[old])


def another_queue(site):
    queue = site.lab.path("q2")
    os.makedirs(queue, exist_ok=True)
    site.add_main(f"queue_directory = {queue}")


def aliases(site):
    path = site.lab.path("aliases")
    with open(path, "w", encoding="utf-8") as f:
        f.write("folk: ann, bob\nowner-folk: ann\nroot: ann\n")
    site.add_main(f"alias_maps = hash:{path}")


def rules(text):
    return lambda site: setattr(site, "rules", text)


def drop_snippet(site):
    site.snippet = "enable_long_queue_ids = yes\n"


def closed_doors(site):
    drop_snippet(site)
    site.server = {}


R = "smtpd_recipient_restrictions = "
TABLE = "check_recipient_access inline:{{old@example.org = REJECT, reject}, {x@example.org = permit}}"

# what is done to the good configuration, and the findings that it makes, by check; the same check several times counts
BROKEN = [
    ("not-asked", drop_snippet, ["not-asked"]),
    ("no-doors", closed_doors, ["no-doors"]),
    ("no milter door", several(lambda s: s.server.pop("milter"), main("smtpd_milters =\nnon_smtpd_milters =")),
     ["milter-door-closed"]),
    ("no timeout and no default_action", main(R + "check_policy_service unix:policyd-storm/policy.sock"),
     ["policy-fails-closed", "policy-slow"]),
    ("default_action for all services", several(
        main(R + "check_policy_service { unix:policyd-storm/policy.sock, timeout=5s }"),
        main("smtpd_policy_service_default_action = 451 4.3.5 away")), ["policy-fails-closed"]),
    ("an empty default action means OK", several(
        main(R + "check_policy_service { unix:policyd-storm/policy.sock, timeout=5s }"),
        main("smtpd_policy_service_default_action =")), ["policy-default-permits"]),
    ("digits alone mean OK", main(R + ASK.replace("DUNNO", "450")), ["policy-default-permits"]),
    ("default action OK", main(R + ASK.replace("DUNNO", "OK")), ["policy-default-permits"]),
    ("slow", main(R + ASK.replace("5s", "1m")), ["policy-slow"]),
    # over each of these smtpd 3.7 ends, or says 451 to all mail
    ("options without braces", main(R + ASK.replace("{ ", "").replace(" }", "") + ", reject_unknown_sender_domain"),
     ["policy-fails-closed", "policy-options", "policy-slow"]),
    ("options without braces, as for all services", several(
        main(R + ASK.replace("{ ", "").replace(" }", "")),
        main("smtpd_policy_service_default_action = DUNNO\nsmtpd_policy_service_timeout = 5s")), ["policy-options"]),
    ("space in an option", main(R + ASK.replace("timeout=", "timeout = ")), ["policy-options"]),
    ("an option that is none", main(R + ASK.replace("5s,", "5s, action=DUNNO,")), ["policy-options"]),
    ("milter options without braces", several(
        main("smtpd_milters = " + MILTER.replace("{ ", "").replace(" }", "") + ", inet:127.0.0.1:8891"),
        main("milter_default_action = accept\nmilter_content_timeout = 30s")), ["milter-options"] * 2),
    ("milter options in braces of their own", several(
        main("smtpd_milters = " + MILTER.replace("{ ", "").replace(", default", " { default")),
        main("milter_default_action = accept\nmilter_content_timeout = 30s")), ["milter-options"] * 2),
    ("a milter's option that is none", main("smtpd_milters = " + MILTER.replace("connect_", "")), ["milter-options"] * 2),
    ("a table with a dollar sign", main(
        R + "check_sender_access pcre:{{/^$$x$$/ REJECT}}, " + ASK.replace("5s", "1m")), ["policy-slow"]),
    ("a table with a dollar sign in master.cf", service("submission/inet", "  -o { smtpd_recipient_restrictions = "
     "check_sender_access pcre:{{/^x$$/ REJECT}}, " + ASK.replace("5s", "1m") + " }"), ["policy-slow"]),
    ("try once", main(R + ASK.replace("5s,", "5s, try_limit=1,")), ["policy-try-limit"]),
    ("all services try once", main("smtpd_policy_service_try_limit = 1"), ["policy-try-limit"]),
    ("client restrictions", main(f"smtpd_client_restrictions = permit_mynetworks, {ASK}\n{R}"),
     ["policy-wrong-list"]),
    ("sender restrictions besides", main(f"smtpd_sender_restrictions = {ASK}"),
     ["policy-wrong-list"]),
    ("sender restrictions, and behind permit", main(f"smtpd_sender_restrictions = {ASK}\n{R}reject_unauth_destination, permit, {ASK}"),
     ["policy-wrong-list", "policy-unreachable"]),
    ("client restrictions, where recipients have an end", main(f"smtpd_client_restrictions = {ASK}\n{R}reject_unauth_destination, permit"),
     ["policy-wrong-list"]),
    ("relaying is refused behind it", several(no_relay_before, main(f"{R}{ASK}, reject_unauth_destination")),
     ["policy-before-relay-protection"]),
    ("relaying is refused in another list behind it", no_relay_before, ["policy-before-relay-protection"]),
    ("behind permit", main(f"{R}reject_unauth_destination, permit, {ASK}"), ["policy-unreachable"]),
    ("own networks unseen by the milter too", several(
        main(f"{R}permit_mynetworks, {ASK}\nsmtpd_data_restrictions = permit_mynetworks, {ASK}\nsmtpd_milters ="),
        lambda s: s.server.pop("milter")), ["policy-behind-permit"] * 2 + ["milter-door-closed"]),
    ("own networks are seen at DATA", main(f"{R}permit_mynetworks, permit_sasl_authenticated, {ASK}"),
     ["policy-brake-behind-permit"]),
    ("a class behind one that lets by", main(f"smtpd_restriction_classes = own, storm\nown = permit_mynetworks\n"
                                              f"storm = {ASK}\n{R}own, storm"), ["policy-brake-behind-permit"]),
    ("a class that lets by itself", main(f"smtpd_restriction_classes = storm\nstorm = permit_mynetworks, {ASK}\n{R}storm"),
     ["policy-brake-behind-permit"]),
    ("behind a class that permits", main(f"smtpd_restriction_classes = own\nown = reject_unauth_pipelining, permit_mynetworks, permit\n"
                                         f"{R}reject_unauth_destination, own, {ASK}"), ["policy-unreachable"]),
    ("a class behind permit", main(f"smtpd_restriction_classes = storm\nstorm = {ASK}\n"
                                   f"{R}reject_unauth_destination, permit, storm"), ["policy-unreachable"]),
    ("logged only", main(f"{R}warn_if_reject {ASK}, warn_if_reject reject_unknown_sender_domain"), ["policy-warns-only"]),
    ("logged only, by its class", main(f"smtpd_restriction_classes = storm\nstorm = {ASK}\n"
                                       f"{R}warn_if_reject storm, warn_if_reject reject_unknown_sender_domain"),
     ["policy-warns-only"]),
    ("logged only, and where it is not to be", main(f"smtpd_client_restrictions = warn_if_reject, {ASK}, "
                                                    f"reject_unknown_client_hostname\n{R}"),
     ["policy-wrong-list"]),
    ("protected by a word in the log", several(no_relay_before, main(
        f"{R}warn_if_reject reject_unauth_destination, {ASK}, reject_unauth_destination")),
     ["policy-before-relay-protection"]),
    ("not at DATA", main("smtpd_data_restrictions ="), ["policy-not-at-data"]),
    ("at DATA alone", main(R), ["policy-not-at-rcpt"]),
    ("at the end of data too", main(f"smtpd_end_of_data_restrictions = {ASK}"), ["policy-end-of-data"]),
    ("twice", main(f"{R}{ASK}, {ASK}"), ["policy-asked-twice"]),
    ("twice behind a table", main(f"{R}{TABLE}, {ASK}, {ASK}"), ["policy-asked-twice"]),
    ("submission goes its own way", several(
        service("submission/inet", "  -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject"),
        service("submission/inet", "  -o smtpd_data_restrictions=")), ["policy-service"]),
    ("another path", main(R + ASK.replace("policy.sock", "storm.sock")), ["policy-address"]),
    ("another port", several(server(policy="inet:192.0.2.5:10040"),
                             main(R + ASK.replace("unix:policyd-storm/policy.sock", "inet:127.0.0.1:10040")),
                             main("smtpd_data_restrictions = " +
                                  ASK.replace("unix:policyd-storm/policy.sock", "inet:192.0.2.5:10040"))),
     ["policy-address"]),
    # an address of IPv6 takes no connection of IPv4, nor the other way round
    ("asked at 127.0.0.1", over_tcp("[::]", "127.0.0.1"), ["policy-address"] * 2),
    ("asked at [::1]", over_tcp("*", "[::1]"), ["policy-address"] * 2),
    ("asked at localhost", over_tcp("192.0.2.5", "localhost"), ["policy-address"] * 2),
    # smtpd ends over all of these at the first question, and over the last one of the milters at once
    ("no unix: in front", main(R + ASK.replace("unix:", "")), ["policy-address"]),
    ("no inet: in front", several(server(policy="inet:127.0.0.1:10040"), main(
        R + ASK.replace("unix:policyd-storm/policy.sock", "127.0.0.1:10040")), main(
        "smtpd_data_restrictions = " + ASK.replace("unix:policyd-storm/policy.sock", "inet:127.0.0.1:10040"))),
     ["policy-address"]),
    ("no unix: before the milter", main("smtpd_milters = " + MILTER.replace("unix:", "")), ["milter-address"] * 2),
    ("the milter as Sendmail has it", several(server(milter="inet:127.0.0.1:10041"), main(
        "smtpd_milters = " + MILTER.replace("unix:policyd-storm/milter.sock", "inet:10041@127.0.0.1"))),
     ["milter-address"] * 2),
    # and says 451 to all mail over these
    ("no address", main(f"{R}reject_unlisted_sender, check_policy_service"), ["policy-address"]),
    ("a class that is not named", main(f"storm = {ASK}\n{R}storm\nsmtpd_data_restrictions = storm"), ["policy-class"]),
    ("classes that are not named, and one that is", main(
        f"smtpd_restriction_classes = one\none = two\ntwo =\n  {ASK}\n{R}one\nthree = $empty {ASK}\nsmtpd_data_restrictions = three"),
     ["policy-class"]),
    ("a service's class that is not named", several(main("smtpd_restriction_classes = other\nother ="), service("submission/inet", (
        f"  -o {{ smtpd_recipient_restrictions = storm, permit_sasl_authenticated, reject }}\n  -o {{ storm = {ASK} }}"))),
     ["policy-class"]),
    ("policy service at the milter", main(R + ASK.replace("policy.sock", "milter.sock")), ["policy-at-milter-door"]),
    ("a filter brings mail back", FILTERED, ["policy-reinjected"] * 2 + ["milter-reinjected"]),
    ("a filter elsewhere brings mail back", REMOTE_AT_DATA, ["policy-reinjected"]),
    ("short idle timeout", server(idle_timeout="200s"), ["policy-idle", "milter-idle"]),
    ("milter absent", main("smtpd_milters =\nnon_smtpd_milters ="), ["milter-absent"]),
    ("milters of the services alone", several(main("smtpd_milters =\nnon_smtpd_milters ="), *(service(
        s, "  -o smtpd_milters=inet:127.0.0.1:8891") for s in ("smtp/inet", "submission/inet"))), ["milter-absent"] * 2),
    ("policy absent", main(f"{R}\nsmtpd_data_restrictions ="), ["policy-absent"]),
    ("milter fails closed", main("smtpd_milters = unix:policyd-storm/milter.sock"),
     ["milter-fails-closed", "milter-slow"] * 2),
    ("milter timeouts", main("smtpd_milters = " + MILTER.replace("30s", "300s")), ["milter-slow"] * 2),
    ("milter protocol", main("milter_protocol = 2"), ["milter-protocol"]),
    ("its own milter protocol", main("smtpd_milters = " + MILTER.replace("content_", "protocol=4, content_")),
     ["milter-protocol"] * 2),
    ("no queue id", main("milter_data_macros =\nmilter_end_of_header_macros =\nmilter_end_of_data_macros ="),
     ["milter-no-queue-id"]),
    ("macros", main("milter_mail_macros = i {mail_addr}"), ["milter-macros"]),
    ("milter twice", main(f"smtpd_milters = {MILTER}, {MILTER}"), ["milter-twice"] * 2),
    ("a scanner behind us", main(f"smtpd_milters = {MILTER}, inet:127.0.0.1:11332"), ["milter-before-filter"] * 2),
    ("a signer before us", main(f"smtpd_milters = unix:opendkim/opendkim.sock, {MILTER}"),
     ["milter-behind-signer"] * 2),
    ("both on the wrong side", main(f"smtpd_milters = unix:opendkim/opendkim.sock, {MILTER}, unix:clamav/c.sock"),
     ["milter-before-filter", "milter-behind-signer"] * 2),
    ("OpenDKIM and OpenDMARC behind us", main(f"smtpd_milters = {MILTER}, inet:localhost:8891, inet:localhost:8893"),
     ["milter-before-filter"] * 2),
    ("between them", main(f"smtpd_milters = unix:opendkim/d.sock, {MILTER}, {{ unix:opendmarc/d.sock }}"),
     ["milter-before-filter"] * 2),
    ("local mail", main("non_smtpd_milters ="), ["milter-non-smtpd"]),
    ("submission with milters of its own", service("submission/inet", "  -o smtpd_milters=inet:127.0.0.1:8891"),
     ["milter-service"]),
    ("no_milters", main("receive_override_options = no_address_mappings,no_milters"), ["milter-switched-off"]),
    ("a filter that is a program", several(main("content_filter = scan:dummy"), lambda s: setattr(
        s, "master", s.master + "scan unix - n n - 10 pipe flags=Rq user=nobody argv=/bin/true\n")),
     ["milter-reinjected-locally"]),
    ("a filter that is a program, and a slow milter", several(main("content_filter = scan:dummy\nsmtpd_milters = " + MILTER.replace(
        "30s", "300s")), lambda s: setattr(s, "master", s.master + "scan unix - n n - 10 pipe flags=Rq argv=/bin/true\n")),
     ["milter-reinjected-locally", "milter-slow", "milter-slow"]),
    ("another milter path", main("smtpd_milters = " + MILTER.replace("milter.sock", "m.sock")),
     ["milter-address"] * 2),
    ("milter at the policy door", main("smtpd_milters = " + MILTER.replace("milter.sock", "policy.sock")),
     ["milter-at-policy-door"] * 2),
    ("too old", main("mail_version = 2.11.3"), ["postfix-too-old"]),
    ("not below the chroot", outside, ["socket-chroot"] * 2),
    ("not the one below the chroot", beside, ["socket-chroot"] * 2),
    ("a whole path in the chroot", whole_path, ["socket-chroot"] * 4),
    ("another queue", another_queue, ["policy-address"] * 2 + ["milter-address"] * 2),
    ("no socket", remove_socket, ["socket-missing"]),
    ("closed folder", close_folder, ["socket-permission"]),
    ("closed socket", close_socket, ["socket-permission"]),
    ("hostname", main("myhostname = mail.example.org"), ["hostname"]),
    ("a service with a name of its own", several(service("submission/inet", "  -o myhostname=smtp.example.net"), service(
        "smtp/inet", "  -o myhostname=mx1.example.net"), lambda s: s.mail.update(own_hosts="filter.example.org")), ["hostname"]),
    ("networks", main("mynetworks = 127.0.0.0/8, 192.0.2.0/24, [2001:db8::]/32, hash:/etc/nets"), ["trusted"]),
    ("domains", main("virtual_mailbox_domains = example.net, hash:/etc/vdomains"), ["local-domains"]),
    ("aliases", aliases, ["lists"]),
    ("short queue ids", main("enable_long_queue_ids = no"), ["short-queue-ids"]),
    ("original recipient", several(main("enable_original_recipient = no"),
                                   rules("[rule b]\ndetect = bounce-to-list\naction = redirect-owner\n")),
     ["original-recipient"]),
    ("soft_bounce", several(main("soft_bounce = yes"), rules(REFUSES)), ["soft-bounce"]),
    ("made-up headers", main("always_add_missing_headers = yes\nmyhostname = other.example.org"),
     ["hostname", "missing-headers"]),
    ("too many recipients", main("smtpd_recipient_limit = 50001"), ["recipient-limit"]),
    ("before-queue filter", main("smtpd_proxy_filter = 127.0.0.1:10026"), ["proxy-filter"]),
    ("both doors in front of it", several(BEHIND, PROXIED, relay("127.0.0.1")), ["policy-in-front", "milter-in-front"]),
    ("another milter in front of it", several(BEHIND, FRONT, relay("127.0.0.1"), service(
        "smtp/inet", f"  -o {{ smtpd_milters = {MILTER}, inet:127.0.0.1:11332 }}")), ["milter-in-front", "milter-before-filter"]),
    ("closed in front of it", several(BEHIND, FRONT, relay("127.0.0.1"), service(
        "smtp/inet", "  -o smtpd_milters=unix:policyd-storm/milter.sock")), ["milter-in-front", "milter-fails-closed", "milter-slow"]),
    ("closed where a filter brings mail back", several(NOT_AGAIN, service(
        "127.0.0.1:10025/inet", "  -o smtpd_milters=unix:policyd-storm/milter.sock")),
     ["milter-reinjected", "milter-fails-closed", "milter-slow"]),
    ("no milter behind it", several(BEHIND, FRONT, relay("127.0.0.1"), service("127.0.0.1:10025/inet", "  -o smtpd_milters=")),
     ["milter-service"]),
    ("asked behind it too", several(BEHIND, FRONT, relay("127.0.0.1"), service(
        "127.0.0.1:10025/inet", f"  -o {{ smtpd_recipient_restrictions = {ASK}, permit_mynetworks, reject }}")),
     ["policy-reinjected"]),
    ("no relay", several(BEHIND, FRONT), ["proxy-relay"]),
    ("another relay", several(BEHIND, FRONT, relay("192.0.2.0/24")), ["proxy-relay"]),
    ("processes", server(max_connections="399"), ["connections"]),
]

OWN_LIST = service("submission/inet", "  -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject")
HARMLESS = [
    ("of a unit the first letter counts", main(R + ASK.replace("5s", "5sec"))),
    ("as shipped", lambda site: None),
    ("OpenDKIM checks for OpenDMARC", main(f"smtpd_milters = inet:localhost:8891, {{ inet:localhost:8893 }}, {MILTER}")),
    ("others are logged only", main(f"{R}warn_if_reject reject_unknown_client_hostname, warn_if_reject reject, {ASK}")),
    ("over TCP", several(server(policy="inet:*:10040", milter="inet:127.0.0.1:10041"), main(
        f"{R}check_policy_service {{ inet:localhost:10040, timeout=5s, default_action=DUNNO }}\nsmtpd_data_restrictions = "
        "check_policy_service { inet:127.0.0.1:10040, timeout=10s, { default_action = dunno } }\nsmtpd_milters = "
        "{ inet:localhost:10041, { default_action = accept }, content_timeout=60s }"))),
    ("by IPv6", over_tcp("[::]", "[0:0:0:0:0:0:0:1]")),
    ("by IPv6 at any address", over_tcp("[0::0]", "[2001:db8::1]")),
    ("localhost has two addresses", over_tcp("[::1]", "localhost")),
    ("by a name", several(server(policy="inet:192.0.2.5:10040", milter="inet:192.0.2.5:10041"), main(
        "smtpd_recipient_restrictions = check_policy_service { inet:mx.example.org:10040, timeout=5s, default_action=DUNNO }\n"
        "smtpd_data_restrictions = $smtpd_recipient_restrictions\nsmtpd_milters = " +
        MILTER.replace("unix:policyd-storm/milter.sock", "inet:mx.example.org:10041")))),
    ("names of services", several(service("submission/inet", "  -o myhostname=smtp.example.net"), service(
        "smtp/inet", "  -o myhostname=mx.example.org"), lambda s: s.mail.update(own_hosts="smtp.example.net"))),
    ("among others", main(
        f"{R}reject_unknown_recipient_domain, check_policy_service unix:private/postgrey, {ASK}\nsmtpd_milters = "
        f"inet:127.0.0.1:11332, unix:other/m.sock, {MILTER}, unix:opendkim/opendkim.sock")),
    ("behind a table", main(f"{R}{TABLE}, {ASK}\nsmtpd_data_restrictions = {TABLE}, {ASK}")),
    ("in a restriction class", main(
        f"smtpd_restriction_classes = stormy\nstormy = {ASK}\n{R}stormy\nsmtpd_data_restrictions = stormy")),
    ("what would be a class is not asked", main(f"storm = {ASK}\nother = permit\n{R}{ASK}")),
    ("classes that name each other", main(
        f"smtpd_restriction_classes = one, two\none = {ASK}, two\ntwo = $empty one\n")),
    ("not in a chroot", outside_without_chroot),
    ("a content filter that is not asked about", NOT_AGAIN),
    ("a content filter elsewhere that is not asked about", REMOTE_NOT_AGAIN),
    ("own machines that need no filter", REMOTE),
    ("submission goes by the filter", several(REMOTE_NOT_AGAIN, *(service("submission/inet", f"  -o {o}") for o in (
        "content_filter=", "mynetworks=127.0.0.0/8")))),
    ("no_milters where the filter brings mail back", several(FILTERED, *(service("127.0.0.1:10025/inet", o) for o in (
        "  -o receive_override_options=no_header_body_checks,no_milters", "  -o smtpd_data_restrictions=",
        "  -o { smtpd_recipient_restrictions = permit_mynetworks, reject }")))),
    ("a filter before the queue", several(BEHIND, FRONT, relay("192.0.2.7, 127.0.0.1"))),
    ("soft_bounce when nothing is rejected", main("soft_bounce = yes")),
    ("no original recipient when no owner is added", main("enable_original_recipient = no")),
    ("headers are added under our own name", main("always_add_missing_headers = yes")),
    ("the last recipient that is kept", main("smtpd_recipient_limit = 50000")),
    ("just enough connections", server(max_connections="400")),
    ("a little more than Postfix waits", server(idle_timeout="301s")),
    ("networks with exceptions", main("mynetworks = 127.0.0.0/8, !192.0.2.7, 192.0.2.0/24, ![2001:db8::7], [2001:db8::]/32")),
    ("networks within ours", several(main("mynetworks = 127.0.0.0/8, [::ffff:127.0.0.0]/104, 192.0.2.128/25"),
                                     lambda s: s.mail.update(trusted="127.0.0.0/8, ::1, 192.0.2.0/24"))),
    ("the machine's own name is no domain", lambda s: s.mail.update(local_domains="example.org")),
    ("submission that is switched off", several(OWN_LIST, main("master_service_disable = foo/unix, submission/inet"))),
    ("a null client", several(drop_snippet, main("master_service_disable = !inet/unix inet"))),
    ("relaying is refused in the same list", several(no_relay_before, main(f"{R}reject_unauth_destination, {ASK}"))),
]


def told(findings):
    return sorted(f["check"] for f in findings)


def test_good_postfix_has_no_finding(lab):
    need_postconf()
    for name, change in HARMLESS:
        site = Site(lab)
        change(site)
        found = site.doctor()
        assert not found, (name, found)
        for path in (f"{site.queue}/policyd-storm", site.etc):
            shutil.rmtree(path)
    return f"{len(HARMLESS)} configurations"


def test_what_the_documents_tell_postfix_has_no_finding(lab):
    """README.md as lines of main.cf, those of the packages as words for postconf -e."""
    need_postconf()
    for name in ("README.md", "packaging/debian/README.Debian", "packaging/rpm/README.Fedora"):
        with open(os.path.join(TOP, name), encoding="utf-8") as f:
            text = f.read()
        said = re.findall(r"^ {7}(\w+ = .*)$", text, re.M) or re.findall(r"^ +'(\w+ = .*)'", text, re.M)
        site = Site(lab)
        site.snippet = "\n".join(said) + "\n"
        assert len(said) == 5, (name, said)
        found = site.doctor()
        assert not found, (name, found)


def test_the_forms_with_a_filter_have_no_finding(lab):
    """etc/postfix/README, word for word: a filter behind the queue, and one in front of it."""
    need_postconf()
    with open(os.path.join(TOP, "etc/postfix/README"), encoding="utf-8") as f:
        text = f.read()
    behind, before = re.findall(r"in master\.cf:\n((?:      .*\n)+)", text)
    site = Site(lab)
    site.add_main("content_filter = scan:[127.0.0.1]:10024")
    site.master += "127.0.0.1:10025 inet n - y - 10 smtpd\n  -o content_filter=\n" + behind
    found = site.doctor()
    assert behind.count("-o") == 3 and not found, (behind, found)
    site = Site(lab)
    site.mail["relays"] = "127.0.0.1"
    site.master = MASTER.replace("smtp       inet  n - y - -    smtpd\n", "") + re.sub(
        r"(?m)^      (?! )", "", before.replace("...", "n - y - -"))
    found = site.doctor()
    assert before.count("-o") == 6 and not found, (before, found)


def test_submission_is_told_to_ask_in_front_of_its_permits(lab):
    """At once: what is refused unless it is permitted is not asked about behind the permits. And so etc/postfix/README
    says it."""
    need_postconf()
    for version in ("3.7.11", "3.5.25"):
        site = Site(lab)
        several(OWN_LIST, main(f"mail_version = {version}"))(site)
        found = site.doctor()
        assert [f["fix"] for f in found] == [
            f"  -o {{ smtpd_recipient_restrictions = {ASK}, permit_sasl_authenticated, reject }}"], (version, found)
        site.follow(found[0])
        assert not site.doctor()
        shutil.rmtree(site.etc)
    with open(os.path.join(TOP, "etc/postfix/README"), encoding="utf-8") as f:
        said, = re.findall(r"^      submission .*\n((?: {10}.*\n)+)", f.read(), re.M)
    site = Site(lab)
    site.master = MASTER + "submissions inet n - y - - smtpd\n" + said
    assert said.count("-o") == 2 and not site.doctor(), site.doctor()


def test_services_that_stay_on_are_looked_at(lab):
    """The first of master_service_disable that matches holds, "!" or not."""
    need_postconf()
    for disable in ("", "submission", "submission/unix", "!submission/inet, inet", "!inet submission/inet"):
        site = Site(lab)
        several(OWN_LIST, main(f"master_service_disable = {disable}"))(site)
        found = site.doctor()
        assert len(found) == 1 and "submission" in found[0]["where"], (disable, found)
        shutil.rmtree(site.etc)


def rounds(site, most):
    """What is found, as often as it takes until nothing is."""
    found = []
    while left := site.doctor():
        found.append(left)
        assert len(found) <= most, found
        for f in left:
            site.follow(f)
    return found


def test_relaying_that_is_not_refused_first(lab):
    """compatibility_level = 2, as in many a configuration that was upgraded, and services with lists of their own: what is
    told ends, one thing after the other."""
    need_postconf()
    refuses = "  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject"
    for own in ("", "permit_sasl_authenticated,reject", "permit_mynetworks,permit_sasl_authenticated,reject"):
        for version in ("3.7.11", "3.5.25"):
            site = Site(lab)
            several(main(f"mail_version = {version}"), no_relay_before, service("submission/inet", refuses), service(
                "submission/inet", f"  -o smtpd_recipient_restrictions={own}"))(site)
            found = rounds(site, 3)
            assert "policy-not-at-rcpt" in told(found[0]), (own, version, found)
            assert not {"policy-unreachable", "policy-brake-behind-permit"} & {c for f in found for c in told(f)}, found
            shutil.rmtree(site.etc)
    site = Site(lab)  # strangers are refused before anybody is asked about a recipient
    site.master = MASTER.replace("smtp       inet  n - y - -    smtpd\n", "")
    several(no_relay_before, service("submission/inet", "  -o smtpd_client_restrictions=permit_sasl_authenticated,reject"))(site)
    assert not site.doctor()


def test_who_may_relay_goes_on_relaying(lab):
    """Also those of whom we know nothing: the list is made longer, or of what stands among the recipients'."""
    need_postconf()
    certs = "permit_mynetworks, permit_tls_clientcerts"
    table = "check_client_access cidr:{{192.0.2.0/24 OK}}"
    for relay, rcpt, want in (
            (certs, f"{ASK}, reject_unauth_destination", f"{certs}, reject_unauth_destination"),
            ("", f"reject_non_fqdn_recipient, {certs}, {table}, check_policy_service unix:private/p, reject_unauth_destination, "
             f"permit_auth_destination, {ASK}", f"{certs}, {table}, reject_unauth_destination"),
            ("", f"{ASK}, permit_dnswl_client list.example.net, permit_rhswl_client wl.example.net=127.0.0.2, {certs}, roaming, "
             "reject_unauth_destination", f"{certs}, roaming, reject_unauth_destination"),
            ("", f"{ASK}, reject_unauth_destination", "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination")):
        site = Site(lab)
        several(no_relay_before, main(f"smtpd_relay_restrictions = {relay}\n{R}{rcpt}"), main(
            "smtpd_restriction_classes = roaming\nroaming = check_sasl_access static:OK"))(site)
        rounds(site, 3)
        p = subprocess.run(["postconf", "-c", site.etc, "-hx", "smtpd_relay_restrictions"], env=lab.env, capture_output=True,
                           check=True)
        assert p.stdout.decode().strip() == want, (relay, rcpt, p.stdout)
        shutil.rmtree(site.etc)


def told_once(findings):
    """Who does all at once is not told two lines for one setting."""
    said = {}
    for f in findings:
        for name, value in re.findall(r"(?m)^(?:  -o (?:\{ )?|O )?([\w.]+) ?=(?: (?!$))?(.*)$", f["fix"]):
            assert said.setdefault((f["in"], name), value.strip(" }")) == value.strip(" }"), (name, findings)


def found_and_put_right(lab, broken):
    need_postconf()
    for name, change, want in broken:
        site = Site(lab)
        change(site)
        found = site.doctor()
        # a value of main.cf that several services have is one finding; "* 2" are the two lists of milters
        assert told(found) == sorted(want), (name, told(found), found)
        for f in found:
            assert f["where"] and f["what"].endswith(".") and f["in"] and f["fix"], f
        told_once(found)
        left = found
        for _ in range(3): # a fault may hide another
            for f in left:
                site.follow(f)
            left = site.doctor()
            assert not set(told(left)) & set(want), (name, "not put right", found, left)
            if not left:
                break
        assert not left, (name, found, left)
        for path in (f"{site.queue}/policyd-storm", site.etc):
            shutil.rmtree(path)
    return f"{len(broken)} configurations"


def test_each_fault_of_postfix_is_found_and_put_right(lab):
    return found_and_put_right(lab, BROKEN[::2])


def test_each_other_fault_of_postfix_is_found_and_put_right(lab):
    return found_and_put_right(lab, BROKEN[1::2])


def test_any_address_of_ours_is_told_as_one_to_connect_to(lab):
    need_postconf()
    for listens, want in (("*", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("[::]", "[::1]"), ("[0:0::0]", "[::1]"),
                          ("[2001:db8::]", "[2001:db8::]")):
        site = Site(lab)
        several(drop_snippet, server(policy=f"inet:{listens}:10040", milter=f"inet:{listens}:10041"))(site)
        fix = next(f["fix"] for f in site.doctor() if f["check"] == "not-asked")
        assert fix.count(f"inet:{want}:10040") == 2 and fix.count(f"inet:{want}:10041") == 1, (listens, fix)


def test_an_address_that_became_an_argument_of_smtpd(lab):
    """Space ends what an -o without braces says."""
    need_postconf()
    site = Site(lab)
    service("submission/inet", "  -o smtpd_recipient_restrictions=check_policy_service unix:policyd-storm/policy.sock")(site)
    one, = site.doctor()
    assert (one["check"], one["in"], one["fix"]) == ("policy-address", "master.cf, below submission/inet", (
        f"  -o {{ smtpd_recipient_restrictions = {ASK} }}")), one


def test_what_is_logged_only_of_others_stays_so(lab):
    """warn_if_reject goes with our question: left behind it would switch off the entry that follows."""
    need_postconf()
    site = Site(lab)
    main(f"{R}warn_if_reject {ASK}, reject_unlisted_recipient, warn_if_reject reject_unknown_sender_domain")(site)
    one, = site.doctor()
    assert one["check"] == "policy-warns-only", one
    assert one["fix"] == f"{R}{ASK}, reject_unlisted_recipient, warn_if_reject reject_unknown_sender_domain", one["fix"]
    site.main = []
    main(f"smtpd_client_restrictions = reject_unknown_client_hostname, warn_if_reject {ASK}, reject_unauth_pipelining\n{R}")(site)
    one = next(f for f in site.doctor() if f["check"] == "policy-wrong-list")
    assert one["fix"].startswith("smtpd_client_restrictions = reject_unknown_client_hostname, reject_unauth_pipelining\n"), one
    for entries, want in (("permit_mynetworks, warn_if_reject storm", "storm, permit_mynetworks"),
                          ("permit_mynetworks, warn_if_reject reject_unlisted_sender, storm",
                           "storm, permit_mynetworks, warn_if_reject reject_unlisted_sender")):
        site.main = []
        main(f"smtpd_restriction_classes = storm\nstorm = {ASK}\n{R}{entries}, reject_unauth_destination")(site)
        one = next(f for f in site.doctor() if f["check"] == "policy-brake-behind-permit")
        assert one["fix"] == f"{R}{want}, reject_unauth_destination", one


def test_what_belongs_to_a_word_stays_with_it(lab):
    """Entries are written as people write them: a comma behind check_client_access would look as if it had no table."""
    need_postconf()
    site = Site(lab)
    entries = ("reject_rbl_client zen.example=127.0.0.[2..11], check_client_access { cidr:/x, a = b }, permit_dnswl_client "
               "list.example, check_sender_access pcre:{{/^$$/ REJECT no, really}}, check_policy_service inet:127.0.0.1:10023")
    main(f"{R}{entries}, {ASK.replace('DUNNO', 'OK')}")(site)
    one = next(f for f in site.doctor() if f["check"] == "policy-default-permits")
    assert one["fix"] == f"{R}{entries}, {ASK}", one["fix"]


def test_who_may_relay_still_may(lab):
    """Those behind a protection that is logged only, too."""
    need_postconf()
    site = Site(lab)
    main("smtpd_relay_restrictions =\n" + R + "permit_mynetworks, warn_if_reject reject_unauth_destination, "
         f"{ASK}, permit_sasl_authenticated, reject_unauth_destination")(site)
    one = next(f for f in site.doctor() if f["check"] == "policy-before-relay-protection")
    want = "smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination"
    assert one["fix"] == want, one


def test_what_opendmarc_reads_stays_in_front_of_it(lab):
    need_postconf()
    dkim, dmarc = "inet:localhost:8891", "inet:localhost:8893"
    for milters in ([MILTER, dkim, dmarc], [dkim, MILTER, dmarc]):
        site = Site(lab)
        main("smtpd_milters = " + ", ".join(milters))(site)
        fixes = {f["fix"].split(" = ", 1)[1] for f in site.doctor()}
        assert len(fixes) == 1 and fixes.pop().startswith(f"{dkim}, {dmarc}, {{ unix:policyd-storm/milter.sock"), milters
        for path in (f"{site.queue}/policyd-storm", site.etc):
            shutil.rmtree(path)


def test_a_long_list_is_told_in_lines_that_we_read(lab):
    need_postconf()
    domains = [f"department-{i}.customers.example" for i in range(60)]
    nets = [f"198.51.{i}.0/24" for i in range(60)]
    site = Site(lab)
    main(f"relay_domains = {' '.join(domains)}\nvirtual_alias_domains = $relay_domains\nmynetworks = 127.0.0.0/8 {' '.join(nets)}")(site)
    found = site.doctor()
    assert told(found) == ["local-domains", "trusted"], found
    for f in found:
        assert max(map(len, f["fix"].splitlines())) <= 190 and "\n  " in f["fix"], f
        assert f["fix"].count("-7.customers.") <= 1, "each of them once"
        site.follow(f)
    assert not site.doctor()
    code, _, err = lab.run("-t", "-c", lab.path("storm.conf"))
    assert code == 0, err
    for n in range(1, 36):  # wherever the commas are, and however much is left for the last line
        for path in (f"{site.queue}/policyd-storm", site.etc):
            shutil.rmtree(path)
        site = Site(lab)
        names = [f"{'n' * n}.example", *domains[:4], f"{'m' * n}.example", *domains[4:8]]
        main(f"relay_domains = {' '.join(names)}")(site)
        fix = site.doctor()[0]["fix"].splitlines()
        assert max(map(len, fix)) <= 190, fix


def test_what_puts_a_chroot_right(lab):
    """Nobody else's socket goes, and no question is left for one that is not seen."""
    need_postconf()
    for change, left in ((outside, ["run/policyd-storm/policy.sock", "queue/policyd-storm/policy.sock"]),
                         (beside, ["queue/policyd-storm/policy.sock", "run/policyd-storm/policy.sock"]),
                         (whole_path, ["queue/policyd-storm/policy.sock"]),
                         (another_queue, ["queue/policyd-storm/policy.sock", "q2/policyd-storm/policy.sock"])):
        site = Site(lab)
        change(site)
        for _ in range(3):
            for f in site.doctor():
                site.follow(f)
        assert site.server["policy"] == ", ".join(f"unix:{lab.path(p)}" for p in left), (change, site.server)
        for name in ("smtpd_recipient_restrictions", "smtpd_data_restrictions"):
            p = subprocess.run(["postconf", "-c", site.etc, "-hx", name], env=lab.env, capture_output=True, check=True)
            assert p.stdout.decode().strip() == ASK, (change, name, p.stdout)
        shutil.rmtree(site.etc)


def test_every_check_for_postfix_has_a_fault_that_it_finds(lab):
    code, out, err = ctl(lab, "doctor", "--checks")
    assert code == 0 and not err
    rows = [line.split("\t") for line in out.splitlines()]
    table = {r[1] for r in rows if r[0] == "postfix"}
    assert len(table) == sum(r[0] == "postfix" for r in rows), "a name stands for one check"
    assert table == {check for _, _, want in BROKEN for check in want}
    return f"{len(table)} checks"
