"""Ports for servers that take theirs from a setting."""

from __future__ import annotations

import contextlib
import random
import socket
from pathlib import Path

_LOWEST = 10_000  # those below have owners
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port of an address that nothing listens on.

    The kernel gives it to no process that connects, or asks for any port. One of the kernel's own
    choice could be given to another process before the server listens.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    first = int(_RANGE.read_text().split()[0])
    chance = random.SystemRandom()  # another one in each process
    for _ in range(100):
        port = chance.randrange(_LOWEST, first)
        with contextlib.suppress(OSError), socket.create_server((host, port), family=family):
            return port
    raise AssertionError(f"no port below {first} is free")
