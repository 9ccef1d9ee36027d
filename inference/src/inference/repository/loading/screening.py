"""Screening: sorts out what cannot be a model before anything has to wait for its turn."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from inference.admission.files.truncation import find_faults

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from inference.repository.entry import Slot
    from inference.repository.folder.scan import Candidate, Key

    Verdict = tuple[Key, Slot, Candidate, str]

_SECONDS = 5.0  # how long is waited for the file system
_AT_ONCE = 100  # files that one call looks at
_PER_TURN = 20  # verdicts that are given before requests have their turn


class Screening:
    """Looks at files, many in one call.

    Args:
        in_folder: Does what waits for the folder's file system.
        judge: Told why each of some files cannot be a model, or nothing.
    """

    def __init__(
        self, in_folder: Callable[..., Awaitable[Any]], judge: Callable[[list[Verdict]], None]
    ) -> None:
        self._in_folder = in_folder
        self._judge = judge
        self._waiting: dict[Key, Slot] = {}
        self._looking: dict[Key, Candidate] = {}
        self._task: asyncio.Task[None] | None = None

    def offer(self, key: Key, slot: Slot) -> None:
        """Have a file looked at, if it is not yet."""
        if self._looking.get(key) is slot.candidate:
            return
        self._waiting[key] = slot
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Look at nothing more."""
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            while self._waiting:
                keys = list(self._waiting)[:_AT_ONCE]
                slots = [(key, self._waiting.pop(key)) for key in keys]
                looked = [(key, slot, slot.candidate) for key, slot in slots]
                self._looking = {key: candidate for key, _, candidate in looked}
                files = [(each.path, each.fingerprint) for _, _, each in looked]
                faults = [""] * len(files)  # where the file system does not answer
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_SECONDS):
                        faults = await self._in_folder(find_faults, files)
                verdicts = [(*known, fault) for known, fault in zip(looked, faults, strict=True)]
                self._looking = {}
                for begin in range(0, len(verdicts), _PER_TURN):
                    self._judge(verdicts[begin : begin + _PER_TURN])
                    await asyncio.sleep(0)
        finally:
            self._task = None
