"""Locks between processes, without an endless wait: a stopped process keeps its locks."""

from __future__ import annotations

import fcntl
from typing import IO


def try_lock(file: IO[str]) -> bool:
    """Lock a file until it is closed, unless another process holds the lock.

    Raises:
        OSError: The file system does not support locks.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
