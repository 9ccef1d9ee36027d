"""The repository: keeps the snapshot true to the folder and to the operator's choices.

One loop reconciles: it scans the folder, decides which versions are wanted, starts a task for each
that is new, and lets go of what is no longer wanted. A task takes one artefact from disk to
servable: settle, examine, load, warm up, swap. Tasks are independent, so that a file whose
examination hangs delays nobody else.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from types import MappingProxyType
from typing import TYPE_CHECKING

from inference.errors import NotReadyError, RookeryError
from inference.log import fields
from inference.repository.admission import examine_aside
from inference.repository.bringup import BringUp, Key, event
from inference.repository.events import Events
from inference.repository.intake import Intake
from inference.repository.layout import Candidate, Scan, scan_models
from inference.repository.slot import Slot
from inference.repository.snapshot import Model, Snapshot
from inference.repository.watch import ticks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from inference.model.servable import Servable
    from inference.repository.admission import Examiner
    from inference.repository.state import State, StateFile
    from inference.settings import Settings

logger = logging.getLogger(__name__)

_CATCH_UP_SECONDS = 5.0
_LOOK_SECONDS = 0.1


class Repository:
    """Which models are live.

    Args:
        settings: Folder, versions to keep, limits.
        state_file: The operator's choices.
        examiner: Says whether an artefact may be served; replaced in tests.
        events: Told of what happens.
    """

    def __init__(
        self,
        settings: Settings,
        state_file: StateFile,
        *,
        examiner: Examiner = examine_aside,
        events: Events | None = None,
    ) -> None:
        self._settings = settings
        self._state_file = state_file
        events = events or Events()
        self._intake = Intake(settings, examiner, events)
        self._bringing_up = BringUp(
            self._intake,
            events,
            rescan_seconds=settings.rescan_seconds,
            is_wanted=lambda key: key in self._wanted(key[0], self.state),
            publish=self._publish,
        )
        self._slots: dict[Key, Slot] = {}
        self._asked: set[Key] = set()
        self._scan = Scan()
        self._scanned = False
        self._snapshot = Snapshot()
        self._built_for: State | None = None
        self._wake = asyncio.Event()
        self._stop = asyncio.Event()
        self._changed = asyncio.Event()
        self._scans_begun = self._scans_ended = 0
        self._look: asyncio.Task[None] | None = None
        self._looked = -math.inf

    # -- what others ask ---------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """The operator's choices as they are on disk now."""
        return self._state_file.current()

    def current(self) -> Snapshot:
        """Give the snapshot, true to the operator's choices as they are on disk now."""
        state = self._state_file.current()
        if state is not self._built_for:
            self._publish()
            self._wake.set()
        return self._snapshot

    async def ensure(self, name: str, version: int) -> Servable:
        """Load a version that lies on disk, if it is not loaded; wait until it answers.

        Raises:
            NotFoundError: No such model or version.
            ConflictError: It was refused, or the model is unloaded.
        """
        self.current().model(name)
        self._asked.add((name, version))
        try:
            self._wake.set()
            while True:
                changed = self._changed
                slot = self._slots.get((name, version))
                decided = slot is None or slot.is_judged or slot.stage == "quarantined"
                if decided or name in self.state.unloaded:
                    return self.current().servable(name, version)
                await changed.wait()
        finally:
            self._asked.discard((name, version))

    async def wait_until(self, holds: Callable[[Snapshot], bool]) -> Snapshot:
        """Wait until a snapshot satisfies a condition; bound it with :func:`asyncio.timeout`."""
        while not holds(self.current()):
            await self._changed.wait()
        return self.current()

    async def catch_up(self) -> None:
        """Wait a little until what was served before, by whoever was here, is served again.

        Clients wait for that at the listening socket instead of being told of models that are not
        there. New files are not waited for, since their examination may take long.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CATCH_UP_SECONDS):
                await self.wait_until(lambda snapshot: snapshot.caught_up)

    async def find(self, look: Callable[[Snapshot], Servable]) -> Servable:
        """Look a servable up, and wait a little where it may be about to appear.

        Another process may have answered 200 to a selection, a pin or a load that this one has yet
        to follow, so a look-up that fails is tried again once the folder has been looked at and
        what it concerns is no longer being loaded.

        Args:
            look: The look-up.

        Raises:
            RookeryError: What the look-up raises in the end.
        """
        with contextlib.suppress(RookeryError):
            return look(self.current())
        deadline = asyncio.get_running_loop().time() + _CATCH_UP_SECONDS
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                await self._look_again()
                while True:
                    changed = self._changed
                    try:
                        return look(self.current())
                    except NotReadyError:
                        await changed.wait()
        return look(self.current())

    async def _look_again(self) -> None:
        """Wait for a scan that begins from now on; many wrong names at once share one."""
        if self._look is None:
            self._look = asyncio.create_task(self._look_soon())
        await asyncio.shield(self._look)

    async def _look_soon(self) -> None:
        await asyncio.sleep(self._looked + _LOOK_SECONDS - time.monotonic())
        self._look = None  # who asks from here on may know of more than this scan sees
        self._looked = time.monotonic()
        await self.rescan()

    async def rescan(self) -> None:
        """Look at the folder now; returns when what is there has been taken note of."""
        wanted = self._scans_begun + 1  # one that is under way may have looked already
        self._wake.set()
        while self._scans_ended < wanted:
            await self._changed.wait()

    # -- the loop ----------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep the snapshot true for as long as the context is open."""
        jobs = [asyncio.create_task(self._watch()), asyncio.create_task(self._reconcile_always())]
        self._wake.set()
        try:
            yield
        finally:
            self._stop.set()
            tasks = [slot.task for slot in self._slots.values() if slot.task]
            for task in (*jobs, *tasks):
                task.cancel()
            await asyncio.gather(*jobs, *tasks, return_exceptions=True)
            self._intake.close()

    async def _watch(self) -> None:
        async for _ in ticks(
            self._settings.models_dir,
            rescan_seconds=self._settings.rescan_seconds,
            force_polling=self._settings.force_polling,
            stop=self._stop,
        ):
            self._wake.set()

    async def _reconcile_always(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            self._scans_begun += 1
            try:
                await self._reconcile()
            except Exception:  # the loop must outlive whatever a folder can do to it
                logger.exception(
                    "the models folder could not be reconciled; it will be tried again"
                )
            self._scans_ended = self._scans_begun
            self._notify()

    async def _reconcile(self) -> None:
        scan = await self._intake.in_thread(scan_models, self._settings.models_dir)
        self._scanned = True
        is_unmounted = scan.is_mount_point_of(self._scan)
        if is_unmounted or not scan.present:
            if self._scan.present:
                how = "is empty and looks unmounted" if is_unmounted else "is not there"
                told = fields("folder-gone")
                folder = self._settings.models_dir
                logger.warning("%s %s; what is live stays live", folder, how, extra=told)
            self._scan.present = False
        else:
            self._scan = scan
            self._follow(scan.candidates)
        if self._intake.has_other_keys():
            for slot in self._slots.values():
                slot.reconsider()
        state = self._state_file.refresh()
        for name in {name for name, _ in self._slots}:
            self._start_and_stop(name, state)
        self._publish()

    def _follow(self, candidates: list[Candidate]) -> None:
        found = {(c.name, c.version): c for c in candidates}
        for key in set(self._slots) - set(found):
            slot = self._slots.pop(key)
            if slot.task:
                slot.task.cancel()
            logger.info(
                "model %s version %d was removed from the folder", *key, extra=event("remove", key)
            )
        for key, candidate in found.items():
            slot = self._slots.setdefault(key, Slot(candidate))
            slot.candidate = candidate

    def _start_and_stop(self, name: str, state: State) -> None:
        wanted = self._wanted(name, state)
        pending = False
        for key in wanted:
            slot = self._slots[key]
            if not slot.is_judged:
                pending = True
                if slot.task is None:
                    if slot.judged != slot.candidate.fingerprint:  # else it is tried once more
                        slot.stage = "loading"
                    slot.task = asyncio.create_task(self._bring_up(key, slot))
        older = [
            key
            for key, slot in self._slots.items()
            if key[0] == name and key not in wanted and slot.servable is not None
        ]
        # Older versions go on serving until the newer ones are proven; no more than are kept, or a
        # model that is published without pause would keep them all.
        spared = self._settings.keep_versions if pending else 0
        for key in sorted(older, reverse=True)[spared:]:
            self._slots[key].release()
            logger.info(
                "model %s version %d is no longer kept loaded", *key, extra=event("release", key)
            )

    def _wanted(self, name: str, state: State) -> set[Key]:
        """Decide which versions are to be loaded: the highest good ones, and those asked for."""
        if name in state.unloaded:
            return set()
        versions = sorted((v for n, v in self._slots if n == name), reverse=True)
        special = {state.pins.get(name)}
        if state.selection is not None and state.selection.model == name:
            special.add(state.selection.version)
        wanted = {(name, v) for v in versions if v in special or (name, v) in self._asked}
        kept = 0
        for version in versions:
            if kept == self._settings.keep_versions:
                break
            slot = self._slots[name, version]
            wanted.add((name, version))
            if not (slot.is_judged and slot.servable is None):
                kept += 1
        return wanted

    def _publish(self) -> None:
        state = self._state_file.current()
        models: dict[str, Model] = {}
        for name in sorted({name for name, _ in self._slots}):
            numbers = sorted(v for n, v in self._slots if n == name)
            unloaded = name in state.unloaded
            versions = {v: self._slots[name, v].view(unloaded=unloaded) for v in numbers}
            pinned = state.pins.get(name)
            ready = [v for v in numbers if versions[v].servable is not None]
            chosen = pinned if pinned is not None else max(ready, default=None)
            active = versions[chosen].servable if chosen in versions else None
            models[name] = Model(
                name,
                MappingProxyType(versions),
                active=active,
                pinned=pinned,
                unloaded=unloaded,
            )
        busy = [slot for slot in self._slots.values() if slot.stage == "loading"]
        complete = self._snapshot.complete or (self._scanned and not busy)
        caught_up = complete or (self._scanned and all(slot.examining for slot in busy))
        self._snapshot = Snapshot(
            MappingProxyType(models), state, tuple(self._scan.ignored), complete, caught_up
        )
        self._built_for = state
        self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _bring_up(self, key: Key, slot: Slot) -> None:
        try:
            await self._bringing_up.run(key, slot)
        finally:
            slot.task, slot.examining = None, False
            if not self._stop.is_set():
                self._publish()
                self._wake.set()
