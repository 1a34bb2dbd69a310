# SPDX-License-Identifier: ISC
"""stormctl inspect: what an operator sees of single messages, without a daemon."""
import json
import subprocess

from harness import ctl


def objects(out):
    return [json.loads(line) for line in out.splitlines()]


STORM = (b"Received: from gw.example.com (gw.example.com [192.0.2.7])\r\n\tby mx.example.net with ESMTP id Q1\r\n"
         b"Delivered-To: mspop3connector.joe@example.net\r\nMessage-ID:\r\n <a.b@example.com>\r\n"
         b"From: Joe <joe@example.com>\r\nTo: a@example.net, \"B, C\" <b@example.net>\r\nCc: g: c@example.net;\r\n"
         b"Date: Mon, 1 Jan 2024 10:00:00 +0000\r\nSubject: Re: x\r\nReferences: <r@x> <s@x>\r\n"
         b"List-Id: A list <l.example.net>\r\n\r\nTo: not@counted\r\n")


def test_json(lab):
    path = lab.put("a.eml", STORM)
    code, out, err = ctl(lab, "inspect", "--json", path, "-", data=STORM.replace(b"\r\n", b"\n"))
    assert code == 0 and err == "", (code, err)
    one, two = objects(out)
    assert one.pop("file") == path and two.pop("file") == "-"
    assert one == two, "line ends make no difference"
    want = {"message_id": "<a.b@example.com>", "to_count": 2, "cc_count": 1, "header_recipients": 3,
            "truncated": False, "automatic": "none", "is_list": True, "list_id": "l.example.net", "thread": "<r@x>",
            "thread_reply": True, "hops": 1, "delivered_to": ["mspop3connector.joe@example.net"],
            "gateway_marker": "mspop3connector.joe@example.net", "from": "Joe <joe@example.com>", "sender": None,
            "received": [{"from": "gw.example.com", "ip": "192.0.2.7", "by": "mx.example.net", "id": "Q1"}]}
    for key, value in want.items():
        assert one[key] == value, (key, one[key])
    assert len(one["trace"]) == 16 and int(one["trace"], 16)
    assert len(one["fingerprint"]) == 32 and int(one["fingerprint"], 16)


def test_own_hosts_and_markers_from_the_configuration(lab):
    conf = lab.put("mail.conf", b"[mail]\nhostname = mx.example.net\ngateway_markers = pop.\n")
    path = lab.put("a.eml", STORM.replace(b"Cc: g:", b"Cc: pop.x@y, g:"))
    code, out, err = ctl(lab, "-c", conf, "inspect", "--json", path)
    assert code == 0, err
    mine, = objects(out)
    other, = objects(ctl(lab, "inspect", "--json", path)[1])
    assert mine["gateway_marker"] == "pop.x@y"
    assert mine["trace"] != other["trace"], "our own line is no part of the trace"
    code, out, err = ctl(lab, "-c", lab.path("missing.conf"), "inspect", path)
    assert code == 78 and out == "" and "missing.conf" in err, (code, err)


def test_bytes_that_are_no_utf8(lab):
    code, out, _ = ctl(lab, "inspect", "--json", "-",
                       data=b"Subject: \xff \xc3( \xed\xa0\x80 \xf5\x80 \xe2\x82\xac \x00 \xe2\x82\nFrom: \x80\"\\\x01\n\n")
    assert code == 0
    one, = objects(out)
    assert one["subject"] == "\ufffd \ufffd( \ufffd\ufffd\ufffd \ufffd\ufffd \u20ac \ufffd \ufffd\ufffd", one["subject"]
    assert one["from"] == "\ufffd\"\\\x01"
    code, out, _ = ctl(lab, "inspect", "-", data=b"Subject: a\x1b[2Jb\n\n")
    assert code == 0 and "\x1b" not in out and "a\\x1b[2Jb" in out
    # U+009B does what ESC [ does, U+202E turns the line round
    code, out, _ = ctl(lab, "inspect", "-", data=b"Subject: \xc2\x9b31m \xe2\x80\xaegpj \x9b \xc3\xa9\nMessage-ID: <\xc2\x85@x>\n\n")
    assert code == 0 and "\\x9b31m \\u202egpj \\x9b \u00e9\n" in out and "<\\x85@x>" in out, out


def test_files_that_cannot_be_read(lab):
    good = lab.put("good.eml", b"Subject: x\n\n")
    code, out, err = ctl(lab, "inspect", "--json", lab.path("no.eml"), good, lab.dir)
    assert code == 66, code
    assert [o["file"] for o in objects(out)] == [good]
    assert "no.eml: No such file" in err and "directory" in err, err


