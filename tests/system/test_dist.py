# SPDX-License-Identifier: ISC
"""make dist: the same bytes from the work tree and from the unpacked tarball, whoever makes it; nothing of the build in it."""
import os
import subprocess
import tarfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def make(top, to, umask=0o022, **env):
    p = subprocess.run(["sh", "packaging/release/dist.sh", to], cwd=top, capture_output=True, text=True, check=False,
                       stdin=subprocess.DEVNULL, env={**os.environ, **env}, preexec_fn=lambda: os.umask(umask))
    assert p.returncode == 0, p.stderr
    name, = (n for n in os.listdir(to) if n.endswith(".tar.gz"))
    with open(os.path.join(to, name), "rb") as f:
        return name, f.read()


def test_dist(lab):
    if lab.sanitized:
        return "the build has no part in it"
    os.mkdir(lab.path("a"))
    os.mkdir(lab.path("b"))
    name, first = make(TOP, lab.path("a"))
    with tarfile.open(lab.path(f"a/{name}")) as tar:
        members = tar.getmembers()
        tar.extractall(lab.path("out"))
    top = name[:-len(".tar.gz")]
    names = {m.name[len(top) + 1:] for m in members}
    assert all(m.name.startswith(top + "/") and m.isreg() and m.uid == m.gid == 0 for m in members)
    assert len({m.mtime for m in members}) == 1 and {m.mode for m in members} <= {0o644, 0o755}
    assert {"Makefile", "VERSION", "NEWS.md", "LICENSE", "README.md", "policyd/main.c", "schema/released",
            "packaging/rpm/policyd-storm.spec", "packaging/debian/control"} <= names, names
    assert not [n for n in names if n.startswith(("build/", ".git/")) or n.endswith((".o", ".pyc"))]
    # Made again from what was unpacked, with leftovers of a build beside it.
    os.makedirs(lab.path(f"out/{top}/build/obj"))
    for left in ("build/obj/a.o", "build/policyd-storm", "policyd/a.o"):
        with open(lab.path(f"out/{top}/{left}"), "wb") as f:
            f.write(b"x")
    again = make(lab.path(f"out/{top}"), lab.path("b"), umask=0o077, TZ="Asia/Tokyo", LC_ALL="C.UTF-8")
    assert again == (name, first), "the tarball made of the tarball differs"
    return f"{len(names)} files, {len(first)} bytes"
