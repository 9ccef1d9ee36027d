"""Memory that a process shares with those it forks later.

It is anonymous: no file, so neither ``/dev/shm`` nor a disk can be too small for it, nothing is
left over, and no other user can open it. Only the pages that are written to take memory.
"""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, NamedTuple

from inference.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Mapping

_ALIGNMENT = 64  # a cache line: two workers' numbers never share one


class SharedMemory:
    """Sections of memory, zero at first.

    Args:
        common: Bytes of the sections that all workers use, by name.
        each: Bytes of the sections that every worker has for itself, by name.
        workers: How many workers there are.

    Raises:
        SettingError: The system does not grant so much.
    """

    def __init__(
        self, common: Mapping[str, int], each: Mapping[str, int], workers: int = 1
    ) -> None:
        self._workers = workers
        self._places: dict[tuple[str, int], tuple[int, int]] = {}
        end = 0
        wanted = [(name, 0, size) for name, size in common.items()]
        wanted += [(name, n, size) for name, size in each.items() for n in range(workers)]
        for name, worker, size in wanted:
            self._places[name, worker] = (end, size)
            end += -(-size // _ALIGNMENT) * _ALIGNMENT
        try:
            self._memory = memoryview(mmap.mmap(-1, end))
        except OSError as error:
            raise SettingError(
                f"{end // 1024**2 + 1} MiB of address space for what {workers} workers share are "
                f"not granted ({error.strerror}): lower INFERENCE_WORKERS, or raise the limit "
                "(ulimit -v, vm.overcommit_memory)"
            ) from None

    def section(self, name: str, worker: int = 0) -> memoryview:
        """Give a section; that of a worker, where each has one."""
        begin, size = self._places[name, worker]
        return self._memory[begin : begin + size]

    def sections(self, name: str) -> list[memoryview]:
        """Give every worker's section of one name."""
        return [self.section(name, worker) for worker in range(self._workers)]


class Place(NamedTuple):
    """A worker's place in the memory that all workers share."""

    memory: SharedMemory
    worker: int = 0
