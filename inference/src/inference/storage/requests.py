"""Requests of the workers for versions that are only in the store, to pin or select them.

A request is an empty file in the state folder. The process that copies versions removes it once it
has looked for the version, whether or not there was one.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from inference.errors import StateError

if TYPE_CHECKING:
    from pathlib import Path

    from inference.storage.layout import Key

_LOOK_SECONDS = 0.05
_SEPARATOR = "@"  # no model's name has it


class FetchRequests:
    """The requests of all workers.

    Args:
        folder: The state folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "fetch"

    async def fetch(self, key: Key, within_seconds: float) -> bool:
        """Request a version, and wait until it was looked for.

        Returns:
            False if it was not looked for in time: the store does not answer, or the object is
            large.

        Raises:
            StateError: The state folder cannot be written.
        """
        path = self._folder / f"{key[0]}{_SEPARATOR}{key[1]}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            path.touch()
        except OSError as error:
            raise StateError(
                f"version {key[1]} of model '{key[0]}' cannot be requested from the object store: "
                f"'{path}' cannot be written: {error.strerror}"
            ) from error
        deadline = time.monotonic() + within_seconds
        while path.exists():
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(_LOOK_SECONDS)  # the other process has no other way to say so
        return True

    def pending(self) -> set[Key]:
        """Return the versions that are requested now."""
        found: set[Key] = set()
        with contextlib.suppress(OSError):
            for path in self._folder.iterdir():
                name, _, version = path.name.rpartition(_SEPARATOR)
                if name and version.isascii() and version.isdecimal():
                    found.add((name, int(version)))
        return found

    def answer(self, keys: set[Key]) -> None:
        """Note that versions were looked for."""
        for name, version in keys:
            with contextlib.suppress(OSError):
                (self._folder / f"{name}{_SEPARATOR}{version}").unlink(missing_ok=True)
