# SPDX-License-Identifier: ISC
"""stormctl replay: what came back is read out of the bodies of bounces, in whatever form the mail is kept."""
import json
import os
import subprocess

CONF = """[server]
mode = enforce
policy = unix:{dir}/unused.sock
control = unix:{dir}/unused2.sock
rules = rules.conf
[store]
path = :memory:
[mail]
hostname = mx.example.org
local_domains = example.org
trusted = 192.0.2.0/24
"""
RULES = "[rule backscatter]\ndetect = backscatter\nmode = enforce\naction = reject\n"
POST = "From: joe@example.org\nTo: x@example.net\nMessage-ID: <1@example.org>\nDate: Mon, 2 Nov 2026 09:00:00 +0000\n\n"
BOUNCE = ("From: MAILER-DAEMON@mx.example.net\nTo: joe@example.org\nSubject: failure notice\n"
          "Message-ID: <b{}@mx.example.net>\n\n")
BODY = ("It failed.\n\n--- Below this line is a copy of the message.\n\nFrom: joe@example.org\n"
        "Message-ID: <{}@example.org>\n\nhello\n")


def event(at, client, sender, rcpt, header, body):
    return json.dumps({"time": 1793613600 + at, "client_address": client, "sender": sender, "recipients": [rcpt],
                       "header": header, "body": body}) + "\n"


def test_bounces_by_their_bodies(lab):
    conf = lab.put("main.conf", CONF.format(dir=lab.dir))
    lab.put("rules.conf", RULES)
    post = event(0, "192.0.2.1", "joe@example.org", "x@example.net", POST, "hello\n")
    # one returns what was sent, the other what was not
    bounces = [(BOUNCE.format(n), BODY.format(n)) for n in (1, 2)]
    from_line, fields = "From MAILER-DAEMON Mon Nov  2 09:10:00 2026\n", "X-Original-To: joe@example.org\n"
    forms = {
        "events.jsonl": "".join(event(60, "198.51.100.1", "", "joe@example.org", *b) for b in bounces),
        "box.mbox": "".join(from_line + fields + h + b + "\n" for h, b in bounces),
        "folder": None,
    }
    for n, (header, body) in enumerate(bounces):
        lab.put(f"folder/cur/{n}", "Return-Path: <>\n" + fields + header + body)
    for name, text in forms.items():
        path = lab.path(name) if text is None else lab.put(name, text)
        p = subprocess.run([lab.binary("stormctl"), "-c", conf, "replay", "--json", lab.put("post.jsonl", post), path],
                           env=lab.env, capture_output=True, timeout=30, check=False)
        assert p.returncode == 0, p.stderr
        verdicts = [json.loads(line).get("verdict") for line in p.stdout.splitlines()]
        assert verdicts == ["pass", "pass", "reject", None], (name, verdicts)


def test_lines_of_any_form(lab):
    """However an event is written it is the same event; what is none is named, and the others are judged."""
    conf = lab.put("main.conf", CONF.format(dir=lab.dir))
    lab.put("rules.conf", RULES)
    usual = {"time": 1793613600.25, "client_address": "198.51.100.1", "sender": "", "recipients": ["joe@example.org"],
             "header": BOUNCE.format(1).replace("failure", "fail\u00fcre \"x\" \\ \t"), "body": BODY.format(9)}
    forms = [json.dumps(usual), json.dumps(usual, ensure_ascii=False), json.dumps(usual, separators=(",", ":")) + "\r",
             json.dumps({**usual, "note": {"any": [1, True]}}), json.dumps({"note": "n", **usual, "sasl_username": None}),
             json.dumps(usual).replace("1793613600.25", "1.79361360025e9")]
    broken = ['{"sender": "x"', '["sender"]', '{"sender": "\\x"}', "nothing"]
    lines = [*forms, *broken, "", *forms]
    text = "".join(line + "\n" for line in lines)
    for path, standard in ((lab.put("events.jsonl", ""), b""), ("-", text.encode())):
        if path != "-":
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
        p = subprocess.run([lab.binary("stormctl"), "-c", conf, "replay", "--json", path], env=lab.env, input=standard,
                           capture_output=True, timeout=30, check=False)
        said = [json.loads(line) for line in p.stdout.splitlines()]
        assert p.returncode == 65, (p.returncode, p.stderr)
        assert p.stderr.decode().splitlines() == [f"stormctl: {path}:{n}: not a JSON object" for n in range(7, 11)]
        assert len(said) == 2 * len(forms) + 1 and said[-1]["summary"]["copies_stopped"] == 2 * len(forms), said[-1]
        for n, one in enumerate(said[:-1], 1):
            want = {"message": n, "file": path, "time": 1793613600.25, "verdict": "reject", "rule": "backscatter",
                    "message_id": "<b1@mx.example.net>"}
            assert {k: one[k] for k in want} == want, one


