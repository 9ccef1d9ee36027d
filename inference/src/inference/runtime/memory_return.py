"""Returns freed memory to the system, soon after large objects were loaded or freed."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from inference.runtime.memory import give_back
from inference.runtime.threads import NoThreadError

if TYPE_CHECKING:
    from concurrent.futures import Executor

_SECONDS = 1.0  # several objects share one return


class MemoryReturn:
    """Returns memory in a thread, once for several requests.

    Args:
        threads: The executor to use.
    """

    def __init__(self, threads: Executor) -> None:
        self._threads = threads
        self._due: asyncio.TimerHandle | None = None

    def soon(self) -> None:
        """Schedule a return; call this in the event loop."""
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(_SECONDS, self._give_back)

    def soon_from(self, loop: asyncio.AbstractEventLoop) -> None:
        """Schedule a return from any thread."""
        with contextlib.suppress(RuntimeError):  # the event loop has ended
            loop.call_soon_threadsafe(self.soon)

    def close(self) -> None:
        """Cancel a scheduled return."""
        if self._due is not None:
            self._due.cancel()

    def _give_back(self) -> None:
        self._due = None
        with contextlib.suppress(RuntimeError, NoThreadError):  # the threads have ended
            self._threads.submit(give_back)
