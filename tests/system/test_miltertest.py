# SPDX-License-Identifier: ISC
"""The milter door against somebody else's idea of an MTA: miltertest(8) plays milter_dialogue.lua to it."""
import os
import shutil
import subprocess

from harness import Skip

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "milter_dialogue.lua")
LIMIT = 3
RULE = f"[rule replication]\ndetect = replication\nlimit = {LIMIT}\naction = discard\nmode = enforce\n"


BODY_SCRIPT = os.path.join(os.path.dirname(SCRIPT), "milter_body.lua")
BODY_RULE = "[rule backscatter]\ndetect = backscatter\nmode = {}\n"


def play(lab, d, script=SCRIPT, **definitions):
    """What miltertest said, once the dialogue went as the script wants it."""
    program = shutil.which("miltertest")
    if not program:
        raise Skip("miltertest is not installed")
    args = [f"-D{k}={v}" for k, v in {"socket": f"unix:{d.milter}", **definitions}.items()]
    p = subprocess.run([program, "-s", script, *args], capture_output=True, timeout=40, stdin=subprocess.DEVNULL,
                       cwd=lab.dir, check=False)
    said = p.stdout.decode(errors="replace") + p.stderr.decode(errors="replace")
    assert p.returncode == 0, (p.returncode, said)
    return said


def test_miltertest_dialogue(lab):
    d = lab.daemon().start()
    assert "3 messages passed, 2 given up" in play(lab, d)
    d.stop()


def test_miltertest_copies(lab):
    d = lab.daemon(server="mode = enforce", rules=RULE).start()
    assert f"copy {LIMIT + 1} discarded" in play(lab, d, copies=LIMIT + 1)
    d.stop()


def test_miltertest_can_fail(lab):
    """The same dialogue, where nothing enforces: the script must say that the last copy was not discarded."""
    d = lab.daemon(server="mode = shadow", rules=RULE).start()
    try:
        said = play(lab, d, copies=LIMIT + 1)
    except AssertionError as wrong:
        assert f"copy {LIMIT + 1}: c instead of d" in str(wrong), wrong
    else:
        raise AssertionError(f"a dialogue that went wrong was not noticed: {said}")
    d.stop()


def test_miltertest_body(lab):
    """Bodies are asked for when a rule in use wants those of bounces; other messages' cost one SKIP."""
    for mode, wanted in (("shadow", "yes"), ("off", "no")):
        d = lab.daemon(server="mode = enforce", rules=BODY_RULE.format(mode)).start()
        assert f"as it should be, wanted {wanted}" in play(lab, d, BODY_SCRIPT, wanted=wanted)
        d.stop()
