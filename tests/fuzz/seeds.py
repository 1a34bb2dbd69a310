# SPDX-License-Identifier: ISC
"""seeds.py DIR: what the harnesses begin with, a folder for each: small messages, requests, packets, files."""
import base64
import json
import os
import struct
import sys

HEADER = """Received: from a.example (a.example [192.0.2.9]) by mx.example.org (Postfix) with ESMTP id 4Abc for <b@example.org>;
\tMon, 2 Jan 2006 10:00:00 +0000
Return-Path: <list-bounces+b=example.org@lists.example>
From: "Ann, A." <ann@a.example>
To: staff@example.org, Bob <b@example.org> (comment)
Cc: group: c@example.org, =?utf-8?q?D=C3=B6?= <d@example.org>;
Subject: =?utf-8?b?UmU6IGhlbGxv?= [staff 12]
Date: Mon, 2 Jan 2006 09:59:00 +0000
Message-ID: <1@a.example>
References: <0@b.example> <00@b.example>
List-Id: Staff <staff.example.org>
Auto-Submitted: auto-replied (vacation)
"""
BOUNCE = """Return-Path: <>
From: MAILER-DAEMON@far.example
To: list@example.org
Subject: Undelivered Mail Returned to Sender
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b

I could not deliver it to <dead@far.example>: user unknown

--b
Content-Type: message/delivery-status
Content-Transfer-Encoding: quoted-printable

Reporting-MTA: dns; far.example

Final-Recipient: rfc822; dead@far=
.example
Action: failed
Status: 5.1.1

--b
Content-Type: message/rfc822

From: ann@a.example
Message-ID: <1@a.example>

--b--
"""
TEXT = """From: MAILER-DAEMON@far.example
Subject: failure notice

<dead@far.example>:
no such user

--- Below this line is a copy of the message.

Return-Path: <ann@a.example>
Message-ID: <1@a.example>
From: ann@a.example
"""
ADDRESSES = ["Ann <a@x.example>, (c (c)) b@x.example", "g: a@x.example, b@x.example;", '"a, b" <a@x.example', "@r,@s:a@[192.0.2.1]",
             "SRS0=HHH=TT=x.example=ann@fwd.example", "prvs=1234abcd=ann@x.example", "bounce+ann==a==x.example==list@robot.example",
             "list-return-12-ann=x.example@y.example", '"ann"@X.Example.', "a.n.n+x@gmail.com"]
ATTRS = ["request=smtpd_access_policy", "protocol_state=DATA", "client_address=192.0.2.1", "helo_name=h.example", "sender=ann@a.example",
         'recipients=<b@example.org>, "c,d"@example.org', "recipient_count=2", "queue_id=4Abc", "instance=1.2", "size=100",
         "want=repairs", "to_count=3"]


def packet(code, data=b""):
    return struct.pack("!I", len(data) + 1) + code + data


def milter(message, steps):
    header, _, body = message.partition("\n\n")
    said = packet(b"O", struct.pack("!III", 6, 0x1ff, steps)) + packet(b"D", b"Cj\0mx.example.org\0")
    said += packet(b"C", b"a.example\0" + b"4" + struct.pack("!H", 25) + b"192.0.2.9\0") + packet(b"H", b"h.example\0")
    said += packet(b"D", b"M{auth_authen}\0ann\0") + packet(b"M", b"<ann@a.example>\0SIZE=9\0") + packet(b"R", b"<B@example.org>\0")
    said += packet(b"D", b"Ti\x004Abc\0") + packet(b"T")
    for field in header.replace("\n\t", "\0\t").splitlines():
        name, _, value = field.replace("\0", "\n").partition(":")
        said += packet(b"L", name.encode() + b"\0" + value.encode() + b"\0")
    return said + packet(b"N") + packet(b"B", body.encode()) + packet(b"E") + packet(b"M", b"<>\0") + packet(b"A") + packet(b"Q")


def policy(message):
    header, _, body = message.partition("\n\n")
    more = [f"header={base64.b64encode(header.encode() + b'%c' % 10).decode()}", f"body={base64.b64encode(body.encode()).decode()}"]
    return "\n".join(ATTRS + more) + "\n\n"


def etc(name):
    with open(os.path.join("etc", name), encoding="utf-8") as f:
        return f.read()


EVENT = {"time": 1700000000.25, "client_address": "192.0.2.1", "helo_name": "h", "sender": "", "recipients": ["a@example.org", "b"],
         "header": HEADER, "body": "x\\\"\t", "size": 12}
MESSAGES = [HEADER + "\nhello\n", BOUNCE, TEXT]
SEEDS = {
    "message": MESSAGES + [m.replace("\n", "\r\n") for m in MESSAGES],
    "fields": [HEADER],
    "addr": ADDRESSES,
    "policy": [policy(m) for m in MESSAGES] + ["\r\n".join(ATTRS) + "\r\n\r\n"],
    "milter": [milter(m, steps) for m in MESSAGES for steps in (0, 0x1fffff)],
    "text": ["\0" + etc("rules.conf")[i:i + 3000] for i in range(0, 12000, 3000)] +
            ["\1" + etc("policyd-storm.conf")[i:i + 3000] for i in range(0, 9000, 3000)] +
            ["\2staff@example.org boss@example.org ann@example.org # x\n",
             "\3staff: ann, bob,\n  \"x y\"@a.example, :include:/x, |\"/bin/x a\"\nowner-staff: ann\n\"q r\": a\\@b\n"],
    "event": [json.dumps(EVENT), json.dumps(EVENT, indent=1), '{"sender":null,"time":1.}'],
    "kept": [bytes([kind]) + bytes(range(2, 250)) for kind in range(5)],
    "files": [bytes([kind]) + b"\1\1\1\1\1\x20\x10" + b"\5\0hello\3\xf1abc\4\0four" for kind in range(2)],
}

for name, seeds in SEEDS.items():
    folder = os.path.join(sys.argv[1], name)
    os.makedirs(folder, exist_ok=True)
    for number, seed in enumerate(seeds):
        with open(os.path.join(folder, str(number)), "wb") as f:
            f.write(seed if isinstance(seed, bytes) else seed.encode("utf-8", "surrogateescape"))
