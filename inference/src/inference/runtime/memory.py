"""Memory: what this process is granted, what is left of it, and how it goes back.

A container's limit is its control group's, so neither the machine's size nor what is free of it
says how much this process may take.

Source: https://docs.kernel.org/admin-guide/cgroup-v2.html and cgroup-v1/memory.html
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MIB = 1024 * 1024
_PROC = Path("/proc")
_CGROUPS = Path("/sys/fs/cgroup")
_UNLIMITED = 1 << 60  # version 1 says "no limit" with a number near 2**63
_FIRST_TO_GO = "1000"  # the most that oom_score_adj takes

# By version of control groups: the folder, and the files with the limit and with what is taken.
_FILES = {
    2: ("", "memory.max", "memory.current"),
    1: ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
}
# What the kernel takes back by itself when memory is short.
_RECLAIMABLE = ("inactive_file", "active_file", "slab_reclaimable")


def granted_bytes() -> int:
    """Tell how much memory this process may ever take: by its machine, its groups, its limits."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    own, _ = resource.getrlimit(resource.RLIMIT_AS)
    limits = [machine, *(limit for limit, _ in _groups())]
    return min(limits if own == resource.RLIM_INFINITY else [*limits, own])


def available_bytes() -> int:
    """Tell how much memory can be taken now before something is ended for want of it."""
    left = [max(0, limit - taken) for limit, taken in _groups()]
    with contextlib.suppress(OSError, ValueError, IndexError):
        _, _, rest = (_PROC / "meminfo").read_text().partition("MemAvailable:")
        left.append(int(rest.split(maxsplit=1)[0]) * 1024)
    return min(left, default=_UNLIMITED)


def give_back() -> None:
    """Return to the machine what the C library keeps of memory that was freed.

    It keeps most of what many small blocks took, as a large model's are: without this, memory grows
    with every swap. Takes some milliseconds for each 100 MB; threads that need memory of the same
    arena wait meanwhile.
    """
    with contextlib.suppress(AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def watch_peak() -> Callable[[], int]:
    """Give what tells the most memory that this process ever had, in bytes, and opens nothing."""
    status = os.open("/proc/self/status", os.O_RDONLY | os.O_CLOEXEC)

    def peak() -> int:
        _, _, rest = os.pread(status, 8192, 0).partition(b"VmHWM:")
        return int(rest.split(maxsplit=1)[0]) * 1024

    return peak


def be_first_to_go() -> None:
    """Ask the kernel to end this process before others when memory is short."""
    with contextlib.suppress(OSError):
        (_PROC / "self/oom_score_adj").write_text(_FIRST_TO_GO)


def _groups() -> Iterator[tuple[int, int]]:
    """Give limit and bytes taken, of each control group of this process that has a limit."""
    try:
        lines = (_PROC / "self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        folder, limit_file, taken_file = _FILES[1 if controllers else 2]
        root = _CGROUPS / folder
        place = root / path.lstrip("/")
        # In a container the path may be the host's; then the root is this container's own group.
        for group in (place, *place.parents):
            with contextlib.suppress(OSError, ValueError):
                limit = int((group / limit_file).read_text())
                if limit < _UNLIMITED:
                    taken = int((group / taken_file).read_text())
                    yield limit, taken - _reclaimable(group)
            if group == root:
                break


def _reclaimable(group: Path) -> int:
    found = dict(
        line.split(maxsplit=1) for line in (group / "memory.stat").read_text().splitlines()
    )
    # Version 1 counts a group's children under names of their own.
    return sum(int(found.get(f"total_{name}", found.get(name, 0))) for name in _RECLAIMABLE)
