"""Screening: refuses files that cannot be models before they wait for a load."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from inference.admission.files.truncation import find_faults
from inference.runtime.threads import NoThreadError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from inference.repository.entry import Entry
    from inference.repository.folder.scan import Candidate, Key

    # Why the file cannot be a model; an empty text if it may be one.
    Finding = tuple[Key, Entry, Candidate, str]

_SECONDS = 5.0  # for the file system
_AT_ONCE = 100  # files that one call reads
_PER_TURN = 20  # findings that are reported before requests have their turn


class Screening:
    """Reads the outlines of files, many in one call.

    Args:
        in_folder: Runs a call that waits for the folder's file system.
        report: Called with findings.
    """

    def __init__(
        self, in_folder: Callable[..., Awaitable[Any]], report: Callable[[list[Finding]], None]
    ) -> None:
        self._in_folder = in_folder
        self._report = report
        self._waiting: dict[Key, Entry] = {}
        self._reading: dict[Key, Candidate] = {}
        self._task: asyncio.Task[None] | None = None

    def offer(self, key: Key, entry: Entry) -> None:
        """Add a file, unless it is being read."""
        if self._reading.get(key) is entry.candidate:
            return
        self._waiting[key] = entry
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """End the screening."""
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            while self._waiting:
                keys = list(self._waiting)[:_AT_ONCE]
                entries = [(key, self._waiting.pop(key)) for key in keys]
                screened = [(key, entry, entry.candidate) for key, entry in entries]
                self._reading = {key: candidate for key, _, candidate in screened}
                files = [(each.path, each.fingerprint) for _, _, each in screened]
                # If the file system does not answer, or no thread can be started, the load decides.
                faults = [""] * len(files)
                with contextlib.suppress(TimeoutError, NoThreadError):
                    async with asyncio.timeout(_SECONDS):
                        faults = await self._in_folder(find_faults, files)
                findings = [(*each, fault) for each, fault in zip(screened, faults, strict=True)]
                self._reading = {}
                for begin in range(0, len(findings), _PER_TURN):
                    self._report(findings[begin : begin + _PER_TURN])
                    await asyncio.sleep(0)
        finally:
            self._task = None
