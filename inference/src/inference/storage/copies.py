"""The copies in the models folder: whole versions, placed by a rename, each with its origin.

Beside each copied ``model.onnx`` lies ``.source.json`` with the object that it was copied from.
What has no such file was placed by someone else, and is never replaced or removed here. Downloads
lie in the hidden folder ``.sync``, on the same file system, which the service does not look into.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
import uuid
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from inference.runtime.files import sync_folder, try_lock
from inference.storage.layout import FILE_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import IO, BinaryIO

    from inference.storage.layout import Key, RemoteVersion

WORK_FOLDER = ".sync"
_SOURCE_NAME = ".source.json"


class Source(msgspec.Struct, frozen=True):
    """Where a copy comes from.

    Attributes:
        path: The object's path.
        etag: Its ETag.
        size: Its size in bytes.
        sha256: SHA-256 of the content.
        placed: When it was placed, in seconds since 1970.
    """

    path: str
    etag: str
    size: int
    sha256: str
    placed: float


class Copy(NamedTuple):
    """A copied version.

    Attributes:
        file: The copy.
        source: Where it comes from.
    """

    file: Path
    source: Source

    def is_of(self, version: RemoteVersion) -> bool:
        """Return whether it is a copy of what the store has now."""
        stored = version.stored
        return (self.source.path, self.source.etag, self.source.size) == (
            stored.path, stored.etag, stored.size
        )  # fmt: skip


_decode_source = msgspec.json.Decoder(Source).decode


class Copies:
    """All copies in a models folder.

    Args:
        folder: The models folder; created when missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._work = folder / WORK_FOLDER
        self._lock: IO[str] | None = None
        self._known: dict[Key, Copy] = {}
        self._is_locked = False

    def try_lock(self) -> bool:
        """Take the folder for this process; false while another process has it.

        Raises:
            OSError: The folder cannot be created or written, or its file system has no locks.
        """
        if self._lock is None:
            self._work.mkdir(parents=True, exist_ok=True)
            self._lock = (self._work / ".lock").open("w")
        if not self._is_locked and try_lock(self._lock):
            self._is_locked = True
            self._sweep()
            self._known = self._read()
        return self._is_locked

    def close(self) -> None:
        """Give the folder free."""
        if self._lock is not None:
            self._lock.close()

    def all(self) -> dict[Key, Copy]:
        """Return every copy that is there now."""
        for key, copy in [*self._known.items()]:
            if _is_lost(copy.file, copy.source.size):
                del self._known[key]
        return dict(self._known)

    def is_foreign(self, key: Key) -> bool:
        """Return whether someone else has placed this version."""
        file = self._file(key)
        return file.exists() and not file.with_name(_SOURCE_NAME).exists()

    @contextlib.contextmanager
    def staged(self) -> Iterator[Path]:
        """Give a new folder for a download, which is removed unless it was placed."""
        folder = self._work / f"in-{uuid.uuid4().hex}"
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def place(self, version: RemoteVersion, staged: Path, sha256: str) -> None:
        """Make a complete download the copy of a version; both files are on the disk before.

        Raises:
            OSError: It cannot be placed; nothing has changed.
        """
        key = (version.name, version.version)
        stored, file = version.stored, self._file(key)
        source = Source(stored.path, stored.etag, stored.size, sha256, time.time())
        _write_synced(staged / _SOURCE_NAME, msgspec.json.encode(source))
        home = file.parent.parent
        home.mkdir(exist_ok=True)
        if file.parent.exists():  # another content: the file first, so that a crash repeats this
            (staged / FILE_NAME).replace(file)
            (staged / _SOURCE_NAME).replace(file.with_name(_SOURCE_NAME))
        else:
            sync_folder(staged)
            staged.rename(file.parent)
        sync_folder(home)
        self._known[key] = Copy(file, source)

    def remove(self, key: Key) -> bool:
        """Remove a copy in one step.

        Returns:
            Whether it was there; someone else may have removed it.

        Raises:
            OSError: It cannot be removed.
        """
        if key not in self._known:
            return False
        folder = self._known[key].file.parent
        aside = self._work / f"out-{uuid.uuid4().hex}"
        with contextlib.suppress(FileNotFoundError):
            folder.rename(aside)
        del self._known[key]
        shutil.rmtree(aside, ignore_errors=True)
        with contextlib.suppress(OSError):  # other versions are there
            folder.parent.rmdir()
        return True

    def _file(self, key: Key) -> Path:
        return self._folder / key[0] / str(key[1]) / FILE_NAME

    def _read(self) -> dict[Key, Copy]:
        found: dict[Key, Copy] = {}
        for path in self._folder.glob(f"[!.]*/*/{_SOURCE_NAME}"):
            number = path.parent.name
            if number.isascii() and number.isdecimal():
                with contextlib.suppress(OSError, msgspec.MsgspecError, UnicodeError):
                    source = _decode_source(path.read_bytes())
                    found[path.parent.parent.name, int(number)] = Copy(
                        path.with_name(FILE_NAME), source
                    )
        return found

    def _sweep(self) -> None:
        """Remove what a killed process has left; the lock says that no other one is at work."""
        for prefix in ("in-", "out-"):
            for folder in self._work.glob(f"{prefix}*"):
                shutil.rmtree(folder, ignore_errors=True)


class Download:
    """Writes a download to a file, and computes its digest.

    Args:
        folder: Where the file is written.
    """

    def __init__(self, folder: Path) -> None:
        self._file: BinaryIO = (folder / FILE_NAME).open("wb")
        self._digest = hashlib.sha256()
        self.size = 0

    def write(self, chunk: bytes) -> None:
        """Add a piece.

        Raises:
            OSError: It cannot be written.
        """
        self._file.write(chunk)
        self._digest.update(chunk)
        self.size += len(chunk)

    def finish(self) -> str:
        """Force the file to the disk, and return the SHA-256 of its content.

        Raises:
            OSError: It cannot be written.
        """
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return self._digest.hexdigest()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _is_lost(file: Path, size: int) -> bool:
    """Whether a copy is gone or damaged; a look that fails says neither."""
    try:
        return file.stat().st_size != size
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
