"""Make folders that only the service and its group can read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MODE = 0o750


def make_folder(path: Path) -> None:
    """Make a folder, and the parents that are missing, for the service and its group only.

    A folder that exists stays as it is.

    Raises:
        OSError: One cannot be made.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(MODE, exist_ok=True)