def test_output_that_cannot_be_written(lab):
    """Of any command: who watches the exit status is not told that all is well."""
    path = lab.put("a.eml", STORM)
    event = lab.put("a.jsonl", b'{"time": 1, "recipients": ["b@example.org"], "header": "To: b@example.org\\n\\n"}\n')
    conf = lab.put("conf", b"[server]\nmode = shadow\n")
    for args in (["inspect", path], ["inspect", "--json", path], ["config"], ["config", "--keys"], ["doctor", "--checks"],
                 ["-c", conf, "replay", event], ["-V"], ["-h"]):
        with open("/dev/full", "wb") as full:
            p = subprocess.run([lab.binary("stormctl"), *args], env=lab.env, stdout=full, stderr=subprocess.PIPE,
                               timeout=30, check=False)
        assert p.returncode == 74 and b"No space left" in p.stderr, (args, p)


def test_words_that_are_no_command(lab):
    for args in ((), ("nonsense",), ("inspect",), ("inspect", "--nonsense", "x"), ("--nonsense",)):
        code, out, err = ctl(lab, *args)
        assert code == 64 and out == "" and "usage: stormctl" in err, (args, code, err)
    code, out, _ = ctl(lab, "--help")
    assert code == 0 and "inspect" in out
    code, out, _ = ctl(lab, "--version")
    assert code == 0 and out.startswith("stormctl ")


def test_a_long_audience(lab):
    head = b"From: a@b\nTo: " + b",\n ".join(b"user%d@example.org" % i for i in range(40000)) + b"\n\nbody\n"
    assert len(head) < 1 << 20
    one, = objects(ctl(lab, "inspect", "--json", lab.put("wide.eml", head))[1])
    assert one["to_count"] == 40000 and not one["truncated"]
    more = head.replace(b"\n\nbody", b",\n " + b",\n ".join(b"more%d@example.org" % i for i in range(9000)) + b"\n\nbody")
    one, = objects(ctl(lab, "inspect", "--json", lab.put("wider.eml", more))[1])
    assert 40000 < one["to_count"] < 49000 and one["truncated"], one["to_count"]


BOUNCE = (b"Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example.net\r\nTo: list@example.org\r\nSubject: Undelivered\r\n"
          b"In-Reply-To: <other@example.com>\r\nMIME-Version: 1.0\r\n"
          b"Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"B/1\"\r\n\r\n"
          b"--B/1\r\n\r\nIt failed.\r\n--B/1\r\nContent-Type: message/delivery-status\r\n\r\n"
          b"Reporting-MTA: dns; mx.example.net\r\n\r\nOriginal-Recipient: rfc822;Gone@example.net\r\n"
          b"Final-Recipient: rfc822;gone@inner.example.net\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
          b"Final-Recipient: rfc822;slow@example.net\r\nAction: delayed\r\n\r\n"
          b"--B/1\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: <1@example.com>\r\nFrom: a@example.com\r\n\r\n"
          b"x\r\n--B/1--\r\n")


def test_bounces_tell_what_came_back(lab):
    path = lab.put("bounce.eml", BOUNCE)
    bare = lab.put("bare.eml", BOUNCE[:BOUNCE.index(b"\r\n\r\n") + 4])
    plain = lab.put("plain.eml", BOUNCE.replace(b"<>", b"<joe@x>").replace(b"MAILER-DAEMON", b"joe").replace(b"/report", b"/mixed"))
    # the header is longer than what is read at once
    long = lab.put("long.eml", b"X-Long: " + b"x" * 70000 + b"\r\n" + BOUNCE)
    code, out, err = ctl(lab, "inspect", "--json", path, bare, plain, long)
    assert code == 0 and err == "", (code, err)
    one, two, three, four = objects(out)
    keys = ("automatic", "returned_message_id", "failed_recipients", "reporting_mta")
    for o in one, four:
        assert [o[k] for k in keys] == ["bounce", "<1@example.com>", ["Gone@example.net"], "mx.example.net"], o
    assert [two[k] for k in keys] == ["bounce", "<other@example.com>", [], None], two
    assert three["automatic"] == "none" and not set(keys[1:]) & set(three), three
    out = ctl(lab, "inspect", path)[1]
    for line in ("returned           <1@example.com>", "failed recipient   Gone@example.net",
                 "reporting mta      mx.example.net"):
        assert f"  {line}\n" in out, out


def test_receipts_have_no_failed_recipients(lab):
    report = BOUNCE.replace(b"report-type=delivery-status", b"report-type=disposition-notification")
    one, = objects(ctl(lab, "inspect", "--json", lab.put("receipt.eml", report))[1])
    assert one["automatic"] == "report" and one["returned_message_id"] == "<1@example.com>", one
    assert "failed_recipients" not in one and "reporting_mta" not in one