def replay(lab, conf, *paths, given=None):
    p = subprocess.run([lab.binary("stormctl"), "-c", conf, "replay", "--json", *paths], env=lab.env, input=given,
                       capture_output=True, timeout=30, check=False)
    assert p.returncode == 0, p.stderr
    return [json.loads(line) for line in p.stdout.splitlines()][:-1]


def test_a_false_date_is_no_time(lab):
    """A message dated years ahead does not stop the clock for all that came after it."""
    conf = lab.put("main.conf", CONF.format(dir=lab.dir))
    lab.put("rules.conf", "[rule bounces]\ndetect = bounce-flood\nlimit = 2\nwindow = 1h\n")
    message = ("Return-Path: <>\nX-Original-To: joe@example.org\nX-Other: Received: ; Mon, 1 Jan 2040 00:00:00 +0000\n"
               "Received: from mx.example.net by mx.example.org\n\tid Q{0};\n\tMon, {0} Nov 2026 10:00:00 +0100 (CET)\n"
               "Received: from a.example.net by mx.example.net id R; Mon, 2 Nov 2020 09:00:00 +0000\n")
    for day in range(1, 7):
        date = "Sat, 2 Jan 2038 09:00:00 +0000" if day == 1 else f"Mon, {day} Nov 2026 09:00:00 +0000"
        lab.put(f"folder/cur/{day}", message.format(day) + BOUNCE.format(day)[:-1] + f"Date: {date}\n\n")
    said = replay(lab, conf, lab.path("folder"))
    assert [one["verdict"] for one in said] == ["pass"] * 6, said
    assert [one["time"] for one in said] == [1793523600 + 86400 * n for n in range(6)], said


def test_milliseconds_are_no_seconds(lab):
    """Windows would end between any two messages, and the rules seem to stop nothing."""
    conf = lab.put("main.conf", CONF.format(dir=lab.dir))
    lab.put("rules.conf", RULES)
    lines = [f'{{"time": {t}, "sender": "", "recipients": ["joe@example.org"]}}\n'
             for t in ("253402300799", "253402300800", "1793613600250", "1.79361360025e12", "1793613600250000000")]
    path = lab.put("events.jsonl", "".join(lines))
    p = subprocess.run([lab.binary("stormctl"), "-c", conf, "replay", "--json", path], env=lab.env,
                       capture_output=True, timeout=30, check=False)
    assert p.returncode == 65, (p.returncode, p.stderr)
    assert p.stderr.decode().splitlines() == [
        f"stormctl: {path}:{n}: the time is not in seconds since 1970" for n in range(2, 6)]
    assert [json.loads(line).get("time") for line in p.stdout.splitlines()] == [253402300799.0, None]


