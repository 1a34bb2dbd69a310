# SPDX-License-Identifier: ISC
"""Ports, waiting, and the temporary folder in which a lab run lives."""

import contextlib
import os
import shutil
import signal
import socket
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from ports import free_ports  # noqa: E402, F401


def port_open(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True


def wait_for(what, test, timeout=15.0, every=0.02):
    """Waits until test() is true; TimeoutError names `what` otherwise."""
    end = time.monotonic() + timeout
    while not test():
        if time.monotonic() > end:
            raise TimeoutError("waited %gs for %s" % (timeout, what))
        time.sleep(every)


@contextlib.contextmanager
def workdir(prefix="storm-lab-"):
    """A folder that other users can enter (Postfix and the daemon give up root), removed at the end."""
    path = tempfile.mkdtemp(prefix=prefix)
    os.chmod(path, 0o755)
    try:
        yield path
    finally:
        if os.environ.get("LAB_KEEP"):
            print("lab: kept %s" % path, file=sys.stderr)
        else:
            forget_rings(path)
            shutil.rmtree(path, ignore_errors=True)


def forget_rings(path):
    """What daemons that were killed left in memory."""
    for folder, _dirs, names in os.walk(path):
        ring = os.path.realpath(os.path.join(folder, "spool.ring"))
        if "spool.ring" in names and os.path.isfile(ring):
            os.unlink(ring)


def polite_signals():
    """SIGTERM and SIGHUP unwind like Ctrl-C, so that every `finally` runs."""
    def leave(signum, _frame):
        raise SystemExit(128 + signum)
    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGHUP, leave)
