"""Gives freed memory back to the machine, soon after large things have come or gone."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from inference.runtime.memory import give_back

if TYPE_CHECKING:
    from concurrent.futures import Executor

_SECONDS = 1.0  # several that come or go at once share it


class MemoryReturn:
    """Gives memory back, in a thread, and not for each of several occasions.

    Args:
        threads: One of these does it.
    """

    def __init__(self, threads: Executor) -> None:
        self._threads = threads
        self._due: asyncio.TimerHandle | None = None

    def soon(self) -> None:
        """Note that there is something to give back; to be called on the loop."""
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(_SECONDS, self._give_back)

    def soon_from(self, loop: asyncio.AbstractEventLoop) -> None:
        """Do what :meth:`soon` does, in whatever thread something is freed."""
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(self.soon)

    def close(self) -> None:
        """Give nothing back any more."""
        if self._due is not None:
            self._due.cancel()

    def _give_back(self) -> None:
        self._due = None
        with contextlib.suppress(RuntimeError):  # the threads have ended
            self._threads.submit(give_back)
