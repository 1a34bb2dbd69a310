# SPDX-License-Identifier: ISC
"""Somebody tidies up beneath the running daemon: it notices, says so once, makes again what it can, and what it
answers from then on is as safe as before."""
import os
import pwd
import shutil
import time

from harness import Skip, answer, change, ctl, messages, request, rows, wait_for


class Mail:
    """Messages one after the other, each counted in the record."""

    def __init__(self):
        self.n = 0

    def send(self, d, count=5):
        s = d.dial()
        for _ in range(count):
            self.n += 1
            s.sendall(request(protocol_state="END-OF-MESSAGE", instance=f"1f2e.{self.n}.0", queue_id=f"Q{self.n}",
                              recipient_count="1"))
            answer(s)
        s.close()


def empty(path):
    for name in os.listdir(path):
        os.unlink(os.path.join(path, name))


def move(path):
    os.rename(path, path + ".old")


def move_files(path):
    os.mkdir(path + ".old")
    for name in os.listdir(path):
        os.rename(os.path.join(path, name), os.path.join(path + ".old", name))


def copy_back(path):
    move(path)
    shutil.copytree(path + ".old", path, symlinks=True)


def outlives_a_kill(lab, d, mail):
    time.sleep(1.5)  # a tick
    mail.send(d)
    d.proc.kill()
    d.ended()
    d.start()
    wait_for("all in the record", lambda: messages(lab.path("db/storm.db")) == mail.n)


def test_the_spool(lab):
    """Its folder, what is in it, or another folder in its place."""
    d = lab.daemon()
    spool, mail, made = lab.path("db/storm.db.spool"), Mail(), 0
    d.start()
    for remove in (shutil.rmtree, empty, move, move_files, copy_back):
        mail.send(d)
        wait_for("these in the record", lambda: messages(lab.path("db/storm.db")) == mail.n)
        remove(spool)
        mail.send(d)
        made += 1
        wait_for("a folder", lambda: d.log().count("spool state=removed") == made)
        wait_for("a ring that is found again", lambda: os.path.exists(os.path.join(spool, "spool.ring")))
        outlives_a_kill(lab, d, mail)
        shutil.rmtree(spool + ".old", ignore_errors=True)
    assert d.log().count("spool state=removed") == made and "state=failing" not in d.log(), d.log()
    d.stop()


def test_a_segment(lab):
    """The file that is written to, removed, moved or cut off."""
    d = lab.daemon()
    spool, mail = lab.path("db/storm.db.spool"), Mail()
    d.start()
    away = (os.unlink, lambda path: os.rename(path, lab.path("away")))
    for n, cut in enumerate((*away, lambda path: os.truncate(path, 0), lambda path: os.truncate(path, 200))):
        mail.send(d)
        wait_for("these in the record", lambda: messages(lab.path("db/storm.db")) == mail.n)
        cut(os.path.join(spool, max(name for name in os.listdir(spool) if name.startswith("spool.0"))))
        mail.send(d)
        told = "spool state=segment-" + ("removed" if n < len(away) else "cut-off")
        wait_for("a word", lambda: d.log().count(told) == n % len(away) + 1)
        outlives_a_kill(lab, d, mail)
    assert "lost=" not in d.log(), d.log()
    d.stop()


def test_the_ring(lab):
    """Removed, moved, or cut off while it is mapped."""
    d = lab.daemon()
    mail, made, away = Mail(), 0, lab.path("ring")
    d.start()

    def move_ring(ring):
        os.rename(ring, ring + ".away")
        os.symlink(ring + ".away", away)

    for cut in (os.unlink, move_ring, lambda ring: os.truncate(ring, 0), lambda ring: os.truncate(ring, 4096)):
        mail.send(d)
        wait_for("these in the record", lambda: messages(lab.path("db/storm.db")) == mail.n)
        cut(os.readlink(lab.path("db/storm.db.spool/spool.ring")))
        mail.send(d)
        made += 1
        wait_for("a word", lambda: d.log().count("spool ring=removed") == made)
        outlives_a_kill(lab, d, mail)
    os.unlink(os.readlink(away))
    d.stop()


