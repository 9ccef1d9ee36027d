"""Locks between processes that are tried, and never waited for without end.

A process that is stopped keeps its locks.
"""

from __future__ import annotations

import fcntl
from typing import IO


def try_lock(file: IO[str]) -> bool:
    """Lock a file for this process alone, until it is closed, unless another holds it.

    Raises:
        OSError: The file system has no locks to give.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
