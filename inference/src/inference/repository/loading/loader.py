"""The loader: reads, examines and loads one artifact, and returns what became of it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import weakref
from typing import TYPE_CHECKING

from inference.admission.admission import Limits, NoProcessError
from inference.admission.files.contents import ChangedError, too_large
from inference.admission.report import Report
from inference.admission.trusted_keys import TrustedKeys
from inference.errors import RookeryError, SignatureError
from inference.repository.loading.examinations import Examinations, MakesWayError
from inference.repository.loading.servable_loader import load_servable
from inference.repository.loading.settling import is_settled
from inference.repository.loading.version_log import log_load
from inference.repository.outcome import (
    Admitted,
    Changed,
    LoadFailed,
    MadeWay,
    PutOff,
    Refused,
    Vanished,
)
from inference.runtime.machine_turn import turn
from inference.runtime.memory import MIB, available_bytes
from inference.runtime.threads import NoThreadError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from inference.admission.admission import Examiner, Reader
    from inference.admission.files.contents import Contents
    from inference.model.servable import Servable
    from inference.repository.events import Events
    from inference.repository.folder.scan import Candidate
    from inference.repository.loading.load_queue import Load
    from inference.repository.loading.load_threads import LoadThreads
    from inference.repository.outcome import Outcome
    from inference.settings import Settings

logger = logging.getLogger(__name__)

AT_ONCE = 3  # loads at once; more would only compete for the processor
_LARGE_BYTES = 32 * MIB  # larger files are loaded one at a time, over all workers
_NO_THREAD = "can't start new thread"  # Python's message when a limit on processes is reached


class Loader:
    """Loads artifacts.

    Args:
        settings: Limits, plans, trusted keys, where reports are kept.
        reader: Reads an artifact.
        examiner: Decides whether an artifact may be served.
        events: Counts examinations and loads.
        threads: Do what blocks.

    Raises:
        SettingError: The file of trusted keys is not valid.
    """

    def __init__(
        self,
        settings: Settings,
        reader: Reader,
        examiner: Examiner,
        events: Events,
        threads: LoadThreads,
    ) -> None:
        self._settings = settings
        self._read = reader
        self._events = events
        self._threads = threads
        self._limits = Limits.of(settings)
        self._examinations = Examinations(settings, examiner, events, threads)
        trusted = settings.trusted_keys_file
        self._trusted_keys = None if trusted is None else TrustedKeys(trusted)

    @property
    def needs_signatures(self) -> bool:
        """Whether a file needs a signature, which is checked before anything else."""
        return self._trusted_keys is not None

    def has_other_keys(self) -> bool:
        """Whether other keys are trusted than before, so that refused files may be admitted."""
        return self._trusted_keys is not None and self._trusted_keys.refresh()

    async def load(  # noqa: PLR0911 - an outcome for each way that it may end
        self, load: Load, examining: Callable[[], None]
    ) -> Outcome:
        """Load an artifact that has settled; raises nothing.

        Args:
            load: The artifact, and what is known of its version. Its servable stays if the content
                is the same.
            examining: Called if the artifact has to be examined.
        """
        try:
            return await self._load(load, examining)
        except MakesWayError:
            return MadeWay()
        except FileNotFoundError:
            return Vanished()
        except ChangedError:
            return Changed()
        except TimeoutError:
            return _cut_short(f"it could not be read within {self._limits.seconds:g} seconds")
        except NoThreadError as error:
            return self._put_off(f"it could not be loaded: {error}")
        except (OSError, MemoryError, RookeryError) as error:
            return self._explain(error)
        except Exception as error:
            if str(error) == _NO_THREAD:
                return self._put_off(f"it could not be loaded: {error} (limits on processes?)")
            logger.exception("model %s version %d could not be loaded", *load.key)
            return LoadFailed(f"it could not be loaded: {error}")

    def _explain(self, error: OSError | MemoryError | RookeryError) -> Outcome:
        match error:
            case NoProcessError():
                return self._put_off(
                    f"it cannot be examined now: {error.strerror} (a limit on processes or memory?)"
                )
            case OSError():
                return self._put_off(f"the file cannot be read: {error.strerror}")
            case MemoryError():
                return self._put_off("it could not be loaded: memory is short")
            case _:
                return LoadFailed(str(error))

    def _put_off(self, reason: str) -> PutOff:
        return PutOff(reason, self._settings.rescan_seconds)

    async def _load(self, load: Load, examining: Callable[[], None]) -> Outcome:
        candidate = load.candidate
        if not await is_settled(candidate, self._threads):
            return Changed()
        size = candidate.fingerprint.size
        if size > self._limits.file_bytes:
            return _refuse(too_large(size, self._limits.file_bytes))
        async with self._turn(size):
            shortage = _lacks(size)
            if shortage:
                return _cut_short(shortage)
            with await self._read(candidate.path, self._limits) as contents:
                if contents.reading.fingerprint != candidate.fingerprint:
                    return Changed()
                live = load.entry.servable
                if live is not None and live.digest == contents.digest:
                    return Admitted(live)
                return await self._load_contents(load, contents, examining)

    async def _load_contents(
        self, load: Load, contents: Contents, examining: Callable[[], None]
    ) -> Outcome:
        candidate, signer = load.candidate, None
        if self._trusted_keys is not None:
            try:
                signer = await self._threads.in_thread(
                    _check_signer, self._trusted_keys, contents, candidate.name
                )
            except SignatureError as error:
                return _refuse(str(error))
        report = await self._examinations.report(contents, load, examining)
        if not report.admitted:
            # A file that was removed or written to meanwhile is not the one that was refused.
            return Refused(report) if await is_settled(candidate, self._threads) else Changed()
        shortage = _lacks(report.memory_bytes)
        if shortage:
            return _cut_short(shortage)
        servable = await self._make_servable(candidate, contents, report, signer)
        return Admitted(servable, report)

    async def _make_servable(
        self, candidate: Candidate, contents: Contents, report: Report, signer: str | None
    ) -> Servable:
        begun = time.perf_counter()
        key = (candidate.name, candidate.version)
        servable = await self._threads.in_thread(
            load_servable, key, contents, report, self._settings
        )
        memory = self._threads.memory
        weakref.finalize(servable, memory.soon_from, asyncio.get_running_loop()).atexit = False
        memory.soon()
        seconds = time.perf_counter() - begun
        self._events.loaded(candidate.name, seconds)
        log_load(key, seconds, signer)
        return servable

    @contextlib.asynccontextmanager
    async def _turn(self, size: int) -> AsyncIterator[None]:
        """Wait until no other large file is loaded; small ones do not wait."""
        if size < _LARGE_BYTES:
            yield
            return
        lock = self._settings.state_dir / ".large.lock"
        # The other file is read, examined and loaded meanwhile.
        async with turn(lock, 3 * self._limits.seconds, "load a large file"):
            yield


def _check_signer(keys: TrustedKeys, contents: Contents, name: str) -> str:
    return keys.check(contents.view(), name)


def _lacks(needed_bytes: int) -> str:
    """Return why there is too little memory now; empty if there is enough."""
    available = available_bytes()
    if needed_bytes <= available:
        return ""
    return (
        f"it takes {needed_bytes // MIB:,} MiB of memory, and {available // MIB:,} are available "
        f"here: give the service more, or keep fewer versions (INFERENCE_KEEP_VERSIONS)"
    )


def _refuse(reason: str) -> Refused:
    return Refused(Report(admitted=False, reason=reason))


def _cut_short(reason: str) -> Refused:
    return Refused(Report(admitted=False, reason=reason, was_cut_short=True))
