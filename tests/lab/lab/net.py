# SPDX-License-Identifier: ISC
"""Ports, waiting, and the temporary folder in which a lab run lives."""

import contextlib
import os
import shutil
import signal
import socket
import socketserver
import sys
import tempfile
import threading
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


class Server(socketserver.ThreadingTCPServer):
    """Serves whoever connects to that port, each in a thread of its own, until end(). The handler finds `owner` as
    self.server.owner."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, port, handler, owner):
        super().__init__(("127.0.0.1", port), handler)
        self.owner = owner
        self.thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def end(self):
        self.shutdown()
        self.server_close()
        self.thread.join(5)


class Served:
    """Context manager: a Server on `port` with the class's handler."""

    handler = None

    def __init__(self, port):
        self.port = port

    def __enter__(self):
        self.server = Server(self.port, self.handler, self)
        return self

    def __exit__(self, *_):
        self.server.end()


def text_of(path):
    """What stands in a log; nothing as long as it is not there."""
    try:
        with open(path, errors="replace") as f:
            return f.read()
    except OSError:
        return ""


@contextlib.contextmanager
def workdir(prefix="storm-lab-"):
    """A folder that other users can enter (Postfix and the daemon give up root), and what is put there they can read,
    whatever the umask was; removed at the end."""
    os.umask(0o022)
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
