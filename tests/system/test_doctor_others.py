# SPDX-License-Identifier: ISC
"""stormctl doctor on Exim and Sendmail: both are read as text, so neither has to be installed. A small program stands in for
exim and says what options hold. As for Postfix, the shipped files have no finding, and each check finds the fault made for it."""
import json
import os
import random
import re
import stat

from harness import ctl
from test_doctor import TOP, Ours, server, told, told_once
from test_doctor import several as both

ACL, RCPT, ROUTERS = (f"{TOP}/etc/exim/storm.{name}" for name in ("acl", "rcpt", "routers"))
EXIM = f"""\
STORM = @run@/policy.sock
primary_hostname = mx.example.org
exim_user = nobody
domainlist local_domains = @ : example.org : dbm;/etc/domains
domainlist relay_to_domains = *.example.org
hostlist relay_from_hosts = 127.0.0.1 : ::::1 : 192.0.2.0/24
acl_smtp_rcpt = acl_check_rcpt
acl_smtp_data = acl_check_data
acl_not_smtp = ACL_LOCAL
message_body_visible = 60000
message_body_newlines = true

begin acl
acl_check_rcpt:
  accept hosts = :
  deny message = relay not permitted
       domains = ! +local_domains
  .include {RCPT}
  accept
acl_check_data:
  deny condition = ${{if >{{$message_size}}{{100M}}}}
  .include {ACL}
  accept
acl_check_local:
  .include {ACL}
  accept

begin routers
.include {ROUTERS}
all:
  driver = accept
  transport = out

begin transports
out:
  driver = smtp
""".replace("\nbegin acl", "\n.ifndef ACL_LOCAL\nACL_LOCAL = acl_check_local\n.else\nACL_LOCAL = none\n.endif\n\nbegin acl", 1)
EXIM = EXIM.replace("acl_not_smtp = ACL_LOCAL\n", "").replace(
    ".endif\n", ".endif\nacl_not_smtp = ACL_LOCAL\n.ifdef NEVER\nacl_smtp_data = none\n.endif\n", 1)
FIELDS = (r"request=smtpd_access_policy\nprotocol_state=DATA\nclient_address=$sender_host_address\n"
          r"instance=$message_exim_id\nheader=${base64:$message_headers_raw}\n")
NO_BRAKE = "[rule backscatter]\ndetect = backscatter\n"
OWN = "  warn set acl_m_r = ${readsocket{@run@/policy.sock}{%s\\n}{5s}{\\n}{action=DUNNO}}\n"
OWN += "       set acl_m_action = ${sg{$acl_m_r}{\\Naction=\\N}{}}\n  deny condition = ${if match{$acl_m_action}{^5}}\n"

SENDMAIL = """\
# a configuration as m4 makes it
Djmx.example.org
Cwlocalhost example.org
O MaxHopCount=25
O InputMailFilters=scan, policyd-storm, opendkim
O Milter.macros.connect=j, _, {daemon_name}, {if_name}, {if_addr}
O Milter.macros.envfrom=i, {auth_type}, {auth_authen}, {mail_addr}
O Milter.macros.envrcpt={rcpt_mailer}, {rcpt_host}, {rcpt_addr}
O Milter.macros.eom={msg_id}
Xscan, S=inet:7357@localhost, F=T, T=S:4m;R:4m
Xpolicyd-storm, S=local:@run@/milter.sock, F=,
\tT=C:5s;S:10s;R:10s;E:30s
Xopendkim, S=inet:8891@localhost
"""


