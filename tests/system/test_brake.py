# SPDX-License-Identifier: ISC
"""The brake at RCPT, by raw bytes: flood and trap, with and without a question at DATA; kill -9; memory."""
import contextlib
import json
import os
import shutil
import signal
import socket
import time

import harness
from harness import Milter, ask, ctl, dunno, free_port, packet, wait_for

FLOOD = "[rule flood]\ndetect = flood\nlimit = {limit}\nwindow = 1d\n{more}\n"
TRAP = "[rule trap]\ndetect = trap\naddresses = trap@example.org, @gone.example\n"
LISTS = "[rule guard]\ndetect = list-guard\nbrake = reject\n"
DEFER = b"action=451 4.7.1 Too much mail in a short time, try again later\n\n"
REJECT = b"action=550 5.7.1 Not accepted from here: this client sends to spamtraps\n\n"


def started(lab, rules, mail=""):
    d = lab.daemon(server="mode = enforce", rules=rules, mail=mail)
    return d.start()


def rows(d):
    return harness.rows(d.lab.path("db/storm.db"), "SELECT sender, verdict, outcome FROM messages ORDER BY rowid")


def rcpt(s, n, rcpt="b@example.org", **attrs):
    return ask(s, instance=f"9a.{n}.0", client_port=str(10000 + n % 50000), recipient=rcpt, **attrs)


def data(s, n, count=1, rcpt="b@example.org", **attrs):
    return ask(s, instance=f"9a.{n}.0", client_port=str(10000 + n % 50000), protocol_state="DATA",
               recipient=rcpt if count == 1 else "", recipient_count=str(count), queue_id=f"Q{n}", **attrs)


def test_flood_asked_at_rcpt_only(lab):
    d = started(lab, FLOOD.format(limit=5, more=""))
    s = d.dial()
    for n in range(5):
        assert rcpt(s, n) == b"action=DUNNO\n\n", n
        assert rcpt(s, n, "c@example.org") == b"action=DUNNO\n\n", n
    for n in range(5, 15):
        assert rcpt(s, n) == DEFER, n
    dunno(s, instance="other", client_address="192.0.2.8")
    s.close()
    wait_for("rows", lambda: len(rows(d)) >= 16)
    got = [r[1:] for r in rows(d)]
    assert sorted(got) == sorted([("pass", "passed")] * 6 + [("defer", "stopped")] * 10), got
    d.logged("verdict action=defer rule=flood")
    d.logged("storm opened")
    assert d.log().count("storm opened") == 1


def test_one_connection_for_each_question(lab):
    """As a client that opens a socket for each of them: its end is not the end of the message."""
    d = started(lab, FLOOD.format(limit=2, more=""))
    for n in range(2):
        for who in ("b@example.org", "c@example.org"):
            with contextlib.closing(d.dial()) as s:
                assert rcpt(s, n, who) == b"action=DUNNO\n\n"
        with contextlib.closing(d.dial()) as s:
            assert data(s, n, count=2) == b"action=DUNNO\n\n"
    with contextlib.closing(d.dial()) as s:
        assert rcpt(s, 9) == DEFER
    wait_for("rows", lambda: len(rows(d)) >= 3)
    assert [r[2] for r in rows(d)] == ["passed", "passed", "stopped"], rows(d)


def test_flood_with_data(lab):
    d = started(lab, FLOOD.format(limit=3, more="text = 4.7.28 Slow down"))
    s, t = d.dial(), d.dial()
    for n in range(2):
        assert rcpt(s, n) == b"action=DUNNO\n\n"
        assert data(s, n) == b"action=DUNNO\n\n"
    for n in range(100, 150):  # callouts: nothing comes of them
        assert rcpt(t, n, sender="") == b"action=DUNNO\n\n", n
    t.close()
    t = d.dial()
    wait_for("the place is free again", lambda: rcpt(t, 2) == b"action=DUNNO\n\n")
    assert rcpt(s, 3) == b"action=451 4.7.28 Slow down\n\n", "held by a message that is on its way"
    assert data(t, 2) == b"action=DUNNO\n\n"
    for n in range(4, 9):
        assert rcpt(s, n) == b"action=451 4.7.28 Slow down\n\n"
        assert data(s, n) == b"action=451 4.7.28 Slow down\n\n"
    wait_for("rows", lambda: len(rows(d)) >= 14)
    assert [r[2] for r in rows(d)].count("passed") == 3, rows(d)