def test_more_recipients_than_a_storm_remembers(lab):
    conf = lab.put("main.conf", CONF.format(dir=lab.dir))
    lab.put("rules.conf", "[rule copies]\ndetect = replication\nlimit = 1\n")
    header = ("Received: from h{0}.example.net by g.example.net id 1; Mon, 2 Nov 2026 09:00:00 +0000\n"
              "Received: from a.example.net by o.example.net id 7; Mon, 2 Nov 2026 09:00:00 +0000\n"
              "From: a@example.net\nDate: Mon, 2 Nov 2026 09:00:00 +0000\nMessage-ID: <1@example.net>\n\n")
    for n, said in ((4095, "4095"), (4097, "at least 4096")):
        path = lab.put("events.jsonl", "".join(json.dumps(
            {"time": 1793613600 + i, "client_address": "192.0.2.1", "sender": "a@example.net", "header": header.format(i),
             "recipients": [f"r{k}@example.org" for k in range(n)]}) + "\n" for i in range(2)))
        p = subprocess.run([lab.binary("stormctl"), "-c", conf, "replay", path], env=lab.env, capture_output=True,
                           timeout=30, check=False)
        assert f"{n} stopped, {said} recipients" in p.stdout.decode().replace("\n", " "), p.stdout[-300:]
        p = subprocess.run([lab.binary("stormctl"), "-c", conf, "replay", "--json", path], env=lab.env,
                           capture_output=True, timeout=30, check=False)
        storm, = json.loads(p.stdout.splitlines()[-1])["summary"]["storms"]
        assert storm["recipients_at_least"] == (n > 4096), storm


def test_lines_of_mail_programs(lab):
    """What mail programs write in front of a message names no sender; Return-Path does."""
    conf = lab.put("main.conf", CONF.format(dir=lab.dir) + "lists = lists\n")
    lab.put("lists", "all@example.org owner@example.org\n")
    lab.put("rules.conf", "[rule path]\ndetect = list-return-path\nscope = any\naction = set-sender-owner\n")
    fields = "X-Original-To: x@example.net\n"
    post = POST + "hello\n\n"
    for line, path, sees in (("- Tue Nov  3 09:00:00 2026", "<all@example.org>", True),
                             ("17@xxx Mon Nov 02 09:00:00 +0000 2026", "<all@example.org>", True),
                             ("all@example.org Mon Nov  2 09:00:00 2026", None, True),
                             ("all@example.org Mon Nov  2 09:00:00 2026", "<joe@example.org>", False)):
        path = f"Return-Path: {path}\n" if path else ""
        path += "Received: by mx.example.org; Mon, 2 Nov 2026 10:00:00 +0100\n" if line[0] == "-" else ""
        one, = replay(lab, conf, lab.put("box", f"From {line}\n{path}{fields}{post}"))
        assert (one["rule"] == "path") == sees, (line, path, one)
        assert one["time"] == 1793610000, (line, one)
    for line in ("Tue Nov  3 09:00 2026", "Tue Nov  3 04:00:00 EST 2026", "Tue Nov  3 10:00:00 +0100 2026"):
        one, = replay(lab, conf, lab.put("box", f"From joe@example.org {line}\n{post}"))
        assert one["time"] == 1793696400, (line, one)


def test_delivery_to_a_mailbox_is_no_earlier_one(lab):
    """A mailbox server of another name writes above what we wrote. That is no loop; what was here before is one."""
    conf = lab.put("main.conf", CONF.format(dir=lab.dir))
    lab.put("rules.conf", "[rule loop]\ndetect = mail-loop\n")
    delivered = "Return-Path: <a@example.net>\n{}Delivered-To: joe@example.org\n"
    ours = "Received: from out.example.net by mx.example.org (Postfix) with ESMTP id 4R{};\n\tMon, 2 Nov 2026 10:00:00 +0100\n"
    first = "Received: from pc by out.example.net with SMTP id Q0; Mon, 2 Nov 2026 09:59:59 +0100\n"
    for original in ("", "X-Original-To: joe@example.org\n", "Envelope-To: joe@example.org\n"):
        for mailbox in ("Received: from mx.example.org\n\tby mbox.example.org with LMTP id a2;\n\tMon, 2 Nov 2026 10:00:01 +0100\n",
                        "Received: from mx.example.org (192.0.2.9) by exch.example.org\n (192.0.2.10) with Microsoft SMTP "
                        "Server id 15.1.1; Mon, 2 Nov 2026 10:00:01 +0100\n", ""):
            once = delivered.format(original) + mailbox + ours.format(1) + first
            back = "Received: from x.example.com by out.example.net with SMTP id Q1; Mon, 2 Nov 2026 10:00:00 +0100\n"
            again = delivered.format(original) + mailbox + ours.format(2) + back + delivered.format("") + mailbox + ours.format(1) + first
            lab.put("box/cur/1", once + POST)
            lab.put("box/cur/2", again + POST)
            said = [one["verdict"] for one in replay(lab, conf, lab.path("box"))]
            assert said == ["pass", "reject"], (original, mailbox, said)


