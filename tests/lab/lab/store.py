# SPDX-License-Identifier: ISC
"""What the daemon wrote down, read as a sysadmin would: through the views of its database."""

import contextlib
import sqlite3


def query(path, sql, *args):
    """Rows as dictionaries; read only."""
    with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % path, uri=True, timeout=10)) as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute(sql, args)]


def storms(path):
    return query(path, "SELECT * FROM storms")


def storm_hosts(path):
    return query(path, "SELECT * FROM storm_hosts")
