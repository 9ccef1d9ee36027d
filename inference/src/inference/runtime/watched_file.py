"""A small file that is read again after each change: API keys, trusted keys, the state.

One ``stat`` detects a change. After a change, inode, size and modification time can be the same
(``touch -r``, a reused inode). The change time of the inode (ctime) cannot be set, but has the
resolution of the file system's clock, so that two changes can look like one. A file that has just
changed is therefore read at each check until its change is older than this resolution.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_MIB = 1024 * 1024
LARGEST_BYTES = 64 * _MIB
# The coarsest file system clocks have a resolution of one second.
_TICK_NS = 2_000_000_000

Fingerprint = tuple[int, int, int, int]


class WatchedFile:
    """One file, and its content at the last read.

    Args:
        path: The path of the file; links are followed.
    """

    def __init__(self, path: Path) -> None:
        self._path = os.fspath(path)  # stat is twice as fast for a string as for a Path
        self._seen: Fingerprint | None = None
        self._fresh = False
        self._content: bytes | None = None

    def read_if_changed(self) -> bytes | None:
        """Return the content if the file has changed, else ``None``.

        Raises:
            OSError: The file is missing, not a regular file, too large, or unreadable. It counts as
                changed once it can be read again.
        """
        try:
            if not self._fresh and self._seen == _fingerprint(os.stat(self._path)):  # noqa: PTH116
                return None
            return self._read()
        except OSError:
            self._seen = self._content = None
            self._fresh = False
            raise

    def _read(self) -> bytes | None:
        before, self._seen, content = self._content, *_read(self._path)
        changed_ns = max(self._seen[-2:])
        # A future time means that the clock was set back; the next change has a different time.
        self._fresh = 0 <= time.time_ns() - changed_ns < _TICK_NS
        self._content = content if self._fresh else None
        return None if content == before else content


def _read(path: str) -> tuple[Fingerprint, bytes]:
    """Read a regular file of limited size."""
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(number)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", path)
        if status.st_size > LARGEST_BYTES:
            raise OSError(errno.EFBIG, f"it is larger than {LARGEST_BYTES // _MIB} MiB", path)
        with open(number, "rb", closefd=False) as file:
            content = file.read(LARGEST_BYTES)
    finally:
        os.close(number)
    return _fingerprint(status), content


def _fingerprint(status: os.stat_result) -> Fingerprint:
    return (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
