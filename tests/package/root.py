# SPDX-License-Identifier: ISC
"""A Debian of the test's own: debootstrapped once into a tarball, unpacked for each run, and entered through namespaces of
its own. All mounts, processes and ports are in there and end with it: the machine sees a folder, and nothing of it is
mounted inside."""

import os
import re
import shutil
import subprocess
import sys
import time

AGE = 7 * 86400  # a base older than this is made anew
BASE = ("ca-certificates", "iproute2", "procps", "python3", "rsyslog", "sqlite3", "systemd-standalone-sysusers")
NODES = (("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0))
NEEDED = ("debootstrap", "unshare", "nsenter", "chroot", "mount", "ip", "tar")

# The first process of the namespaces. It makes what a root needs below /dev and /proc, tells that it is ready, and
# lives until its standard input ends; children that lost their parents are not kept as zombies.
INIT = """\
import os, signal, stat, struct, subprocess, sys
root, net = sys.argv[1], sys.argv[2] == "own"
def mount(*args): subprocess.run(("mount",) + args, check=True)
mount("--make-rprivate", "/")
mount("-t", "proc", "proc", root + "/proc")
mount("-t", "tmpfs", "-o", "mode=755", "dev", root + "/dev")
for name, major, minor in %r:
    os.mknod(root + "/dev/" + name, 0o666 | stat.S_IFCHR, os.makedev(major, minor))
    os.chmod(root + "/dev/" + name, 0o666)
for name in ("pts", "shm"):
    os.mkdir(root + "/dev/" + name)
mount("-t", "devpts", "-o", "newinstance,ptmxmode=0666,mode=620,gid=5", "devpts", root + "/dev/pts")
mount("-t", "tmpfs", "-o", "mode=1777", "shm", root + "/dev/shm")
os.symlink("pts/ptmx", root + "/dev/ptmx")
os.symlink("/proc/self/fd", root + "/dev/fd")
mount("-t", "tmpfs", "-o", "mode=755", "run", root + "/run")
os.mkdir(root + "/run/lock")
os.chmod(root + "/run/lock", 0o1777)
# What an init that came up to runlevel 2 leaves in utmp: scripts of packages ask for it.
with open(root + "/run/utmp", "wb") as f:
    f.write(struct.pack("<hxxi32s4s32s", 1, ord("N") << 8 | ord("2"), b"~", b"~~", b"runlevel").ljust(384, b"\\0"))
if net: subprocess.run(("ip", "link", "set", "lo", "up"), check=True)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
os.chroot(root)
os.chdir("/")
print("ready", flush=True)
sys.stdin.read()
""" % (NODES,)


def why_not():
    """The sentence that tells why there can be no such root, or None."""
    if os.geteuid() != 0:
        return "a root of its own needs root"
    missing = [name for name in NEEDED if not shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")]
    return "not installed: " + " ".join(missing) if missing else None


def codename():
    with open("/etc/os-release", encoding="utf-8") as f:
        return re.search(r"(?m)^VERSION_CODENAME=(\w+)", f.read()).group(1)


def mirror():
    """Where this machine gets its packages."""
    if os.environ.get("MIRROR"):
        return os.environ["MIRROR"]
    names = ["/etc/apt/sources.list"]
    folder = "/etc/apt/sources.list.d"
    names += [os.path.join(folder, n) for n in sorted(os.listdir(folder))] if os.path.isdir(folder) else []
    for name in names:
        if os.path.isfile(name):
            with open(name, encoding="utf-8") as f:
                found = re.search(r"(?m)^(?:URIs:|deb(?: \[[^]]*\])?) *([a-z]+://\S+)", f.read())
            if found:
                return found.group(1)
    sys.exit("no mirror in /etc/apt: name one in MIRROR")


class Root:
    """Context manager: `run` executes inside. network: "none" has nothing but its own loopback, "host" is the machine's."""

    def __init__(self, folder, log=None):
        self.dir = os.path.abspath(folder)
        self.log = log
        self.init = None

    def unpack(self, tarball):
        self.remove()
        os.makedirs(self.dir)
        subprocess.run(("tar", "-C", self.dir, "--numeric-owner", "-xpf", tarball), check=True)
        return self

    def pack(self, tarball):
        subprocess.run(("tar", "-C", self.dir, "--numeric-owner", "-cf", tarball + ".part", "."), check=True)
        os.rename(tarball + ".part", tarball)

    def remove(self):
        """Never with something mounted below."""
        with open("/proc/self/mountinfo", encoding="utf-8") as f:
            mounted = [line.split()[4] for line in f if line.split()[4].startswith(self.dir + "/")]
        if mounted:
            sys.exit("mounted, and therefore not removed: %s" % " ".join(mounted))
        if os.path.isdir(self.dir):
            shutil.rmtree(self.dir)

    def enter(self, network="none"):
        spaces = ["--mount", "--pid", "--ipc", "--uts"] + (["--net"] if network == "none" else [])
        self.init = subprocess.Popen(("unshare", *spaces, "--fork", "--kill-child", sys.executable, "-c", INIT, self.dir,
                                      "own" if network == "none" else "host"), stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE)
        if self.init.stdout.readline() != b"ready\n":
            self.leave()
            sys.exit("could not enter %s" % self.dir)
        with open("/proc/%d/task/%d/children" % (self.init.pid, self.init.pid), encoding="ascii") as f:
            self.pid = f.read().split()[0]
        self.spaces = ["--mount", "--pid", "--ipc", "--uts"] + (["--net"] if network == "none" else [])
        return self

    def boot(self):
        """The same with its own systemd as the first process, by systemd-nspawn; lo is all its network."""
        said = open(self.dir + ".console", "ab")
        self.init = subprocess.Popen(("unshare", "--mount", "systemd-nspawn", "--quiet", "--register=no", "--keep-unit",
                                      "--directory=" + self.dir, "--boot", "--private-network", "--console=pipe"),
                                     stdin=subprocess.PIPE, stdout=said, stderr=said)
        said.close()
        self.spaces = ["--mount", "--pid", "--ipc", "--uts", "--net"]
        end = time.monotonic() + 120
        while True:
            if self.init.poll() is not None or time.monotonic() > end:
                self.leave()
                raise AssertionError("systemd did not come up in %s: see %s.console" % (self.dir, self.dir))
            with open("/proc/%d/task/%d/children" % (self.init.pid, self.init.pid), encoding="ascii") as f:
                self.pid = (f.read().split() or [None])[0]
            if self.pid and self.run("systemctl", "is-system-running")[1].strip() in ("running", "degraded"):
                return self
            time.sleep(0.5)

    def power_off(self):
        self.run("systemctl", "poweroff", "--no-block")
        self.init.wait(120)
        self.leave()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.leave()

    def leave(self):
        """The first process ends, and the kernel ends all others and takes the mounts away."""
        if self.init:
            self.init.stdin.close()
            if self.init.poll() is None and not self.init.stdout:
                self.init.terminate()
            try:
                self.init.wait(20)
            except subprocess.TimeoutExpired:
                self.init.kill()
                self.init.wait()
            if self.init.stdout:
                self.init.stdout.close()
        self.init = None

    def run(self, *command, env=None, timeout=600, cwd="/"):
        """(exit status, what it said)"""
        words = ("nsenter", "--target", self.pid, *self.spaces, "--root", "--wd=" + self.dir + cwd, *command)
        full = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/root",
                "DEBIAN_FRONTEND": "noninteractive", **(env or {})}
        full.update({k: v for k, v in os.environ.items() if k.endswith("_proxy")})
        begun = time.monotonic()
        p = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=full,
                           timeout=timeout)
        text = p.stdout.decode("utf-8", "replace")
        if self.log:
            self.log.write("$ %s\n%s[%d, %.1f s]\n" % (" ".join(command), text, p.returncode, time.monotonic() - begun))
            self.log.flush()
        return p.returncode, text

    def ok(self, *command, **kw):
        code, text = self.run(*command, **kw)
        if code != 0:
            raise AssertionError("%s: %d\n%s" % (" ".join(command), code, text[-3000:]))
        return text

    def path(self, name):
        """As seen from outside; of an entered root with what is mounted inside."""
        return os.path.join("/proc/%s/root" % self.pid if self.init else self.dir, name.lstrip("/"))

    def read(self, name):
        with open(self.path(name), encoding="utf-8", errors="replace") as f:
            return f.read()

    def write(self, name, text, mode=0o644):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(self.path(name), mode)

    def put(self, source, name):
        to = self.path(name)
        os.makedirs(os.path.dirname(to), exist_ok=True)
        if os.path.isdir(source):
            shutil.copytree(source, to, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, to)


def base(folder, log, say):
    """The tarball of an ordinary small Debian, made when there is none that is young enough."""
    name = os.path.join(folder, "base-%s.tar" % codename())
    if os.path.exists(name) and time.time() - os.path.getmtime(name) < AGE:
        return name
    say("making a base with debootstrap %s ..." % codename())
    root = Root(os.path.join(folder, "base"), log)
    root.remove()
    begun = time.monotonic()
    p = subprocess.run(("unshare", "--mount", "--pid", "--fork", "--kill-child", "debootstrap", "--variant=minbase",
                        "--include=" + ",".join(BASE), codename(), root.dir, mirror()), stdin=subprocess.DEVNULL,
                       stdout=log, stderr=subprocess.STDOUT)
    if p.returncode != 0:
        sys.exit("debootstrap failed, see %s" % log.name)
    root.write("etc/apt/apt.conf.d/90test", 'APT::Sandbox::User "root";\nAcquire::Retries "3";\n')
    root.pack(name)
    root.remove()
    say("%s: %d MB, %d s" % (name, os.path.getsize(name) >> 20, time.monotonic() - begun))
    return name
