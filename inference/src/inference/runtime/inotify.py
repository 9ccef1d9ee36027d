"""The kernel's notification of changes in folders, which wakes a process only when there are any.

Source: https://man7.org/linux/man-pages/man7/inotify.7.html
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import sys
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

# linux/inotify.h
_ATTRIB, _CLOSE_WRITE, _MOVED_FROM, _MOVED_TO = 0x04, 0x08, 0x40, 0x80
_CREATE, _DELETE, _DELETE_SELF, _MOVE_SELF, _ONLY_FOLDERS = 0x100, 0x200, 0x400, 0x800, 0x0100_0000
# Without IN_MODIFY, of which each piece of a long copy makes one: the end of the copy counts.
_CHANGES = _ATTRIB | _CLOSE_WRITE | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE
_MASK = _CHANGES | _DELETE_SELF | _MOVE_SELF | _ONLY_FOLDERS
_READ_BYTES = 64 * 1024
# Why a folder below the first one is left out: it has gone meanwhile, or its files are not for us.
_LEFT_OUT = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES)
_LIMITS = {
    errno.ENOSPC: "fs.inotify.max_user_watches",
    errno.EMFILE: "fs.inotify.max_user_instances, or that on open files",
}


class Inotify:
    """Becomes readable when something changes in one of some folders; close it in the end.

    Raises:
        OSError: There is none to be had.
    """

    is_supported = sys.platform == "linux"

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._watched: set[int] = set()
        self._descriptor: int = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._descriptor < 0:
            raise _error()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def fileno(self) -> int:
        """Return the file descriptor."""
        return self._descriptor

    def watch(self, folders: Iterable[os.PathLike[str]]) -> None:
        """Watch these folders, and no others any more; not what lies below them.

        Each is watched before the next one is asked for.

        Raises:
            OSError: The first one cannot be watched, or a limit is reached. All before it are
                watched.
        """
        watched: set[int] = set()
        for number, folder in enumerate(folders):
            watch = self._libc.inotify_add_watch(self._descriptor, os.fsencode(folder), _MASK)
            if watch >= 0:
                watched.add(watch)
            elif number == 0 or ctypes.get_errno() not in _LEFT_OUT:
                self._watched |= watched
                raise _error()
        for watch in self._watched - watched:  # the kernel ends those of deleted folders itself
            self._libc.inotify_rm_watch(self._descriptor, watch)
        self._watched = watched

    def drain(self) -> None:
        """Pass over the events so far."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self._descriptor, _READ_BYTES):
                pass


def _error() -> OSError:
    number = ctypes.get_errno()
    limit = _LIMITS.get(number)
    return OSError(number, f"the limit {limit} is reached" if limit else os.strerror(number))