class Site(Ours):
    def __init__(self, lab, mta, text):
        self.lab, self.mta = lab, mta
        self.run = lab.path("run")
        os.makedirs(self.run, exist_ok=True)
        os.chmod(self.run, 0o755)
        self.text = text.replace("@run@", self.run)
        self.server = {"policy": f"unix:{self.run}/policy.sock", "milter": f"unix:{self.run}/milter.sock"}
        if mta == "sendmail":
            self.server["idle_timeout"] = "4h"
        self.mail = {"hostname": "mx.example.org", "local_domains": "example.org, .example.org",
                     "trusted": "127.0.0.0/8, ::1, 192.0.2.0/24"}
        self.rules = NO_BRAKE + "[rule bounces]\ndetect = bounce-flood\n"
        for door in ("policy", "milter"):
            self.bind(f"{self.run}/{door}.sock")
        os.makedirs(lab.path("bin"), exist_ok=True)
        self.fake("")

    def fake(self, options, code=0):
        """What stands for exim: its configuration file is ours, and it says these options."""
        path = self.lab.path("bin/exim4")
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"#!/bin/sh\n[ \"$*\" = '-bP configure_file' ] && echo {self.lab.path('mta.conf')} && exit 0\n"
                    f"cat <<'EOF'\n{options}\nEOF\nexit {code}\n")
        os.chmod(path, 0o755)

    def sub(self, old, new):
        old, new = old.replace("@run@", self.run), new.replace("@run@", self.run)
        assert old in self.text, old
        self.text = self.text.replace(old, new)

    def write(self):
        self.lab.put("mta.conf", self.text)
        self.write_ours()

    def ask(self, *args):
        self.write()
        env = dict(self.lab.env, PATH=f"{self.lab.path('bin')}:/usr/bin:/bin")
        return ctl(self.lab, "-c", self.lab.path("storm.conf"), "doctor", "--json", *args, env=env)

    def doctor(self, named=True):
        code, out, err = self.ask(f"--{self.mta}", *([self.lab.path("mta.conf")] if named else []))
        assert code in (0, 1, 2), (code, err)
        lines = [json.loads(line) for line in out.splitlines()]
        summary = lines.pop()["summary"]
        assert summary["mta"] == self.mta and code == (2 if summary["danger"] else 1 if summary["warning"] else 0)
        return lines

    def follow(self, f):
        """Does what the finding says; False: that takes more than putting a line into its place."""
        fix, section = f["fix"], re.match(r"\S+ \[(\w+)\]$", f["in"])
        if section:
            self.set_ours(section.group(1), fix)
        elif fix.startswith("chmod "):
            mode = os.stat(fix.split()[2]).st_mode
            os.chmod(fix.split()[2], mode | stat.S_IXOTH if "o+x" in fix else mode & ~0o022)
        elif fix == "systemctl restart policyd-storm":
            self.bind(f["where"])
        elif fix.startswith("${readsocket"):
            self.text = re.sub(r"set acl_m_r = .*", lambda _: "set acl_m_r = " + fix, self.text)
        elif self.mta == "sendmail":
            at = int(f["where"].rsplit(":", 1)[1]) if re.search(r":\d+$", f["where"]) else 0
            lines = self.text.splitlines()
            if fix.startswith(("X", "O DaemonPortOptions=")) and at:
                lines[at - 1] = fix
                if lines[at].startswith("\t"):
                    del lines[at]
            else:
                lines += fix.splitlines()
            self.text = "\n".join(lines) + "\n"
        elif re.match(r"(STORM|[a-z_]+) = .*$", fix) and "begin" not in fix:
            # Exim knows a macro's line in its main part alone, and ACLs that are included are none of that
            assert f["in"] == self.lab.path("mta.conf"), f
            self.text = self.text.replace("\nbegin acl", f"\n{fix}\n\nbegin acl", 1)
        else:
            return False
        return True


def sub(old, new):
    return lambda site: site.sub(old, new)


def own(fields=FIELDS, **words):
    """A recipe of the administrator's own in place of ours, in both ACLs and not at RCPT; then no routers are wanted."""
    def change(site):
        text = OWN % fields
        for old, new in words.values():
            assert old in text, old
            text = text.replace(old, new)
        site.sub(f"  .include {ACL}\n", text)
        not_at_rcpt(site)
        site.rules = NO_BRAKE
    return change


def not_at_rcpt(site):
    site.sub(f"  .include {RCPT}\n", "")


INCLUDE = f"  .include {ACL}\n"
TAIL = "{5s}{\\n}{action=DUNNO}}"

FRIENDS = sub("acl_check_local:\n", "acl_friends:\n  accept hosts = +relay_from_hosts\nacl_check_local:\n")

