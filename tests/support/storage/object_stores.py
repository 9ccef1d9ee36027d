"""Object stores for tests: in memory, with faults, and what copies from them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from obstore.store import MemoryStore

from inference.errors import StorageError
from inference.settings.model_name import is_name
from inference.storage.copies import Copies
from inference.storage.layout import version_path
from inference.storage.object_store import ObjectStore, Reading
from inference.storage.source import BucketSource
from inference.storage.sync import Pass, Synchronizer, SyncRules

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from inference.storage.object_store import StoredObject


class FaultyStore(ObjectStore):
    """A store in memory that fails as a test says.

    Attributes:
        away: Whether nothing is answered.
        truncated: Whether contents end before their end.
        hidden: Prefixes that a listing leaves out.
        changed: Whether each object has another ETag when it is read than when it was listed.
    """

    def __init__(self) -> None:
        memory = MemoryStore()
        super().__init__(lambda: memory, "memory://")
        self.away = False
        self.truncated = False
        self.changed = False
        self.hidden: tuple[str, ...] = ()

    async def list_objects(self, prefix: str = "") -> list[StoredObject]:
        self._check()
        found = await super().list_objects(prefix)
        return [one for one in found if not one.path.startswith(self.hidden or ("\n",))]

    async def head(self, path: str) -> StoredObject:
        self._check()
        return await super().head(path)

    @contextlib.asynccontextmanager
    async def reading(self, path: str, etag: str | None = None) -> AsyncIterator[Reading]:
        self._check()
        async with super().reading(path, "other" if self.changed else etag) as reading:
            yield reading._replace(chunks=self._shorten(reading.chunks))

    async def _shorten(self, chunks: AsyncIterator[Any]) -> AsyncIterator[bytes]:
        async for chunk in chunks:
            yield bytes(chunk)[: -1 if self.truncated else None]

    def _check(self) -> None:
        if self.away:
            raise StorageError("the store is away")


class SyncBench:
    """A store, a models folder, and what makes the folder follow.

    Attributes:
        now: The time, in seconds.
        verdicts: Whether versions are admitted, by model and version.
        chosen: Versions that the operator has chosen, by model.
    """

    def __init__(self, folder: Path, *, keep: int = 2, vanished_seconds: float = 60) -> None:
        self.folder = folder
        self.store = FaultyStore()
        self.now = 1000.0
        self.verdicts: dict[tuple[str, int], bool] = {}
        self.chosen: dict[str, set[int]] = {}
        self.rules = SyncRules(
            keep=keep,
            most_bytes=1000,
            vanished_seconds=vanished_seconds,
            chosen=lambda: self.chosen,
            verdict=lambda name, copy: self.verdicts.get((name, int(copy.file.parent.name))),
        )
        self.copies = Copies(folder)
        self._begin()

    def restart(self) -> None:
        """Begin again with what is in the folder, as a new process does."""
        self.copies.close()
        self.copies = Copies(self.folder)
        self._begin()

    def _begin(self) -> None:
        assert self.copies.try_lock()
        source = BucketSource(self.store, is_name)
        self.synchronizer = Synchronizer(source, self.copies, self.rules, clock=lambda: self.now)

    async def put(self, name: str, *versions: int, content: bytes = b"content") -> None:
        for version in versions:
            await self.store.put(version_path(name, version), content)

    async def delete(self, name: str, *versions: int) -> None:
        for version in versions:
            await self.store.delete(version_path(name, version))

    async def run(self) -> Pass:
        return await self.synchronizer.run()

    @property
    def here(self) -> set[tuple[str, int]]:
        """The versions in the folder."""
        files = self.folder.glob("[!.]*/*/model.onnx")
        return {(file.parent.parent.name, int(file.parent.name)) for file in files}

    def admit(self, *keys: tuple[str, int]) -> None:
        """Admit versions, and let enough time pass for them to be loaded."""
        self.verdicts |= dict.fromkeys(keys, True)
