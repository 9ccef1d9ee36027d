"""The reconciler: keeps the registry true to the folder and to the operator's choices.

One loop looks at what has changed in the folder, a few versions in each turn of the event loop. It
decides which versions are wanted, has those that are new brought up, and lets go of what is no
longer wanted.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from typing import TYPE_CHECKING, TypeVar

from inference.admission.report import Report
from inference.logs import fields
from inference.repository.folder.changes import Changes, look_for_changes
from inference.repository.loading.bring_up import BringUp, event
from inference.repository.loading.intake import AT_ONCE
from inference.repository.loading.live_names import LiveNames
from inference.repository.loading.queue import Kind, Turns
from inference.repository.loading.retry_timer import Agenda
from inference.repository.loading.screening import Screening
from inference.repository.version_choice import choices_of, choose_versions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from inference.repository.entry import Slot
    from inference.repository.events import Events
    from inference.repository.folder.scan import Candidate, Key
    from inference.repository.loading.intake import Intake
    from inference.repository.loading.screening import Verdict
    from inference.repository.operator_state import State, StateFile
    from inference.repository.registry import Registry
    from inference.settings import Settings

logger = logging.getLogger(__name__)

T = TypeVar("T")

_PER_TURN = 40  # versions that are looked at before requests have their turn
_PAUSE = 4  # a look that takes a second of the processor is followed by no other one for as many
_LONGEST_PAUSE_SECONDS = 1.0


class Reconciler:
    """Reconciles.

    Args:
        settings: Folder, versions to keep, limits.
        state_file: The operator's choices.
        intake: Takes artifacts in.
        registry: What is known of each version.
        events: Told of what happens.

    Attributes:
        asked: Versions that are loaded because a caller waits for them.
        scans_begun: How many looks at the folder have begun.
    """

    def __init__(
        self,
        settings: Settings,
        state_file: StateFile,
        intake: Intake,
        registry: Registry,
        events: Events,
    ) -> None:
        self.asked: set[Key] = set()
        self.scans_begun = 0
        self._settings = settings
        self._state_file = state_file
        self._intake = intake
        self._registry = registry
        self._bringing_up = BringUp(
            intake,
            events,
            rescan_seconds=settings.rescan_seconds,
            is_wanted=lambda key: key[1] in self._wanted(key[0]),
            publish=lambda key: registry.publish([key], self._state),
        )
        self._turns = Turns(AT_ONCE + 1, AT_ONCE - 1, self._bring_up)
        self._state: State = registry.snapshot.state
        self._unloaded: frozenset[str] = frozenset()
        self._live = LiveNames(settings.state_dir)
        self._changes = Changes()
        self._open: set[str] = set()  # models of which something is yet to be brought up
        self._agenda = Agenda(lambda names: self._publish((), names))
        self._screening = Screening(intake.in_folder, self._judge)
        self._wake = asyncio.Event()
        self._scans_ended = 0
        self._scan_ended = asyncio.Event()
        self._is_closed = False

    def wake(self) -> None:
        """Have the folder looked at soon."""
        self._wake.set()

    async def rescan(self) -> None:
        """Look at the folder; returns when what is there has been taken note of."""
        wanted = self.scans_begun + 1  # one that is under way may have looked already
        self._wake.set()
        while self._scans_ended < wanted:
            await self._scan_ended.wait()

    def follow(self, state: State) -> None:
        """Follow the operator's choices, if they are others than before."""
        before, self._state = self._state, state
        if state is not before:
            self._unloaded = frozenset(state.unloaded)
            self.advance(*{name for name, *_ in choices_of(before) ^ choices_of(state)})

    def advance(self, *names: str) -> None:
        """Bring up what is wanted of models, let go of what is not, and publish both."""
        self._publish((), names)

    async def run(self) -> None:
        """Reconcile for ever."""
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

    async def close(self) -> None:
        """End all work."""
        self._is_closed = True
        self._agenda.close()
        await self._screening.close()
        await self._turns.close()

    # -- one look at the folder --------------------------------------------------------------------

    async def _reconcile(self) -> None:
        self._changes = changes = await self._intake.in_folder(
            look_for_changes,
            self._settings.models_dir,
            self._changes,
            self._settings.vanished_seconds,
        )
        if changes.warning:
            logger.warning(
                "%s", changes.warning, extra=fields("folder-gone", reason=changes.warning)
            )
        for gone in _batches(changes.gone):
            for key in gone:
                self._forget(key)
            self._publish(gone, {name for name, _ in gone})
            await asyncio.sleep(0)
        for new in _batches(changes.new):
            keys = [self._note(candidate) for candidate in new]
            self._publish(keys, {name for name, _ in keys})
            await asyncio.sleep(0)
        if self._intake.has_other_keys():
            self._reconsider()
        self.follow(self._state_file.refresh())
        for names in _batches(list(self._open)):
            for name in names:
                for slot in self._registry.versions(name).values():
                    slot.due = 0.0 if slot.due == math.inf else slot.due
            self.advance(*names)
            await asyncio.sleep(0)
        self._registry.publish((), self._state, ignored=tuple(changes.scan.ignored))
        if self._registry.snapshot.complete:
            self._live.keep_soon(self._registry.snapshot.ready_names, self._intake.in_thread)

    def _forget(self, key: Key) -> None:
        slot = self._registry.drop(key)
        self._turns.discard(key)
        if slot.task is not None:
            slot.task.cancel()
        logger.info(
            "model %s version %d was removed from the folder", *key, extra=event("remove", key)
        )

    def _note(self, candidate: Candidate) -> Key:
        key = (candidate.name, candidate.version)
        self._turns.discard(key)
        slot = self._registry.put(candidate)
        slot.due = time.monotonic() + self._intake.settling(candidate)
        if slot.stage == "quarantined":
            slot.stage = "idle"
        return key

    def _reconsider(self) -> None:
        for name, version in self._registry:
            self._registry.versions(name)[version].reconsider()
            self._open.add(name)

    # -- one model ---------------------------------------------------------------------------------

    def _wanted(self, name: str) -> set[int]:
        if name in self._unloaded:
            return set()
        state = self._state
        chosen = {state.pins.get(name)}
        if state.selection is not None and state.selection.model == name:
            chosen.add(state.selection.version)
        chosen |= {version for asked, version in self.asked if asked == name}
        slots = self._registry.versions(name)
        return choose_versions(slots, chosen=chosen, keep=self._settings.keep_versions)

    def _publish(self, changed: Iterable[Key], names: Iterable[str]) -> None:
        also = [key for name in names for key in self._advance(name)]
        self._registry.publish([*changed, *also], self._state)

    def _advance(self, name: str) -> list[Key]:
        slots = self._registry.versions(name)
        wanted = self._wanted(name)
        pending = [version for version in wanted if not slots[version].is_judged]
        for version in pending:
            self._offer((name, version), slots[version])
        if pending:
            self._open.add(name)
        else:
            self._open.discard(name)
        older = [v for v, slot in slots.items() if v not in wanted and slot.servable is not None]
        # Older versions go on serving until the newer ones are proven; no more than are kept, or a
        # model that is published without pause would keep them all.
        spared = self._settings.keep_versions if pending else 0
        released = sorted(older, reverse=True)[spared:]
        for version in released:
            key = (name, version)
            slots[version].release()
            logger.info(
                "model %s version %d is no longer kept loaded", *key, extra=event("release", key)
            )
        return [(name, version) for version in (*pending, *released)]

    def _offer(self, key: Key, slot: Slot) -> None:
        if slot.task is not None or self._is_closed:
            return
        is_new = slot.judged != slot.candidate.fingerprint
        if slot.due > time.monotonic():
            if is_new and slot.stage != "quarantined":
                slot.stage = "loading"
            self._agenda.note(slot.due, key[0])
            return
        if is_new:  # else it is tried once more
            slot.stage = "loading"
        if slot.screened == slot.candidate.fingerprint or self._intake.needs_signatures:
            self._turns.offer(key, slot, self._kind(key, slot))
        else:
            self._screening.offer(key, slot)

    def _kind(self, key: Key, slot: Slot) -> Kind:
        name = key[0]
        if slot.made_way == slot.candidate.fingerprint:
            return Kind.LONG
        model = self._registry.snapshot.models.get(name)
        was_live = name in self._live.before and not slot.attempts
        if (model and model.active) or was_live or key in self.asked or name in self._state.pins:
            return Kind.LIVE
        return Kind.AGAIN if slot.attempts else Kind.NEW

    def _judge(self, verdicts: list[Verdict]) -> None:
        """Take note of what the screening says of files, where they are still those files."""
        keys = []
        for key, slot, candidate, fault in verdicts:
            if self._registry.get(key) is not slot or slot.candidate is not candidate:
                continue
            keys.append(key)
            if fault:
                self._bringing_up.refuse(key, slot, candidate, Report(admitted=False, reason=fault))
            else:
                slot.screened = candidate.fingerprint
        self._publish(keys, {name for name, _ in keys})

    async def _bring_up(self, key: Key, slot: Slot) -> None:
        candidate = slot.candidate
        slot.attempts += 1
        try:
            await self._bringing_up.run(key, slot)
        finally:
            slot.task, slot.examining = None, False
            if not self._is_closed and self._registry.get(key) is slot:
                self._end(key, slot, candidate)

    def _end(self, key: Key, slot: Slot, candidate: Candidate) -> None:
        if slot.candidate is not candidate:  # a look at the folder was faster
            slot.due = time.monotonic() + self._intake.settling(slot.candidate)
        elif slot.due == math.inf:
            self._wake.set()
        self._agenda.note(slot.retry_at, key[0])
        self._publish([key], [key[0]])


def _batches(items: list[T]) -> Iterator[list[T]]:
    return (items[begin : begin + _PER_TURN] for begin in range(0, len(items), _PER_TURN))