# As many ACLs as there are ports, each found by its name.
BY_PORT = both(sub("acl_smtp_data = acl_check_data\n",
                   "acl_smtp_data = ${if eq{$received_port}{587}{acl_check_msa}{acl_check_data}}\n"),
               sub("acl_smtp_rcpt = acl_check_rcpt\n",
                   "acl_smtp_rcpt = ${if ={25}{$interface_port}{acl_check_rcpt}{acl_check_rcpt_msa}}\n"),
               sub("acl_check_local:\n", f"acl_check_msa:\n{INCLUDE}  accept\nacl_check_rcpt_msa:\n"
                   f"  deny !authenticated = *\n  .include {RCPT}\n  accept\nacl_check_local:\n"))

BROKEN_EXIM = [
    (both(sub(INCLUDE, ""), sub(f".include {ROUTERS}\n", ""), not_at_rcpt), ["exim-not-asked"]),
    (both(lambda s: s.server.pop("policy"), own()), ["exim-no-policy-door", "exim-not-asked"]),
    (sub("acl_smtp_data = acl_check_data\n", ""), ["exim-not-at-data"]),
    (both(BY_PORT, sub(f"acl_check_msa:\n{INCLUDE}", "acl_check_msa:\n")), ["exim-not-at-data"]),
    (both(BY_PORT, sub(f"  deny !authenticated = *\n  .include {RCPT}\n", "")), ["exim-not-at-rcpt"]),
    (both(BY_PORT, sub("acl_check_msa:\n", "acl_check_msa:\n  accept authenticated = *\n")), ["exim-behind-accept"]),
    (both(sub(INCLUDE, ""), sub(f".include {ROUTERS}\n", ""), not_at_rcpt,
          sub("= acl_check_data", "= acl_check_${lc:DATA}")), ["exim-not-asked"]),
    (not_at_rcpt, ["exim-not-at-rcpt"]),
    (sub("acl_not_smtp = ACL_LOCAL\n", ""), ["exim-not-smtp"]),
    (both(sub("STORM = @run@/policy.sock", "STORM = /var/policyd-storm/p")), ["exim-address"]),
    (both(sub("STORM = @run@/policy.sock", "STORM = inet:127.0.0.1:10040"), server(policy="inet:192.0.2.1:10040")),
     ["exim-address"]),
    (sub("STORM = @run@/policy.sock", "STORM = inet:127.0.0.1:10040"), ["exim-address"]),
    (sub("STORM = @run@/policy.sock", "STORM = /somewhere/else"), ["exim-address"]),
    # readsocket of 4.96 takes all of it for the path
    (sub("STORM = @run@/policy.sock", "STORM = unix:@run@/policy.sock"), ["exim-address"]),
    (own(at=("@run@/policy.sock", "unix:@run@/policy.sock")), ["exim-address"]),
    (sub("STORM = @run@/policy.sock", "STORM = @run@/milter.sock"), ["exim-at-milter-door"]),
    (sub("STORM = @run@/policy.sock\n", ""), ["exim-address"]),
    (own(at=("@run@/policy.sock", "/var/policyd-storm/p")), ["exim-address"]),
    (sub("acl_check_local:\n", "acl_check_local:\n  accept logwrite = local\n"), ["exim-unreachable"]),
    (sub("acl_check_data:\n", "acl_check_data:\n  accept hosts = +relay_from_hosts\n"), ["exim-behind-accept"]),
    (sub(f"{INCLUDE}  accept\nacl_check_local", f"{INCLUDE}  deny malware = *\n  accept\nacl_check_local"),
     ["exim-before-refusal"]),
    (both(sub("acl_check_data:\n", "acl_check_data:\n  accept acl = acl_friends\n"), FRIENDS), ["exim-behind-accept"]),
    (own(a=(TAIL, "{5s}}")), ["exim-fails-closed"]),
    (own(a=(TAIL, "}")), ["exim-fails-closed"]),
    (own(a=("{action=DUNNO}", "{}")), ["exim-fail-text"]),
    (own(a=("{5s}", "{1m}")), ["exim-slow"]),
    (own(a=("{5s}", "{5s:shutdown=no}")), ["exim-no-half-close"]),
    (own(a=("{5s}", "{5s:cache=yes}")), ["exim-cached"]),
    (own(FIELDS + r"helo_name=$sender_helo_name\nsubject=$rh_subject:\n"), ["exim-injection"]),
    (own(FIELDS.replace("header=${base64:$message_headers_raw}", "size=$message_size")), ["exim-no-header"]),
    (own(FIELDS[:-2]), ["exim-no-empty-line"]),
    (sub(f".include {ROUTERS}\n", ""), ["exim-no-routers"]),
    (sub(f".include {ROUTERS}\n", f"first:\n  driver = dnslookup\n.include {ROUTERS}\n"), ["exim-router-order"]),
    (sub("acl_check_rcpt:\n", "acl_check_rcpt:\n  warn\n    control = cutthrough_delivery/defer=pass\n"),
     ["exim-cutthrough"]),
    (sub("message_body_visible = 60000", "message_body_visible = 500"), ["exim-body"]),
    (sub("message_body_newlines = true", "no_message_body_newlines"), ["exim-body"]),
    (lambda s: os.unlink(f"{s.run}/policy.sock"), ["exim-socket-missing"]),
    (lambda s: os.chmod(s.run, 0o700), ["exim-socket-permission"]),
    (lambda s: os.chmod(f"{s.run}/policy.sock", 0o600), ["exim-socket-permission"]),
    (sub("primary_hostname = mx.example.org", "primary_hostname = mail.example.org"), ["exim-hostname"]),
    (sub("= @ : example.org", "= <; @ ; example.org ; example.net"), ["exim-local-domains"]),
    (sub("127.0.0.1 : ", "127.0.0.1 : 2001::db8::::/32 : "), ["exim-trusted"]),
]

