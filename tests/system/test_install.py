# SPDX-License-Identifier: ISC
"""make install: what lands where, with which rights, and that it works from there. Installs from a copy of the build,
for another PREFIX means other paths in the binaries."""
import fnmatch
import os
import re
import shutil
import stat
import subprocess

import harness

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CONF = "policyd-storm/policyd-storm.conf"

# Below PREFIX, SYSCONFDIR is "etc" here.
PROGRAMS = {"sbin/policyd-storm", "sbin/stormctl"}
FILES = {
    "share/man/man5/policyd-storm.conf.5", "share/man/man7/policyd-storm-protocol.7", "share/man/man8/policyd-storm.8",
    "share/man/man8/stormctl.8", "lib/systemd/system/policyd-storm.service", "lib/sysusers.d/policyd-storm.conf",
    "lib/tmpfiles.d/policyd-storm.conf", "share/bash-completion/completions/policyd-storm",
    "share/bash-completion/completions/stormctl", "share/doc/policyd-storm/README.md",
    "share/doc/policyd-storm/NEWS.md", "share/doc/policyd-storm/LICENSE",
}
CONFS = {"policyd-storm/policyd-storm.conf", "policyd-storm/rules.conf", "policyd-storm/lists"}


def snippets():
    etc = os.path.join(TOP, "etc")
    return {"share/doc/policyd-storm/" + os.path.relpath(os.path.join(path, name), etc) for d in ("postfix", "exim", "sendmail")
            for path, _, names in os.walk(os.path.join(etc, d)) for name in names}


def copy_build(lab):
    """What the two programs are made of, times kept: only what holds paths is built anew."""
    to = lab.path("build")
    for name in ("gen", "obj/policyd", "obj/gen"):
        shutil.copytree(os.path.join(lab.build, name), os.path.join(to, name))
    for name in os.listdir(lab.build):
        if name.endswith(".a") or name in ("policyd-storm", "stormctl"):
            shutil.copy2(os.path.join(lab.build, name), to)
    return to


def install(lab, build, target="install", **variables):
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "DESTDIR", "PREFIX")}
    env["UNDO"] = "1"  # somebody's own; the Makefile's comes from the command line
    if lab.sanitized:
        variables["SAN"] = "address,undefined"
    p = subprocess.run(["make", "--no-print-directory", "-j2", target, f"B={build}",
                        *(f"{k}={v}" for k, v in variables.items())], cwd=TOP, env=env, capture_output=True, text=True,
                       preexec_fn=lambda: os.umask(0o077), stdin=subprocess.DEVNULL, check=False)
    assert p.returncode == 0, p.stdout + p.stderr
    return p.stdout


def tree(top):
    """path below top: mode, of all files; every folder can be entered by everybody."""
    found = {}
    for folder, _dirs, names in os.walk(top):
        if folder != top:
            assert stat.S_IMODE(os.stat(folder).st_mode) == 0o755, folder
        for name in names:
            path = os.path.join(folder, name)
            found[os.path.relpath(path, top)] = stat.S_IMODE(os.lstat(path).st_mode)
    return found


def read(*parts):
    with open(os.path.join(*parts), encoding="utf-8") as f:
        return f.read()


def output(lab, *args):
    p = subprocess.run(args, env=lab.env, capture_output=True, text=True, timeout=harness.WAIT, check=False)
    assert p.returncode == 0, (args, p.returncode, p.stderr)
    return p.stdout


def spec_patterns():
    """What the spec file's %files lists, macros replaced, as patterns of paths below DESTDIR, without folders."""
    macros = {"_sbindir": "usr/sbin", "_mandir": "usr/share/man", "_unitdir": "usr/lib/systemd/system",
              "_sysusersdir": "usr/lib/sysusers.d", "_tmpfilesdir": "usr/lib/tmpfiles.d", "_datadir": "usr/share",
              "_pkgdocdir": "usr/share/doc/policyd-storm", "_sysconfdir": "etc", "_sharedstatedir": "var/lib"}
    text = read(TOP, "packaging/rpm/policyd-storm.spec")
    for line in re.search(r"(?ms)^%files\n(.*?)\n\n", text).group(1).splitlines():
        kind, path = line.split()[0], line.split()[-1]
        path = re.sub(r"%\{(\w+)\}", lambda m: macros[m.group(1)], path)
        if kind == "%license":
            path = f"usr/share/doc/policyd-storm/{path}"  # the spec moves it from there
        if kind == "%doc":
            path += "/*"
        if kind != "%dir":
            yield kind, path


