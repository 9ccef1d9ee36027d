"""The way of one artefact from disk to servable: settle, examine, load, warm up."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from inference.errors import SealError
from inference.log import fields
from inference.repository.admission import Limits
from inference.repository.layout import fingerprint
from inference.repository.load import load_servable
from inference.repository.pace import Pace
from inference.repository.report import Report
from inference.repository.reports import Reports
from inference.repository.trust import Trust
from inference.threads import make_threads

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference.model.servable import Servable
    from inference.repository.admission import Examiner
    from inference.repository.events import Events
    from inference.repository.layout import Candidate
    from inference.settings import Settings

logger = logging.getLogger(__name__)

AT_ONCE = 3  # artefacts side by side; more would only fight for the processor
_GRACE_SECONDS = 5.0  # how much longer than it may take another's examination is waited for
_PATIENCE_SECONDS = 5.0  # few examinations of good files take as long, and none of them is lost

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Arrival:
    """How far an artefact came.

    Attributes:
        report: What its examination found; ``None`` when the content is what is live already.
        servable: What answers from now on; ``None`` when it was refused.
    """

    report: Report | None
    servable: Servable | None


class Intake:
    """Takes artefacts in.

    Args:
        settings: Limits, settle time, plans, where reports are kept.
        examiner: Says whether an artefact may be served.
        events: Told of examinations and loads.

    Attributes:
        pace: Gives the places to take artefacts in.

    Raises:
        SettingError: The file of trusted keys is of no use.
    """

    def __init__(
        self,
        settings: Settings,
        examiner: Examiner,
        events: Events,
    ) -> None:
        self._settings = settings
        self._examine = examiner
        self._events = events
        self._limits = Limits(settings.admission_timeout_seconds, settings.admission_memory_bytes)
        patience_seconds = min(_PATIENCE_SECONDS, self._limits.seconds / 3)
        self.pace = Pace(AT_ONCE, patience_seconds)
        trusted = settings.trusted_keys_file
        self._trust = None if trusted is None else Trust(trusted)
        self._reports = Reports(settings.state_dir / "reports")
        self._threads = make_threads(AT_ONCE + 1, "repository")

    def settling(self, candidate: Candidate) -> float:
        """Tell how many seconds a file that is seen now has to stay unchanged."""
        settle_seconds = self._settings.settle_ms / 1000
        age = time.time() - candidate.fingerprint.modified_ns / 1e9
        # A time in the future (another machine's clock) says nothing, so wait the whole while.
        return min(settle_seconds, max(0.0, settle_seconds - max(0.0, age)))

    async def is_settled(self, candidate: Candidate) -> bool:
        """Tell whether a file is still as it was seen."""
        return await self.in_thread(fingerprint, candidate.path) == candidate.fingerprint

    async def take(
        self,
        candidate: Candidate,
        live: Servable | None,
        examining: Callable[[], None],
        *,
        is_long: bool,
    ) -> Arrival | None:
        """Read, examine and load an artefact, in a place that :attr:`pace` has given.

        Args:
            candidate: The artefact on disk.
            live: What answers for the same version now.
            examining: Called when it is not known yet, so that it has to be examined.
            is_long: Whether its examination has made way before.

        Returns:
            How far it came; ``None`` when the file changed meanwhile.

        Raises:
            ArtefactError: It was admitted, and cannot be loaded here all the same.
            MakesWayError: Its examination takes long, and has made way for others.
            OSError: It cannot be read.
        """
        size, most = candidate.fingerprint.size, self._limits.memory_bytes
        if size > most:
            reason = f"it has {size:,} bytes, and its examination may take {most:,} of memory"
            return Arrival(Report(admitted=False, reason=reason), None)
        data = await self.in_thread(candidate.path.read_bytes)
        digest = await self.in_thread(_sha256, data)
        if live is not None and live.digest == digest:
            return Arrival(None, live)
        signer = None
        if self._trust is not None:
            try:
                signer = await self.in_thread(self._trust.check, data, candidate.name)
            except SealError as error:
                return Arrival(Report(admitted=False, reason=str(error)), None)
        report = self._reports.get(digest)
        if report is None:
            examining()
            report = await self.pace.run(self._report(candidate, digest), is_long=is_long)
        if report.digest and report.digest != digest:
            return None
        if not report.admitted:
            # What was taken away or written to meanwhile is not what was refused.
            seen = await self.in_thread(fingerprint, candidate.path)
            return Arrival(report, None) if seen == candidate.fingerprint else None
        begin = time.perf_counter()
        key = (candidate.name, candidate.version)
        servable = await self.in_thread(load_servable, key, data, report, self._settings)
        seconds = time.perf_counter() - begin
        self._events.loaded(candidate.name, seconds)
        told = fields("load", model=key[0], version=key[1], ms=round(seconds * 1e3, 1), by=signer)
        by = f", signed by {signer}" if signer else ""
        logger.info("model %s version %d was loaded in %.3f s%s", *key, seconds, by, extra=told)
        return Arrival(report, servable)

    def has_other_keys(self) -> bool:
        """Whether other keys are trusted than before, so that refused files may be, too."""
        return self._trust is not None and self._trust.refresh()

    async def in_thread(self, call: Callable[..., T], *args: Any) -> T:
        """Do what blocks."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *args)

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _report(self, candidate: Candidate, digest: str) -> Report:
        async with self._reports.turn(digest, self._limits.seconds + _GRACE_SECONDS):
            known = self._reports.get(digest)  # another process may have had its turn before
            if known is not None:
                return known
            begin = time.perf_counter()
            report = await self._examine(candidate.path, self._limits)
            self._events.examined(time.perf_counter() - begin, admitted=report.admitted)
            if report.digest == digest:  # without one the child did not live to tell: maybe chance
                self._reports.put(report)
            return report


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