HARMLESS_EXIM = [
    lambda site: None,
    BY_PORT,
    sub("acl_smtp_data = acl_check_data\n", "acl_smtp_data = acl_check_${lc:DATA}\n"),
    both(not_at_rcpt, lambda s: setattr(s, "rules", NO_BRAKE + "[rule f]\ndetect = flood\nmode = off\n")),
    both(not_at_rcpt, sub("acl_smtp_rcpt = acl_check_rcpt\n", "")),
    own(),
    sub("acl_check_rcpt:\n", "acl_check_rcpt:\n# control = cutthrough_delivery\n"),
    both(own(), server(policy="inet:*:10040"), sub("{@run@/policy.sock}", "{inet:localhost:10040}")),
    both(sub("acl_check_data:\n", "acl_check_data:\n  warn acl = acl_friends\n"), FRIENDS),
    sub("acl_check_data:\n", "acl_check_data:\n  warn acl = acl_more\n  require verify = header_syntax\n"),
    sub(f"  .include {RCPT}\n", f"  .include {RCPT}\n  defer condition = ${{if and{{{{!def:acl_m_storm_away}}"
        "{eq{${readsocket{/run/greylistd/socket}{--grey $sender_host_address}{5s}{}{false}}}{true}}}}\n"),
    both(sub(f"{INCLUDE}  accept\nacl_check_local", "  accept acl = acl_storm\nacl_storm:\n"
             f"{INCLUDE}  accept\nacl_check_local")),
    both(lambda s: setattr(s, "rules", "[rule replication]\ndetect = replication\n"),
         sub("message_body_newlines = true\n", "")),
]

LINE = "Xpolicyd-storm, S=local:@run@/milter.sock, F=,\n\tT=C:5s;S:10s;R:10s;E:30s\n"

ACCESS = "Kaccess hash -T<TMPF> -o @run@/access\nCwlocalhost"
MSA = "O DaemonPortOptions=Name=MTA\nO DaemonPortOptions=Name=MSA, Port=587, "


def beside(name, text):
    """A file that sendmail.cf names."""
    def change(site):
        with open(os.path.join(site.run, name), "w", encoding="utf-8") as f:
            f.write(text)
    return change


