"""A small file that is read again as soon as it has changed: keys, trusted keys, the state.

Whether it has is one ``stat``. An inode, a size and a time of modification can be the same after a
change (``touch -r``, an inode that is given again), the time of the inode's last change cannot be
set; but the clock of a file system ticks, and within one tick two changes look like one. So a file
that was changed only now is read at each look until its change is older than a tick can be.
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
# The coarsest clocks of file systems that keep a time of change tick once a second.
_TICK_NS = 2_000_000_000

Fingerprint = tuple[int, int, int, int]


class WatchedFile:
    """One file, and what was last read of it.

    Args:
        path: Where it lies; a link is followed.
    """

    def __init__(self, path: Path) -> None:
        self._path = os.fspath(path)  # a stat of a string costs half of that of a Path
        self._seen: Fingerprint | None = None
        self._fresh = False
        self._content: bytes | None = None

    def read_if_changed(self) -> bytes | None:
        """Look whether the file has changed, and give its content when it has.

        Raises:
            OSError: It is not there, is no regular file, is too large, or cannot be read. It counts
                as changed when it can be read again.
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
        # A time to come says that the clock was set back; it will be another one after a change.
        self._fresh = 0 <= time.time_ns() - changed_ns < _TICK_NS
        self._content = content if self._fresh else None
        return None if content == before else content


def _read(path: str) -> tuple[Fingerprint, bytes]:
    """Read a file that is no more than it seems: one that blocks or never ends is refused."""
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