def test_recipient_by_the_line_that_took_it(lab):
    """Sendmail and Cyrus leave him in the Received line alone. What others wrote below tells of a way before ours."""
    conf = lab.put("main.conf", CONF.format(dir=lab.dir))
    lab.put("rules.conf", "[rule again]\ndetect = replication\nlimit = 1\n")
    ours = "Received: from out.example.net by mx.example.org (8.17.1/8.17.1) with ESMTP id 4R{}{};\n\tMon, 2 Nov 2026 10:00:00 +0100\n"
    theirs = "Received: from pc by out{}.example.net with SMTP id Q{}\n\tfor <list@example.net>; Mon, 2 Nov 2026 09:59:59 +0100\n"
    first = "Received: from pc by relay.example.net with SMTP id Q0; Mon, 2 Nov 2026 09:59:58 +0100\n"
    cyrus = "Received: from mx.example.org by mbox.example.org (Cyrus 3.8) with LMTPA;\n\tMon, 2 Nov 2026 10:00:01 +0100\n"
    filtered = "Received: from localhost by mx.example.org with ESMTP id F1; Mon, 2 Nov 2026 10:00:01 +0100\n"
    forwarded = "Delivered-To: joe{}@example.net\n"
    for top, said, dropped in (("", "\n\tfor <joe@example.org>", 1), (cyrus, "\n\tfor <joe@example.org>", 1),
                               (cyrus + filtered, "\n\tfor <joe@example.org>", 1), ("", "", 0), (cyrus, "", 0)):
        for n in range(2):
            lab.put(f"box/cur/{n}", top + ours.format(n, said) + forwarded.format(n) + theirs.format(n, n) + first + POST)
        verdicts = [one["verdict"] for one in replay(lab, conf, lab.path("box"))]
        assert verdicts.count("discard") == dropped, (top, said, verdicts)
    lab.put("box/cur/0", theirs.format(0, 0) + POST)
    lab.put("box/cur/1", "Received: from a by b.example.net with SMTP id B1; x\n" + theirs.format(0, 0) + POST)
    p = subprocess.run([lab.binary("stormctl"), "-c", conf, "replay", lab.path("box")], env=lab.env, capture_output=True,
                       timeout=30, check=True)
    assert b"2 messages, 1 copies offered" in p.stdout, p.stdout


def test_lines_that_begin_no_message(lab):
    """Many programs quote no "From here on" in a body: a message begins where a line tells a time and a year too, or
    nothing. What a bounce gives back below such a line is read."""
    conf = lab.put("main.conf", CONF.format(dir=lab.dir))
    lab.put("rules.conf", RULES)
    fields = "Return-Path: <>\nX-Original-To: joe@example.org\n"
    body = "From what the next server said:\nFrom 10:15 on it was full.\n" + BODY.format(9)
    lines = ("<> Mon Nov  2 09:00:00 2026", "MAILER-DAEMON (mx) Mon Nov  2 09:00 CET 2026", "- Mon, 2 Nov 2026 09:00:00 GMT",
             "9@xxx Mon Nov 02 09:00:00 +0000 2026", "")
    box = "".join(f"From {line}\n{fields}{BOUNCE.format(n)}\n{body}\n" for n, line in enumerate(lines))
    for name, text in (("box", box), ("crlf", box.replace("\n", "\r\n"))):
        said = replay(lab, conf, lab.put(name, text))
        assert [(one["message_id"], one["verdict"]) for one in said] == [
            (f"<b{n}@mx.example.net>", "reject") for n in range(len(lines))], (name, said)
    box = "".join(f"From b{n}@mx.example.net\n{fields}{BOUNCE.format(n)}\n{BODY.format(9)}\n" for n in range(3))
    assert len(replay(lab, conf, lab.put("dateless", box))) == 3


