# SPDX-License-Identifier: ISC
"""Other policy servers, when they are installed and PEERS=1 asks for them: each private to the run, on a port of its
own, with the least that makes it count. They run as nobody, so it takes root to start them."""
import os
import shutil
import signal

import harness

USER, GROUP = "nobody", "nogroup"


def postfwd(port, folder):
    return ["-i", "127.0.0.1", "-p", str(port), "-u", USER, "-g", GROUP, "--cache_socket", f"tcp:127.0.0.1:{harness.free_port()}",
            "--pidfile", f"{folder}/pid", "-L", "--nodns", "--norulelog", "--max_servers", "120",
            "-r", "id=R1; action=rate(sender/1000000000/3600/450 4.7.1 later)"]


def postgrey(port, folder):
    return [f"--inet=127.0.0.1:{port}", f"--dbdir={folder}", f"--user={USER}", f"--group={GROUP}", "--quiet"]


def rate_limit(port, folder):
    with open(f"{folder}/conf.yaml", "w", encoding="utf-8") as f:
        f.write(f"""debug: False
user: {USER}
group: {GROUP}
pidfile: "{folder}/pid"
sqlite_config: {{database: "{folder}/db"}}
backend: 0
SOCKET: ["127.0.0.1", {port}]
limits: [[1000000000, 3600]]
limits_by_id: {{}}
limit_by_sasl: False
limit_by_sender: True
limit_by_ip: False
limited_networks: []
success_action: "dunno"
fail_action: "defer_if_permit later"
db_error_action: "dunno"
report: False
delay_to_close: 300
""")
    return ["-f", f"{folder}/conf.yaml"]


def gross(port, folder):
    with open(f"{folder}/conf", "w", encoding="utf-8") as f:
        f.write(f"host = 127.0.0.1\nport = {port}\nprotocol = postfix\nstatefile = {folder}/state\nfilter_bits = 22\n"
                "number_buffers = 8\nrotate_interval = 3600\n")
    os.chmod(f"{folder}/conf", 0o644)
    harness.subprocess.run(["grossd", "-f", f"{folder}/conf", "-u", USER, "-C"], check=False, capture_output=True,
                           timeout=20, stdin=harness.subprocess.DEVNULL)
    return ["-d", "-f", f"{folder}/conf", "-u", USER]


# name: (program, its arguments, whether it goes into the background)
PEERS = {"postfwd": ("postfwd2", postfwd, True), "postgrey": ("postgrey", postgrey, False),
         "policyd-rate-limit": ("policyd-rate-limit", rate_limit, False), "gross": ("grossd", gross, False)}


class Background:
    """A process that left us: known by its number alone."""

    def __init__(self, pid):
        self.pid = pid

    def poll(self):
        try:
            os.kill(self.pid, 0)
            return None
        except ProcessLookupError:
            return 0

    def terminate(self):
        if self.poll() is None:
            os.kill(self.pid, signal.SIGTERM)

    def wait(self, seconds):
        harness.wait_for(f"the end of process {self.pid}", lambda: self.poll() is not None, seconds)


def start_one(rig, name, program, make, background):
    port, folder = harness.free_port(), os.path.join(rig.lab.dir, name)
    os.makedirs(folder)
    os.chmod(folder, 0o777)
    proc = rig.spawn(program, make(port, folder), name)
    rig.lab.procs.remove(proc)  # how it ends is not ours to judge
    rig.background.append(proc)
    if background:
        proc.wait(20)
        harness.wait_for(f"{name}'s pid", lambda: os.path.exists(f"{folder}/pid") and os.path.getsize(f"{folder}/pid"))
        with open(f"{folder}/pid", encoding="utf-8") as f:
            proc = Background(int(f.read()))
        rig.background.append(proc)
    rig.reachable(port, proc, name)
    return rig.peer(name, proc, f"inet:127.0.0.1:{port}")


def start(rig):
    """The servers that could be started."""
    found = []
    for name, (program, make, background) in PEERS.items():
        path = shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        if not path:
            rig.results.skip(name, "it is not installed")
            continue
        try:
            found.append(start_one(rig, name, path, make, background))
        except (AssertionError, OSError, harness.subprocess.TimeoutExpired) as e:
            rig.results.skip(name, f"it does not start: {str(e)[-300:]}")
    return found