def at_tcp(asked, listens):
    return both(sub("local:@run@/milter.sock", asked), server(milter=f"inet:{listens}:10041"))


BROKEN_SENDMAIL = [
    (lambda s: s.server.pop("milter"), ["sendmail-no-milter-door"]),
    (both(sub(LINE, ""), sub("scan, policyd-storm, ", "scan, ")), ["sendmail-not-asked"]),
    (sub("scan, policyd-storm, ", "scan, "), ["sendmail-not-listed"]),
    (sub("F=,", "F=T,"), ["sendmail-fails-closed"]),
    (sub("F=,", "F=R,"), ["sendmail-fails-closed"]),
    (sub("milter.sock", "m.sock"), ["sendmail-address"]),
    # with this 8.17 does not start
    (at_tcp("inet:127.0.0.1:10041", "127.0.0.1"), ["sendmail-address"]),
    # "inet" looks for an address of IPv4 alone, "inet6" for one of IPv6
    (at_tcp("inet:10041@localhost", "[::1]"), ["sendmail-address"]),
    (at_tcp("inet:10041@127.0.0.1", "[::]"), ["sendmail-address"]),
    (at_tcp("inet6:10041@localhost", "127.0.0.1"), ["sendmail-address"]),
    (both(sub(LINE, ""), sub("scan, policyd-storm, ", "scan, "), server(milter="inet:[::]:10041")), ["sendmail-not-asked"]),
    (sub("milter.sock", "policy.sock"), ["sendmail-at-policy-door"]),
    (sub("F=,\n\tT=C:5s;S:10s;R:10s;E:30s", "F="), ["sendmail-slow"]),
    (both(sub("Xscan", "Xclamav"), sub("scan, policyd-storm, opendkim", "policyd-storm, clamav, opendkim")),
     ["sendmail-before-filter"]),
    (sub("scan, policyd-storm, opendkim", "scan, opendkim, policyd-storm"), ["sendmail-behind-signer"]),
    (both(sub("Xscan", "Xopendmarc"), sub("scan, policyd-storm, opendkim", "policyd-storm, opendkim, opendmarc")),
     ["sendmail-before-filter"]),
    (sub("envfrom=i, ", "envfrom="), ["sendmail-no-queue-id"]),
    (sub(", {auth_authen}", ""), ["sendmail-macros"]),
    (sub("{rcpt_mailer}, ", ""), ["sendmail-macros"]),
    (sub("O Milter.macros.envfrom=i, {auth_type}, {auth_authen}, {mail_addr}\n", ""), ["sendmail-no-queue-id", "sendmail-macros"]),
    (lambda s: os.unlink(f"{s.run}/milter.sock"), ["sendmail-socket-missing"]),
    (lambda s: os.chmod(s.run, 0o775), ["sendmail-socket-unsafe"]),
    (sub("Djmx", "Djmail"), ["sendmail-hostname"]),
    (sub("Cwlocalhost", "Cwlocalhost example.net"), ["sendmail-local-domains"]),
    (sub("Cwlocalhost", "C{w}example.net\nCwlocalhost"), ["sendmail-local-domains"]),
    (both(sub("Cwlocalhost", "Fw-o @run@/names %[^\\#]\nCwlocalhost"), beside("names", "example.net # new\nexample.org\n")),
     ["sendmail-local-domains"]),
    (sub("Cwlocalhost", "CR203.0.113\nCwlocalhost"), ["sendmail-trusted"]),
    (both(sub("Cwlocalhost", "F{R}@run@/relay\nCwlocalhost"), beside("relay", "friend.example\n198.51.100.7\n")),
     ["sendmail-trusted"]),
    (both(sub("Cwlocalhost", ACCESS), beside("access", "Connect:10\tRELAY\n")), ["sendmail-trusted"]),
    (both(sub("Cwlocalhost", ACCESS), beside("access", "Connect:IPv6:2001:db8::1 RELAY\n")), ["sendmail-trusted"]),
    (sub("O MaxHopCount=25", MSA + "I=scan"), ["sendmail-other-filters"]),
    (sub("O MaxHopCount=25", MSA + "InputMailFilters=scan;opendkim, M=E"), ["sendmail-other-filters"]),
    (sub("O MaxHopCount=25", MSA + "I="), ["sendmail-other-filters"]),
    (server(idle_timeout="20m"), ["sendmail-idle"]),
    (both(sub("O MaxHopCount", "O Timeout.command=20\nO MaxHopCount"), server(idle_timeout="20m")), ["sendmail-idle"]),
    (sub("O MaxHopCount", "O Timeout.command=3h60m\nO MaxHopCount"), ["sendmail-idle"]),
    (sub("O MaxHopCount", "O Timeout.command=23h\nO MaxHopCount"), ["sendmail-idle"]),
]

