"""What is counted of the worker processes themselves: their restarts, and their memory."""

from __future__ import annotations

import os
import resource
from pathlib import Path
from typing import TYPE_CHECKING

from inference.runtime.shared_memory import SharedArray

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inference.runtime.shared_memory import Section, SharedMemory

RESTARTS_ARRAY, PROCESS_ARRAY = "restarts", "process"
ENDED, SILENT, ASKED = REASONS = ("ended", "silent", "asked")
RESTARTS = SharedArray("d", len(REASONS))
PROCESS = SharedArray("d", 1)  # the id of the worker's process
_RESIDENT_PAGES = 1  # in /proc/PID/statm


def count_restart(memory: SharedMemory, reason: str) -> None:
    """Count that a worker is replaced; only in the supervisor.

    Args:
        memory: What all workers share.
        reason: One of :data:`REASONS`.
    """
    memory.array(RESTARTS_ARRAY)[REASONS.index(reason)] += 1.0


class Processes:
    """The worker processes, as each of them sees all.

    Args:
        section: Where the workers' numbers are.

    Attributes:
        has_predecessor: Whether this process replaces another.
    """

    def __init__(self, section: Section) -> None:
        self._restarts = section.memory.array(RESTARTS_ARRAY)
        self._ids = section.memory.arrays(PROCESS_ARRAY)
        self.has_predecessor = bool(self._ids[section.worker][0])
        self._ids[section.worker][0] = os.getpid()

    @property
    def restarts(self) -> Mapping[tuple[str], list[float]]:
        """How often workers were replaced, by reason."""
        return {
            (reason,): [count]
            for reason, count in zip(REASONS, self._restarts.tolist(), strict=True)
        }

    @property
    def memory_bytes(self) -> Mapping[tuple[str], list[float]]:
        """The resident memory of each worker that runs, by its number."""
        sizes = {(str(n),): _resident_bytes(int(one[0])) for n, one in enumerate(self._ids)}
        return {worker: [size] for worker, size in sizes.items() if size}


def _resident_bytes(pid: int) -> float:
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()[_RESIDENT_PAGES]
    except (OSError, IndexError):  # not started yet, or ended
        return 0.0
    return float(pages) * resource.getpagesize()