def test_shadow_counts_what_would_be_stopped(lab):
    """Of a trial in shadow mode: a wide header would be marked, and stopped only by a later rule."""
    conf = lab.put("main.conf", CONF.format(dir=lab.dir).replace("enforce", "shadow") + "lists = lists\n")
    lab.put("lists", "all@example.org owner@example.org\n")
    lab.put("rules.conf", "[rule wide]\ndetect = wide-recipients\nlimit = 1\n[rule guard]\ndetect = list-guard\n")
    head = "From: x@example.net\nTo: a@example.org, b@example.org\n\n"
    path = lab.put("wide.jsonl", "".join(event(n, "198.51.100.1", "x@example.net", rcpt, head, "")
                                          for n, rcpt in enumerate(("a@example.org", "all@example.org"))))
    args = [lab.binary("stormctl"), "-c", conf, "replay", path]
    p = subprocess.run([*args, "--json"], env=lab.env, capture_output=True, timeout=30, check=True)
    *said, last = [json.loads(line) for line in p.stdout.splitlines()]
    assert [(one["rule"], one["would"], one["storm"] is None) for one in said] == [
        ("wide", True, True), ("guard", True, False)], said
    assert last["summary"]["would_stop"] == 1, last
    text = subprocess.run(args, env=lab.env, capture_output=True, timeout=30, check=True).stdout.decode()
    assert "#1: prepend (shadow) by rule wide," in text and "#2: would be stopped (shadow) by rule guard," in text, text
    assert "1 messages would be stopped by shadow rules" in text, text
    only_marked_is_told_as_well(lab, args, conf)


def test_who_is_told_is_who_did_it(lab):
    """One recipient's copy would be discarded, the other's mail is deferred, so all of it is: by the second rule."""
    conf = lab.put("main.conf", CONF.format(dir=lab.dir))
    lab.put("rules.conf", "[rule copies]\ndetect = replication\nlimit = 1\n"
            "[rule much]\ndetect = flood\ncount_by = client\nlimit = 2\n")
    lines = []
    for n, to in enumerate((["a@example.org"], ["b@example.org"], ["a@example.org", "c@example.org"])):
        header = ("Received: from relay by mx{}.example id COPY{}\nReceived: from pc by sender.example id ORIG0{}\n"
                  "From: s@x.example\nTo: a@example.org\nSubject: hello\nMessage-ID: <{}@x.example>\n"
                  "Date: Mon, 2 Nov 2026 09:00:00 +0000\n\n").format(n, n, n % 2, n % 2)
        lines.append(json.dumps({"time": 1793613600 + n, "client_address": "198.51.100.9", "sender": "s@x.example",
                                 "recipients": to, "header": header}) + "\n")
    p = subprocess.run([lab.binary("stormctl"), "-c", conf, "replay", "--json", lab.put("e.jsonl", "".join(lines))],
                       env=lab.env, capture_output=True, timeout=30, check=False)
    got = [json.loads(line) for line in p.stdout.splitlines()]
    assert p.returncode == 0 and [g["verdict"] for g in got[:3]] == ["pass", "pass", "defer"], (p.stderr, got)
    storms = {s["rule"]: s["id"] for s in got[3]["summary"]["storms"]}
    assert set(storms) == {"copies", "much"} and (got[2]["rule"], got[2]["storm"]) == ("much", storms["much"]), got


def test_what_is_discarded_is_dropped_for_all(lab):
    conf = lab.put("main.conf", CONF.format(dir=lab.dir))
    lab.put("rules.conf", "[rule copies]\ndetect = replication\nlimit = 1\n")
    post = json.loads(event(0, "198.51.100.1", "a@example.net", "joe@example.org", POST, ""))
    ways = [{**post, "recipients": ["joe@example.org", *more], "header": f"Received: from h{n} by r{n}.example with SMTP id {n}\n"
             f"Received: from pc by sender.example with SMTP id 0\n{POST}"} for n, more in enumerate(([], [], ["eve@example.org"]))]
    p = subprocess.run([lab.binary("stormctl"), "-c", conf, "replay", lab.put("ways.jsonl", "".join(json.dumps(w) + "\n" for w in ways))],
                       env=lab.env, capture_output=True, text=True, timeout=30, check=True)
    one, two = p.stdout.splitlines()[:2]
    assert "#2: discard by" in one and one.endswith(", 1 of 1 recipients dropped"), p.stdout
    assert "#3: drop-recipients by" in two and two.endswith(", 1 of 2 recipients dropped"), p.stdout


