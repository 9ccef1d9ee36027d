"""Lists one folder: what is visible in it, in an order, and bounded."""

from __future__ import annotations

import errno
import heapq
import os
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MOST_ENTRIES = 10_000  # of one folder; each scan looks at all of them
VERSION = re.compile(r"[1-9][0-9]{0,17}")
# What says that nothing is there; whatever else a look fails with says nothing.
NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
_TEMPORARY = (".tmp", ".part", ".partial", ".crdownload", ".swp", ".swx", ".filepart", "~")


def list_visible(
    folder: Path, order: Callable[[os.DirEntry[str]], Any]
) -> tuple[list[os.DirEntry[str]], bool]:
    """List what is not hidden in an order, and tell whether there is more than is looked at."""
    visible = (entry for entry in os.scandir(folder) if not _is_hidden(entry.name))
    entries = heapq.nsmallest(MOST_ENTRIES + 1, visible, key=order)
    return entries[:MOST_ENTRIES], len(entries) > MOST_ENTRIES


def by_name(entry: os.DirEntry[str]) -> str:
    """Order entries by name."""
    return entry.name


def by_version(entry: os.DirEntry[str]) -> tuple[int, str]:
    """Order entries by version, highest first; those that are none come last."""
    number = int(entry.name) if VERSION.fullmatch(entry.name) else 0
    return -number, entry.name


def cut_reason(which: str) -> str:
    """Say that a folder has too many entries."""
    return f"it holds more than {MOST_ENTRIES:,} entries; only the {which} are looked at"


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder.

    Raises:
        OSError: It could not be looked at.
    """
    try:
        return entry.is_dir()
    except OSError as error:
        if error.errno in NOT_THERE:
            return False
        raise


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.endswith(_TEMPORARY)
