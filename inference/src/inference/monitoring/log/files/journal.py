"""The journal: a file of one process, to which rows are appended until they become Parquet files.

What is in it outlives the process, so that ``kill -9`` loses only what was not appended yet. The
process holds a lock on its journal. A journal without a lock is *abandoned*: any process, of this
or another replica, may take it over and finish its work.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from typing import TYPE_CHECKING, Self

from inference.monitoring.log.files.private_folder import MODE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDER = ".journal"
_ENDING = ".journal"
_UNIQUE_BYTES = 6


class Journal:
    """A journal that this process has locked. Use :meth:`create` or :func:`abandoned`.

    Attributes:
        path: The file.
        name: Its unique name, without the ending; the Parquet files get it, too.
        rows: How many rows were appended.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.name = path.name.removesuffix(_ENDING)
        self.rows = 0
        self._descriptor = descriptor
        self._size = os.fstat(descriptor).st_size

    @classmethod
    def create(cls, root: Path) -> Self:
        """Create an empty journal in the folder of a log.

        Raises:
            OSError: It cannot be created.
        """
        folder = root / FOLDER
        folder.mkdir(MODE, exist_ok=True)
        name = os.urandom(_UNIQUE_BYTES).hex()
        path, hidden = folder / f"{name}{_ENDING}", folder / f".{name}"
        descriptor = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        try:
            # Locked before it has its name: no other process ever sees it without the lock.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            hidden.rename(path)
        except OSError:
            os.close(descriptor)
            with contextlib.suppress(OSError):
                hidden.unlink()
            raise
        return cls(path, descriptor)

    def append(self, frame: bytes, rows: int) -> None:
        """Append a frame, whole or not at all.

        Raises:
            FileNotFoundError: The file, or the folder, was removed.
            OSError: It cannot be written, for example because the disk is full.
        """
        if not self.is_in_place():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self.path))
        view, done = memoryview(frame), 0
        try:
            while done < len(view):
                done += os.pwrite(self._descriptor, view[done:], self._size + done)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(frame)
        self.rows += rows

    def is_in_place(self) -> bool:
        """Whether the path still names this file."""
        return _is_same(self.path, self._descriptor)

    def read(self) -> memoryview:
        """Return the content.

        Raises:
            OSError: It cannot be read.
        """
        size = os.fstat(self._descriptor).st_size
        content = bytearray(size)
        view, done = memoryview(content), 0
        while done < size:
            count = os.preadv(self._descriptor, [view[done:]], done)
            if not count:
                break
            done += count
        return view[:done]

    def remove(self) -> None:
        """Remove the file, and release the lock."""
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()
        self.close()

    def close(self) -> None:
        """Release the lock; the file stays, for another process to take over."""
        os.close(self._descriptor)


def journal_paths(root: Path) -> list[Path]:
    """Return the journals of all processes."""
    return sorted((root / FOLDER).glob(f"*{_ENDING}"))


def abandoned(root: Path) -> Iterator[Journal]:
    """Lock and return the journals whose process has ended, one at a time."""
    for path in journal_paths(root):
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_free = _is_same(path, descriptor)  # it may have been finished meanwhile
        except OSError:
            is_free = False
        if is_free:
            yield Journal(path, descriptor)
        else:
            os.close(descriptor)


def _is_same(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except OSError:
        return False
