# SPDX-License-Identifier: ISC
"""Other policy servers, when they are installed and PEERS=1 asks for them: each private to the run, on a port of its
own, with the least that makes it count."""
import os
import shutil

import harness


def start(rig):
    """The servers that could be started."""
    found = []
    for name, (program, make) in PEERS.items():
        path = next((p for p in (shutil.which(x, path=os.environ["PATH"] + ":/usr/sbin:/sbin") for x in program)
                     if p), None)
        if not path:
            rig.results.skip(name, "it is not installed")
            continue
        port, folder = harness.free_port(), os.path.join(rig.store, name)
        os.makedirs(folder)
        os.chmod(folder, 0o777)
        try:
            proc = rig.spawn(path, make(port, folder), name)
            rig.reachable(port, proc, name)
        except AssertionError as e:
            rig.results.skip(name, f"it does not start: {str(e).splitlines()[-1]}")
            continue
        found.append(rig.server(name, proc, f"inet:127.0.0.1:{port}"))
    return found


PEERS = {}
