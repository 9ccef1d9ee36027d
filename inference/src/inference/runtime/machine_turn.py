"""Turns that processes of one machine take, by a lock on a file."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import time
from typing import TYPE_CHECKING

from inference.logs import fields
from inference.runtime.file_lock import try_lock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path
    from typing import IO

logger = logging.getLogger(__name__)

_LOCK_SECONDS = 0.05


@contextlib.asynccontextmanager
async def turn(lock: Path, within_seconds: float, what: str) -> AsyncIterator[None]:
    """Hold everybody else off who takes turns by the same file, in this process and in others.

    To wait costs no thread, and can be given up. A turn saves work and memory, and no more depends
    on it, so one that does not come is taken: who has it is stopped, or takes long.

    Args:
        lock: The file; made when missing, and where it cannot be made there are no turns.
        within_seconds: How long is waited at most.
        what: What is done in turns, for the log.
    """
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("w")
    except OSError:
        yield
        return
    with file:
        try:
            await _lock(file, within_seconds)
        except OSError as error:
            told = fields("turn-taken", what=what, reason=error.strerror)
            logger.warning("the turn to %s is taken: %s", what, error.strerror, extra=told)
        yield


async def _lock(file: IO[str], within_seconds: float) -> None:
    deadline = time.monotonic() + within_seconds
    while not try_lock(file):
        if time.monotonic() > deadline:
            reason = f"another process has it for over {within_seconds:g} s"
            raise OSError(errno.ETIMEDOUT, reason)
        await asyncio.sleep(_LOCK_SECONDS)
