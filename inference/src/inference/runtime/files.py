"""Locks of files between processes, and folders that outlive a loss of power."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def try_lock(file: IO[str]) -> bool:
    """Lock a file until it is closed, unless another process holds the lock.

    It does not wait, because a stopped process keeps its locks.

    Raises:
        OSError: The file system does not support locks.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def sync_folder(folder: Path) -> None:
    """Write a folder to the disk, so that a file that was renamed in it has its name for good.

    Raises:
        OSError: The folder cannot be opened.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some file systems sync no folders
            os.fsync(handle)
    finally:
        os.close(handle)
