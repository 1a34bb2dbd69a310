# SPDX-License-Identifier: ISC
"""lifecycle.py DEBS OUT [sysv|systemd|piuparts]: the package's life on a Debian with the old init, and on one with systemd (where
systemd-nspawn is): installed before Postfix, protecting it, upgraded in the middle of a storm, reloaded, killed, removed,
installed again over its data, purged. DEBS has the packages of this version and of a lower one; all that was said goes
to OUT/lifecycle.log."""

import glob
import hashlib
import os
import re
import shutil
import stat
import subprocess
import sys
import time

sys.dont_write_bytecode = True
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import root as roots  # noqa: E402

CONF = "/etc/policyd-storm/policyd-storm.conf"
RULES = "/etc/policyd-storm/rules.conf"
DB = "/var/lib/policyd-storm/storm.db"
SPOOL = "/var/spool/postfix/policyd-storm"
APT = ("apt-get", "-y", "-q", "--no-install-recommends", "--allow-downgrades", "-o", "Dpkg::Options::=--force-confold")
# What may differ between two listings of a root for other reasons than this package.
ELSEWHERE = re.compile(r"/(proc|dev|sys|run|tmp|debs|src|var/log|var/cache|var/lib/dpkg|var/lib/apt|var/lib/systemd|var/backups|"
                       r"var/spool/(rsyslog|postfix)|var/lib/postfix|etc/(passwd|group|g?shadow)-?$|etc/subgid|etc/subuid|"
                       r"etc/\.pwd\.lock|etc/rc\d\.d|etc/ld\.so\.cache)")
# Not the kernel's messages: those are the machine's.
SYSLOG = """module(load="imuxsock")
mail.* /var/log/mail.log
*.*;mail.none /var/log/syslog
"""


