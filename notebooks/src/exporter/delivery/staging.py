"""Placement of a file in the models folder, atomically, as the next free version.

A file is written under a dot-name on the same filesystem, which the service ignores, forced to the
disk, and renamed with its folder. A rename onto a folder with content fails, so of two publishers
who want the same version one takes the next.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import time
import uuid
from typing import TYPE_CHECKING, Self

from exporter.errors import PlacementError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

FILE_NAME = "model.onnx"
STAGE_PREFIX = ".publish-"
_ABANDONED_SECONDS = 24 * 3600
_MAX_TRIES = 1000
_TAKEN = frozenset({errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EISDIR})


class Stage:
    """A private folder next to the models, removed on exit, also after an error.

    Args:
        models_dir: The models folder; created if its parent exists.

    Raises:
        PlacementError: On entry, if the folder cannot be written.
    """

    def __init__(self, models_dir: Path) -> None:
        self.models_dir = models_dir.absolute()
        self._folder = self.models_dir / f"{STAGE_PREFIX}{uuid.uuid4().hex}"

    @property
    def file(self) -> Path:
        """The file, before it is placed."""
        return self._folder / FILE_NAME

    def __enter__(self) -> Self:
        try:
            self.models_dir.mkdir(exist_ok=True)
            _sweep(self.models_dir)
            self._folder.mkdir()
        except OSError as error:
            raise _explain(error, self.models_dir) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def write(self, data: bytes) -> None:
        """Write the file and force it to the disk, readable by all users.

        Raises:
            PlacementError: The disk is full, or the file cannot be written for another reason.
        """
        try:
            with self.file.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            # The service may run as another user: do not depend on umask or the parent's mode.
            _allow(self.file, 0o644)
            _allow(self._folder, 0o755)
            _sync_folder(self._folder)
        except OSError as error:
            raise _explain(error, self.models_dir) from error

    def place(self, name: str) -> int:
        """Make the file the next version of a model.

        Returns:
            The version.

        Raises:
            PlacementError: It cannot be renamed; nothing is left behind.
        """
        home = self.models_dir / name
        try:
            for _ in range(_MAX_TRIES):
                created = _make(home)
                try:
                    version = next_version(self.models_dir, name)
                    self._folder.rename(home / str(version))
                except OSError as error:
                    if created:
                        with contextlib.suppress(OSError):
                            home.rmdir()
                    # ENOENT: another publisher failed and removed its empty folder.
                    if error.errno in _TAKEN or (
                        error.errno == errno.ENOENT and self.file.exists()
                    ):
                        continue
                    raise
                with contextlib.suppress(
                    OSError
                ):  # it is placed; a crash before the sync could undo it
                    _sync_folder(home)
                    _sync_folder(self.models_dir)
                return version
        except OSError as error:
            raise _explain(error, self.models_dir) from error
        raise PlacementError(f"{home}: no free version after {_MAX_TRIES} tries; try again")


def next_version(models_dir: Path, name: str) -> int:
    """Return the next version of a model.

    A flat file ``NAME.onnx`` counts as version 1, as in the service.
    """
    flat = 1 if (models_dir / f"{name}.onnx").exists() else 0
    return max([*placed_versions(models_dir, name), flat]) + 1


def placed_versions(models_dir: Path, name: str) -> list[int]:
    """Return the versions of a model in the folder, newest first."""
    try:
        entries = [entry.name for entry in (models_dir / name).iterdir()]
    except OSError:
        return []
    numbers = [int(e) for e in entries if e.isascii() and e.isdigit() and str(int(e)) == e]
    return sorted(numbers, reverse=True)


def _make(home: Path) -> bool:
    if home.is_dir():
        return False
    try:
        home.mkdir()
    except FileExistsError:
        if home.is_dir():
            return False
        raise PlacementError(
            f"{home} is a file where the model's folder should be: move it"
        ) from None
    _allow(home, 0o755)
    return True


def _allow(path: Path, mode: int) -> None:
    # Keep existing permissions, such as the setgid bit of a shared folder.
    with contextlib.suppress(PermissionError):  # some network filesystems have no modes
        path.chmod(stat.S_IMODE(path.stat().st_mode) | mode)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EBADF):  # some filesystems sync no folders
            raise
    finally:
        os.close(handle)


def _sweep(models_dir: Path) -> None:
    # Remove the folders of killed publishers; no publication takes a day.
    for folder in models_dir.glob(f"{STAGE_PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > _ABANDONED_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def _explain(error: OSError, models_dir: Path) -> PlacementError:
    reasons = {
        errno.ENOSPC: "the disk is full: make room and publish again",
        errno.EDQUOT: "your disk quota is used up: make room and publish again",
        errno.EFBIG: "the file is larger than this process may write (ulimit -f)",
        errno.EACCES: "you may not write there: change its permissions or pass another models_dir=",
        errno.EPERM: "you may not write there: change its permissions or pass another models_dir=",
        errno.EROFS: "it is mounted read-only: pass a models_dir= that can be written",
        errno.ENOENT: "its parent folder does not exist: create it, or set EXPORTER_MODELS_DIR",
        errno.ENOTDIR: "it is not a folder: pass another models_dir=",
        errno.EEXIST: "it is not a folder: pass another models_dir=",
    }
    reason = reasons.get(error.errno or 0, error.strerror or str(error))
    return PlacementError(f"cannot publish to {models_dir}: {reason}")
