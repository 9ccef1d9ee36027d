"""Who is examined when: what takes long makes way for what has not been tried yet.

A file whose examination hangs is given up only at its time limit. Some of them would hold every
place until then, and a good file published meanwhile would wait. So an examination that has used up
the patience goes on only while others of its kind leave a place free; else it is ended, and begun
again when it may last.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

T = TypeVar("T")


class MakesWayError(Exception):
    """It takes long, and too many others do: try it again with ``is_long``."""


class Pace:
    """Places for artifacts that are taken in.

    Args:
        at_once: Places; one of them is never anybody's for long.
        patience_seconds: What takes longer is long.
    """

    def __init__(self, at_once: int, patience_seconds: float) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._long_places = asyncio.Semaphore(at_once - 1)
        self._patience_seconds = patience_seconds

    @contextlib.asynccontextmanager
    async def place(self, *, is_long: bool) -> AsyncIterator[None]:
        """Wait for a place, first come, first served; what is long waits for a long one."""
        async with contextlib.AsyncExitStack() as stack:
            if is_long:
                await stack.enter_async_context(self._long_places)
            await stack.enter_async_context(self._places)
            yield

    async def run(self, work: Coroutine[None, None, T], *, is_long: bool) -> T:
        """Do what may take long, within a place.

        Raises:
            MakesWayError: It was ended, since it holds a place that others wait for.
        """
        task = asyncio.ensure_future(work)
        try:
            if not is_long:
                done, _ = await asyncio.wait({task}, timeout=self._patience_seconds)
                if not done and self._long_places.locked():
                    raise MakesWayError
                if not done:
                    async with self._long_places:
                        return await task
            return await task
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
