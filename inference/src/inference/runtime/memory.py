"""The memory that this process may use, the part that is available, and its return to the system.

The memory of a container is limited by its control group, not by the machine.

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
_UNLIMITED = 1 << 60  # version 1 represents "no limit" by a number near 2**63
_FIRST_TO_GO = "1000"  # the maximum of oom_score_adj

# By version of control groups: the files with the limit and the current use.
_FILES = {
    2: ("memory.max", "memory.current"),
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes"),
}
# Memory that the kernel reclaims by itself.
_RECLAIMABLE = ("inactive_file", "active_file", "slab_reclaimable")


def granted_bytes() -> int:
    """Return the memory that this process may use: by machine, control groups and limits."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    own, _ = resource.getrlimit(resource.RLIMIT_AS)
    limits = [machine, *(limit for limit, _ in _groups())]
    return min(limits if own == resource.RLIM_INFINITY else [*limits, own])


def available_bytes() -> int:
    """Return the memory that is available before the kernel kills a process."""
    left = [max(0, limit - taken) for limit, taken in _groups()]
    with contextlib.suppress(OSError, ValueError, IndexError):
        _, _, rest = (_PROC / "meminfo").read_text().partition("MemAvailable:")
        left.append(int(rest.split(maxsplit=1)[0]) * 1024)
    return min(left, default=_UNLIMITED)


def give_back() -> None:
    """Return freed memory from the C library to the system.

    The C library keeps most of the memory of many small blocks, such as those of a large model, so
    that memory would grow with every swap. This takes milliseconds for each 100 MB. Threads that
    need memory of the same arena wait meanwhile.
    """
    with contextlib.suppress(AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def watch_peak() -> Callable[[], int]:
    """Return a function that returns the peak memory of this process without opening a file."""
    status = os.open("/proc/self/status", os.O_RDONLY | os.O_CLOEXEC)

    def peak() -> int:
        _, _, rest = os.pread(status, 8192, 0).partition(b"VmHWM:")
        return int(rest.split(maxsplit=1)[0]) * 1024

    return peak


def be_first_to_go() -> None:
    """Ask the kernel to kill this process before others when memory is short."""
    with contextlib.suppress(OSError):
        (_PROC / "self/oom_score_adj").write_text(_FIRST_TO_GO)


def control_groups(controller: str) -> Iterator[tuple[int, Path]]:
    """Yield the folders of the control groups of this process, which all limit it.

    Args:
        controller: What they control: ``memory`` or ``cpu``.

    Yields:
        The version of control groups, and the folder; it may not exist.
    """
    try:
        lines = (_PROC / "self/cgroup").read_text().splitlines()
    except OSError:
        lines = []
    # Without the file, or where it names other paths, the root may be the group of this process.
    for line in lines or ["0::/"]:
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        version = 1 if controllers else 2
        root = _CGROUPS / controller if controllers else _CGROUPS
        own_group = root / path.lstrip("/")
        # In a container the path may be the host's; the root is then the container's own group.
        for group in (own_group, *own_group.parents):
            yield version, group
            if group == root:
                break


def _groups() -> Iterator[tuple[int, int]]:
    """Yield limit and used bytes of each control group of this process with a limit."""
    for version, group in control_groups("memory"):
        limit_file, taken_file = _FILES[version]
        with contextlib.suppress(OSError, ValueError):
            limit = int((group / limit_file).read_text())
            if limit < _UNLIMITED:
                taken = int((group / taken_file).read_text())
                yield limit, taken - _reclaimable(group)


def _reclaimable(group: Path) -> int:
    found = dict(
        line.split(maxsplit=1) for line in (group / "memory.stat").read_text().splitlines()
    )
    # Version 1 counts a group's children under separate names.
    return sum(int(found.get(f"total_{name}", found.get(name, 0))) for name in _RECLAIMABLE)
