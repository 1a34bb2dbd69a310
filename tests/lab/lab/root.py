# SPDX-License-Identifier: ISC
"""A root of its own for a mail server that cannot be installed beside Postfix: the unpacked packages (install-deps.sh
check puts them below build/mta), the libraries of this machine, a handful of files in etc. Its programs find all at
the places they were compiled for, and share nothing with the machine but the network."""

import functools
import os
import shutil
import subprocess
import sys

from .net import port_open, text_of, wait_for

TREES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "build", "mta")
LIBS = ("/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib", "/lib")


def why_not(tree, program):
    """The sentence that tells why there is no such root, or None."""
    if not os.access(os.path.join(TREES, tree) + program, os.X_OK):
        return "%s is not unpacked (sh packaging/install-deps.sh check)" % tree
    return None if may_chroot() else "chroot is not permitted here"


@functools.lru_cache(1)
def may_chroot():
    try:
        subprocess.run(["true"], preexec_fn=lambda: os.chroot("/"), check=True, timeout=10)
    except (subprocess.SubprocessError, OSError):
        return False
    return True


def libraries(tree, program):
    """What the program is linked with: [(where it is now, where it belongs)]."""
    env = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "LD_LIBRARY_PATH": ":".join(tree + d for d in LIBS)}
    out = subprocess.run(["ldd", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, timeout=20)
    found = []
    for line in out.stdout.decode().splitlines():
        words = line.split()
        path = words[2] if "=>" in words else words[0]
        if path == "not":
            raise RuntimeError("%s: %s is missing" % (program, words[0]))
        if path.startswith("/"):
            found.append((path, path[len(tree):] if path.startswith(tree + "/") else path))
    return found


class Root:
    """users: [(name, uid)], each with a group of the same name and number."""

    def __init__(self, folder, tree, programs, users=(), host="mx.victim.example"):
        tree = os.path.realpath(os.path.join(TREES, tree))
        self.dir = os.path.join(folder, os.path.basename(tree))
        self.host = host
        shutil.rmtree(self.dir, ignore_errors=True)
        shutil.copytree(tree, self.dir, symlinks=True, ignore=shutil.ignore_patterns("man", "doc", "locale", "info"))
        for path, _, _ in os.walk(self.dir):
            os.chown(path, 0, 0)
        for program in programs:
            for path, place in libraries(tree, tree + program):
                self._copy(path, place)
            os.chown(self.path(program), 0, 0)
        self._etc(users)
        for d, mode in (("dev", 0o755), ("tmp", 0o1777), ("run", 0o755)):
            os.makedirs(self.path(d), exist_ok=True)
            os.chmod(self.path(d), mode)
        self.write("dev/null", "", 0o666)  # a plain file does, and needs no privilege to make

    def _copy(self, path, place):
        to = self.path(place)
        if not os.path.exists(to):
            os.makedirs(os.path.dirname(to), exist_ok=True)
            shutil.copy2(os.path.realpath(path), to)

    def bring(self, program, place):
        """A program of this machine."""
        for path, at in libraries("", program):
            self._copy(path, at)
        self._copy(program, place)

    def _etc(self, users):
        rows = [("root", 0), ("nobody", 65534), *users]
        self.write("etc/passwd", "".join("%s:x:%d:%d::/:/bin/false\n" % (n, i, i) for n, i in rows))
        self.write("etc/group", "".join("%s:x:%d:\n" % row for row in rows))
        self.write("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\nservices: files\n")
        self.write("etc/hosts", "127.0.0.1 %s localhost\n" % self.host)
        self.write("etc/resolv.conf", "nameserver 127.0.0.1\noptions attempts:1 timeout:1\n")
        self.write("etc/services", "smtp 25/tcp\ndomain 53/udp\n")
        self.write("etc/mailname", self.host + "\n")

    def path(self, place):
        return os.path.join(self.dir, place.lstrip("/"))

    def write(self, place, text, mode=0o644):
        os.makedirs(os.path.dirname(self.path(place)), exist_ok=True)
        with open(self.path(place), "w") as f:
            f.write(text)
        os.chmod(self.path(place), mode)

    def own(self, place, uid, mode):
        """A folder for a user of the root."""
        os.makedirs(self.path(place), exist_ok=True)
        os.chown(self.path(place), uid, uid)
        os.chmod(self.path(place), mode)

    def _as(self, uid):
        def enter():
            os.chroot(self.dir)
            os.chdir("/")
            if uid:
                os.setgroups([])
                os.setgid(uid)
                os.setuid(uid)
        return enter

    def run(self, *command, text=b"", uid=0, timeout=20, errors=subprocess.STDOUT):
        """A program of the root to its end: (exit code, what it said)."""
        p = subprocess.run(command, input=text, stdout=subprocess.PIPE, stderr=errors, timeout=timeout,
                           preexec_fn=self._as(uid), env={"PATH": "/usr/sbin:/usr/bin:/bin", "LC_ALL": "C"})
        return p.returncode, p.stdout.decode("utf-8", "replace")

    def start(self, *command):
        """A program that stays, with a group of processes of its own."""
        with open(self.path("said"), "ab") as log:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                    preexec_fn=self._as(0), env={"PATH": "/usr/sbin:/usr/bin:/bin", "LC_ALL": "C"})

    def inside(self):
        """The processes that live in this root."""
        pids = []
        for name in os.listdir("/proc"):
            try:
                if name.isdigit() and os.readlink("/proc/%s/root" % name) == os.path.realpath(self.dir):
                    pids.append(int(name))
            except OSError:
                pass
        return pids

    def stop(self, proc):
        """The program, and what it left at work: nothing that lives in this root is left."""
        if proc.poll() is None:
            proc.terminate()
            try:
                proc.wait(10)
            except subprocess.TimeoutExpired:
                proc.kill()
                proc.wait()
        try:
            wait_for("%s to be empty" % self.dir, lambda: not self.inside(), 5)
        except TimeoutError:
            for pid in self.inside():
                print("lab: had to kill %d" % pid, file=sys.stderr)
                os.kill(pid, 9)

    def text(self, place):
        return text_of(self.path(place))


class Mta:
    """Context manager: the mail server `name` in self.root, which listens on self.port once `command` runs; what it says
    is in `logs`."""

    name, command, logs = "", (), ("said",)
    root = port = proc = None

    def __enter__(self):
        self.proc = self.root.start(*self.command)
        try:
            wait_for("%s to listen" % self.name, self._listening, 10)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _listening(self):
        if self.proc.poll() is not None:
            raise RuntimeError("%s ended with %d:\n%s" % (self.name, self.proc.returncode,
                                                          "".join(self.root.text(log) for log in self.logs)))
        return port_open(self.port)

    def __exit__(self, *_):
        self.root.stop(self.proc)

    def settle(self, timeout=20.0):
        wait_for("%s's queue to empty" % self.name, lambda: not self.queue_ids("active"), timeout)

    def queue_ids(self, *queues):
        raise NotImplementedError