def test_a_message_given_up_at_the_milter_door(lab):
    """ABORT, a client that goes, a filter connection that breaks: the place is free again at once."""
    d = started(lab, FLOOD.format(limit=1, more=""))
    s, other = d.dial(), d.dial()
    for end in ("A", "Q", "gone"):
        c = d.dial(d.milter)
        m = Milter(c)
        m.connect(address="192.0.2.7", port=10001)
        assert rcpt(s, 1) == b"action=DUNNO\n\n", end
        m.envelope()
        assert rcpt(other, 2) == DEFER, end
        if end == "gone":
            c.close()
        else:
            c.sendall(packet(end))
        wait_for("its place", lambda: rcpt(other, 3) == b"action=DUNNO\n\n")
        c.close()
        os.kill(d.proc.pid, signal.SIGKILL)
        d.proc.wait()
        lab.forget_rings()
        shutil.rmtree(lab.path("db"))
        d.start()
        s, other = d.dial(), d.dial()


def test_brake_rejects(lab):
    d = started(lab, FLOOD.format(limit=1, more="brake = reject"))
    s = d.dial()
    assert rcpt(s, 1) == b"action=DUNNO\n\n"
    assert rcpt(s, 2) == b"action=550 5.7.1 Too much mail in a short time, try again later\n\n"


def test_shadow_refuses_nobody(lab):
    d = started(lab, FLOOD.format(limit=1, more="mode = shadow") + TRAP + "mode = shadow\n")
    s = d.dial()
    for n in range(5):
        who = {"rcpt": "trap@example.org", "client_address": "192.0.2.8"} if n == 2 else {}
        assert rcpt(s, n, **who) == b"action=DUNNO\n\n"
        assert data(s, n, **who) == b"action=DUNNO\n\n"
    d.logged("verdict action=would-defer rule=flood")
    d.logged("verdict action=would-reject rule=trap")


def test_shadow_tells_of_what_is_only_warned_of(lab):
    d = started(lab, FLOOD.format(limit=1, more="action = warn") + TRAP + "mode = shadow\n")
    s = d.dial()
    for n in range(2):
        assert data(s, n, rcpt="trap@example.org") == b"action=DUNNO\n\n"
    d.logged("verdict action=warn rule=flood")
    d.logged("verdict action=would-reject rule=trap")


def test_trap_at_rcpt(lab):
    d = started(lab, TRAP, mail="relays = 192.0.2.25\ntrusted = 127.0.0.0/8")
    s = d.dial()
    assert rcpt(s, 1) == b"action=DUNNO\n\n"
    assert rcpt(s, 2, "x@gone.example") == REJECT
    assert rcpt(s, 1) == REJECT
    assert data(s, 1) == REJECT
    assert rcpt(s, 3, "postmaster@example.org") == b"action=DUNNO\n\n"
    assert rcpt(s, 4, sender="") == b"action=DUNNO\n\n"
    for client, more in (("127.0.0.1", {}), ("192.0.2.25", {}), ("192.0.2.9", {"sasl_username": "joe"})):
        for to in ("trap@example.org", "b@example.org"):
            dunno(s, instance=f"c{client}", client_address=client, recipient=to, **more)
    assert ask(s, client_address="2001:db8::1", recipient="trap@example.org") == REJECT
    assert ask(s, client_address="2001:db8::2", recipient="b@example.org") == REJECT
    dunno(s, client_address="2001:db8:0:1::2", recipient="b@example.org")
    assert d.reload()
    assert rcpt(s, 5) == REJECT, "a reload forgets nobody"


def test_list_guard_at_rcpt(lab):
    with open(lab.path("lists"), "w", encoding="utf-8") as f:
        f.write("all@example.org owner@example.org\nnews@example.org owner@example.org poster@far.example\n")
    d = started(lab, LISTS, mail="lists = lists")
    s = d.dial()
    assert rcpt(s, 1, "all@example.org") == b"action=550 5.7.1 You may not post to this address\n\n"
    # Who may post to the other one may be told by From alone, which nobody has seen yet.
    assert rcpt(s, 2, "news@example.org") == b"action=DUNNO\n\n"
    for n, attrs in enumerate(({"sender": ""}, {"sasl_username": "joe"}, {"client_address": "127.0.0.1"})):
        assert rcpt(s, 10 + n, "all@example.org", **attrs) == b"action=DUNNO\n\n", attrs


def test_kill_keeps_what_was_judged(lab):
    d = started(lab, FLOOD.format(limit=6, more="") + TRAP)
    s = d.dial()
    for n in range(4):
        assert rcpt(s, n) == b"action=DUNNO\n\n"
        assert data(s, n) == b"action=DUNNO\n\n"
    assert rcpt(s, 50, "trap@example.org", client_address="198.51.100.7") == REJECT
    for n in range(60, 62):
        assert rcpt(d.dial(), n) == b"action=DUNNO\n\n"  # held, never judged
    assert rcpt(s, 70) == DEFER
    os.kill(d.proc.pid, signal.SIGKILL)
    d.proc.wait()
    d.start()
    s = d.dial()
    assert rcpt(s, 80, client_address="198.51.100.7") == REJECT, "the mark"
    for n in range(90, 92):
        assert rcpt(s, n) == b"action=DUNNO\n\n", n
        assert data(s, n) == b"action=DUNNO\n\n", n
    assert rcpt(s, 99) == DEFER


