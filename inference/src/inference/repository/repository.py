"""The repository: which models are live, for all other rooms."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from typing import TYPE_CHECKING

from inference.admission.admission import examine_aside, read_aside
from inference.errors import NotReadyError
from inference.repository.events import Events
from inference.repository.finder import PATIENCE_SECONDS, Finder
from inference.repository.folder.listing import VERSION
from inference.repository.folder.models_folder import ModelsFolder
from inference.repository.folder.watch import ticks
from inference.repository.loading.load_threads import LoadThreads
from inference.repository.loading.loader import AT_ONCE, Loader
from inference.repository.loading.scheduler import LoadScheduler
from inference.repository.reconciler import Reconciler
from inference.repository.registry import Registry
from inference.settings.model_name import is_name
from inference.storage.requests import FetchRequests

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence

    from inference.admission.admission import Examiner, Reader
    from inference.model.servable import Servable
    from inference.repository.operator_state import State, StateFile
    from inference.repository.snapshot import Snapshot
    from inference.settings import Settings
    from inference.storage.layout import Key

_FETCH_SECONDS = 20.0


class Repository:
    """Which models are live.

    Args:
        settings: Folder, versions to keep, limits.
        state_file: The operator's choices.
        reader: Reads artifacts.
        examiner: Decides whether an artifact may be served; replaced in tests.
        events: Counts what happens.
    """

    def __init__(
        self,
        settings: Settings,
        state_file: StateFile,
        *,
        reader: Reader = read_aside,
        examiner: Examiner = examine_aside,
        events: Events | None = None,
    ) -> None:
        self._settings = settings
        has_store = settings.models_url is not None
        self._requests = FetchRequests(settings.state_dir) if has_store else None
        self._state_file = state_file
        self._folder = folder = ModelsFolder(settings.models_dir, settings.model_name)
        events = events or Events()
        self._threads = threads = LoadThreads(AT_ONCE)
        self._registry = registry = Registry()
        loader = Loader(settings, reader, examiner, events, threads)
        self._scheduler = LoadScheduler(settings, loader, registry, threads, events)
        self._reconciler = Reconciler(
            settings,
            state_file,
            registry,
            self._scheduler,
            folder=folder,
            loader=loader,
            threads=threads,
        )
        self._finder = Finder(self, folder, threads.in_folder)
        self._stop = asyncio.Event()

    @property
    def state(self) -> State:
        """The operator's choices as they are on disk now."""
        return self._state_file.current()

    @property
    def scans_begun(self) -> int:
        """How many scans of the folder have begun."""
        return self._reconciler.scans_begun

    @property
    def latest(self) -> Snapshot:
        """The last snapshot, which may be older than the operator's choices; for any thread."""
        return self._registry.snapshot

    def current(self) -> Snapshot:
        """Return the snapshot, with the operator's choices as they are on disk now."""
        state = self._state_file.current()
        if state is not self._registry.snapshot.state:
            self._scheduler.follow(state)
        return self._registry.snapshot

    def on_other_choices(self, notify: Callable[[], None]) -> None:
        """Have a function called whenever the snapshot follows other choices of the operator."""
        self._registry.on_other_choices = notify

    @contextlib.asynccontextmanager
    async def holding(
        self, name: str, versions: Sequence[int]
    ) -> AsyncIterator[Awaitable[dict[int, Servable]]]:
        """Load versions, and keep them loaded while the context is open.

        Args:
            name: The model.
            versions: The versions.

        Yields:
            The servables by version, to be awaited once. That raises ``NotFoundError`` if there is
            no such model or version, ``ConflictError`` if one was refused or the model is unloaded,
            and ``NotReadyError`` if one could not be copied from the object store in time.
        """
        keys = [(name, version) for version in versions]
        self._scheduler.requested.update(keys)
        loading = self._load(keys)
        try:
            yield loading
        finally:
            loading.close()
            self._scheduler.requested -= Counter(keys)

    async def _load(self, keys: Iterable[Key]) -> dict[int, Servable]:
        return {key[1]: await self._load_one(key) for key in keys}

    async def _load_one(self, key: Key) -> Servable:
        """Load a version that is requested."""
        name, version = key
        if self._requests is not None:
            await self._fetch(key, self._requests)
        self.current().model(name)
        self._scheduler.advance([name])
        while True:
            entry = self._registry.get(key)
            decided = entry is None or entry.is_judged or entry.is_quarantined
            if decided or name in self.state.unloaded:
                return self.current().servable(name, version)
            await self.wait_for_change_of(name)

    async def _fetch(self, key: Key, requests: FetchRequests) -> None:
        """Have a version copied from the object store, if it is not here."""
        name, version = key
        model = self.current().models.get(name)
        is_here = model is not None and version in model.versions
        if is_here or not (is_name(name) and VERSION.fullmatch(str(version))):
            return
        if not await requests.fetch(key, _FETCH_SECONDS):
            raise NotReadyError(
                f"version {version} of model '{name}' is not in the models folder, and was not "
                f"copied from the object store within {_FETCH_SECONDS:g} s; the log says why"
            )
        await self.rescan()

    async def wait_until(self, holds: Callable[[Snapshot], bool]) -> Snapshot:
        """Wait until a snapshot satisfies a condition; bound it with :func:`asyncio.timeout`."""
        while not holds(self.current()):
            await self._registry.wait_for_change()
        return self.current()

    async def wait_for_change_of(self, name: str) -> None:
        """Wait until something changes about a model."""
        await self._registry.wait_for_change_of(name)

    async def catch_up(self) -> None:
        """Wait a little until all models that were examined before are served again.

        Meanwhile clients wait at the listening socket, instead of getting 404 for models that are
        about to load. New files are not waited for, since their examination may take long.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self.wait_until(lambda snapshot: snapshot.caught_up)

    async def find(self, look: Callable[[Snapshot], Servable]) -> Servable:
        """Look a servable up, and wait a little where it may be about to appear.

        Args:
            look: The look-up.

        Raises:
            RookeryError: What the look-up raises in the end.
        """
        return await self._finder.find(look)

    async def rescan(self) -> None:
        """Scan the folder now; return when the snapshot shows what is there."""
        await self._reconciler.rescan()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep the snapshot up to date while the context is open."""
        jobs = [
            asyncio.create_task(self._watch()),
            asyncio.create_task(self._reconciler.run()),
        ]
        self._reconciler.wake()
        try:
            yield
        finally:
            self._stop.set()
            for task in jobs:
                task.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)
            await self._scheduler.close()
            self._threads.close()

    async def _watch(self) -> None:
        async for _ in ticks(
            self._folder,
            rescan_seconds=self._settings.rescan_seconds,
            force_polling=self._settings.force_polling,
            stop=self._stop,
        ):
            self._reconciler.wake()
