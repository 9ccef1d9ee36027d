"""Runs examinations: each content once per machine, by one worker, within the time of its load."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, TypeVar

from inference.admission.admission import Limits
from inference.admission.report_cache import ReportCache

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from inference.admission.admission import Examiner
    from inference.admission.files.contents import Contents
    from inference.admission.report import Report
    from inference.repository.events import Events
    from inference.repository.loading.load_queue import Load
    from inference.repository.loading.load_threads import LoadThreads
    from inference.settings import Settings

T = TypeVar("T")

_GRACE_SECONDS = 5.0  # how much longer than allowed another worker's examination is waited for
_PATIENCE_SECONDS = 5.0  # few examinations of good files take as long, and none of them is lost


class MakesWayError(Exception):
    """The examination takes long, and too many others do: try again later."""


class Examinations:
    """Examines contents, and keeps the reports.

    Args:
        settings: Limits, and where reports are kept.
        examiner: Decides whether an artifact may be served.
        events: Counts examinations.
        threads: Write reports.
    """

    def __init__(
        self, settings: Settings, examiner: Examiner, events: Events, threads: LoadThreads
    ) -> None:
        self._limits = Limits.of(settings)
        self._examine = examiner
        self._events = events
        self._threads = threads
        self._reports = ReportCache(settings.state_dir / "reports", self._limits.memory_bytes)
        self._patience_seconds = min(_PATIENCE_SECONDS, self._limits.seconds / 3)

    async def report(self, contents: Contents, load: Load, examining: Callable[[], None]) -> Report:
        """Return the report on an artifact.

        Args:
            contents: The artifact.
            load: Asked for more time when the examination takes long.
            examining: Called if there is no report yet, so that it has to be examined.

        Raises:
            MakesWayError: The examination was ended, so that others may run.
        """
        report = self._reports.get(contents.digest)
        if report is not None:
            return report
        examining()
        return await self._run_patiently(self._examine_once(contents), load)

    async def _run_patiently(self, work: Coroutine[None, None, T], load: Load) -> T:
        task = asyncio.ensure_future(work)
        try:
            if not load.is_long:
                done, _ = await asyncio.wait({task}, timeout=self._patience_seconds)
                if not done and not load.prolong():
                    raise MakesWayError
            return await task
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})

    async def _examine_once(self, contents: Contents) -> Report:
        digest = contents.digest
        async with self._reports.turn(digest, self._limits.seconds + _GRACE_SECONDS):
            known = self._reports.get(digest)  # another worker may have examined it meanwhile
            if known is not None:
                return known
            begun = time.perf_counter()
            report = await self._examine(contents, self._limits)
            self._events.examined(time.perf_counter() - begun, admitted=report.admitted)
            if report.digest == digest:  # without a digest the child was killed, maybe by chance
                await self._threads.in_thread(self._reports.put, report)
            return report
