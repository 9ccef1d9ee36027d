"""Memory that a process shares with the processes that it forks later.

The memory is anonymous. It has no file, so it does not depend on the size of ``/dev/shm`` or a
disk, leaves nothing behind, and no other user can open it. Only pages that are written use memory.
"""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from inference.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Mapping

_NUMBER_BYTES = 8
_ALIGNMENT = 64  # a cache line, which two workers never share


class SharedArray(NamedTuple):
    """The kind of an array of numbers that processes share.

    The arrays themselves are memory views, so reading and writing a number takes no Python call.

    Attributes:
        code: The type of a number: ``d`` for doubles, ``Q`` for 64-bit integers.
        length: How many numbers.
    """

    code: Literal["d", "Q"]
    length: int

    @property
    def size_bytes(self) -> int:
        """How much memory the array takes."""
        return self.length * _NUMBER_BYTES

    def allocate(self) -> memoryview[Any]:
        """Return such an array of zeros that this process does not share."""
        return self.over(memoryview(bytearray(self.size_bytes)))

    def over(self, memory: memoryview) -> memoryview[Any]:
        """Return such an array over memory of its size."""
        array: memoryview[Any] = memory.cast(self.code)
        return array


class SharedMemory:
    """Arrays in shared memory, initially zero.

    Args:
        common: The arrays that all workers use, by name.
        each: The arrays of which each worker has its own, by name.
        workers: The number of workers.

    Attributes:
        workers: The same.

    Raises:
        SettingError: The system does not grant the memory.
    """

    def __init__(
        self,
        common: Mapping[str, SharedArray],
        each: Mapping[str, SharedArray],
        workers: int = 1,
    ) -> None:
        self.workers = workers
        self._offsets: dict[tuple[str, int], tuple[int, SharedArray]] = {}
        end = 0
        wanted = [(name, 0, array) for name, array in common.items()]
        wanted += [(name, n, array) for name, array in each.items() for n in range(workers)]
        for name, worker, array in wanted:
            self._offsets[name, worker] = (end, array)
            end += -(-array.size_bytes // _ALIGNMENT) * _ALIGNMENT
        try:
            self._memory = memoryview(mmap.mmap(-1, end))
        except OSError as error:
            raise SettingError(
                f"the system does not grant {end // 1024**2 + 1} MiB of address space for "
                f"{workers} workers ({error.strerror}): lower INFERENCE_WORKERS, or raise the "
                "limit (ulimit -v, vm.overcommit_memory)"
            ) from None

    def array(self, name: str, worker: int = 0) -> memoryview[Any]:
        """Return an array; if each worker has its own, that of ``worker``."""
        begin, array = self._offsets[name, worker]
        return array.over(self._memory[begin : begin + array.size_bytes])

    def arrays(self, name: str) -> list[memoryview[Any]]:
        """Return the array of each worker."""
        return [self.array(name, worker) for worker in range(self.workers)]


class Section(NamedTuple):
    """One worker's section of the memory that all workers share.

    Attributes:
        memory: The memory of all workers.
        worker: The worker's index.
    """

    memory: SharedMemory
    worker: int = 0
