# SPDX-License-Identifier: ISC
"""stormctl doctor beside the real Exim and Sendmail, in their roots: what it says of the configurations that the other tests
run with, and of one fault in each."""

import json
import os

import test_brake
import test_exim
import test_sendmail

from lab.bench import LabTest

STORMCTL = "/usr/bin/stormctl"
CONF = "/etc/policyd-storm"


class Doctor(LabTest):
    rules = test_brake.flood(3) + "[rule backscatter]\ndetect = backscatter\n"

    def findings(self, root, *args):
        root.bring(self.daemon.stormctl, STORMCTL)
        for name in ("policyd-storm.conf", "rules.conf", "lists"):
            with open(os.path.join(self.daemon.dir, name)) as f:
                root.write(os.path.join(CONF, name), f.read().replace("unix:" + root.dir, "unix:"))
        code, said = root.run(STORMCTL, "-c", CONF + "/policyd-storm.conf", "doctor", "--json", *args)
        lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
        self.assertTrue(lines and "summary" in lines[-1], said)
        self.assertEqual(2 if lines[-1]["summary"]["danger"] else 1 if lines[-1]["summary"]["warning"] else 0, code)
        return [line["check"] for line in lines[:-1]]

    def spoil(self, root, path, old, new, *args):
        """What is found when that much is other; the file is put back."""
        good = root.text(path)
        self.assertIn(old, good)
        root.write(path, good.replace(old, new))
        try:
            return self.findings(root, *args)
        finally:
            root.write(path, good)


class Exim(test_exim.OnExim, Doctor):
    def test_found_by_itself(self):
        self.assertEqual([], self.findings(self.mta.root))

    def test_faults(self):
        for old, new, check in (("  .include /etc/exim4/storm.rcpt\n", "", "exim-not-at-rcpt"),
                                ("acl_not_smtp = acl_local\n", "", "exim-not-smtp"),
                                (".include /etc/exim4/storm.routers\n", "", "exim-no-routers"),
                                ("message_body_newlines = true\n", "", "exim-body")):
            self.assertEqual([check], self.spoil(self.mta.root, "/etc/exim4/exim4.conf", old, new), old)


class Debian(test_exim.OnDebian, Doctor):
    """The split configuration, and the unix socket that Exim's user must reach."""

    def test_silent_while_the_daemon_runs(self):
        self.assertEqual([], self.findings(self.mta.root))
        self.daemon.stop()
        self.assertEqual(["exim-socket-missing"], self.findings(self.mta.root))

    def test_closed_to_exim(self):
        folder = self.mta.root.path("/run/policyd-storm")
        self.addCleanup(os.chmod, folder, 0o755)
        os.chmod(folder, 0o700)
        self.assertEqual(["exim-socket-permission"], self.findings(self.mta.root))


class Sendmail(test_sendmail.OnSendmail, Doctor):
    """sendmail.cf as m4 makes it of the shipped line."""

    def test_found_by_itself(self):
        self.assertEqual([], self.findings(self.mta.root))

    def test_faults(self):
        for old, new, check in (("T=C:5s", "F=T, T=C:5s", "sendmail-fails-closed"),
                                ("O InputMailFilters=storm", "O InputMailFilters=", "sendmail-not-listed"),
                                ("T=C:5s;S:10s;R:10s;E:30s", "T=R:10m", "sendmail-slow"),
                                ("{auth_authen}, ", "", "sendmail-macros")):
            self.assertEqual([check], self.spoil(self.mta.root, "/etc/mail/sendmail.cf", old, new), old)
