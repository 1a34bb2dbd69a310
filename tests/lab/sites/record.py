# SPDX-License-Identifier: ISC
"""What went through our MX: from its log while no daemon is asked, from the daemon's journal while it is."""

import re

from lab import store

from .post import lawful

CAME = re.compile(r"smtpd\[\d+\]: ([0-9A-Za-z]+): client=")
ID = re.compile(r"cleanup\[\d+\]: ([0-9A-Za-z]+): message-id=(.*)$")
ACTIVE = re.compile(r"qmgr\[\d+\]: ([0-9A-Za-z]+): from=<([^>]*)>, size=\d+, nrcpt=(\d+) ")


# What was given to the list's owner did not reach the list; what is held waits for a person.
STOPPED = "r.outcome = 'stopped' OR r.action IN ('redirect-owner', 'hold')"


def storm_mail(_sender, message_id):
    return not lawful(message_id)


def from_log(path, of_storm):
    """Copies that were offered by SMTP, one for each recipient of a message."""
    came, ids, offered = set(), {}, {}
    with open(path, errors="replace") as f:
        for line in f:
            m = CAME.search(line)
            if m:
                came.add(m.group(1))
                continue
            m = ID.search(line)
            if m:
                ids[m.group(1)] = m.group(2).strip()
                continue
            m = ACTIVE.search(line)
            if m and m.group(1) in came and of_storm(m.group(2), ids.get(m.group(1), "")):
                offered.setdefault(m.group(1), int(m.group(3)))
    return sum(offered.values())


def last_message(path):
    return store.query(path, "SELECT coalesce(max(id), 0) AS id FROM messages")[0]["id"]


class Journal:
    """Storm messages in the order in which they came, after one id and to one recipient if wanted."""

    def __init__(self, path, of_storm, after=0, only_to=None):
        self.path = path
        rows = store.query(
            path, "SELECT m.id, m.sender, m.message_id, count(*) AS offered, sum(%s) AS stopped "
            "FROM messages m JOIN recipients r ON r.message = m.id "
            "WHERE m.outcome <> 'void' AND m.id > ?1 AND (?2 IS NULL OR r.recipient = ?2) "
            "GROUP BY m.id ORDER BY m.id" % STOPPED, after, only_to)
        rows = [r for r in rows if of_storm(r["sender"], r["message_id"])]
        self.messages = len(rows)
        self.offered = sum(r["offered"] for r in rows)
        self.stopped = sum(r["stopped"] for r in rows)
        self.passed = self.offered - self.stopped
        self.until_first = next((n for n, r in enumerate(rows) if r["stopped"]), None)
        self.until_last = max((n + 1 for n, r in enumerate(rows) if r["stopped"] < r["offered"]), default=0)
        self.storms = store.query(path, "SELECT * FROM storms ORDER BY first, id")
        self.hosts = store.query(path, "SELECT * FROM storm_hosts")

    def count(self, recipient):
        """Stopped copies of one recipient."""
        return store.query(self.path,
                           "SELECT count(*) AS n FROM recipients r WHERE r.recipient = ? AND (%s)" % STOPPED,
                           recipient)[0]["n"]

    def named(self, rule=None):
        return {h["name"] for h in self.hosts if rule is None or h["rule"] == rule}