class Life:
    def __init__(self, root, new, old, out):
        self.root, self.new, self.old, self.out = root, new, old, out
        self.run, self.ok = root.run, root.ok
        self.storms = {}

    # --- what is looked at ------------------------------------------------------------------------------

    def daemon(self):
        """The pid, or None."""
        code, text = self.run("pgrep", "-x", "policyd-storm")
        return int(text.split()[0]) if code == 0 else None

    def service(self, word, want=0):
        code, text = self.run("service", "policyd-storm", word)
        assert code == want, (word, code, text)

    def wait(self, what, test, seconds=20):
        end = time.monotonic() + seconds
        while not test():
            assert time.monotonic() < end, "waited %d s for %s" % (seconds, what)
            time.sleep(0.1)

    def owner(self, name):
        """user:group mode of a file in the root"""
        return self.ok("stat", "-c", "%U:%G %a", name).strip()

    def there(self, name):
        return os.path.lexists(self.root.path(name))

    def sum(self, name):
        return hashlib.sha256(self.root.read(name).encode()).hexdigest()

    def status(self):
        return self.ok("stormctl", "status")

    def serves(self, where):
        """Both doors answer there, and the daemon is its user's."""
        self.wait("the daemon", self.daemon)
        pid = self.daemon()
        self.wait("it to become its user", lambda: self.ok("ps", "-o", "user:20=", "-p", str(pid)).strip() == "policyd-storm")
        for name in ("policy.sock", "milter.sock"):
            self.wait(where + "/" + name, lambda n=name: self.there("%s/%s" % (where, n)))
            assert stat.S_ISSOCK(os.lstat(self.root.path("%s/%s" % (where, name))).st_mode)
        return pid

    def files(self):
        """All on the root's disk; what is mounted inside is not seen from here."""
        top = self.root.dir
        return {os.path.join(path, name)[len(top):] for path, folders, names in os.walk(top) for name in folders + names}

    def version(self):
        return self.ok("policyd-storm", "-V").split("\n")[0]

    def install(self, deb):
        self.ok(*APT, "install", "/debs/" + os.path.basename(deb))

    def storm(self, *words):
        text = self.ok("python3", "tests/package/protect.py", "storm", *words, cwd="/src", timeout=300)
        self.told = [line[9:] for line in text.splitlines() if line.startswith("protect: ")][0]
        found = re.search(r"serial (\S+)", text)
        return found.group(1) if found else None

    # --- the life ---------------------------------------------------------------------------------------

    def first_install(self):
        """installed where there is no mail server: it runs, in shadow mode"""
        self.before = self.files()
        self.install(self.old)
        self.serves("/run/policyd-storm")
        assert not self.there("/var/spool/postfix")
        assert re.search(r"mode:? +shadow", self.status()), self.status()
        assert self.owner("/var/lib/policyd-storm") == "policyd-storm:policyd-storm 750"
        assert self.owner(DB).startswith("policyd-storm:policyd-storm 6")
        assert self.owner("/run/policyd-storm/policy.sock") == "policyd-storm:policyd-storm 666"
        assert self.owner(CONF) == "root:root 644"
        self.ok("policyd-storm", "-t")
        return self.version()

    def postfix_comes(self):
        """Postfix installed later: the package makes its folder in the chroot, and the daemon finds it"""
        self.ok("sh", "-c", "echo 'postfix postfix/main_mailer_type select Internet Site' | debconf-set-selections; "
                            "echo 'postfix postfix/mailname string mx.victim.example' | debconf-set-selections")
        self.ok(*APT, "install", "postfix")
        assert self.owner(SPOOL) == "policyd-storm:policyd-storm 755"
        self.serves(SPOOL)
        assert "storm" not in self.root.read("/etc/postfix/main.cf") + self.root.read("/etc/postfix/master.cf")
        self.ok("policyd-storm", "-t")

    def protects(self):
        """three lines in main.cf, and a storm: in shadow mode it passes and is on record"""
        text = self.ok("python3", "tests/package/protect.py", "setup", cwd="/src")
        self.main_cf = self.sum("/etc/postfix/main.cf")
        self.storm("shadow")
        return text.strip().splitlines()[-1] + "; " + self.told

    def stops(self):
        """mode = enforce and a reload: the storm is stopped, everybody has the letter"""
        pid = self.daemon()
        self.ok("python3", "tests/package/protect.py", "mode", "enforce", cwd="/src")
        self.serial = self.storm("enforce")
        assert self.daemon() == pid, "a reload is no restart"
        self.listed = self.ok("stormctl", "storms", "--json")
        return self.told

    def upgrade(self):
        """upgraded with that storm open and a conffile that both sides changed: storm and conffile are kept"""
        was, pid, sums = self.version(), self.daemon(), (self.sum(CONF), self.sum(RULES))
        assert self.sum(RULES) != hashlib.sha256(open(os.path.join(TOP, "etc/rules.conf"), "rb").read()).hexdigest()
        self.install(self.new)
        assert self.version() != was and self.serves(SPOOL) != pid
        assert self.sum(CONF) == sums[0] and self.there(CONF + ".dpkg-dist")
        assert self.root.read(CONF + ".dpkg-dist") == open(os.path.join(TOP, "etc/policyd-storm.conf"), encoding="utf-8").read()
        assert self.sum(RULES) != sums[1], "nobody had changed rules.conf"
        assert re.search(r"mode:? +enforce", self.status())
        for row in re.findall(r'"id": *"([0-9a-f]+)"', self.listed):
            assert row in self.ok("stormctl", "storms", "--json", "--all"), row
        self.storm("again", self.serial)
        assert self.sum("/etc/postfix/main.cf") == self.main_cf
        return "%s to %s; %s" % (was, self.version(), self.told)

    def reload(self):
        """a reload with a fault is refused by name, and the daemon goes on; without it is taken"""
        pid, good = self.daemon(), self.root.read(CONF)
        self.root.write(CONF, good + "nonsense = 1\n")
        code, text = self.run("service", "policyd-storm", "reload")
        assert code != 0 and "nonsense" in text, (code, text)
        assert self.serves(SPOOL) == pid
        self.root.write(CONF, good)
        self.service("reload")
        assert self.serves(SPOOL) == pid
        self.service("status")
        self.service("restart")
        assert self.serves(SPOOL) != pid
        self.storm("again", self.serial)
        return self.told

    def killed(self):
        """kill -9, and a start by hand without any init: nothing is forgotten"""
        self.ok("kill", "-9", str(self.daemon()))
        self.wait("its end", lambda: not self.daemon())
        self.ok("sh", "-c", "setsid /usr/sbin/policyd-storm </dev/null >/dev/null 2>&1 &")
        self.wait("the daemon", self.daemon)
        self.serves(SPOOL)
        self.storm("again", self.serial)
        self.ok("pkill", "-x", "policyd-storm")  # in a namespace of its own
        self.wait("its end", lambda: not self.daemon())
        self.service("start")
        self.serves(SPOOL)
        return self.told

    def removed(self):
        """removed: nothing of it runs, mail passes, configuration and record stay"""
        text = self.ok(*APT, "remove", "policyd-storm")
        assert "main.cf still names it" in text
        assert not self.daemon() and not self.there("/usr/sbin/policyd-storm")
        assert not self.there(SPOOL + "/policy.sock") and not self.there("/run/policyd-storm/policy.sock")
        assert self.there(DB) and self.there(CONF)
        assert self.sum("/etc/postfix/main.cf") == self.main_cf
        self.storm("away")
        return self.told

    def again(self):
        """installed again over its old data: the storm of before is still known"""
        sums = self.sum(CONF)
        self.install(self.new)
        self.serves(SPOOL)
        assert self.sum(CONF) == sums
        self.storm("again", self.serial)
        return self.told

    def purged(self):
        """purged: no file is left of it"""
        self.ok(*APT, "purge", "policyd-storm")
        assert not self.daemon()
        left = [n for n in self.files() if "storm" in n and not n.startswith(("/var/cache/apt/", "/debs/", "/src/"))]
        assert not left, left
        assert not self.there(SPOOL) and not self.there("/run/policyd-storm")
        assert not [n for n in os.listdir(self.root.path("/dev/shm")) if "storm" in n]
        assert self.run("grep", "-rl", "storm", "/etc/systemd", "/var/lib/systemd")[0] != 0
        assert self.run("dpkg", "-s", "policyd-storm")[0] != 0
        self.ok(*APT, "purge", "postfix")
        self.ok(*APT, "--purge", "autoremove")
        new = {name for name in self.files() - self.before if not ELSEWHERE.match(name)}
        # Libraries, Postfix's own leavings and the like are not ours; what is below our names is.
        assert not [name for name in new if "storm" in name], new
        self.ok("getent", "passwd", "policyd-storm")
        return "left are the user policyd-storm and %d files of other packages: %s" % (len(new), " ".join(sorted(new)[:8]))

    def forbidden(self):
        """where policy-rc.d forbids to start anything: Postfix's folder is made all the same"""
        self.root.write("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
        self.ok(*APT, "install", "postfix")
        self.install(self.new)
        assert not self.daemon()
        assert self.owner(SPOOL) == "policyd-storm:policyd-storm 755"
        assert not self.there(DB)
        self.ok(*APT, "purge", "policyd-storm")
        assert not self.there(SPOOL)
        os.unlink(self.root.path("/usr/sbin/policy-rc.d"))

    def fresh(self):
        """installed after a purge, Postfix being there: empty, in shadow mode, in the chroot at once"""
        self.install(self.new)
        self.serves(SPOOL)
        assert re.search(r"mode:? +shadow", self.status())
        assert '"id"' not in self.ok("stormctl", "storms", "--all", "--json")

    STEPS = (first_install, postfix_comes, protects, stops, upgrade, reload, killed, removed, again, purged, forbidden, fresh)


class BootedLife(Life):
    """The same where systemd is the first process."""

    def show(self, what):
        return self.ok("systemctl", "show", "--value", "--property=" + what, "policyd-storm").strip()

    def hardened(self):
        """what the unit promises is what the process has"""
        self.ok("systemd-analyze", "--man=no", "verify", "policyd-storm.service")
        self.ok("apparmor_parser", "--skip-kernel-load", "--skip-cache", "/etc/apparmor.d/usr.sbin.policyd-storm")
        assert (self.show("ActiveState"), self.show("Type")) == ("active", "notify")
        assert self.show("UnitFileState") == "enabled" and int(self.show("MainPID")) == self.daemon()
        assert self.show("StatusText")
        status = self.root.read("/proc/%d/status" % self.daemon())
        value = dict(re.findall(r"(?m)^(\w+):\s*(\S+)", status))
        assert (value["NoNewPrivs"], value["Seccomp"], int(value["CapEff"], 16)) == ("1", "2", 0), value
        text = self.ok("systemd-analyze", "security", "--no-pager", "policyd-storm.service")
        return text.strip().splitlines()[-1].strip(" →")

    def reload(self):
        """a reload with a fault fails and the daemon goes on; a restart with it fails once, and is not tried again"""
        pid, good = self.daemon(), self.root.read(CONF)
        self.root.write(CONF, good + "nonsense = 1\n")
        assert self.run("systemctl", "reload", "policyd-storm")[0] != 0
        self.wait("the fault", lambda: 'unknown key "nonsense"' in self.ok("journalctl", "-q", "-u", "policyd-storm"))
        assert self.show("ActiveState") == "active"
        self.ok("kill", "-HUP", str(pid))
        self.wait("the refusal", lambda: "reload refused" in self.ok("journalctl", "-q", "-u", "policyd-storm"))
        assert self.serves(SPOOL) == pid
        assert self.run("systemctl", "restart", "policyd-storm")[0] != 0
        assert (self.show("ExecMainStatus"), self.show("ActiveState")) == ("78", "failed")
        self.root.write(CONF, good)
        self.ok("systemctl", "restart", "policyd-storm")
        self.serves(SPOOL)
        self.ok("systemctl", "reload", "policyd-storm")
        self.storm("again", self.serial)
        return self.told

    def killed(self):
        """kill -9: systemd starts it again, and nothing is forgotten"""
        pid = self.daemon()
        self.ok("kill", "-9", str(pid))
        self.wait("another one", lambda: self.daemon() not in (None, pid))
        assert self.serves(SPOOL) and self.show("NRestarts") == "1", self.show("NRestarts")
        self.storm("again", self.serial)
        return self.told

    def booted_again(self):
        """the machine goes down and comes up: it runs before anybody asks, and knows the storm"""
        self.root.power_off()
        self.root.boot()
        self.serves(SPOOL)
        self.wait("Postfix", lambda: self.run("systemctl", "is-active", "postfix@-")[0] == 0)
        self.storm("again", self.serial)
        return self.told

    STEPS = (Life.first_install, Life.postfix_comes, hardened, Life.protects, Life.stops, Life.upgrade, reload, killed,
             booted_again, Life.removed, Life.again, Life.purged, Life.forbidden, Life.fresh)


def say(text):
    print(text, flush=True)


def newest(pattern):
    found = sorted(glob.glob(pattern), key=os.path.getmtime)
    if not found:
        sys.exit("lifecycle: there is no %s: make deb" % pattern)
    return os.path.abspath(found[-1])


def prepare(root, debs, init):
    """What apt will want is fetched while there is a network; the life itself has none."""
    for name in debs:
        root.put(name, "debs/" + os.path.basename(name))
    for name in ("tests/lab", "tests/package", "tests/ports.py"):
        root.put(os.path.join(TOP, name), "src/" + name)
    with root.enter("host"):
        root.put("/etc/resolv.conf", "etc/resolv.conf")
        root.ok("apt-get", "update", "-q")
        root.ok(*APT, "install", *init)
        root.ok(*APT, "install", "--download-only", "/debs/" + os.path.basename(debs[0]), "postfix")
    root.write("etc/rsyslog.conf", SYSLOG)


def live(life):
    passed = failed = 0
    for step in life.STEPS:
        title = "%s: %s" % (step.__name__, " ".join(step.__doc__.split()))
        begun = time.monotonic()
        life.root.log.write("\n=== %s\n" % title)
        try:
            more = step(life)
            passed += 1
            say("ok   %s [%.1f s]%s" % (title, time.monotonic() - begun, "\n       " + more if more else ""))
        except (AssertionError, OSError, subprocess.SubprocessError) as e:
            failed += 1
            say("FAIL %s\n%s" % (title, e))
            life.root.log.write("FAIL %r\n" % e)
            break  # the next step stands on this one
    return passed, failed, len(life.STEPS) - passed - failed


# How each is entered, and what makes it so: the base has nothing of systemd but the part that makes users.
KINDS = {
    "sysv": (Life, lambda root: root.enter("none"), ("sysvinit-core",)),
    "systemd": (BootedLife, lambda root: root.boot(), ("systemd", "systemd-sysv", "dbus", "apparmor")),
}


def one(kind, tarball, debs, out, log):
    life, enter, init = KINDS[kind]
    root = roots.Root(os.path.join(out, kind), log).unpack(tarball)
    say("--- on a Debian with " + kind)
    try:
        prepare(root, debs, init)
        with enter(root):
            if kind == "sysv":
                root.ok("rsyslogd")
            result = live(life(root, *debs, out))
            for name in ("syslog", "mail.log"):
                if os.path.exists(root.path("/var/log/" + name)):
                    log.write("\n=== /var/log/%s\n%s" % (name, root.read("/var/log/" + name)))
        return result
    finally:
        root.leave()
        if not os.environ.get("LAB_KEEP"):
            root.remove()


def piuparts(tarball, new, out, log):
    """Debian's own test of coming and going, in a namespace of its own."""
    say("--- piuparts")
    if not shutil.which("piuparts"):
        say("skip piuparts, because it is not installed")
        return 0, 0, 1
    with open(tarball, "rb") as f, open(os.path.join(out, "base.tar.gz"), "wb") as to:
        subprocess.run(("gzip", "-1c"), stdin=f, stdout=to, check=True)
    p = subprocess.run(("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "piuparts", "--no-eatmydata",
                        "--basetgz=" + to.name, "--distribution=" + roots.codename(), "--mirror=%s main" % roots.mirror(),
                        "--tmpdir=" + out, "--log-file=" + os.path.join(out, "piuparts.log"), new),
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)
    os.unlink(to.name)
    with open(os.path.join(out, "piuparts.log"), encoding="utf-8", errors="replace") as f:
        told = [line.strip() for line in f if "ERROR" in line or "PASS" in line]
    say("%s piuparts: %s" % ("ok  " if p.returncode == 0 else "FAIL", " ".join(told)[-600:]))
    return (1, 0, 0) if p.returncode == 0 else (0, 1, 0)


def main():
    debs, out = sys.argv[1], os.path.abspath(sys.argv[2])
    reason = roots.why_not()
    if reason:
        sys.exit("lifecycle: " + reason)
    with open(os.path.join(TOP, "VERSION"), encoding="ascii") as f:
        version = f.read().strip()
    new = newest(os.path.join(debs, "policyd-storm_%s-*.deb" % version))
    old = newest(os.path.join(debs, "lower", "policyd-storm_*.deb"))
    os.makedirs(out, exist_ok=True)
    kinds = sys.argv[3:] or [*KINDS, "piuparts"]
    total = [0, 0, 0]
    with open(os.path.join(out, "lifecycle.log"), "w", encoding="utf-8") as log:
        tarball = roots.base(out, log, say)
        for kind in kinds:
            if kind == "piuparts":
                total = [a + b for a, b in zip(total, piuparts(tarball, new, out, log))]
                continue
            if kind == "systemd" and not shutil.which("systemd-nspawn"):
                say("skip %s, because there is no systemd-nspawn here" % kind)
                total[2] += len(BootedLife.STEPS)
                continue
            total = [a + b for a, b in zip(total, one(kind, tarball, (new, old), out, log))]
    say("lifecycle: %d passed, %d failed, %d skipped" % tuple(total))
    return 1 if total[1] else 0


if __name__ == "__main__":
    sys.exit(main())