def only_marked_is_told_as_well(lab, args, conf):
    """What one rule only marks, another would have stopped: it counts, and is named."""
    with open(conf, encoding="utf-8") as f:
        lab.put("main.conf", f.read().replace("shadow", "enforce"))
    args = [*args[:3], "replay", "--set", "guard.mode=shadow", *args[4:]]
    p = subprocess.run([*args, "--json"], env=lab.env, capture_output=True, timeout=30, check=True)
    *said, last = [json.loads(line) for line in p.stdout.splitlines()]
    assert [(one["verdict"], one["rule"], one["would"], one.get("would_rule")) for one in said] == [
        ("prepend", "wide", False, None), ("prepend", "wide", False, "guard")], said
    assert last["summary"]["would_stop"] == 1, last
    text = subprocess.run(args, env=lab.env, capture_output=True, timeout=30, check=True).stdout.decode()
    assert "#2: prepend by rule wide, would be stopped (shadow) by rule guard, message-id" in text, text


def test_a_pipe(lab):
    """Old mail is often packed: what comes out of a pipe is read as a file is."""
    conf = lab.put("main.conf", CONF.format(dir=lab.dir))
    lab.put("rules.conf", RULES)
    box = ("From a@example.net Mon Nov  2 09:00:00 2026\nX-Original-To: x@example.net\n" + POST + "hello\n\n") * 3000
    assert len(replay(lab, conf, "/dev/stdin", given=box.encode())) == 3000
    assert replay(lab, conf, "/dev/stdin", given=b"") == []


def test_a_file_too_large_for_the_machine(lab):
    """Where addresses have 32 bits it is refused by name; the rest of its size by 4 GB is not taken for all of it."""
    with open(lab.binary("stormctl"), "rb") as f:
        if f.read(5)[4] != 1:  # ELFCLASS32
            return
    conf = lab.put("main.conf", CONF.format(dir=lab.dir))
    lab.put("rules.conf", RULES)
    path = lab.put("box.mbox", "From a@example.net Mon Nov  2 09:00:00 2026\nX-Original-To: x@example.net\n" + POST + "hello\n")
    os.truncate(path, (1 << 32) + os.path.getsize(path))
    p = subprocess.run([lab.binary("stormctl"), "-c", conf, "replay", "--json", path], env=lab.env, capture_output=True,
                       timeout=30, check=False)
    assert p.returncode != 0 and b"File too large" in p.stderr, (p.returncode, p.stdout, p.stderr)


def test_control_bytes(lab):
    """What mail wrote does not reach the terminal as it is, in the lines for people neither."""
    conf = lab.put("main.conf", CONF.format(dir=lab.dir))
    lab.put("rules.conf", RULES)
    header = BOUNCE.replace("<b{}@", "<\x1b]0;x\x07{}@") + "\n"
    events = "".join(event(n, "198.51.100.1", "", "joe@example.org", header.format(n), BODY.format(9)) for n in range(2))
    p = subprocess.run([lab.binary("stormctl"), "-c", conf, "replay", lab.put("events.jsonl", events)], env=lab.env,
                       capture_output=True, timeout=30, check=False)
    assert p.returncode == 0, p.stderr
    assert b"\x1b" not in p.stdout and b"\x07" not in p.stdout, p.stdout
    for where in (rb"message-id ", rb"(backscatter): "):
        assert where + rb"<\x1b]0;x\x070@mx.example.net>, " in p.stdout, p.stdout