def test_stop_settles_what_was_asked_at_rcpt_only(lab):
    d = started(lab, FLOOD.format(limit=2, more=""))
    for n in range(2):
        with contextlib.closing(d.dial()) as s:
            assert rcpt(s, n) == b"action=DUNNO\n\n"
    d.stop()
    assert [r[2] for r in rows(d)] == ["passed", "passed"], rows(d)
    d.start()
    assert rcpt(d.dial(), 3) == DEFER


def test_hosts_of_which_one_asks_at_rcpt_only(lab):
    """Over TCP; in the address that they come from lies all the difference."""
    port = free_port()
    d = lab.daemon(server="mode = enforce", rules=FLOOD.format(limit=2, more=""), policy=f"inet:127.0.0.1:{port}").start()

    def dial(host):
        s = socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(host, 0))
        lab.sockets.append(s)
        return s
    one, two = dial("127.0.0.2"), dial("127.0.0.3")
    dunno(one, instance="whole", protocol_state="DATA", recipient_count="1", client_address="192.0.2.20")
    for n in range(10):  # refused behind us, or callouts: DATA never comes
        assert rcpt(one, n, client_address="192.0.2.1") == b"action=DUNNO\n\n", n
    for n in range(5):
        assert rcpt(two, 100 + n, client_address="192.0.2.2") == (b"action=DUNNO\n\n" if n < 2 else DEFER), n
    again = dial("127.0.0.2")
    assert rcpt(again, 200, client_address="192.0.2.1") == b"action=DUNNO\n\n"
    assert data(again, 200, client_address="192.0.2.1") == b"action=DUNNO\n\n"
    wait_for("rows", lambda: len(rows(d)) >= 7)
    assert sorted(r[2] for r in rows(d)) == ["passed"] * 4 + ["stopped"] * 3, rows(d)


MANY, BATCH, COUNTERS = 300000, 500, 20000


def strangers(s, first):
    """BATCH questions at once, each with another client, sender, recipient and transaction."""
    text = []
    for n in range(first, first + BATCH):
        text.append(f"request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\n"
                    f"client_address=10.{n >> 16}.{n >> 8 & 255}.{n & 255}\nclient_port={1024 + n % 60000}\n"
                    f"helo_name=h{n}.example\nsender=s{n}@d{n}.example\nrecipient=r{n}@example.org\n"
                    f"instance={n:x}.1.0\nsize={n}\n\n")
    s.sendall("".join(text).encode())
    want = b"action=DUNNO\n\n" * BATCH
    got = b""
    while len(got) < len(want):
        more = s.recv(65536)
        assert more, "closed"
        got += more
    assert got == want, got[:200]


def counters(lab, d):
    return json.loads(ctl(lab, "-c", d.conf, "status", "--json")[1])["counters"]


def test_memory_is_bounded_with_everything_different(lab):
    """Nobody asks at DATA, so that each of them counts in the end, and on as many connections as a busy MTA has."""
    rules = "".join(f"[rule f{i}]\ndetect = flood\nlimit = 20\nwindow = 1d\ncount_by = {by}\n"
                    for i, by in enumerate(("client", "sender", "recipient")))
    d = lab.daemon(server=f"mode = enforce\ncontrol = unix:{lab.path('run/control.sock')}", rules=rules + TRAP,
                   store=f"max_counters = {COUNTERS}\n").start()
    s = d.dial()
    for n in range(20):
        assert rcpt(s, n) == b"action=DUNNO\n\n"
    assert rcpt(s, 30) == DEFER, "an open storm"
    lines = [d.dial() for _ in range(100)]
    began, half = time.monotonic(), 0
    for i, first in enumerate(range(0, MANY, BATCH)):
        strangers(lines[i % len(lines)], first)
        if first == MANY // 2:
            half = int(d.status("VmRSS")[0])
        if first % 50000 == 0:
            assert rcpt(s, 40000 + first // BATCH) == DEFER, first
    took, rss = time.monotonic() - began, int(d.status("VmRSS")[0])
    assert rcpt(s, 49999) == DEFER, "its counters were never evicted"
    c = counters(lab, d)
    assert c["entries"] <= c["max"] == COUNTERS and c["evicted"] > 2 * MANY, c
    if not lab.sanitized:
        # What waits for the database goes up and down; 400 bytes for each of them would be seen.
        assert max(half, rss) < 120 * 1024, (half, rss)
        assert took < 20, took
    return f"{took:.1f} s, RSS {half} kB half way, {rss} kB in the end, {c['evicted']} counters evicted"
