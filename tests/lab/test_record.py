# SPDX-License-Identifier: ISC
"""The short form of the storms of the record between real sites: each without and with the daemon, as record.py plays
them. All share one set of sites."""

import unittest

from lab import bench
from record import STORIES, Size
from sites.world import World


class Record(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World(bench.BENCH.build, say=lambda _: None)
        cls.world.__enter__()
        cls.addClassCleanup(cls.world.__exit__)

    def play(self, name):
        rows = list(STORIES[name](self.world, Size(False, 0)))
        self.assertTrue(rows)
        self.assertEqual([], ["%s: %s" % (r.name, fault) for r in rows for fault in r.faults])

    def test_a_replication(self):
        self.play("A")

    def test_b_it_comes_back(self):
        self.play("B")

    def test_c_prevention(self):
        self.play("C")

    def test_d_list_that_bounces_to_itself(self):
        self.play("D")

    def test_e_machines_talk_to_each_other(self):
        self.play("E")

    def test_f_reply_all(self):
        self.play("F")

    def test_g_bounce_flood(self):
        self.play("G")

    def test_h_spam_storm(self):
        self.play("H")

    def test_i_harmless(self):
        self.play("I")
