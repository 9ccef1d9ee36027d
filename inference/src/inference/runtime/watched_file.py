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
from typing import TYPE_CHECKING, Generic, TypeVar

from inference.errors import RookeryError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")

_MIB = 1024 * 1024
LARGEST_BYTES = 64 * _MIB
# The coarsest file system clocks have a resolution of one second.
_TICK_NS = 2_000_000_000

Fingerprint = tuple[int, int, int, int]


class WatchedFile(Generic[T]):
    """One file, and what its content means.

    Args:
        path: The path of the file; links are followed.
        parse: Returns the value of a content; raises an error of the service for an invalid one.
        missing: The value of a file that does not exist; without it that is an error.

    Attributes:
        has_failed: Whether the file was unreadable or invalid when it last changed.
    """

    def __init__(
        self, path: Path, parse: Callable[[bytes], T], *, missing: T | None = None
    ) -> None:
        self.has_failed = False
        self._path = os.fspath(path)  # stat is twice as fast for a string as for a Path
        self._parse = parse
        self._missing = missing
        self._is_missing = False
        self._seen: Fingerprint | None = None
        self._fresh = False
        self._content: bytes | None = None

    def read_if_changed(self) -> T | None:
        """Return the value if the file has changed, else ``None``.

        Raises:
            OSError: The file is missing, not a regular file, too large, or unreadable. It counts as
                changed once it can be read again.
            RookeryError: The content is invalid.
        """
        try:
            if not self._fresh and self._seen == _fingerprint(os.stat(self._path)):  # noqa: PTH116
                return None
            content = self._read()
        except OSError as error:
            self._seen = self._content = None
            self._fresh = False
            if self._missing is None or not isinstance(error, FileNotFoundError):
                self._is_missing = False
                raise
            was_missing, self._is_missing = self._is_missing, True
            return None if was_missing else self._missing
        self._is_missing = False
        return None if content is None else self._parse(content)

    def refresh(self, on_failure: Callable[[OSError | RookeryError], None]) -> T | None:
        """Return the value if the file has changed and is valid, else ``None``.

        Args:
            on_failure: Called with the first of several failures in a row. The caller keeps the
                value that it has.
        """
        try:
            value = self.read_if_changed()
        except (OSError, RookeryError) as error:
            if not self.has_failed:
                self.has_failed = True
                on_failure(error)
            return None
        if value is not None:
            self.has_failed = False
        return value

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