def test_storms_whose_time_is_over(lab):
    """What ended before the mail did is told all the same, and stops nothing that comes after a long gap."""
    conf = lab.put("main.conf", CONF.format(dir=lab.dir))
    lab.put("rules.conf", "[rule copies]\ndetect = replication\nlimit = 1\nremember = 2d\n[rule much]\ndetect = flood\n"
        "limit = 2\ncount_by = sender\nexempt = x@example.net\n")
    way = ("Received: from a by relay{}.example with SMTP id {};\n\tMon, 2 Nov 2026 09:00:00 +0000\n"
           "Received: from pc by a.example with SMTP id 0;\n\tMon, 2 Nov 2026 09:00:00 +0000\n" + POST)
    copies = [event(at, "198.51.100.1", "x@example.net", "joe@example.org", way.format(n, n), "")
              for n, at in enumerate((0, 60, 120, 10 * 86400, 10 * 86400 + 60))]
    much = [event(300 + n, "198.51.100.2", "y@example.net", "ann@example.org", "", "") for n in range(3)]
    path = lab.put("events.jsonl", "".join(copies[:3] + much + copies[3:]))
    p = subprocess.run([lab.binary("stormctl"), "-c", conf, "replay", "--json", path], env=lab.env, capture_output=True,
                       timeout=30, check=True)
    *said, summary = [json.loads(line) for line in p.stdout.splitlines()]
    assert [one["verdict"] for one in said] == ["pass", "discard", "discard", "pass", "pass", "defer", "pass", "discard"], said
    storms = summary["summary"]["storms"]
    assert [(s["rule"], s["state"], s["offered"]) for s in storms] == [
        ("copies", "closed", 2), ("much", "closed", 1), ("copies", "open", 1)], storms
    assert {one["storm"] for one in said if one["storm"]} == {s["id"] for s in storms}
    assert storms[0]["recipients"] == 1 and storms[1]["hosts"][0]["name"] == "198.51.100.2", storms
    p = subprocess.run([lab.binary("stormctl"), "-c", conf, "replay", path], env=lab.env, capture_output=True, timeout=30,
                       check=True)
    assert [line.split()[1] for line in p.stdout.decode().splitlines() if line.startswith("storm ")] == [
        s["id"] for s in storms], p.stdout


def test_ends_where_nobody_hears(lab):
    """A pipe that closes, where the signal is ignored, or a full disk: mail is not read to its end for nobody."""
    conf = lab.put("main.conf", CONF.format(dir=lab.dir))
    lab.put("rules.conf", RULES)
    one = event(0, "192.0.2.1", "joe@example.org", "x@example.net", POST, "")
    p = subprocess.Popen([lab.binary("stormctl"), "-c", conf, "replay", "--json", "-"], env=lab.env, stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, restore_signals=False)
    p.stdout.close()
    p.stdin.write(one.encode())
    p.stdin.flush()
    assert p.wait(timeout=30) == 74 and b"Broken pipe" in p.stderr.read()
    p.stderr.close()
    p.stdin.close()
    for n in range(400):
        lab.put(f"folder/{n:03}", POST)
    lab.put("folder/400.jsonl", "none\n") # of which it would speak
    with open("/dev/full", "wb") as full:
        p = subprocess.run([lab.binary("stormctl"), "-c", conf, "replay", "--json", lab.path("folder"), lab.path("gone")],
                           env=lab.env, stdout=full, stderr=subprocess.PIPE, timeout=30, check=False)
    assert p.returncode == 74 and p.stderr == b"stormctl: standard output: No space left on device\n", p


def test_a_line_that_is_too_long(lab):
    """It is named, as any other line that is not taken."""
    conf = lab.put("main.conf", CONF.format(dir=lab.dir))
    lab.put("rules.conf", RULES)
    with open(lab.path("long.jsonl"), "wb") as f:
        f.seek((64 << 20) + 1)
        f.write(b"\n" + event(0, "192.0.2.1", "joe@example.org", "x@example.net", POST, "").encode())
    for path in (lab.path("long.jsonl"), "-"):
        with open(lab.path("long.jsonl"), "rb") as given:
            p = subprocess.run([lab.binary("stormctl"), "-c", conf, "replay", "--json", path], env=lab.env, stdin=given,
                               capture_output=True, timeout=30, check=False)
        assert p.returncode == 65 and p.stderr.decode() == f"stormctl: {path}:1: longer than 64 MB\n", p.stderr
        assert len(p.stdout.splitlines()) == 2, p.stdout
