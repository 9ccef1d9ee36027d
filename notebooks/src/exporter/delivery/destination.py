"""Where versions are placed: a models folder, or a bucket that services copy from."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import uuid
from typing import TYPE_CHECKING, Protocol

from exporter.delivery.staging import FILE_NAME, STAGE_PREFIX, Stage, placed_versions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from inference.admission.report import Report

    Admit = Callable[[Path], Report]


class Destination(Protocol):
    """Where versions are placed."""

    def describe(self) -> str:
        """Return its path or URL for messages."""

    def path_of(self, name: str, version: int) -> Path | str:
        """Return where a version lies."""

    def versions(self, name: str) -> list[int]:
        """Return the versions of a model, newest first."""

    def read(self, name: str, version: int, size: int) -> bytes | None:
        """Return a version's file, if it can be read and may have about this size."""

    def digest(self, name: str, version: int) -> str | None:
        """Return the SHA-256 of a version's file, if it can be read."""

    def admit(self, name: str, version: int, admit: Admit) -> Report:
        """Examine a version that is there."""

    def place(self, name: str, content: bytes, admit: Admit) -> tuple[int, Report]:
        """Examine a file, and make it the next version of a model.

        Raises:
            PlacementError: It cannot be written; nothing is left behind.
        """

    def remove(self, name: str, version: int) -> None:
        """Remove a version in one step.

        Raises:
            OSError: It cannot be removed.
        """


class FolderDestination:
    """A models folder.

    Args:
        folder: Its path.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def describe(self) -> str:
        """Return its path."""
        return str(self._folder.absolute())

    def path_of(self, name: str, version: int) -> Path:
        """Return the path of a version's file."""
        return self._folder.absolute() / name / str(version) / FILE_NAME

    def versions(self, name: str) -> list[int]:
        """Return the versions of a model, newest first."""
        return placed_versions(self._folder, name)

    def read(self, name: str, version: int, size: int) -> bytes | None:  # noqa: ARG002 - it is here
        """Return a version's file, if it can be read."""
        with contextlib.suppress(OSError):
            return self.path_of(name, version).read_bytes()
        return None

    def digest(self, name: str, version: int) -> str | None:
        """Return the SHA-256 of a version's file, if it can be read."""
        with contextlib.suppress(OSError), self.path_of(name, version).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
        return None

    def admit(self, name: str, version: int, admit: Admit) -> Report:
        """Examine a version that is there."""
        return admit(self.path_of(name, version))

    def place(self, name: str, content: bytes, admit: Admit) -> tuple[int, Report]:
        """Examine a file, and make it the next version; see :class:`Destination`."""
        with Stage(self._folder) as stage:
            stage.write(content)
            report = admit(stage.file)
            return stage.place(name), report

    def remove(self, name: str, version: int) -> None:
        """Remove a version by a rename, because the service ignores hidden folders."""
        folder = self._folder.absolute()
        aside = folder / f"{STAGE_PREFIX}{uuid.uuid4().hex}"
        (folder / name / str(version)).rename(aside)
        shutil.rmtree(aside, ignore_errors=True)
