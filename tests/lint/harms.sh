#!/bin/sh
# SPDX-License-Identifier: ISC
# harms.sh: each test that tests/harms.txt names is there, and each sentence names one. LINT_ROOT: the tree to look at.
cd "${LINT_ROOT:-.}" || exit 2
[ -f tests/harms.txt ] || { echo "harms: there is no tests/harms.txt"; exit 1; }
exec python3 - <<'PY'
import glob
import re
import sys


def read(pattern):
    return "\n".join(open(f, encoding="utf-8").read() for f in sorted(glob.glob(pattern)))


unit = {"%s.%s" % m for m in re.findall(r"^Test\((\w+), (\w+)", read("tests/unit/*/*.c"), re.M)}
python = {kind: set(re.findall(r"^ *def test_(\w+)", read("tests/%s/test_*.py" % kind), re.M)) for kind in ("system", "lab")}
stories = {f.split("/")[-1][:-6] for f in glob.glob("tests/scenario/stories/*.story")}
known = {"unit": unit, "story": stories, **python}
if glob.glob("tests/scenario/world.py"):
    sys.path.insert(0, "tests/scenario")
    sys.dont_write_bytecode = True
    known["scenario"] = set()
    for f in sorted(glob.glob("tests/scenario/*.py")):
        name = f.split("/")[-1][:-3]
        if name != "run" and "def scenarios" in open(f).read():
            known["scenario"] |= {n for n, _ in __import__(name).scenarios()}
bad = named = 0
harm, has = None, True
for number, line in enumerate(open("tests/harms.txt", encoding="utf-8"), 1):
    if line.startswith("#") or not line.strip():
        continue
    if line.startswith("\t"):
        kind, _, names = line.strip().partition(" ")
        for name in names.split(", "):
            named += 1
            has = True
            if name not in known.get(kind, ()):
                bad += 1
                print("harms: tests/harms.txt:%d: there is no %s test %s" % (number, kind, name))
    elif re.match(r"\d+\. ", line):
        if not has:
            bad += 1
            print("harms: no test for: %s" % harm)
        harm, has = line.strip(), False
if not has:
    bad += 1
    print("harms: no test for: %s" % harm)
print("harms: %d tests named, %d faults" % (named, bad) if bad or not named else "harms: %d tests named, all are there" % named)
sys.exit(1 if bad or not named else 0)
PY
