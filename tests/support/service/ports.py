"""Ports for servers that take theirs from a setting."""

from __future__ import annotations

import contextlib
import random
import socket
from pathlib import Path

_LOWEST, _HIGHEST = 10_000, 65_535  # those below have owners
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port of an address that nothing listens on.

    The kernel gives it to no process that connects, or asks for any port, unless all ports are the
    kernel's. One of the kernel's own choice could be given to another process meanwhile.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    first, last = map(int, _RANGE.read_text().split())
    ports = [*range(_LOWEST, first), *range(last + 1, _HIGHEST + 1)] or [0]
    chance = random.SystemRandom()  # another one in each process
    for _ in range(100):
        address = host, chance.choice(ports)
        with contextlib.suppress(OSError), socket.create_server(address, family=family) as server:
            port: int = server.getsockname()[1]
            return port
    raise AssertionError(f"no port of {host} is free")
