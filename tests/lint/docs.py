# SPDX-License-Identifier: ISC
"""docs.py TABLES MAIN RULES MAN: compares what "stormctl config" printed (TABLES/keys, detectors, actions) with the sample
files and the man page. Afterwards it spoils each document in turn, in memory, and fails when that goes unnoticed."""

import re
import sys


def squeeze(text):
    return " ".join(text.split())


class Tables:
    def __init__(self, folder):
        def rows(name):
            with open("%s/%s" % (folder, name)) as f:
                return [line.split("\t") for line in f.read().rstrip("\n").split("\n")]
        self.keys = {}
        for section, name, form, default, change, text in rows("keys"):
            self.keys[section, name] = {"form": form, "default": default, "help": text, "restart": change == "restart"}
        names = ("action", "scope", "limit", "window", "remember", "block", "brake", "count_by")
        self.detectors = {r[0]: {"defaults": {n: v for n, v in zip(names, r[1:9]) if v != "-"},
                                 "help": r[9]} for r in rows("detectors")}
        self.actions = dict(rows("actions"))

    def main_keys(self):
        return {k: v for k, v in self.keys.items() if k[0] != "rule"}

    def rule_keys(self):
        return {k: v for k, v in self.keys.items() if k[0] == "rule"}


def default_text(key, row):
    """How documents call a default."""
    if row["default"]:
        if row["default"] != "-":
            return row["default"]
        if key == ("mail", "hostname"):
            return "the machine's name"
        if key != ("rule", "detect"):
            return "the detector's"
    return "none"


class Faults:
    def __init__(self):
        self.lines = []

    def say(self, where, what):
        self.lines.append("%s: %s" % (where, what))

    def same_names(self, where, kind, want, got):
        for name in sorted(set(want) - set(got)):
            self.say(where, "%s %s is not there" % (kind, name))
        for name in sorted(set(got) - set(want)):
            self.say(where, "%s %s is in no table of the program" % (kind, name))

    def equal(self, where, what, want, got):
        if want != got:
            self.say(where, "%s: %r, but the program says %r" % (what, got, want))

    def begins(self, where, what, want, got):
        if not got.startswith(want):
            self.say(where, "%s: %r does not begin with %r" % (what, got[:len(want) + 20], want))


# --- etc/policyd-storm.conf ------------------------------------------------------------------------------------------

def main_file(text, tables, faults, where):
    section, comment, seen = None, [], {}
    for line in text.split("\n"):
        head = re.match(r"\[(.*)\]$", line)
        key = re.match(r"(;?)([a-z_]+) *=(.*)$", line)
        if head:
            section, comment = head.group(1), []
        elif re.match(r"#( |$)", line):
            comment.append(line[2:])
        elif key:
            name = (section, key.group(2))
            if name in seen:
                faults.say(where, "%s is shown twice" % (name,))
            seen[name] = True
            if name in tables.keys:
                main_key(name, tables.keys[name], comment, key.group(1), key.group(3).strip(), faults, where)
            comment = []
        elif not line.strip():
            comment = []
        else:
            faults.say(where, "what is this: %s" % line)
    faults.same_names(where, "key", tables.main_keys(), seen)


def main_key(name, row, comment, off, value, faults, where):
    what = "[%s] %s" % name
    form = "%s; default: %s%s" % (row["form"], default_text(name, row),
                                  "; changed by a restart only" if row["restart"] else "")
    faults.begins(where, what, squeeze(row["help"]), squeeze(" ".join(comment[:-1])))
    faults.equal(where, what, form, comment[-1] if comment else "")
    if off and row["default"] != "-":
        faults.equal(where, what + " behind ';'", row["default"], value)


# --- etc/rules.conf --------------------------------------------------------------------------------------------------

def rules_file(text, tables, faults, where):
    keys, detectors, sections, part = {}, {}, set(), None
    for line in text.split("\n"):
        if line.startswith("# Detectors"):
            part = "detectors"
        elif line.startswith("# Keys"):
            part = "keys"
        elif line.startswith("# ") and not line.startswith("#   "):
            part = None
        detector = re.match(r"#   detect = (\S+)$", line)
        key = re.match(r"#   ([a-z_]+) = (.*; default: .*)$", line)
        if part == "detectors" and detector:
            entry = detectors[detector.group(1)] = []
        elif part == "keys" and key:
            entry = keys["rule", key.group(1)] = [key.group(2)]
        elif part and line.startswith("#       "):
            entry.append(line[8:])
        elif part and line.startswith("#   "):
            faults.say(where, "what is this: %s" % line)
        used = re.match(r"detect *= *(\S+)", line)
        if used:
            sections.add(used.group(1))
    faults.same_names(where, "detector", tables.detectors, detectors)
    faults.same_names(where, "key", tables.rule_keys(), keys)
    faults.same_names(where, "a rule with detector", tables.detectors, sections)
    for name in set(detectors) & set(tables.detectors):
        row = tables.detectors[name]
        faults.equal(where, name, row["help"], squeeze(" ".join(detectors[name][:-1])))
        faults.equal(where, name, ", ".join("%s = %s" % d for d in row["defaults"].items()), detectors[name][-1])
    for name in set(keys) & set(tables.keys):
        row = tables.keys[name]
        faults.equal(where, name[1], "%s; default: %s" % (row["form"], default_text(name, row)), keys[name][0])
        faults.equal(where, name[1], row["help"], squeeze(" ".join(keys[name][1:])))
    actions = re.search(r"Actions\. Final: (.*?)\. Additive: (.*?)\. TEXT may", squeeze(text.replace("\n#", "\n")))
    if not actions:
        faults.say(where, "no list of actions")
        return
    listed = {}
    for kind, names in zip(("final", "additive"), actions.groups()):
        for name in re.split(r", ", re.sub(r"\(.*?\)", "", names)):
            listed[name.split()[0]] = kind
    faults.equal(where, "actions", tables.actions, listed)


