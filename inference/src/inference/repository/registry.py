"""The registry: the entry of every version, and the snapshot made of them.

A folder may hold thousands of files of which most are junk, so nothing here looks at all entries:
the caller names the versions that changed, and the next snapshot shares everything else with the
one before.
"""

from __future__ import annotations

import asyncio
from types import MappingProxyType
from typing import TYPE_CHECKING

from inference.repository.active_version import find_active
from inference.repository.entry import Entry
from inference.repository.snapshot import Model, Snapshot, Version
from inference.repository.traffic.split import make_split

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from inference.repository.folder.scan import Candidate, Ignored, Key
    from inference.repository.operator_state import State


class Registry:
    """The entries and the snapshot.

    Attributes:
        snapshot: All models as they are now.
        on_other_choices: Called when the snapshot follows other choices of the operator.
    """

    def __init__(self) -> None:
        self.snapshot = Snapshot()
        self.on_other_choices: Callable[[], None] = lambda: None
        self._entries: dict[str, dict[int, Entry]] = {}
        self._models: dict[str, Model] = {}  # the snapshot's; a dict is copied faster than a view
        self._views: dict[str, dict[int, Version]] = {}
        self._unloaded: frozenset[str] = frozenset()
        self._scanned = False
        self._changed = asyncio.Event()
        self._changed_models: dict[str, asyncio.Event] = {}

    # -- versions ----------------------------------------------------------------------------------

    def versions(self, name: str) -> Mapping[int, Entry]:
        """Return the entry of each version of a model."""
        return self._entries.get(name, {})

    def get(self, key: Key) -> Entry | None:
        """Return the entry of a version."""
        return self.versions(key[0]).get(key[1])

    def __iter__(self) -> Iterator[Key]:
        """Iterate over all versions."""
        return ((name, version) for name, entries in self._entries.items() for version in entries)

    def put(self, candidate: Candidate, settle_seconds: float) -> None:
        """Note an artifact that is new or has changed, and may be loaded once it has settled."""
        entries = self._entries.setdefault(candidate.name, {})
        entry = entries.setdefault(candidate.version, Entry(candidate))
        entry.replace(candidate, settle_seconds)

    def remove(self, key: Key) -> Entry:
        """Remove a version, and return its entry."""
        name, version = key
        entry = self._entries[name].pop(version)
        if not self._entries[name]:
            del self._entries[name]
        return entry

    # -- snapshots ---------------------------------------------------------------------------------

    def publish(
        self, keys: Iterable[Key], state: State, *, ignored: tuple[Ignored, ...] | None = None
    ) -> None:
        """Make a snapshot, if anything in it differs.

        Args:
            keys: Versions that may have changed.
            state: The operator's choices.
            ignored: At the end of a scan, what it ignored.
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
            self._notify(changed)
            if state is not before.state:
                self.on_other_choices()

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
        entries = self._entries.get(name)
        if entries is None:
            self._views.pop(name, None)
            return None
        unloaded = name in self._unloaded
        views = dict(self._views.get(name, {}))
        known = len(views)
        for version in changed:
            if version in entries:
                views[version] = entries[version].view(unloaded=unloaded)
            else:
                views.pop(version, None)
        if len(views) != known:
            views = dict(sorted(views.items()))
        self._views[name] = views
        pinned, traffic = state.pins.get(name), state.traffic.get(name)
        before = self.snapshot.models.get(name)
        servables = {n: view.servable for n, view in views.items() if view.servable is not None}
        refused = [number for number, view in views.items() if view.quarantined]
        split = make_split(name, traffic, servables, refused, before.split if before else None)
        unsplit = find_active(views, pinned)
        active = unsplit if traffic is None else find_active(views, pinned, split, traffic)
        shown = MappingProxyType(views)
        return Model(name, shown, active, pinned, unloaded, traffic, split, unsplit)

    def _progress(self) -> tuple[bool, bool]:
        """Return the next snapshot's ``complete`` and ``caught_up``."""
        if self.snapshot.complete:
            return True, True
        loading = (e for each in self._entries.values() for e in each.values() if e.is_loading)
        if not self._scanned:
            return False, False
        first = next(loading, None)
        if first is None:
            return True, True
        return False, first.is_examining and all(entry.is_examining for entry in loading)

    # -- changes -----------------------------------------------------------------------------------

    async def wait_for_change(self) -> None:
        """Wait for another snapshot."""
        await self._changed.wait()

    async def wait_for_change_of(self, name: str) -> None:
        """Wait for a snapshot in which a model has changed."""
        await self._changed_models.setdefault(name, asyncio.Event()).wait()

    def _notify(self, changed: Iterable[str]) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
        for name in changed:
            event = self._changed_models.pop(name, None)
            if event is not None:
                event.set()


def _other_choices(before: State, after: State) -> set[str]:
    """Return the models of which the operator has chosen something else."""
    if before is after:
        return set()
    pins = dict(before.pins.items() ^ after.pins.items())
    split = before.traffic.keys() | after.traffic.keys()
    traffic = {name for name in split if before.traffic.get(name) != after.traffic.get(name)}
    return {*pins, *traffic, *(set(before.unloaded) ^ set(after.unloaded))}
