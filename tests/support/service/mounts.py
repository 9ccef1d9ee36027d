"""Filesystems of a test's own: what is full, read-only or gone stops root, too."""

from __future__ import annotations

import contextlib
import errno
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def mounted(folder: Path) -> Iterator[None]:
    """Mount a small filesystem in memory for the block; skips the test if it may not."""
    folder.mkdir(parents=True, exist_ok=True)
    _mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder))
    try:
        yield
    finally:
        _unmount(folder)


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Make a folder read-only for the block."""
    _mount("--bind", str(folder), str(folder))
    try:
        _mount("-o", "remount,bind,ro", str(folder))
        yield
    finally:
        _unmount(folder)


def fill(folder: Path) -> Path:
    """Fill a filesystem to its last byte; give the file that does."""
    filler = folder / ".filler"
    with filler.open("ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as error:
            assert error.errno == errno.ENOSPC  # noqa: PT017 - nothing else ends it
    return filler


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"nothing may be mounted here: {done.stderr.strip()}")


def _unmount(folder: Path) -> None:
    """Remove what was mounted last, even while it is in use."""
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
