"""The reconciler: keeps the entries true to the models folder.

One loop scans the folder, hands what has changed to the entries, a few versions in each turn of the
event loop, and has the scheduler load what is new.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, TypeVar

from inference.logs import fields
from inference.repository.folder.changes import Changes, look_for_changes
from inference.repository.loading.settling import remaining_seconds
from inference.repository.loading.version_log import log_removal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inference.repository.folder.models_folder import ModelsFolder
    from inference.repository.folder.scan import Candidate, Key
    from inference.repository.loading.load_threads import LoadThreads
    from inference.repository.loading.loader import Loader
    from inference.repository.loading.scheduler import LoadScheduler
    from inference.repository.operator_state import StateFile
    from inference.repository.registry import Registry
    from inference.settings import Settings

logger = logging.getLogger(__name__)

T = TypeVar("T")

_PER_TURN = 40  # versions that are handled before requests have their turn
_PAUSE = 4  # after a scan that takes a second of processor time, none follows for as many seconds
_LONGEST_PAUSE_SECONDS = 1.0


class Reconciler:
    """Reconciles entries and folder.

    Args:
        settings: Settle time, limits.
        state_file: The operator's choices.
        registry: The entries.
        scheduler: Loads what is wanted.
        folder: The models folder.
        loader: Tells when refused files may be admitted.
        threads: Scan the folder.

    Attributes:
        scans_begun: How many scans of the folder have begun.
    """

    def __init__(  # noqa: PLR0913 - the parts that it connects
        self,
        settings: Settings,
        state_file: StateFile,
        registry: Registry,
        scheduler: LoadScheduler,
        *,
        folder: ModelsFolder,
        loader: Loader,
        threads: LoadThreads,
    ) -> None:
        self.scans_begun = 0
        self._settings = settings
        self._folder = folder
        self._state_file = state_file
        self._registry = registry
        self._scheduler = scheduler
        self._loader = loader
        self._threads = threads
        self._changes = Changes()
        self._wake = asyncio.Event()
        self._scans_ended = 0
        self._scan_ended = asyncio.Event()
        scheduler.on_changed = self._wake.set

    def wake(self) -> None:
        """Scan the folder soon."""
        self._wake.set()

    async def rescan(self) -> None:
        """Scan the folder; return when the entries show what is there."""
        wanted = self.scans_begun + 1  # one that is under way may have looked already
        self._wake.set()
        while self._scans_ended < wanted:
            await self._scan_ended.wait()

    async def run(self) -> None:
        """Reconcile until canceled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            self.scans_begun += 1
            begun = time.monotonic()
            try:
                await self._reconcile()
            except Exception:  # the loop must outlive whatever a folder can do to it
                logger.exception(
                    "the models folder could not be reconciled; it will be tried again"
                )
            self._scans_ended = self.scans_begun
            self._scan_ended.set()
            self._scan_ended = asyncio.Event()
            pause = max(_PAUSE * self._changes.cpu_seconds, (time.monotonic() - begun) / _PAUSE)
            await asyncio.sleep(min(pause, _LONGEST_PAUSE_SECONDS))

    async def _reconcile(self) -> None:
        self._changes = changes = await self._threads.in_folder(
            look_for_changes,
            self._folder,
            self._changes,
            self._settings.vanished_seconds,
        )
        if changes.warning:
            logger.warning(
                "%s", changes.warning, extra=fields("folder-gone", reason=changes.warning)
            )
        for gone in _batches(changes.gone):
            for key in gone:
                self._remove(key)
            self._scheduler.advance({name for name, _ in gone}, gone)
            await asyncio.sleep(0)
        for new in _batches(changes.new):
            keys = [self._note(candidate) for candidate in new]
            self._scheduler.advance({name for name, _ in keys}, keys)
            await asyncio.sleep(0)
        if self._loader.has_other_keys():
            self._scheduler.reconsider_all()
        self._scheduler.follow(self._state_file.refresh())
        for names in _batches(self._scheduler.open_names):
            self._scheduler.recheck(names)
            await asyncio.sleep(0)
        ignored = tuple(changes.scan.ignored)
        self._registry.publish((), self._scheduler.state, ignored=ignored)
        if self._registry.snapshot.complete:
            self._scheduler.keep_live_names()

    def _remove(self, key: Key) -> None:
        self._scheduler.remove(key, self._registry.remove(key))
        log_removal(key)

    def _note(self, candidate: Candidate) -> Key:
        key = (candidate.name, candidate.version)
        self._scheduler.forget(key)
        settle_seconds = remaining_seconds(candidate, self._settings.settle_ms)
        self._registry.put(candidate, settle_seconds)
        return key


def _batches(items: list[T]) -> Iterator[list[T]]:
    return (items[begin : begin + _PER_TURN] for begin in range(0, len(items), _PER_TURN))