def check_spec(got):
    """The spec lists what is installed, and nothing else: rpmbuild would say so, but is not everywhere."""
    seen = set()
    for kind, pattern in spec_patterns():
        found = {name for name in got if fnmatch.fnmatchcase(name, pattern)}
        assert found, f"the spec lists {pattern}, which is not installed"
        assert (kind == "%config(noreplace)") == pattern.startswith("etc/"), (kind, pattern)
        seen |= found
    assert seen == set(got), f"the spec does not list {sorted(set(got) - seen)}"


def test_package(lab):
    """DESTDIR with a space, PREFIX=/usr: all files, their rights, and no path of another place in them."""
    dest = lab.path("dest dir")
    install(lab, copy_build(lab), DESTDIR=dest, PREFIX="/usr")
    want = {f"usr/{name}": 0o755 for name in PROGRAMS}
    want.update({f"usr/{name}": 0o644 for name in FILES | snippets()})
    want.update({f"etc/{name}": 0o644 for name in CONFS})
    got = tree(dest)
    assert got == want, (sorted(set(got.items()) ^ set(want.items())))
    check_spec(got)
    assert f"/etc/{CONF}\n" in output(lab, f"{dest}/usr/sbin/policyd-storm", "-h")
    for name in sorted(got):
        if name.endswith((".service", ".5", ".7", ".8")):
            text = read(dest, name)
            assert "/usr/local" not in text and lab.dir not in text, name
            for path in re.findall(r"/etc/policyd-storm/[a-z.-]+[a-z]|/usr/sbin/[a-z-]+", text):
                assert path[1:] in got, (name, path)
    unit = read(dest, "usr/lib/systemd/system/policyd-storm.service")
    assert "\nExecStart=/usr/sbin/policyd-storm\n" in unit
    install(lab, lab.path("nothing built"), "uninstall", DESTDIR=dest, PREFIX="/usr")
    assert set(tree(dest)) == {f"etc/{name}" for name in CONFS}, tree(dest)
    return f"{len(got)} files"


def test_package_again(lab):
    """A package is built anew: what stands below DESTDIR is replaced, and what lies between is not written to."""
    dest, build = lab.path("dest"), copy_build(lab)
    between = os.path.join(build, "gen/installed")
    if os.path.lexists(between):
        os.unlink(between)
    os.symlink(lab.path("not ours"), between)
    install(lab, build, DESTDIR=dest, PREFIX="/usr")
    with open(f"{dest}/etc/{CONF}", "a", encoding="utf-8") as f:
        f.write("changed\n")
    out = install(lab, build, DESTDIR=dest, PREFIX="/usr/")
    assert "kept" not in out
    assert read(dest, "etc", CONF) == read(TOP, "etc/policyd-storm.conf")
    assert not os.path.lexists(lab.path("not ours"))


def test_installed_configuration_works(lab):
    """As it is for -t; with its paths moved into the lab the installed daemon serves with it."""
    dest = lab.path("dest")
    install(lab, copy_build(lab), DESTDIR=dest, PREFIX="/usr")
    p = subprocess.run([f"{dest}/usr/sbin/policyd-storm", "-t", "-c", f"{dest}/etc/{CONF}"], env=lab.env,
                       capture_output=True, text=True, check=False)
    faults = [line for line in p.stderr.splitlines() if not line.startswith("note: ")]
    # The user comes with a package; on a machine without him that is the one fault.
    assert not faults or (len(faults) == 1 and "user: there is no user" in faults[0]), p.stderr
    text = read(dest, "etc", CONF)
    for key, value in (("policy", f"unix:{lab.path('run/policy.sock')}"), ("milter", f"unix:{lab.path('m.sock')}"),
                       ("control", f"unix:{lab.path('c.sock')}"), ("user", ""), ("log", "stderr"),
                       ("path", lab.path("db/storm.db"))):
        text, n = re.subn(rf"(?m)^;?{key} *=.*$", f"{key} = {value}", text)
        assert n == 1, (key, n)
    assert "/var/" not in "".join(line for line in text.replace(lab.dir, "").splitlines() if not line.startswith(("#", ";")))
    with open(f"{dest}/etc/{CONF}", "w", encoding="utf-8") as f:
        f.write(text)
    p = subprocess.run([f"{dest}/usr/sbin/policyd-storm", "-t", "-c", f"{dest}/etc/{CONF}"], env=lab.env,
                       capture_output=True, text=True, check=True)
    assert " door " not in p.stderr, f"only what the site has to fill in is noted: {p.stderr}"
    lab.build = f"{dest}/usr/sbin"
    d = lab.daemon("installed")
    d.conf = f"{dest}/etc/{CONF}"
    d.start()
    harness.dunno(d.dial())
    d.stop()


