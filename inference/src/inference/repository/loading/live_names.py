"""Which models were live last, kept over a restart: these are loaded before any others.

Only the order of loads depends on it, so a file that is lost or damaged does no harm.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING, Any

import msgspec

from inference.runtime.threads import NoThreadError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

_MOST_BYTES = 16 * 1024 * 1024

_decode = msgspec.json.Decoder(list[str]).decode


class LiveNames:
    """The names of live models.

    Args:
        folder: The state folder.

    Attributes:
        before: Those that were live before this process began.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "live.json"
        self._kept: list[str] | None = None
        self._keeping: asyncio.Future[Any] | None = None
        self.before = frozenset(self._read())

    def keep_soon(self, names: list[str], in_thread: Callable[..., Awaitable[Any]]) -> None:
        """Store the names of the models that are live now, without waiting for the disk."""
        if names != self._kept and (self._keeping is None or self._keeping.done()):
            self._keeping = asyncio.ensure_future(self._keep(names, in_thread))

    async def _keep(self, names: list[str], in_thread: Callable[..., Awaitable[Any]]) -> None:
        with contextlib.suppress(NoThreadError):  # the next scan tries again
            await in_thread(self.keep, names)

    def keep(self, names: list[str]) -> None:
        """Store the names of the models that are live now; blocks."""
        temporary = self._path.with_name(f".live-{os.getpid()}.tmp")
        with contextlib.suppress(OSError):  # only the order is lost
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(msgspec.json.encode(names))
            temporary.replace(self._path)
            self._kept = names

    def _read(self) -> list[str]:
        try:
            with self._path.open("rb") as file:
                return _decode(file.read(_MOST_BYTES))
        except (OSError, msgspec.MsgspecError, UnicodeError):
            return []
