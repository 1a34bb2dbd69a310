# SPDX-License-Identifier: ISC
"""Free ports for servers that are started a little later."""
import random
import socket


def for_servers():
    """Not those that the system gives to clients: one of them may have it by the time the server is there."""
    try:
        with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as f:
            first = int(f.read().split()[0])
    except OSError:
        first = 0
    ports = list(range(16384, first))
    random.shuffle(ports)
    return ports


def free_ports(n, family=socket.AF_INET, host="127.0.0.1"):
    """n of them, all different: all are held until the last one is known."""
    held, ports = [], for_servers()
    try:
        while len(held) < n:
            s = socket.socket(family, socket.SOCK_STREAM)
            held.append(s)
            try:
                s.bind((host, ports.pop() if ports else 0))
            except OSError:
                if not ports:
                    raise
                held.pop().close()
        return [s.getsockname()[1] for s in held]
    finally:
        for s in held:
            s.close()