HARMLESS_SENDMAIL = [
    lambda site: None,
    at_tcp("inet:10041@localhost", "127.0.0.1"),
    at_tcp("inet6:10041@::1", "[::1]"),
    at_tcp("inet6:10041@localhost", "[::]"),
    both(sub("Xscan", "Xopendmarc"), sub("scan, policyd-storm, opendkim", "opendkim, opendmarc, policyd-storm")),
    sub("Djmx.example.org", "Dj$w.$m"),
    sub("Cwlocalhost", "CR192.0.2 192.0.2.77 127 friend.example 1.2.3.4.5 IPv6:::1\nCwlocalhost"),
    both(sub("Cwlocalhost", ACCESS),
         beside("access", "Connect:203.0.113 OK\nConnect:192.0.2.7 RELAY\n10.1 RELAY\nConnect:friend.example RELAY\n")),
    both(sub("Cwlocalhost", "Fw-o @run@/missing\nFR\nF{R\nC{\nC\nK\nKaccess\nCwlocalhost")),
    sub("O MaxHopCount=25", MSA + "I=scan; policyd-storm , M=E"),
    both(sub("O MaxHopCount", "O Timeout.command=19\nO MaxHopCount"), server(idle_timeout="20m")),
    both(sub("O MaxHopCount", "O Timeout.command=10m90s\nO MaxHopCount"), server(idle_timeout="20m")),
]


def clean(site):
    for name in os.listdir(site.run):
        os.unlink(os.path.join(site.run, name))


def go_through(lab, mta, text, harmless, broken):
    for i, change in enumerate(harmless):
        site = Site(lab, mta, text)
        change(site)
        found = site.doctor()
        assert not found, (mta, "harmless", i, found)
        clean(site)
    for i, (change, want) in enumerate(broken):
        site = Site(lab, mta, text)
        change(site)
        found = site.doctor()
        assert sorted(set(told(found))) == sorted(want), (mta, i, told(found), want, found)
        if mta == "sendmail":
            told_once(found)
        followed = {f["check"] for f in found if site.follow(f)}
        left = site.doctor()
        assert not followed & set(told(left)), (mta, i, "not put right", found, left)
        clean(site)
    return f"{len(harmless)} harmless configurations, {len(broken)} others"


def test_exim(lab):
    return go_through(lab, "exim", EXIM, HARMLESS_EXIM, BROKEN_EXIM)


def test_sendmail(lab):
    return go_through(lab, "sendmail", SENDMAIL, HARMLESS_SENDMAIL, BROKEN_SENDMAIL)


def test_every_check_for_exim_and_sendmail_has_a_fault_that_it_finds(lab):
    rows = [line.split("\t") for line in ctl(lab, "doctor", "--checks")[1].splitlines()]
    for mta, broken in (("exim", BROKEN_EXIM), ("sendmail", BROKEN_SENDMAIL)):
        table = [r[1] for r in rows if r[0] == mta]
        assert sorted(table) == sorted({check for _, want in broken for check in want}), mta


