"""The contents of an artifact: exactly the bytes that are examined, verified and served.

A file can be replaced, cut, extended, or swapped for a pipe or a device at any time, and its file
system may never answer. So it is opened once, and read once up to its size, into memory that the
kernel then seals: no process can change it any more, and all share it by its descriptor. A process
that must not wait for a file system lets another one read.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import mmap
import os
import stat
from typing import TYPE_CHECKING, Self

import msgspec

from inference.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_PIECE_BYTES = 1024 * 1024
_MOST_AT_ONCE = 1 << 30  # the kernel gives no more than about twice that
_SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL


class ChangedError(Exception):
    """The file changed while it was read, or is no file any more; the next scan sees what it is."""


class Fingerprint(msgspec.Struct, frozen=True):
    """What changes when a file does, content or permissions: cheap, read on every scan."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Self:
        """Take it from what the system says about a file."""
        return cls(
            status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
        )


class Reading(msgspec.Struct, frozen=True):
    """What was read of a file.

    Attributes:
        digest: SHA-256, lower-case hexadecimal.
        fingerprint: The file's, before and after.
    """

    digest: str
    fingerprint: Fingerprint


class Contents(msgspec.Struct, frozen=True):
    """A sealed copy of a file in memory; to be closed.

    Attributes:
        descriptor: Of the memory.
        reading: What was read into it.
    """

    descriptor: int
    reading: Reading

    @property
    def digest(self) -> str:
        """SHA-256, lower-case hexadecimal."""
        return self.reading.digest

    @property
    def size_bytes(self) -> int:
        """Its size."""
        return self.reading.fingerprint.size

    @property
    def path(self) -> str:
        """A path by which this process, and no other, can open it."""
        return f"/proc/self/fd/{self.descriptor}"

    def data(self) -> bytes:
        """Copy all of it."""
        return read_all(self.descriptor)

    def view(self) -> memoryview:
        """Look at all of it without a copy; holds the memory for as long as it lives."""
        if not self.size_bytes:  # nothing is there to be mapped
            return memoryview(b"")
        return memoryview(mmap.mmap(self.descriptor, 0, access=mmap.ACCESS_READ))

    def close(self) -> None:
        """Let the memory go."""
        os.close(self.descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def make_memory() -> int:
    """Make memory for :func:`fill`; gives its descriptor."""
    return os.memfd_create("artifact", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)


def read_contents(path: Path, most_bytes: int) -> Contents:
    """Read a file in this process; blocks as long as its file system does.

    Raises:
        ArtifactError: It is too large.
        ChangedError: It changed meanwhile, or is no regular file.
        OSError: It cannot be read.
    """
    memory = make_memory()
    try:
        return Contents(memory, fill(memory, path, most_bytes))
    except BaseException:
        os.close(memory)
        raise


def fill(
    memory: int, path: Path, most_bytes: int, between: Callable[[], None] | None = None
) -> Reading:
    """Read a file into memory, and seal that.

    Args:
        memory: The descriptor of the memory, empty.
        path: The file. Links are followed, since Kubernetes mounts files by links.
        most_bytes: The largest file that is read.
        between: Called before each piece.

    Raises:
        ArtifactError: It is larger; none of it was read.
        ChangedError: It changed meanwhile, or is no regular file.
        OSError: It cannot be read.
    """
    file = open_file(path)
    try:
        begun = Fingerprint.of(os.fstat(file))
        if begun.size > most_bytes:
            raise ArtifactError(too_large(begun.size, most_bytes))
        digest = _copy(file, memory, begun.size, between)
        if Fingerprint.of(os.fstat(file)) != begun:
            raise ChangedError
    finally:
        os.close(file)
    fcntl.fcntl(memory, fcntl.F_ADD_SEALS, _SEALS)
    return Reading(digest, begun)


def too_large(size_bytes: int, most_bytes: int) -> str:
    """Return the reason that a file is too large."""
    return (
        f"it has {size_bytes:,} bytes, and at most {most_bytes:,} are taken in here: give the "
        "service more memory, or set INFERENCE_MAX_MODEL_BYTES"
    )


def is_sealed(memory: int, size_bytes: int) -> bool:
    """Whether memory holds so many bytes, and can never change."""
    sealed = fcntl.fcntl(memory, fcntl.F_GET_SEALS) & _SEALS == _SEALS
    return sealed and os.fstat(memory).st_size == size_bytes


def read_all(descriptor: int) -> bytes:
    """Copy the whole of what a descriptor stands for, from its beginning."""
    size, done = os.fstat(descriptor).st_size, 0
    pieces: list[bytes] = []
    while done < size:
        piece = os.pread(descriptor, min(size - done, _MOST_AT_ONCE), done)
        if not piece:
            raise ChangedError
        pieces.append(piece)
        done += len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def open_file(path: Path) -> int:
    """Open a regular file for reading, and nothing else, not even for a moment.

    Opening a pipe waits for a writer, and opening a device may start it. So the
    name is looked up once without opening what it stands for, and what was found is opened.

    Raises:
        ChangedError: It is no regular file.
        OSError: It cannot be opened.
    """
    found = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        mode = os.fstat(found).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(mode):
            raise ChangedError
        return os.open(f"/proc/self/fd/{found}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    finally:
        os.close(found)


def _copy(file: int, memory: int, size: int, between: Callable[[], None] | None) -> str:
    digest, piece = hashlib.sha256(), memoryview(bytearray(min(size, _PIECE_BYTES)))
    left = size
    while left:
        if between is not None:
            between()
        count = os.readv(file, [piece[: min(left, _PIECE_BYTES)]])
        if not count:  # it was cut
            raise ChangedError
        digest.update(piece[:count])
        _write(memory, piece[:count])
        left -= count
    return digest.hexdigest()


def _write(memory: int, piece: memoryview) -> None:
    while piece:
        piece = piece[os.write(memory, piece) :]