# --- policyd-storm.conf(5) -------------------------------------------------------------------------------------------

def plain(line):
    """A line of mdoc as a reader sees it, as far as this page uses it."""
    line = line.replace("\\(aq", "'").replace("\\&", "").replace("\\e", "\\")
    quoted = re.match(r"\.Ql (.*?)( ([.,]))?$", line)
    if quoted:
        return "`%s'%s" % (quoted.group(1), quoted.group(3) or "")
    return re.sub(r"^\.[A-Z][a-z] ", "", line)


def man_items(text):
    """Of each tagged list: (section, subsection, tag line, the text below it)."""
    section = sub = tag = None
    body = []
    for line in text.split("\n"):
        macro = re.match(r"\.(Sh|Ss|It|El|Bl)\b ?(.*)$", line)
        if not macro:
            body.append(plain(line))
            continue
        if tag:
            yield section, sub, tag, squeeze(" ".join(body))
        tag, body = None, []
        if macro.group(1) == "Sh":
            section, sub = macro.group(2), None
        elif macro.group(1) == "Ss":
            sub = plain(macro.group(2)).strip("[]")
        elif macro.group(1) == "It":
            tag = plain(macro.group(2))


def man_page(text, tables, faults, where):
    keys, detectors, actions = {}, {}, {}
    for section, sub, tag, body in man_items(text):
        key = re.match(r"Cm (\S+) No = Ar (.*)$", tag)
        name = tag.split()[1] if tag.startswith("Cm ") else None
        if section in ("MAIN FILE", "RULES") and key:
            keys[sub or "rule", key.group(1)] = (key.group(2), body)
        elif section == "DETECTORS":
            detectors[name] = body
        elif section == "ACTIONS":
            actions[name] = True
    faults.same_names(where, "key", tables.keys, keys)
    faults.same_names(where, "detector", tables.detectors, detectors)
    faults.same_names(where, "action", tables.actions, actions)
    for name in set(keys) & set(tables.keys):
        row, (form, body) = tables.keys[name], keys[name]
        default = default_text(name, row)
        if row["default"] not in ("", "-"):
            default = "`%s'" % default
        end = "Default: %s.%s" % (default, " Changed by a restart only." if row["restart"] else "")
        faults.equal(where, name[1], row["form"], form)
        faults.begins(where, name[1], row["help"], body)
        faults.equal(where, name[1], end, body[body.rfind("Default: "):])
    for name in set(detectors) & set(tables.detectors):
        row, body = tables.detectors[name], detectors[name]
        end = "Defaults: %s." % ", ".join("`%s = %s'" % d for d in row["defaults"].items())
        faults.begins(where, name, row["help"], body)
        faults.equal(where, name, end, body[body.rfind("Defaults: "):])


# --- and whether it would notice -------------------------------------------------------------------------------------

def spoilt(text):
    """The document without one of its lines, or with one changed; only lines that say something about a key."""
    lines = text.split("\n")
    for i, line in enumerate(lines):
        if re.match(r"\.It Cm \S+ No = |;?[a-z_]+ *=|#   [a-z_]+ = |# .*; default: |#       |Default: |\.Ql ", line):
            yield i, "\n".join(lines[:i] + lines[i + 1:])
            yield i, "\n".join(lines[:i] + [re.sub(r"[a-z]", "q", line, count=1)] + lines[i + 1:])
            if "=" in line: # one more that no table knows
                yield i, "\n".join(lines[:i + 1] + [line.replace(" No =", "x No =").replace(" =", "x =", 1)] + lines[i + 1:])


def prove(check, text, tables):
    unseen, tried = [], 0
    # What follows are rules and examples, which are free.
    start = text.find({rules_file: "\n[rule ", man_page: "\n.Sh FILES"}.get(check, "\0"))
    head, tail = (text[:start], text[start:]) if start >= 0 else (text, "")
    for i, bad in spoilt(head):
        faults = Faults()
        try:
            check(bad + tail, tables, faults, "")
        except (KeyError, IndexError, UnboundLocalError):
            faults.say("", "not even readable")
        tried += 1
        if not faults.lines and bad != head:
            unseen.append(i + 1)
    return tried, unseen


def main(folder, *paths):
    tables, bad, tried = Tables(folder), 0, 0
    for check, path in zip((main_file, rules_file, man_page), paths):
        with open(path) as f:
            text = f.read()
        faults = Faults()
        check(text, tables, faults, path)
        for line in faults.lines:
            print(line)
        bad += len(faults.lines)
        if not faults.lines:
            n, unseen = prove(check, text, tables)
            tried += n
            bad += len(unseen)
            for i in unseen:
                print("%s:%d: a change here goes unnoticed" % (path, i))
    if not bad:
        print("docs: %d keys, %d detectors, %d actions agree; %d spoilt documents noticed" % (
            len(tables.keys), len(tables.detectors), len(tables.actions), tried))
    return bad > 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
