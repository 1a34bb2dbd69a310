# SPDX-License-Identifier: ISC
"""What -V tells: the version that stands in the file VERSION, and what is really built in."""
import os
import re
import subprocess

import harness

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FIELDS = ["libraries", "schema", "compiler", "sanitizers", "service manager", "configuration"]


def told(lab, name):
    p = subprocess.run([lab.binary(name), "--version"], env=lab.env, capture_output=True, text=True, timeout=harness.WAIT,
                       check=False)
    assert p.returncode == 0 and p.stderr == "", (name, p)
    lines = p.stdout.splitlines()
    assert [line[:16].strip() for line in lines[1:]] == FIELDS, p.stdout
    return lines[0], {line[:16].strip(): line[16:] for line in lines[1:]}


def linked(lab, name):
    """The shared libraries that it asks for, as libev.so.4."""
    p = subprocess.run(["ldd", lab.binary(name)], capture_output=True, text=True, check=False)
    if p.returncode != 0:
        raise harness.Skip("ldd does not tell")
    return set(re.findall(r"^\s*(lib\S+?)\.so", p.stdout, re.MULTILINE))


def test_version(lab):
    with open(os.path.join(TOP, "VERSION"), encoding="utf-8") as f:
        version = f.read().strip()
    steps = [name for name in os.listdir(os.path.join(TOP, "schema")) if name.endswith(".sql")]
    names = {"libev": "libev", "SQLite": "libsqlite3", "nettle": "libnettle", "inih": "libinih", "cJSON": "libcjson"}
    for program in ("policyd-storm", "stormctl"):
        head, field = told(lab, program)
        assert head == f"{program} {version}", head
        assert field["schema"] == str(len(steps)), field
        assert (field["sanitizers"] != "none") == lab.sanitized, field
        assert re.match(r"(gcc|clang) \S*\d+\.\d+", field["compiler"]), field
        assert field["configuration"].endswith("/policyd-storm/policyd-storm.conf"), field
        libraries = dict(re.fullmatch(r"(\S+)(?: (\S+))?", one).groups() for one in field["libraries"].split(", "))
        assert all(value and value[0].isdigit() for name, value in libraries.items() if name != "inih"), libraries
        assert ("cJSON" in libraries) == (program == "stormctl"), libraries
        # What it says is what it is linked with; xxHash comes as a header.
        assert "xxHash" in libraries and set(libraries) - {"xxHash"} == {
            name for name, lib in names.items() if lib in linked(lab, program)}, (libraries, linked(lab, program))
        assert "libsystemd" not in linked(lab, program) and "without libsystemd" in field["service manager"]
    return field["libraries"]
