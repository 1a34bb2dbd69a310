# SPDX-License-Identifier: ISC
"""rpm_root.py BUILD: the rpm package of BUILD/rpm in a root of its own: installed, looked at, started, upgraded with
a changed configuration, erased. The root has a shell, the tools that scriptlets call, and a systemctl that notes what it
is asked. Needs root (chroot); touches nothing outside BUILD."""
import glob
import gzip
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOLS = ["sh", "getent", "groupadd", "useradd", "rmdir"]
USER = "policyd-storm"
CONF = "/etc/policyd-storm/policyd-storm.conf"
STATE = "/var/lib/policyd-storm"
SOCKETS = "/var/spool/postfix/policyd-storm"
WAIT = 20


def run(*args, **more):
    p = subprocess.run(args, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=600, **more)
    assert p.returncode == 0, (args, p.returncode, p.stdout[-3000:], p.stderr[-3000:])
    return p.stdout


def version():
    with open(os.path.join(TOP, "VERSION"), encoding="utf-8") as f:
        return f.read().strip()


class Root:
    def __init__(self, build):
        self.dir = tempfile.mkdtemp(prefix="root.", dir=build)
        os.chmod(self.dir, 0o755)
        self.proc = None
        for path in ("etc", "usr/bin", "usr/sbin", "dev", "run", "tmp", "var/lib", "var/spool/postfix"):
            os.makedirs(self.path(path))
        for link in ("bin", "sbin"):
            os.symlink(f"usr/{link}", self.path(link))
        self.write("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
        self.write("etc/group", "root:x:0:\n")
        self.write("etc/shadow", "root:*:19000:0:99999:7:::\n")
        self.write("etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\n")
        self.write("dev/null", "")
        self.write("usr/bin/systemctl", '#!/bin/sh\necho "$*" >>/systemctl.log\n', 0o755)
        for tool in TOOLS:
            self.bring(shutil.which(tool, path="/usr/sbin:/usr/bin:/sbin:/bin"))
        for lib in glob.glob("/lib/*-linux-gnu*/libnss_files.so.2"):
            self.copy(lib)

    def path(self, name):
        return os.path.join(self.dir, name.lstrip("/"))

    def write(self, name, text, mode=0o644):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(self.path(name), mode)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as f:
            return f.read()

    def copy(self, name):
        to = self.path(name)
        os.makedirs(os.path.dirname(to), exist_ok=True)
        if not os.path.exists(to):
            shutil.copy2(os.path.realpath(name), to)

    def bring(self, program, there=None):
        """A program of this machine, or only what the one in the root is linked with."""
        if not there:
            self.copy(program)
        for lib in re.findall(r"(/\S+) \(0x", run("ldd", there or program)):
            self.copy(lib)

    def rpm(self, *args):
        return run("rpm", "--root", self.dir, "--define", "_dbpath /var/lib/rpm", *args)

    def asked(self):
        """What systemctl was asked since the last time."""
        log = self.path("systemctl.log")
        lines = self.read("systemctl.log").splitlines() if os.path.exists(log) else []
        if lines:
            os.unlink(log)
        return lines

    def chroot(self, *args):
        return run("chroot", self.dir, *args, env={"PATH": "/usr/sbin:/usr/bin"})

    def remove(self):
        if self.proc and self.proc.poll() is None:
            self.proc.kill()
            self.proc.wait()
        shutil.rmtree(self.dir)


def installed_by_make(build):
    """path: mode, of what `make install` puts into a package."""
    with tempfile.TemporaryDirectory(dir=build) as dest:
        run("make", "-s", "--no-print-directory", "install", f"DESTDIR={dest}", "PREFIX=/usr", f"B={build}/for-usr", cwd=TOP)
        return {path[len(dest):]: stat.S_IMODE(os.lstat(path).st_mode)
                for folder, _, names in os.walk(dest) for path in (os.path.join(folder, n) for n in names)}


def in_package(path):
    """Where the package has it: pages are compressed, the licence has a place of its own."""
    if path.startswith("/usr/share/man/"):
        return path + ".gz"
    if path.endswith("/LICENSE"):
        return f"/usr/share/licenses/policyd-storm-{version()}/LICENSE"
    return path


def check_files(root, build):
    """The package has what `make install` puts there, and the folder of the database; owners and modes as they should."""
    rows = root.rpm("-q", "--qf", "[%{FILENAMES}\t%{FILEMODES:octal}\t%{FILEUSERNAME}\t%{FILEGROUPNAME}\t%{FILEFLAGS:fflags}\n]",
                    "policyd-storm").splitlines()
    files, folders, configs = {}, set(), set()
    for name, mode, user, group, flags in (row.split("\t") for row in rows):
        if name.startswith("/usr/lib/.build-id"):
            continue
        mode, owner = int(mode, 8), (user, group)
        st = os.lstat(root.path(name))
        assert stat.S_IMODE(st.st_mode) == stat.S_IMODE(mode), (name, oct(mode))
        assert owner == ((USER, USER) if name == STATE else ("root", "root")), (name, owner)
        uid = next(int(line.split(":")[2]) for line in root.read("etc/passwd").splitlines() if line.startswith(user + ":"))
        assert st.st_uid == uid, (name, st.st_uid, uid)
        if stat.S_ISDIR(mode):
            folders.add(name)
            assert stat.S_IMODE(mode) == (0o750 if name == STATE else 0o755), (name, oct(mode))
        else:
            files[name] = stat.S_IMODE(mode)
        if "c" in flags:
            assert "n" in flags, (name, "noreplace")
            configs.add(name)
    want = {in_package(path): mode for path, mode in installed_by_make(build).items()}
    want["/usr/share/doc/policyd-storm/README.Fedora"] = 0o644
    assert files == want, sorted(set(files.items()) ^ set(want.items()))
    assert configs == {f"/etc/policyd-storm/{n}" for n in ("policyd-storm.conf", "rules.conf", "lists")}, configs
    assert {STATE, "/etc/policyd-storm", "/usr/share/doc/policyd-storm"} <= folders, folders
    with gzip.open(root.path("/usr/share/man/man8/policyd-storm.8.gz"), "rt") as f:
        assert f".Os policyd-storm {version()}\n" in f.read()
    return len(files)


def check_user(root):
    name, _, uid, gid, _, home, shell = next(
        line for line in root.read("etc/passwd").splitlines() if line.startswith(USER + ":")).split(":")
    assert (name, home) == (USER, STATE) and 0 < int(uid) < 1000 and shell.endswith("nologin"), (uid, home, shell)
    assert f"{USER}:x:{gid}:" in root.read("etc/group")
    return int(uid)


def start(root):
    """The installed daemon with the installed configuration, in the root, as its own user."""
    os.makedirs(root.path("run/policyd-storm"))  # the unit's RuntimeDirectory= comes and goes with the daemon
    note = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    note.bind(root.path("run/notify"))
    os.chmod(root.path("run/notify"), 0o666)
    note.settimeout(WAIT)
    with open(root.path("tmp/daemon.log"), "wb") as log:
        root.proc = subprocess.Popen([shutil.which("chroot"), root.dir, "/usr/sbin/policyd-storm"], stdout=log, stderr=log,
                                     stdin=subprocess.DEVNULL, env={"NOTIFY_SOCKET": "/run/notify"})
    try:
        said = note.recv(4096).decode()
    except TimeoutError:
        raise AssertionError("no READY: " + root.read("tmp/daemon.log")) from None
    assert "READY=1" in said, said
    note.close()
    os.unlink(root.path("run/notify"))


def ask(root):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.settimeout(WAIT)
    here = os.getcwd()
    os.chdir(root.path(SOCKETS))  # the whole path may be too long for a socket
    try:
        s.connect("policy.sock")
    finally:
        os.chdir(here)
    s.sendall(b"request=smtpd_access_policy\nprotocol_state=RCPT\nsender=a@x.example\nrecipient=b@y.example\n"
              b"client_address=192.0.2.1\nclient_name=x\nhelo_name=x\ninstance=1.1.1\n\n")
    assert s.recv(100) == b"action=DUNNO\n\n"
    s.close()


def stop(root):
    root.proc.send_signal(signal.SIGTERM)
    assert root.proc.wait(WAIT) == 0, root.read("tmp/daemon.log")
    root.proc = None
    shutil.rmtree(root.path("run/policyd-storm"))


def check_daemon(root, uid):
    for name in ("policyd-storm", "stormctl"):
        root.bring(None, root.path(f"/usr/sbin/{name}"))
        assert root.chroot(f"/usr/sbin/{name}", "-V").splitlines()[0] == f"{name} {version()}"
    root.chroot("/usr/sbin/policyd-storm", "-t")
    start(root)
    with open(f"/proc/{root.proc.pid}/status", encoding="utf-8") as f:
        status = dict(line.rstrip("\n").split(":", 1) for line in f)
    assert status["Uid"].split() == [str(uid)] * 4, status["Uid"]
    ask(root)
    end = time.monotonic() + WAIT
    while "database        " not in root.chroot("/usr/sbin/stormctl", "db", "check"):
        assert time.monotonic() < end
    stop(root)
    st = os.lstat(root.path(f"{STATE}/storm.db"))
    assert st.st_uid == uid and stat.S_IMODE(st.st_mode) & 0o7 == 0, (st.st_uid, oct(st.st_mode))


def next_release(build, top, package):
    """The same with a higher release, out of what was built already."""
    with open(os.path.join(top, "options"), encoding="utf-8") as f:
        options = f.read().splitlines()
    release = int(run("rpm", "-qp", "--qf", "%{RELEASE}", package).split(".")[0]) + 1
    spec = os.path.join(build, "next.spec")
    with open(os.path.join(top, "SPECS", "policyd-storm.spec"), encoding="utf-8") as f:
        text = re.sub(r"(?m)^Release:(\s+)\d+", rf"Release:\g<1>{release}", f.read())
    with open(spec, "w", encoding="utf-8") as f:
        f.write(text)
    run("rpmbuild", *options, "--define", f"_rpmdir {build}/next", "--nocheck", "-bb", spec)
    found, = glob.glob(f"{build}/next/*/*.rpm")
    return found


def main(build):
    build = os.path.abspath(build)
    top = os.path.join(build, "rpm")
    package, = (p for p in glob.glob(f"{top}/policyd-storm-{version()}-*.rpm") if not p.endswith(".src.rpm"))
    work = tempfile.mkdtemp(prefix="try.", dir=top)
    root = Root(work)
    try:
        root.rpm("--initdb")
        root.rpm("-i", "--nodeps", package)
        uid = check_user(root)
        print(f"ok   installed: {check_files(root, work)} files: what `make install` puts there, owners and modes right")
        assert root.asked() == ["--no-reload preset policyd-storm.service"]
        print("ok   nothing was started: the distribution's preset decides")
        check_daemon(root, uid)
        print("ok   the installed daemon serves with the installed configuration, as its own user")
        root.write(CONF, root.read(CONF) + "# mine\n")
        root.rpm("-U", "--nodeps", next_release(work, top, package))
        assert root.read(CONF).endswith("# mine\n") and check_user(root) == uid
        assert root.asked() == ["try-restart policyd-storm.service"]
        assert os.path.exists(root.path(f"{STATE}/storm.db"))
        start(root)
        ask(root)
        stop(root)
        print("ok   upgraded: changed configuration and record kept, restarted if it ran, user as before")
        root.rpm("-e", "--nodeps", "policyd-storm")
        assert root.asked() == ["--no-reload disable --now policyd-storm.service"]
        assert root.read(CONF + ".rpmsave").endswith("# mine\n")
        left = [os.path.join(folder, name)[len(root.dir):] for folder, _, names in os.walk(root.dir) for name in names
                if "storm" in os.path.join(folder, name)[len(root.dir):]]
        assert all(name.startswith(STATE + "/") or name == CONF + ".rpmsave" for name in left), left
        assert not os.path.exists(root.path(SOCKETS))
        print("ok   erased: nothing is left but the record and the changed configuration")
    finally:
        root.remove()
        shutil.rmtree(work)
    print("rpm: 5 passed, 0 failed")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: rpm_root.py BUILD")
    if os.geteuid() != 0:
        print("skip rpm package: a root of its own needs root")
        print("rpm: 0 passed, 0 failed, 1 skipped")
        sys.exit(0)
    main(sys.argv[1])