def test_an_acl_of_exim_may_be_a_file(lab):
    for text, want in ((OWN % FIELDS, []), ("  deny malware = *\n", ["exim-not-at-data"])):
        site = Site(lab, "exim", EXIM)
        own()(site)
        path = f"{site.run}/acl"
        site.sub("acl_smtp_data = acl_check_data", f"acl_smtp_data = {path}")
        with open(path, "w", encoding="utf-8") as f:
            f.write((text + "  accept\n").replace("@run@", site.run))
        found = site.doctor()
        assert told(found) == want, (text, found)
        clean(site)
    assert found[0]["fix"] == (f"acl_smtp_data = acl_storm_data\nbegin acl\nacl_storm_data:\n  require acl = {path}\n"
                               "  .include /etc/exim4/storm.acl\n  accept"), found


def test_exim_says_where_its_configuration_is_and_what_holds(lab):
    site = Site(lab, "exim", EXIM)
    site.fake("message_body_visible = 500\nno_message_body_newlines\nacl_smtp_data = acl_check_data\n"
              "acl_not_smtp = acl_check_local\nprimary_hostname = other.example.org")
    assert told(site.doctor(named=False)) == ["exim-body", "exim-hostname"]
    site.fake("a router without a transport", code=1)
    code, out, err = site.ask("--exim")
    assert code == 66 and not out and "exim4 failed" in err, (code, out, err)


# How Debian's update-exim4.conf and m4 begin what they make.
GENERATED = """\
# This file was generated dynamically from
# %s
# The config files are supplemented with package installation/configuration
# settings managed by debconf. This data is stored in
# /etc/exim4/update-exim4.conf.conf
# Any changes you make here will be lost.
"""
SPLIT = GENERATED % "split config files in the /etc/exim4/conf.d/ directory."
TEMPLATE = GENERATED % "non-split config (/etc/exim4/exim4.conf.localmacros\n# and /etc/exim4/exim4.conf.template)."
M4 = "#####\tDO NOT EDIT THIS FILE!  Only edit the source .mc file.\n"


def test_what_is_made_is_put_right_in_what_it_is_made_of(lab):
    for head, place in ((SPLIT, "/etc/exim4/conf.d/"), (TEMPLATE, "/etc/exim4/exim4.conf.template")):
        for change, check in ((sub(INCLUDE, ""), "exim-not-at-data"), (sub(f".include {ROUTERS}\n", ""), "exim-no-routers"),
                              (sub("STORM = @run@/policy.sock\n", ""), "exim-address"),
                              (sub("acl_not_smtp = ACL_LOCAL\n", ""), "exim-not-smtp")):
            site = Site(lab, "exim", head + EXIM)
            change(site)
            found = [f for f in site.doctor() if f["check"] == check]
            assert found and {f["in"] for f in found} == {place}, found
    site = Site(lab, "exim", SPLIT + EXIM)
    os.chmod(site.run, 0o700)
    assert site.doctor()[0]["in"] == "a shell"

    site = Site(lab, "sendmail", M4 + SENDMAIL)
    both(sub(LINE, ""), sub("scan, policyd-storm, ", "scan, "))(site)
    one, = site.doctor()
    assert one["fix"] == (f"INPUT_MAIL_FILTER(`policyd-storm', `S=local:{site.run}/milter.sock, F=, T=C:5s;S:10s;R:10s;E:30s')dnl\n"
                          "define(`confINPUT_MAIL_FILTERS', `scan,policyd-storm,opendkim')dnl"), one
    assert one["in"] == f"the .mc file of which {lab.path('mta.conf')} is made", one
    with open(lab.path("mta.conf.mc"), "w", encoding="utf-8"):
        assert site.doctor()[0]["in"] == lab.path("mta.conf.mc")
    for change, fix in ((sub("envfrom=i, ", "envfrom="),
                         "define(`confMILTER_MACROS_ENVFROM', `{auth_type}, {auth_authen}, {mail_addr}, i')dnl"),
                        (sub("O MaxHopCount=25", MSA + "I=scan"),
                         "DAEMON_OPTIONS(`Name=MSA, Port=587, I=scan;policyd-storm')dnl")):
        site = Site(lab, "sendmail", M4 + SENDMAIL)
        change(site)
        assert [f["fix"] for f in site.doctor()] == [fix]


