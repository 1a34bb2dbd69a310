# SPDX-License-Identifier: ISC
"""stormctl audit: lists of the configuration and of alias maps, without a daemon."""
import json
import os
import re
import socket
import subprocess

from harness import ctl

ALIASES = """\
postmaster: root
staff: anna, bert, carl@far.example
owner-staff: anna
press: :include:%s
"""


def config(lab, mail, rules=""):
    return lab.put("audit.conf", f"[server]\nmode = enforce\nrules = {lab.put('audit.rules', rules)}\n[mail]\n"
                 f"hostname = mx.example.org\nlocal_domains = example.org\n{mail}\n")


def kinds(out):
    return [(o["list"], o["kind"], o["severity"], o["line"]) for o in map(json.loads, out.splitlines())]


def test_the_list_that_bounces_to_itself(lab):
    """As it happened: outside contacts, open to all, nobody for the bounces. Put right by what it says."""
    members = lab.put("members", "one@far.example\ntwo@far.example\n")
    path = lab.put("aliases", ALIASES % members)
    conf = config(lab, f"lists = aliases:{path}")
    code, out, err = ctl(lab, "-c", conf, "audit", "--json")
    assert (code, err) == (2, "") and kinds(out) == [
        ("staff@example.org", "open", "note", 2), ("press@example.org", "no-owner", "danger", 4),
        ("press@example.org", "not-listed", "warning", 4)], (code, out, err)
    danger = json.loads(out.splitlines()[1])
    assert danger["file"] == danger["put_where"] == path and danger["put"] == "owner-press: postmaster", danger
    assert "2 members, 2 of them outside" in danger["what"] and "anybody may write" in danger["what"], danger
    code, text, err = ctl(lab, "-c", conf, "audit")
    assert code == 2 and err == "" and f"{path}:4: danger: press@example.org: goes to 2 members" in text, text
    assert f"    write into {path}: owner-press: postmaster\n" in text, text
    assert text.endswith("2 lists looked at: 1 in danger, 1 warning, 1 note\n"), text
    lab.put("aliases", ALIASES % members + danger["put"] + "\n")
    code, out, err = ctl(lab, "-c", conf, "audit", "--json")
    assert (code, err) == (0, "") and [k[1] for k in kinds(out)] == ["open", "open"], (code, out, err)
    conf = config(lab, f"lists = aliases:{path}", "[rule list-guard]\ndetect = list-guard\nmode = enforce\n")
    assert ctl(lab, "-c", conf, "audit") == (0, "2 lists looked at: 0 in danger, 0 warnings, 0 notes\n", "")


def test_all_that_it_says_at_once(lab):
    """A list with an owner and one without: the lines for the map, the lists file and the configuration go together."""
    path = lab.put("aliases", "postmaster: root\nstaff: anna, carl@far.example\nowner-staff: anna\n"
                 "press: one@far.example, two@far.example\n")
    lab.put("lists", "")
    files = {path: path, lab.path("lists"): lab.path("lists")}
    mail = "lists = lists"
    for turn in range(2):
        conf = config(lab, mail)
        out = [json.loads(line) for line in ctl(lab, "-c", conf, "audit", "--json", path)[1].splitlines()]
        assert [o["kind"] for o in out if o["severity"] != "note"] == (
            ["not-listed", "no-owner", "not-listed"] if turn == 0 else []), out
        for o in out:
            if o["put"] and o["put_where"] in files:
                with open(files[o["put_where"]], "a", encoding="utf-8") as f:
                    f.write(o["put"] + "\n")
            elif o["put"]:
                assert o["put_where"] == "policyd-storm.conf [mail]", o
                mail = o["put"]
    assert mail == f"lists = lists, aliases:{path}", mail
    with open(conf, "a", encoding="utf-8") as f:
        f.write("[store]\npath = :memory:\n")
    p = subprocess.run([lab.binary("policyd-storm"), "-t", "-c", conf], env=lab.env, capture_output=True, text=True,
                       timeout=30, check=False)
    assert p.returncode == 0, p.stderr


