"""The models folder: many models by name, or one model."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import msgspec

from inference.repository.folder.one_model import scan_one_model, watched_folders_of_one
from inference.repository.folder.scan import FILE_NAME, scan_models, watched_folders

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from inference.repository.folder.scan import Scan


class ModelsFolder(msgspec.Struct, frozen=True):
    """Where models lie.

    Attributes:
        path: The folder.
        only: The name of the model that the folder is; ``None`` where it has many.
    """

    path: Path
    only: str | None = None

    def scan(self) -> Scan:
        """List its artifacts."""
        return scan_models(self.path) if self.only is None else scan_one_model(self.path, self.only)

    def watched(self) -> Iterator[Path]:
        """Give every folder that a scan looks into; each is listed only after it was given."""
        if self.only is None:
            return watched_folders(self.path)
        return watched_folders_of_one(self.path)

    def may_hold(self, name: str, version: int | None) -> bool:
        """Whether there may be a model, or a version of it, by a look at its name only."""
        if self.only is not None:
            return name == self.only
        if version in (None, 1) and os.path.lexists(self.path / f"{name}.onnx"):
            return True
        if version is not None:
            return os.path.lexists(self.path / name / str(version) / FILE_NAME)
        with contextlib.suppress(OSError), os.scandir(self.path / name) as entries:
            return any(os.path.lexists(f"{entry.path}/{FILE_NAME}") for entry in entries)
        return False