def test_the_acl_that_lacks_the_question_is_named(lab):
    site = Site(lab, "exim", EXIM)
    both(BY_PORT, sub(f"acl_check_msa:\n{INCLUDE}", "acl_check_msa:\n"))(site)
    one, = site.doctor()
    assert one["where"].endswith(": acl_smtp_data: acl_check_msa"), one
    assert one["fix"] == "acl_check_msa:\n  .include /etc/exim4/storm.acl\n  accept", one


def test_exim_is_given_no_second_acl_of_a_name(lab):
    for there in (True, False):
        site = Site(lab, "exim", EXIM)
        site.sub("acl_not_smtp = ACL_LOCAL\n", "")
        if not there:
            site.sub(f"acl_check_local:\n{INCLUDE}  accept\n", "")
        one, = site.doctor()
        fix = one["fix"].splitlines()
        assert fix[0] == "acl_not_smtp = acl_check_local" and (len(fix) == 1) == there, one
        assert not [line for line in fix if line.endswith(":") and f"\n{line}\n" in site.text], one


def test_what_cannot_be_read(lab):
    site = Site(lab, "sendmail", SENDMAIL)
    for args, want in ((("--sendmail", lab.path("missing")), 66), (("--sendmail", lab.dir), 66),
                       (("--exim", lab.path("missing")), 66), (("--postfix", lab.path("missing")), 66),
                       (("--checks", "--json"), 64), (("--exim", "a", "b"), 64), (("--exim=a", "b"), 64),
                       (("--exim", "--postfix"), 64), (("x",), 64), (("--nonsense",), 64)):
        code, out, err = site.ask(*args)
        if args[0] == "--postfix" and code == 69: # no postconf here
            continue
        assert code == want and not out and err, (args, code, out, err)
    site.server["policy"] = "nonsense"
    code, out, err = site.ask("--sendmail", lab.path("mta.conf"))
    assert code == 78 and not out and "storm.conf:2:" in err, (code, out, err)


def test_files_without_an_end(lab):
    """Loops of includes and of restriction classes, and a file above the cap, end."""
    site = Site(lab, "exim", "begin acl\n.include " + lab.path("mta.conf") + "\n")
    code, _, err = site.ask("--exim", lab.path("mta.conf"))
    assert code == 66 and "mta.conf" in err, (code, err)
    site.text = "#" * (4 << 20)
    code, _, err = site.ask("--exim", lab.path("mta.conf"))
    assert code == 2, (code, err)
    site.text += "#"
    code, _, err = site.ask("--exim", lab.path("mta.conf"))
    assert code == 66 and "large" in err, (code, err)


def test_a_program_that_does_not_end_or_says_too_much(lab):
    site = Site(lab, "exim", EXIM)
    site.write()
    path = lab.path("bin/exim4")
    for script, word in (("exec yes", "prints too much"), ("exec sleep 100", "does not end")):
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"#!/bin/sh\n{script}\n")
        code, out, err = site.ask("--exim", lab.path("mta.conf"))
        assert code == 66 and not out and word in err, (script, code, err)


def test_spoilt_files_are_read_to_their_end(lab):
    """Pieces cut out, doubled and exchanged: whatever comes of it, there is an answer."""
    rng = random.Random(17)
    runs = 40
    for mta, text in (("exim", EXIM), ("sendmail", SENDMAIL)):
        site = Site(lab, mta, text)
        site.sub(f"  .include {ACL}\n", OWN % FIELDS) if mta == "exim" else None
        good = site.text
        for _ in range(runs):
            site.text = good
            for _ in range(rng.randint(1, 6)):
                a = rng.randrange(len(site.text))
                b = min(len(site.text), a + rng.choice((1, 1, 2, 10, 80)))
                put = rng.choice(("", site.text[a:b] * 2, rng.choice("{}\\:,=$\"\n <@[]/\t\x00\xff")))
                site.text = site.text[:a] + put + site.text[b:]
            code, out, err = site.ask(f"--{mta}", lab.path("mta.conf"))
            assert code in (0, 1, 2) or (code == 66 and err), (mta, code, err, site.text)
            assert code == 66 or "summary" in json.loads(out.splitlines()[-1])
    return f"{2 * runs} files"