def test_the_link_to_the_ring(lab):
    """What was answered a moment ago stands in the ring alone."""
    d = lab.daemon()
    link, mail = lab.path("db/storm.db.spool/spool.ring"), Mail()
    d.start()
    mail.send(d)
    os.unlink(link)
    mail.send(d)
    wait_for("the link", lambda: os.path.exists(link))
    outlives_a_kill(lab, d, mail)
    assert d.log().count("spool ring=unlinked") == 1 and d.log().count("spool ring=found") == 1, d.log()
    d.stop()


def test_the_log_of_the_database(lab):
    """What was written before, and what comes then, can be read, and is there after a kill."""
    d = lab.daemon()
    mail, db = Mail(), lab.path("db/storm.db")
    d.start()
    mail.send(d)
    wait_for("these in the record", lambda: messages(db) == mail.n)
    os.unlink(db + "-wal")
    mail.send(d)
    d.logged("journal state=reopening")
    wait_for("all in the record", lambda: messages(db) == mail.n)
    outlives_a_kill(lab, d, mail)
    d.stop()
    assert messages(db) == mail.n


def test_the_database_and_its_folder(lab):
    """Until the folder is there again nothing can be kept, and `stormctl status` says so; then all goes on."""
    d = lab.daemon(server=f"control = unix:{lab.path('run/control.sock')}")
    mail = Mail()
    d.start()
    mail.send(d)
    wait_for("these in the record", lambda: messages(lab.path("db/storm.db")) == mail.n)
    shutil.rmtree(lab.path("db"))
    mail.send(d)
    d.logged("journal state=failing")
    mail.send(d)
    said = ctl(lab, "-c", d.conf, "status")[1]
    assert "FAILING" in said and " 0 writes failed" not in said, said
    os.mkdir(lab.path("db"))
    d.logged("journal state=recovered", 25)
    wait_for("what came meanwhile in the record", lambda: messages(lab.path("db/storm.db")) == 10)
    time.sleep(1.2)  # an outage is over when nothing failed for a second
    mail.send(d)
    d.logged("spool state=recovered")
    for text in ("journal state=failing", "spool state=failing", "verdict action=pass"):
        assert d.log().count(text) == 1, d.log()  # not once for each message
    d.stop()
    assert messages(lab.path("db/storm.db")) == 15


def test_a_database_put_back_by_root(lab):
    """It belongs to root then, and so does what stormctl makes beside it: the log names the file that cannot be
    written, and never the seed of the counters."""
    if os.geteuid() != 0:
        raise Skip("needs root")
    nobody, db = pwd.getpwnam("nobody"), lab.path("db/storm.db")
    os.mkdir(lab.path("db"))
    os.chown(lab.path("db"), nobody.pw_uid, nobody.pw_gid)
    d, mail, told = lab.daemon(server="user = nobody\n"), Mail(), "journal state=failing path={} reason=\"{}: {}\""
    d.start()
    mail.send(d)
    d.stop()
    seed = rows(db, "SELECT value FROM meta WHERE key = 'hash_seed'")[0][0]
    shutil.copy(db, lab.path("backup"))
    d.start()
    os.chmod(lab.path("backup"), 0o644)
    change(lab.path("backup"), f"UPDATE meta SET value = '{seed[::-1]}' WHERE key = 'hash_seed'")
    os.rename(lab.path("backup"), db)
    mail.send(d)
    why = "attempt to write a readonly database"
    d.logged(told.format(db, "write", f"{why}: storm.db: Permission denied"))
    assert ctl(lab, "-c", d.conf, "db", "check")[0] == 0
    d.proc.kill()
    d.ended()
    os.chown(db, nobody.pw_uid, nobody.pw_gid)
    for name, owner in ((db + "-wal", 0), (db + "-shm", nobody.pw_uid)):
        with open(name, "ab"):
            os.chown(name, owner, owner)
            os.chmod(name, 0o644)
    d.start()
    mail.send(d)
    d.logged(f"{why}: storm.db-wal: Permission denied")
    d.proc.kill()
    d.ended()
    os.chmod(db + "-wal", 0o600)
    d.start(ready=False)
    assert d.ended() == 73
    assert d.log().endswith(": storm.db-wal: Permission denied to user nobody\n"), d.log()
    os.chown(db + "-wal", nobody.pw_uid, nobody.pw_gid)
    d.start()
    mail.send(d)
    wait_for("all in the record", lambda: messages(db) == mail.n)
    assert seed not in d.log() and seed[::-1] not in d.log(), d.log()
