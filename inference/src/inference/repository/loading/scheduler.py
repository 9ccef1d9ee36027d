"""The scheduler: keeps the wanted versions of each model loaded, and no others."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from inference.admission.report import Report
from inference.repository.loaded_versions import choices_of, choose_versions
from inference.repository.loading.live_names import LiveNames
from inference.repository.loading.load_queue import Kind, LoadQueue
from inference.repository.loading.loader import AT_ONCE
from inference.repository.loading.retry_timer import RetryTimer
from inference.repository.loading.screening import Screening
from inference.repository.loading.settling import remaining_seconds
from inference.repository.loading.version_log import log_release, report_change
from inference.repository.outcome import Superseded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from inference.repository.entry import Change, Entry
    from inference.repository.events import Events
    from inference.repository.folder.scan import Key
    from inference.repository.loading.load_queue import Load
    from inference.repository.loading.load_threads import LoadThreads
    from inference.repository.loading.loader import Loader
    from inference.repository.loading.screening import Finding
    from inference.repository.operator_state import State
    from inference.repository.registry import Registry
    from inference.settings import Settings


class LoadScheduler:
    """Decides which versions are loaded, and when.

    Args:
        settings: Versions to keep, settle time.
        loader: Loads artifacts.
        registry: The entries.
        threads: Do what blocks.
        events: Counts swaps and refusals.

    Attributes:
        requested: How many callers need each version to be loaded.
        on_changed: Called when only another scan of the folder leads further.
    """

    def __init__(
        self,
        settings: Settings,
        loader: Loader,
        registry: Registry,
        threads: LoadThreads,
        events: Events,
    ) -> None:
        self.requested: Counter[Key] = Counter()
        self.on_changed: Callable[[], None] = lambda: None
        self._settings = settings
        self._loader = loader
        self._registry = registry
        self._threads = threads
        self._events = events
        self._queue = LoadQueue(AT_ONCE, self._load)
        self._timer = RetryTimer(self.advance)
        self._screening = Screening(threads.in_folder, self._note_findings)
        self._live = LiveNames(settings.state_dir)
        self._state: State = registry.snapshot.state
        self._unloaded: frozenset[str] = frozenset()
        self._open: set[str] = set()  # models with versions that are yet to be loaded
        self._is_closed = False

    @property
    def state(self) -> State:
        """The operator's choices that are followed."""
        return self._state

    @property
    def open_names(self) -> list[str]:
        """The models with versions that are yet to be loaded."""
        return list(self._open)

    def follow(self, state: State) -> None:
        """Follow the operator's choices, if they differ from the ones before."""
        before, self._state = self._state, state
        if state is not before:
            self._unloaded = frozenset(state.unloaded)
            self.advance({name for name, *_ in choices_of(before) ^ choices_of(state)})

    def advance(self, names: Iterable[str], changed: Iterable[Key] = ()) -> None:
        """Load the wanted versions of models, release the others, and publish a snapshot.

        Args:
            names: The models.
            changed: Versions that have changed otherwise.
        """
        also = [key for name in names for key in self._advance(name)]
        self._registry.publish([*changed, *also], self._state)

    def recheck(self, names: Iterable[str]) -> None:
        """Load what waited for a scan."""
        for name in names:
            for entry in self._registry.versions(name).values():
                entry.recheck()
        self.advance(names)

    def reconsider_all(self) -> None:
        """Judge all refused files anew."""
        for name, version in self._registry:
            self._registry.versions(name)[version].reconsider()
            self._open.add(name)

    def forget(self, key: Key) -> None:
        """Let a version wait no longer: its file has changed."""
        self._queue.discard(key)

    def remove(self, key: Key, entry: Entry) -> None:
        """End all work on a version that is gone."""
        self._queue.cancel(key, entry)

    def keep_live_names(self) -> None:
        """Store which models are live, for the next start."""
        self._live.keep_soon(self._registry.snapshot.ready_names, self._threads.in_thread)

    async def close(self) -> None:
        """End all work."""
        self._is_closed = True
        self._timer.close()
        await self._screening.close()
        await self._queue.close()

    # -- one model ---------------------------------------------------------------------------------

    def _wanted(self, name: str) -> set[int]:
        if name in self._unloaded:
            return set()
        state = self._state
        chosen = {state.pins.get(name)}
        if state.selection is not None and state.selection.model == name:
            chosen.add(state.selection.version)
        chosen |= {version for requested, version in self.requested if requested == name}
        if name in state.traffic:
            chosen |= set(state.traffic[name].versions)
        entries = self._registry.versions(name)
        return choose_versions(entries, chosen=chosen, keep=self._settings.keep_versions)

    def _advance(self, name: str) -> list[Key]:
        entries = self._registry.versions(name)
        wanted = self._wanted(name)
        pending = [version for version in wanted if not entries[version].is_judged]
        for version in pending:
            self._offer((name, version), entries[version])
        if pending:
            self._open.add(name)
        else:
            self._open.discard(name)
        older = [v for v, e in entries.items() if v not in wanted and e.servable is not None]
        # Older versions answer until the newer ones are proven; only as many as are kept, or a
        # model that is published without pause would keep them all.
        spared = self._settings.keep_versions if pending else 0
        released = sorted(older, reverse=True)[spared:]
        for version in released:
            entries[version].release()
            log_release((name, version))
        return [(name, version) for version in (*pending, *released)]

    def _offer(self, key: Key, entry: Entry) -> None:
        if entry.is_begun or self._is_closed:
            return
        if not entry.request():
            self._timer.note(entry.due, key[0])
        elif entry.is_screened or self._loader.needs_signatures:
            self._queue.offer(key, entry, self._kind(key, entry))
        else:
            self._screening.offer(key, entry)

    def _kind(self, key: Key, entry: Entry) -> Kind:
        name = key[0]
        if entry.is_long:
            return Kind.LONG
        model = self._registry.snapshot.models.get(name)
        is_live = (model is not None and model.active is not None) or (
            name in self._live.before and not entry.was_begun
        )
        is_chosen = name in self._state.pins or name in self._state.traffic
        if is_live or key in self.requested or is_chosen:
            return Kind.LIVE
        return Kind.AGAIN if entry.was_begun else Kind.NEW

    def _note_findings(self, findings: list[Finding]) -> None:
        """Note what the screening found, where the files are still the same."""
        keys = []
        for key, entry, candidate, fault in findings:
            if self._registry.get(key) is not entry or entry.candidate is not candidate:
                continue
            keys.append(key)
            if fault:
                change = entry.refuse(Report(admitted=False, reason=fault), candidate)
                self._report(change, key, entry)
            else:
                entry.pass_screening()
        self.advance({name for name, _ in keys}, keys)

    # -- one load ----------------------------------------------------------------------------------

    async def _load(self, load: Load) -> None:
        key, entry = load.key, load.entry

        def examining() -> None:
            entry.examine()
            self._registry.publish([key], self._state)

        if key[1] in self._wanted(key[0]):
            outcome = await self._loader.load(load, examining)
        else:  # newer versions came while it waited
            outcome = Superseded()
        if self._is_closed or self._registry.get(key) is not entry:
            return
        settle_seconds = remaining_seconds(entry.candidate, self._settings.settle_ms)
        change = entry.finish(outcome, settle_seconds)
        self._report(change, key, entry)
        if entry.needs_scan:
            self.on_changed()
        self._timer.note(entry.retry_at, key[0])
        self.advance([key[0]], [key])

    def _report(self, change: Change, key: Key, entry: Entry) -> None:
        at_start = not self._registry.snapshot.complete
        report_change(change, key, entry, self._events, at_start=at_start)