def test_exit_status(lab):
    good = lab.put("good", "staff: anna, bert\nowner-staff: anna\n")
    warn = lab.put("warn", "staff: anna, bert\n")
    bad = lab.put("bad", "staff: anna, bert@far.example\n")
    note = lab.put("note", "staff: anna, bert@far.example\nowner-staff: anna\n")
    conf = config(lab, "lists = lists")
    lab.put("lists", "staff@example.org postmaster@example.org\n")
    for path, code in ((good, 0), (note, 0)):
        assert ctl(lab, "-c", conf, "audit", path)[0] == code, path
    conf = config(lab, "")
    for path, code in ((good, 1), (warn, 1), (bad, 2)):
        assert ctl(lab, "-c", conf, "audit", path)[0] == code, path
    code, out, err = ctl(lab, "-c", conf, "audit", bad, lab.path("none"))
    assert code == 66 and "danger" in out and "none: No such file" in err, (code, out, err)
    for args in (["--nonsense"], ["--db", "x"]):
        code, out, err = ctl(lab, "audit", *args)
        assert code == 64 and out == "" and "usage: stormctl" in err, (code, out, err)
    code, out, err = ctl(lab, "-c", lab.path("none.conf"), "audit", good)
    assert code == 78 and out == "" and "none.conf" in err, (code, out, err)
    with open("/dev/full", "w", encoding="utf-8") as full:
        p = subprocess.run([lab.binary("stormctl"), "-c", conf, "audit", good], env=lab.env, stdout=full,
                           stderr=subprocess.PIPE, timeout=30, check=False)
    assert p.returncode == 74, p


def test_a_configuration_that_the_daemon_refuses(lab):
    """An owner that is a list is a fault there; here it is what one wants to be told."""
    lab.put("lists", "all@example.org staff@example.org\nstaff@example.org  boss@far.example\nstaff@example.org x\n")
    conf = config(lab, "lists = lists\ntrusted = nonsense\nunknown = 1", "nonsense\n")
    code, out, err = ctl(lab, "-c", conf, "audit", "--json")
    assert code == 2 and ("all@example.org", "owner-is-list", "danger", 1) in kinds(out), (code, out, err)
    assert re.search(f"{conf}:[0-9]+: trusted: ", err) and "lists:3: \"x\" is not an address" in err, err


def test_without_any_configuration(lab):
    path = lab.put("aliases", "staff: anna, bert@far.example\nown: anna, own\n")
    os.mkdir(lab.path("cwd"))
    code, out, err = ctl(lab, "-c", "/dev/null", "audit", "--json", os.path.relpath(path, lab.path("cwd")),
                         cwd=lab.path("cwd"))
    name = re.sub(r"[^A-Za-z0-9.-].*", "", socket.gethostname()).lower()
    assert code == 2 and kinds(out)[0][1:3] == ("no-owner", "danger"), (code, out, err)
    assert kinds(out)[0][0] == f"staff@{name}" and kinds(out)[-1][1] == "cycle", (out, name)
    assert json.loads(out.splitlines()[0])["file"] == "../aliases"


def test_hostile_maps(lab):
    """Deep, wide, long, round and unreadable ones end soon, and nothing of included files is shown."""
    os.mkfifo(lab.path("fifo"))
    secret = lab.put("secret", "secret-one@far.example\nsecret-two@far.example\nsecret-three, staff\n")
    zero = lab.put("large", b"m," * (5 << 20))
    maps = {
        "ring": "".join(f"r{n}: r{(n + 1) % 5000}, anna\n" for n in range(5000)),
        "chain": "".join(f"c{n}: c{n + 1}, anna\n" for n in range(50000)),
        "owners": "".join(f"o{n}: a@far.example, b\nowner-o{n}: g{n}\ng{n}: g{n + 1}\n" for n in range(20000)),
        "long": f"x: a@far.example, {'m' * 1000000}\n{'n' * 1000000}: a@far.example, b\n\"open: x\n",
        "files": f"staff: :include:{secret}\nf: :include:{lab.path('fifo')}, :include:/dev/zero, :include:{lab.dir}, "
                 f":include:secret, :include:{zero}, :include:{lab.path('none')}\nself: :include:{lab.path('files')}\n",
        "noise": os.urandom(200000),
        "terminal": "x\x1b[2J: a@far.example, \x1b]0;b\x07@far.example\n",
    }
    conf = config(lab, "")
    for name, text in maps.items():
        path = lab.put(name, text)
        for args in ((), ("--json",)):
            code, out, err = ctl(lab, "-c", conf, "audit", *args, path)
            assert code in (0, 1, 2), (name, code, out[-500:], err[-500:])
            assert "secret-" not in out + err, (name, out[-500:], err)
            assert "\x1b" not in out, (name, out[:500])
            if name != "noise":
                assert code == (1 if name in ("chain", "owners") else 2), (name, code, out[:500])


def test_nothing_is_run(lab):
    mark = lab.path("mark")
    path = lab.put("aliases", f"x: \"|touch {mark}\", a@far.example, \"|mailman; touch {mark}\"\n"
                 f"y: :include:|touch {mark}\nowner-x: \"$(touch {mark})\", `touch {mark}`\n")
    assert ctl(lab, "-c", config(lab, ""), "audit", path)[0] == 2
    assert not os.path.exists(mark)
