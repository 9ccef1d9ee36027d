"""The registry: what is known of every version, and the snapshot made of it.

A folder may hold thousands of entries of which most are junk, so nothing here looks at all of them:
what has changed is told by key, and the next snapshot shares everything else with the one before.
"""

from __future__ import annotations

import asyncio
from types import MappingProxyType
from typing import TYPE_CHECKING

from inference.repository.entry import Slot
from inference.repository.snapshot import Model, Snapshot, Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from inference.repository.folder.scan import Candidate, Ignored, Key
    from inference.repository.operator_state import State


class Registry:
    """Knows every version.

    Attributes:
        snapshot: All models as they are now.
    """

    def __init__(self) -> None:
        self.snapshot = Snapshot()
        self._slots: dict[str, dict[int, Slot]] = {}
        self._models: dict[str, Model] = {}  # the snapshot's; a dict is copied faster than a view
        self._views: dict[str, dict[int, Version]] = {}
        self._unloaded: frozenset[str] = frozenset()
        self._scanned = False
        self._changed = asyncio.Event()
        self._news: dict[str, asyncio.Event] = {}

    # -- versions ----------------------------------------------------------------------------------

    def versions(self, name: str) -> Mapping[int, Slot]:
        """Give what is known of each version of a model."""
        return self._slots.get(name, {})

    def get(self, key: Key) -> Slot | None:
        """Give what is known of a version."""
        return self.versions(key[0]).get(key[1])

    def __iter__(self) -> Iterator[Key]:
        """Name every version."""
        return ((name, version) for name, slots in self._slots.items() for version in slots)

    def put(self, candidate: Candidate) -> Slot:
        """Note an artifact that is new, or has changed."""
        slots = self._slots.setdefault(candidate.name, {})
        slot = slots.setdefault(candidate.version, Slot(candidate))
        slot.candidate = candidate
        return slot

    def drop(self, key: Key) -> Slot:
        """Forget a version."""
        name, version = key
        slot = self._slots[name].pop(version)
        if not self._slots[name]:
            del self._slots[name]
        return slot

    # -- snapshots ---------------------------------------------------------------------------------

    def publish(
        self, keys: Iterable[Key], state: State, *, ignored: tuple[Ignored, ...] | None = None
    ) -> None:
        """Make a snapshot, if anything in it is new.

        Args:
            keys: Versions that may have changed.
            state: The operator's choices.
            ignored: What the scan that ends with this ignored; ``None`` when none does.
        """
        before = self.snapshot
        names = _other_choices(before.state, state)
        self._unloaded = frozenset(state.unloaded) if names else self._unloaded
        changed: dict[str, set[int]] = {name: set(self.versions(name)) for name in names}
        for name, version in keys:
            changed.setdefault(name, set()).add(version)
        models = self._remake(changed, state)
        if ignored is None:
            ignored = before.ignored
        else:
            self._scanned = True
        complete, caught_up = self._progress()
        if (
            models is not None
            or state is not before.state
            or (ignored, complete, caught_up) != (before.ignored, before.complete, before.caught_up)
        ):
            self._models = self._models if models is None else models
            shown = before.models if models is None else MappingProxyType(models)
            self.snapshot = Snapshot(shown, state, ignored, complete, caught_up)
            self._tell(changed)

    def _remake(self, changed: dict[str, set[int]], state: State) -> dict[str, Model] | None:
        models: dict[str, Model] | None = None
        is_longer = False
        for name, versions in changed.items():
            before = self.snapshot.models.get(name) if models is None else models.get(name)
            model = self._model(name, versions, state)
            if model == before:
                continue
            models = dict(self._models) if models is None else models
            if model is None:
                del models[name]
            else:
                models[name] = model
                is_longer = is_longer or before is None
        return dict(sorted(models.items())) if models and is_longer else models

    def _model(self, name: str, changed: set[int], state: State) -> Model | None:
        slots = self._slots.get(name)
        if slots is None:
            self._views.pop(name, None)
            return None
        unloaded = name in self._unloaded
        views = dict(self._views.get(name, {}))
        known = len(views)
        for version in changed:
            if version in slots:
                views[version] = slots[version].view(unloaded=unloaded)
            else:
                views.pop(version, None)
        if len(views) != known:
            views = dict(sorted(views.items()))
        self._views[name] = views
        pinned = state.pins.get(name)
        ready = (v for v in reversed(views) if views[v].servable is not None)
        chosen = pinned if pinned is not None else next(ready, None)
        active = views[chosen].servable if chosen in views else None
        return Model(name, MappingProxyType(views), active, pinned, unloaded)

    def _progress(self) -> tuple[bool, bool]:
        """Tell whether the first scan's finds are complete, and whether they have caught up."""
        if self.snapshot.complete:
            return True, True
        busy = (s for slots in self._slots.values() for s in slots.values() if s.stage == "loading")
        if not self._scanned:
            return False, False
        first = next(busy, None)
        if first is None:
            return True, True
        return False, first.examining and all(slot.examining for slot in busy)

    # -- news --------------------------------------------------------------------------------------

    async def news(self) -> None:
        """Wait for another snapshot."""
        await self._changed.wait()

    async def news_of(self, name: str) -> None:
        """Wait for a snapshot in which a model is another one."""
        await self._news.setdefault(name, asyncio.Event()).wait()

    def _tell(self, changed: Iterable[str]) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
        for name in changed:
            event = self._news.pop(name, None)
            if event is not None:
                event.set()


def _other_choices(before: State, after: State) -> set[str]:
    """Name the models of which the operator has chosen something else."""
    if before is after:
        return set()
    pins = dict(before.pins.items() ^ after.pins.items())
    return {*pins, *(set(before.unloaded) ^ set(after.unloaded))}
