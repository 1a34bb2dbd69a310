# SPDX-License-Identifier: ISC
"""A disk that hangs, or is small and full: a file system of the test's own is frozen, so that each write to it waits until it is thawed.
Replies go on, also over a kill in the middle of it, and nothing that was answered is missing afterwards."""
import contextlib
import json
import os
import random
import signal
import subprocess

from harness import Skip, ctl, wait_for
from test_kill import RULES, Book, Few, Load, answers, check_all, finish, kill, play_policy, wait_for_rows


class Disk:
    """An ext4 in a file, mounted below the test's folder."""

    def __init__(self, lab, size=64 << 20, blocks=4096):
        if os.geteuid() != 0:
            raise Skip("needs root: a file system is mounted and frozen")
        self.lab, self.image, self.at = lab, lab.path("disk.img"), lab.path("disk")
        self.mounted = self.frozen = False
        with open(self.image, "wb") as f:
            f.truncate(size)
        os.makedirs(self.at)
        self.run("mkfs.ext4", "-q", "-b", str(blocks), self.image)
        if self.run("mount", "-o", "loop", self.image, self.at, must=False):
            raise Skip("needs the right to mount")
        self.mounted = True
        self.freeze(True)  # may it?
        self.freeze(False)
        os.chmod(self.at, 0o755)

    @staticmethod
    def run(*args, must=True):
        path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
        p = subprocess.run(args, capture_output=True, text=True, timeout=20, check=False, env={"PATH": path})
        assert p.returncode == 0 or not must, (args, p.stderr)
        return p.returncode

    def freeze(self, on):
        if self.run("fsfreeze", "-f" if on else "-u", self.at, must=False):
            raise Skip("needs the right to freeze a file system")
        self.frozen = on

    def close(self):
        if self.frozen:
            self.run("fsfreeze", "-u", self.at, must=False)
        for p in self.lab.procs:
            if p.poll() is None:
                p.kill()
                p.wait()
        self.lab.forget_rings()
        if self.mounted:
            self.run("umount", self.at)


def status(lab, d):
    code, out, _ = ctl(lab, "-c", d.conf, "status", "--json")
    return json.loads(out) if code == 0 else None


def play(lab, disk, store, killed):
    """Load before, while and after the disk hangs; with `killed` it is killed while it does."""
    book = Book(31)
    d = lab.daemon()
    # room for all that comes while it hangs, if that is not ever faster: what a full ring refuses, a kill may take
    store += "ring = 64M\n"
    d.configure(server=f"mode = enforce\ncontrol = unix:{lab.path('run/control.sock')}\n", store=store, rules=RULES)
    d.start()
    load = Load(d, book)
    try:
        answers(book, 300)
        disk.freeze(True)
        book.pause = 0.002
        for _ in range(3):  # ever more of them, none has to wait for the disk
            answers(book, 400)
        wait_for("it is told", lambda: status(lab, d)["degraded"] > 0, 20)
        answers(book, 100)
        if killed:
            d.proc.send_signal(signal.SIGKILL)  # it dies when the thread that writes comes back
            disk.freeze(False)
            d.proc.wait(20)
            d.notify.close()
            d.start()
        else:
            disk.freeze(False)
        answers(book, 300)
    finally:
        book.pause = 0
        load.stop()
        if disk.frozen:
            disk.freeze(False)
    finish(d, book)
    wait_for("it is well again", lambda: status(lab, d)["journal"]["healthy"], 20)
    rows = check_all(lab, d, book)
    return f"{len(book.answered)} answers, {rows} rows"


def test_spool_on_a_disk_that_hangs(lab):
    with contextlib.closing(Disk(lab)) as disk:
        return play(lab, disk, f"spool = {disk.at}/spool\n", False)


def test_killed_while_the_disk_hangs(lab):
    with contextlib.closing(Disk(lab)) as disk:
        return play(lab, disk, f"spool = {disk.at}/spool\n", True)


def test_database_and_spool_on_a_disk_that_hangs(lab):
    with contextlib.closing(Disk(lab)) as disk:
        os.symlink(disk.at, lab.path("db"))
        return play(lab, disk, "", True)


def fill(path, left):
    """Takes all bytes of the disk but so many."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for block in (65536, 1024):
        with contextlib.suppress(OSError):
            while True:
                os.write(fd, bytes(block))
    os.truncate(fd, os.fstat(fd).st_size - left)
    os.fsync(fd)
    os.close(fd)


def test_start_on_a_small_disk_that_is_full(lab):
    """A small file system has blocks of 1 KB. SQLite takes one of each 4 KB of its index and finds out about the others
    as it writes there, by a bus error."""
    with contextlib.closing(Disk(lab, 16 << 20, 1024)) as disk:
        os.symlink(disk.at, lab.path("db"))
        book = Book(33)
        d = lab.daemon()
        d.configure(server="mode = enforce\n", rules=RULES)
        d.start()
        play_policy(d, book, random.Random(34), Few(20), False)
        for killed in (False, True):
            for left in range(0, 36 << 10, 6 << 10):
                if killed:
                    kill(d)
                else:
                    d.stop()
                fill(f"{disk.at}/filler", left)
                code, out, err = ctl(lab, "-c", d.conf, "db", "check")
                assert code == 0, (left, code, out, err)
                d.start()
                play_policy(d, book, random.Random(left), Few(3), False)
                code, out, err = ctl(lab, "-c", d.conf, "db", "check")
                assert code == 0, (left, code, out, err)
                os.unlink(f"{disk.at}/filler")
                wait_for_rows(lab, book)
        finish(d, book)
        return f"{check_all(lab, d, book)} rows"
