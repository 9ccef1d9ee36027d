"""The way of one artifact from disk to servable: settle, examine, load, warm up."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from inference.admission.admission import Limits
from inference.admission.files.contents import ChangedError, too_large
from inference.admission.pace import Pace
from inference.admission.report import Report
from inference.admission.report_cache import Reports
from inference.admission.trusted_keys import Trust
from inference.errors import SignatureError
from inference.logs import fields
from inference.repository.folder.scan import fingerprint
from inference.repository.loading.servable_loader import load_servable
from inference.runtime.machine_turn import turn
from inference.runtime.memory import MIB, available_bytes
from inference.runtime.memory_return import MemoryReturn
from inference.runtime.threads import make_threads

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from inference.admission.admission import Examiner, Reader
    from inference.admission.files.contents import Contents
    from inference.model.servable import Servable
    from inference.repository.events import Events
    from inference.repository.folder.scan import Candidate
    from inference.settings import Settings

logger = logging.getLogger(__name__)

AT_ONCE = 3  # artifacts side by side; more would only fight for the processor
_GRACE_SECONDS = 5.0  # how much longer than it may take another's examination is waited for
_LARGE_BYTES = 32 * MIB  # of those one at a time, over all workers
_FOLDER_SECONDS = 5.0  # how long is waited for a file system that only has to look
_PATIENCE_SECONDS = 5.0  # few examinations of good files take as long, and none of them is lost

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Arrival:
    """How far an artifact came.

    Attributes:
        report: What its examination found; ``None`` when the content is what is live already.
        servable: What answers from now on; ``None`` when it was refused.
    """

    report: Report | None
    servable: Servable | None


class Intake:
    """Takes artifacts in.

    Args:
        settings: Limits, settle time, plans, where reports are kept.
        reader: Reads an artifact.
        examiner: Says whether an artifact may be served.
        events: Told of examinations and loads.

    Attributes:
        pace: Gives the places to take artifacts in.

    Raises:
        SettingError: The file of trusted keys is of no use.
    """

    def __init__(
        self,
        settings: Settings,
        reader: Reader,
        examiner: Examiner,
        events: Events,
    ) -> None:
        self._settings = settings
        self._read = reader
        self._examine = examiner
        self._events = events
        self._limits = Limits.of(settings)
        patience_seconds = min(_PATIENCE_SECONDS, self._limits.seconds / 3)
        self.pace = Pace(AT_ONCE, patience_seconds)
        trusted = settings.trusted_keys_file
        self._trust = None if trusted is None else Trust(trusted)
        self._reports = Reports(settings.state_dir / "reports")
        self._large = settings.state_dir / ".large.lock"
        self._threads = make_threads(AT_ONCE, "repository")
        # What waits for the folder's file system must not keep others from what is in memory.
        # These do not step back: a look at thousands of files holds the interpreter's lock again
        # and again, and would keep it for as long as a busy machine keeps such a thread waiting.
        self._folder_threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="models-folder")
        self._memory = MemoryReturn(self._threads)

    def settling(self, candidate: Candidate) -> float:
        """Tell how many seconds a file that is seen now has to stay unchanged."""
        settle_seconds = self._settings.settle_ms / 1000
        age = time.time() - candidate.fingerprint.modified_ns / 1e9
        # A time in the future (another machine's clock) says nothing, so wait the whole while.
        return min(settle_seconds, max(0.0, settle_seconds - max(0.0, age)))

    async def is_settled(self, candidate: Candidate) -> bool:
        """Tell whether a file is still as it was seen; taken for that where nothing answers."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FOLDER_SECONDS):
                seen = await self.in_folder(fingerprint, candidate.path)
                return seen == candidate.fingerprint
        return True

    async def take(
        self,
        candidate: Candidate,
        live: Servable | None,
        examining: Callable[[], None],
        *,
        is_long: bool,
    ) -> Arrival | None:
        """Read, examine and load an artifact, in a place that :attr:`pace` has given.

        Args:
            candidate: The artifact on disk.
            live: What answers for the same version now.
            examining: Called when it is not known yet, so that it has to be examined.
            is_long: Whether its examination has made way before.

        Returns:
            How far it came; ``None`` when the file changed meanwhile.

        Raises:
            ArtifactError: It was admitted, and cannot be loaded here all the same.
            MakesWayError: Its examination takes long, and has made way for others.
            OSError: It cannot be read.
        """
        size = candidate.fingerprint.size
        if size > self._limits.file_bytes:
            return _refusal(too_large(size, self._limits.file_bytes))
        try:
            async with self._turn(size):
                short = _lacks(size)
                if short:
                    return _refusal(short, was_cut_short=True)
                with await self._read(candidate.path, self._limits) as contents:
                    if contents.reading.fingerprint != candidate.fingerprint:
                        return None
                    return await self._take(candidate, contents, live, examining, is_long=is_long)
        except ChangedError:
            return None
        except TimeoutError:
            reason = f"it could not be read within {self._limits.seconds:g} seconds"
            return _refusal(reason, was_cut_short=True)

    async def _take(
        self,
        candidate: Candidate,
        contents: Contents,
        live: Servable | None,
        examining: Callable[[], None],
        *,
        is_long: bool,
    ) -> Arrival | None:
        digest = contents.digest
        if live is not None and live.digest == digest:
            return Arrival(None, live)
        signer = None
        if self._trust is not None:
            try:
                signer = await self.in_thread(_check_signer, self._trust, contents, candidate.name)
            except SignatureError as error:
                return _refusal(str(error))
        report = self._reports.get(digest)
        if report is None:
            examining()
            report = await self.pace.run(self._report(contents), is_long=is_long)
        if not report.admitted:
            # What was taken away or written to meanwhile is not what was refused.
            return Arrival(report, None) if await self.is_settled(candidate) else None
        short = _lacks(report.memory_bytes)
        if short:
            return _refusal(short, was_cut_short=True)
        servable = await self._load(candidate, contents, report, signer)
        return Arrival(report, servable)

    async def _load(
        self, candidate: Candidate, contents: Contents, report: Report, signer: str | None
    ) -> Servable:
        begin = time.perf_counter()
        key = (candidate.name, candidate.version)
        servable = await self.in_thread(load_servable, key, contents, report, self._settings)
        loop = asyncio.get_running_loop()
        weakref.finalize(servable, self._memory.soon_from, loop).atexit = False
        self._memory.soon()
        seconds = time.perf_counter() - begin
        self._events.loaded(candidate.name, seconds)
        told = fields("load", model=key[0], version=key[1], ms=round(seconds * 1e3, 1), by=signer)
        by = f", signed by {signer}" if signer else ""
        logger.info("model %s version %d was loaded in %.3f s%s", *key, seconds, by, extra=told)
        return servable

    @property
    def needs_signatures(self) -> bool:
        """Whether a file is asked for its signature, before anything else is looked at."""
        return self._trust is not None

    def has_other_keys(self) -> bool:
        """Whether other keys are trusted than before, so that refused files may be, too."""
        return self._trust is not None and self._trust.refresh()

    async def in_thread(self, call: Callable[..., T], *args: Any) -> T:
        """Do what blocks."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, call, *args)

    async def in_folder(self, call: Callable[..., T], *args: Any) -> T:
        """Do what waits for the folder's file system, which may take for ever."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._folder_threads, call, *args)

    def close(self) -> None:
        """Let the threads go."""
        self._memory.close()
        for threads in (self._threads, self._folder_threads):
            threads.shutdown(wait=False, cancel_futures=True)

    @contextlib.asynccontextmanager
    async def _turn(self, size: int) -> AsyncIterator[None]:
        """Wait until no other large file is taken in; small ones do not wait."""
        if size < _LARGE_BYTES:
            yield
            return
        # It is read, examined and loaded meanwhile.
        async with turn(self._large, 3 * self._limits.seconds, "take in a large file"):
            yield

    async def _report(self, contents: Contents) -> Report:
        digest = contents.digest
        async with self._reports.turn(digest, self._limits.seconds + _GRACE_SECONDS):
            known = self._reports.get(digest)  # another process may have had its turn before
            if known is not None:
                return known
            begin = time.perf_counter()
            report = await self._examine(contents, self._limits)
            self._events.examined(time.perf_counter() - begin, admitted=report.admitted)
            if report.digest == digest:  # without one the child did not live to tell: maybe chance
                await self.in_thread(self._reports.put, report)
            return report


def _check_signer(trust: Trust, contents: Contents, name: str) -> str:
    return trust.check(contents.view(), name)


def _lacks(wanted_bytes: int) -> str:
    """Say that there is not enough memory now; nothing when there is."""
    available = available_bytes()
    if wanted_bytes <= available:
        return ""
    return (
        f"it takes {wanted_bytes // MIB:,} MiB of memory, and {available // MIB:,} are available "
        f"here: give the service more, or keep fewer versions (INFERENCE_KEEP_VERSIONS)"
    )


def _refusal(reason: str, *, was_cut_short: bool = False) -> Arrival:
    return Arrival(Report(admitted=False, reason=reason, was_cut_short=was_cut_short), None)