def test_onto_the_running_system(lab):
    """Without DESTDIR: own changes are kept, what is missing is put there, and the default path is right."""
    prefix, build = lab.path("prefix"), copy_build(lab)
    conf = f"{prefix}/etc/policyd-storm"
    os.makedirs(conf)
    own = "[server]\npolicy = inet:127.0.0.1:10040\n; mine\n"
    with open(f"{prefix}/etc/{CONF}", "w", encoding="utf-8") as f:
        f.write(own)
    out = install(lab, build, PREFIX=prefix)
    assert f"kept {prefix}/etc/{CONF}" in out and out.count("kept") == 1, out
    assert read(prefix, "etc", CONF) == own
    assert read(conf, "rules.conf") == read(TOP, "etc/rules.conf")
    # Who says "/" means the running system.
    assert f"kept /{prefix}/etc/{CONF}" in install(lab, build, PREFIX=prefix, DESTDIR="/")
    assert read(prefix, "etc", CONF) == own
    # No -c: the installed binary looks where it was installed, and so say page and unit.
    output(lab, f"{prefix}/sbin/policyd-storm", "-t")
    assert f"{prefix}/etc/{CONF}" in read(prefix, "share/man/man8/policyd-storm.8")
    assert f"\nExecStart={prefix}/sbin/policyd-storm\n" in read(prefix, "lib/systemd/system/policyd-storm.service")
    with open(f"{prefix}/etc/{CONF}", "w", encoding="utf-8") as f:
        f.write("[server]\nnonsense = 1\n")
    p = subprocess.run([f"{prefix}/sbin/policyd-storm", "-t"], env=lab.env, capture_output=True, text=True, check=False)
    assert p.returncode == 78 and f"{prefix}/etc/{CONF}:2:" in p.stderr, p.stderr
    # What was put there goes; configuration and what is not ours stay.
    others = {"sbin/another", "share/doc/policyd-storm/exim/mine"}
    for name in others:
        with open(f"{prefix}/{name}", "w", encoding="utf-8") as f:
            f.write("mine\n")
    out = install(lab, lab.path("nothing built"), "uninstall", PREFIX=prefix)
    assert set(tree(prefix)) == others | {f"etc/{name}" for name in CONFS}, tree(prefix)
    assert sorted(out.splitlines()) == sorted(f"kept {prefix}/etc/{name}" for name in CONFS), out
    assert not os.path.exists(f"{prefix}/share/doc/policyd-storm/postfix"), "an empty folder of ours"


def test_removing_the_package_tells_where_postfix_names_it(lab):
    """Settings of one service stand in master.cf alone."""
    if not shutil.which("postconf", path="/usr/sbin:/usr/bin"):
        raise harness.Skip("there is no postconf")
    asks = "smtpd_milters = unix:policyd-storm/milter.sock\n"
    for main, master, want in (("", "", []), (asks, "", ["main.cf"]), ("", f" -o {{ {asks.strip()} }}\n", ["master.cf"]),
                               (asks, f" -o {{ {asks.strip()} }}\n", ["main.cf", "master.cf"])):
        for name, text in (("main.cf", "compatibility_level = 3.6\n" + main), ("master.cf", "smtp inet n - y - - smtpd\n" + master)):
            lab.put(name, text)
            os.utime(lab.path(name), (1e9, 1e9))
        for what in ("remove", "upgrade"):
            p = subprocess.run(["sh", os.path.join(TOP, "packaging/debian/policyd-storm.prerm"), what], capture_output=True,
                               text=True, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "MAIL_CONFIG": lab.dir}, check=True)
            told = re.findall(r"^policyd-storm: (\S+) still names it; take its lines out, and run \"postfix reload\"$", p.stdout, re.M)
            assert told == (want if what == "remove" else []) and not p.stderr, (want, p)
