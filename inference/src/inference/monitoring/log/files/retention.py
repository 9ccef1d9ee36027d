"""Remove the days that are older than the retention time."""

from __future__ import annotations

import contextlib
import shutil
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_DAY = "date="
FEEDBACK = "feedback"


def remove_old_days(root: Path, days: int, now: float) -> int:
    """Remove the folders of days that ended before the retention time.

    Args:
        root: The folder of the log.
        days: How many days are kept besides today; 0 keeps all.
        now: The time in seconds since the epoch.

    Returns:
        How many folders were removed. Whatever cannot be removed stays until the next attempt.
    """
    if not days:
        return 0
    first_kept = datetime.fromtimestamp(now, UTC).date() - timedelta(days=days)
    removed = 0
    for folder in (*row_folders(root), *feedback_folders(root)):
        day = day_of(folder)
        if day is not None and day < first_kept:
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
            for parent in (folder.parent, folder.parent.parent):
                with contextlib.suppress(OSError):  # not empty
                    parent.rmdir()
    return removed


def row_folders(root: Path) -> Iterator[Path]:
    """Return the folders of days that contain rows."""
    return root.glob(f"[!.]*/[1-9]*/{_DAY}*")


def feedback_folders(root: Path) -> Iterator[Path]:
    """Return the folders of days that contain feedback."""
    return root.glob(f"[!.]*/[1-9]*/{FEEDBACK}/{_DAY}*")


def day_of(folder: Path) -> date | None:
    """Return the day of a folder; ``None`` for a folder that the log did not make."""
    try:
        return date.fromisoformat(folder.name.removeprefix(_DAY))
    except ValueError:
        return None


def day_folder(day: str) -> str:
    """Return the name of the folder of a day, such as ``date=2026-11-27``."""
    return f"{_DAY}{day}"
