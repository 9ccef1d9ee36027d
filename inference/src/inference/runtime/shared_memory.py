"""Memory that a process shares with the processes that it forks later.

The memory is anonymous. It has no file, so it does not depend on the size of ``/dev/shm`` or a
disk, leaves nothing behind, and no other user can open it. Only pages that are written use memory.
"""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, NamedTuple

from inference.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Mapping

_ALIGNMENT = 64  # a cache line, which two workers never share


class SharedMemory:
    """Sections of memory, initially zero.

    Args:
        common: Sizes in bytes of the sections that all workers use, by name.
        each: Sizes in bytes of the sections that each worker has, by name.
        workers: The number of workers.

    Raises:
        SettingError: The system does not grant the memory.
    """

    def __init__(
        self, common: Mapping[str, int], each: Mapping[str, int], workers: int = 1
    ) -> None:
        self._workers = workers
        self._offsets: dict[tuple[str, int], tuple[int, int]] = {}
        end = 0
        wanted = [(name, 0, size) for name, size in common.items()]
        wanted += [(name, n, size) for name, size in each.items() for n in range(workers)]
        for name, worker, size in wanted:
            self._offsets[name, worker] = (end, size)
            end += -(-size // _ALIGNMENT) * _ALIGNMENT
        try:
            self._memory = memoryview(mmap.mmap(-1, end))
        except OSError as error:
            raise SettingError(
                f"the system does not grant {end // 1024**2 + 1} MiB of address space for "
                f"{workers} workers ({error.strerror}): lower INFERENCE_WORKERS, or raise the "
                "limit (ulimit -v, vm.overcommit_memory)"
            ) from None

    def section(self, name: str, worker: int = 0) -> memoryview:
        """Return a section; for sections of each worker, that of ``worker``."""
        begin, size = self._offsets[name, worker]
        return self._memory[begin : begin + size]

    def sections(self, name: str) -> list[memoryview]:
        """Return the section of each worker."""
        return [self.section(name, worker) for worker in range(self._workers)]


class Place(NamedTuple):
    """A worker's place in the memory that all workers share."""

    memory: SharedMemory
    worker: int = 0
