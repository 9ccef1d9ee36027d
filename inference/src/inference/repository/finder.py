"""Looks models up, and waits a little for one that may be about to appear.

Another worker may have answered 200 to a publication, a selection, a pin or a load that this one
has not followed yet. So a look-up that fails is repeated. A caller can request wrong names without
end, so that is cheap: only the name is looked up in the folder, many callers share one look, and
scans of the whole folder are rare.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any, Protocol

from inference.errors import NotFoundError, NotReadyError, RookeryError
from inference.settings.model_name import is_name

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from inference.model.servable import Servable
    from inference.repository.folder.models_folder import ModelsFolder
    from inference.repository.snapshot import Snapshot

PATIENCE_SECONDS = 5.0
_LOOK_SECONDS = 0.1  # between two looks
_LONGEST_PAUSE_SECONDS = 2.0
_SHARE = 10  # a scan that lasts a second is followed by no other one for as many

Wanted = tuple[str, int | None]


class Source(Protocol):
    """The repository, as the finder uses it."""

    def current(self) -> Snapshot:
        """Return the snapshot."""

    async def rescan(self) -> None:
        """Scan the folder."""

    async def wait_for_change_of(self, name: str) -> None:
        """Wait until something changes about a model."""


class Finder:
    """Looks servables up.

    Args:
        source: The repository.
        folder: The models folder.
        in_thread: Runs a call that blocks.
    """

    def __init__(
        self, source: Source, folder: ModelsFolder, in_thread: Callable[..., Awaitable[Any]]
    ) -> None:
        self._source = source
        self._folder = folder
        self._in_thread = in_thread
        self._wanted: set[Wanted] = set()
        self._glance: asyncio.Task[frozenset[Wanted]] | None = None
        self._scan: asyncio.Task[None] | None = None
        self._scanning = asyncio.Lock()
        self._next_glance = self._next_scan = 0.0

    async def find(self, look: Callable[[Snapshot], Servable]) -> Servable:
        """Look a servable up, and wait a little where it may be about to appear.

        Args:
            look: The look-up.

        Raises:
            RookeryError: What the look-up raises in the end.
        """
        try:
            return look(self._source.current())
        except RookeryError as error:
            failed = error
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                if not isinstance(failed, NotReadyError):
                    await self._look_again(failed)
                while True:
                    try:
                        return look(self._source.current())
                    except NotReadyError as error:
                        await self._source.wait_for_change_of(error.model)
        return look(self._source.current())

    async def _look_again(self, failed: RookeryError) -> None:
        """Have the folder scanned, if that may help."""
        missing = failed if isinstance(failed, NotFoundError) else failed.__cause__
        if isinstance(missing, NotFoundError):
            wanted = (missing.model or "", missing.version)
            if not is_name(wanted[0]) or not await self._is_there(wanted):
                return
        if self._scan is None:
            self._scan = asyncio.create_task(self._scan_soon())
        await asyncio.shield(self._scan)

    async def _is_there(self, wanted: Wanted) -> bool:
        """Look into the folder from now on; those who ask within 0.1 s share a look."""
        self._wanted.add(wanted)
        if self._glance is None:
            self._glance = asyncio.create_task(self._glance_soon())
        return wanted in await asyncio.shield(self._glance)

    async def _glance_soon(self) -> frozenset[Wanted]:
        await self._pause(self._next_glance)
        self._glance = None  # who asks from here on may know of more than this look sees
        wanted, self._wanted = self._wanted, set()
        self._next_glance = time.monotonic() + _LOOK_SECONDS
        found: frozenset[Wanted] = await self._in_thread(_glance, self._folder, wanted)
        return found

    async def _scan_soon(self) -> None:
        async with self._scanning:  # one that is under way moves the next one on
            await self._pause(self._next_scan)
            self._scan = None
            begun = time.monotonic()
            await self._source.rescan()
            lasted = time.monotonic() - begun
            pause = min(max(_LOOK_SECONDS, _SHARE * lasted), _LONGEST_PAUSE_SECONDS)
            self._next_scan = time.monotonic() + pause

    @staticmethod
    async def _pause(until: float) -> None:
        await asyncio.sleep(until - time.monotonic())


def _glance(folder: ModelsFolder, wanted: set[Wanted]) -> frozenset[Wanted]:
    return frozenset(each for each in wanted if folder.may_hold(*each))
