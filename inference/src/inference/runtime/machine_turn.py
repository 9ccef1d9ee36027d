"""Exclusive turns among the processes of a machine, by a lock on a file."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import time
from typing import TYPE_CHECKING

from inference.logs import fields
from inference.runtime.files import try_lock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path
    from typing import IO

logger = logging.getLogger(__name__)

_LOCK_SECONDS = 0.05


@contextlib.asynccontextmanager
async def turn(lock: Path, within_seconds: float, what: str) -> AsyncIterator[None]:
    """Wait for an exclusive turn among all tasks and processes that use the same file.

    The wait needs no thread and can be canceled. Turns only save work and memory. After the time
    limit the block therefore runs without the lock: its holder is stopped or slow.

    Args:
        lock: The file. It is created if missing; without it, there are no turns.
        within_seconds: The maximum wait.
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
            extra = fields("turn-taken", what=what, reason=error.strerror)
            logger.warning("%s without a lock: %s", what, error.strerror, extra=extra)
        yield


async def _lock(file: IO[str], within_seconds: float) -> None:
    deadline = time.monotonic() + within_seconds
    while not try_lock(file):
        if time.monotonic() > deadline:
            reason = f"another process has held it for over {within_seconds:g} s"
            raise OSError(errno.ETIMEDOUT, reason)
        await asyncio.sleep(_LOCK_SECONDS)
