"""The threads of the repository."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from inference.runtime.memory_return import MemoryReturn
from inference.runtime.threads import ThreadPool, make_threads

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class LoadThreads:
    """Two pools: one for work in memory, one for calls that wait for the folder's file system.

    A file system that hangs then does not delay what is already in memory. The folder's threads
    keep the normal priority: a scan of thousands of files takes the interpreter's lock again and
    again, and a thread of low priority would keep it for long on a busy machine.

    Args:
        count: Threads of each pool.

    Attributes:
        memory: Returns freed memory to the machine.
    """

    def __init__(self, count: int) -> None:
        self._threads = make_threads(count, "repository")
        self._folder_threads = ThreadPool(count, thread_name_prefix="models-folder")
        self.memory = MemoryReturn(self._threads)

    async def in_thread(self, call: Callable[..., T], *args: Any) -> T:
        """Run a call that blocks."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *args)

    async def in_folder(self, call: Callable[..., T], *args: Any) -> T:
        """Run a call that waits for the folder's file system, possibly forever."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._folder_threads, call, *args)

    def close(self) -> None:
        """End the threads that are idle, and start no other work."""
        self.memory.close()
        for threads in (self._threads, self._folder_threads):
            threads.shutdown(wait=False, cancel_futures=True)
