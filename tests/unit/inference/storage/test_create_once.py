from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from inference.errors import StateError, StorageError
from inference.storage import create_once
from inference.storage.create_once import MARK, NotOnceError, check_creates_once
from inference.storage.object_store import ObjectMissingError, open_store
from inference.storage.state_log import StateLog
from support.dispatcher_harness import scenario
from support.storage.object_stores import FaultyStore

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class CreatingStore(FaultyStore):
    """Counts the objects that were to be created."""

    asked = 0

    async def create(
        self, path: str, content: bytes, metadata: Mapping[str, str] | None = None
    ) -> None:
        self.asked += 1
        await super().create(path, content, metadata)


class LookingStore(FaultyStore):
    """Looks for an object, and writes it when another caller has looked, too.

    Args:
        right: How many contests it creates an object once before.
    """

    def __init__(self, right: int) -> None:
        super().__init__()
        self._right = 2 * right  # callers
        self._both_looked = asyncio.Event()

    async def create(self, path: str, content: bytes, _: object = None) -> None:
        self._right -= 1
        if self._right >= 0:
            await super().create(path, content)
            return
        if self._right < -1:
            self._both_looked.set()
        await self._both_looked.wait()
        await self.put(path, content)


class IgnorantStore(FaultyStore):
    """Ignores the condition."""

    async def create(self, path: str, content: bytes, _: object = None) -> None:
        await self.put(path, content)


@scenario
async def test_a_store_that_passes_keeps_it_and_is_asked_once() -> None:
    store = CreatingStore()
    await check_creates_once(store)
    assert [one.path for one in await store.list_objects()] == [MARK]
    asked = store.asked
    await check_creates_once(store)
    assert store.asked == asked


def test_a_folder_passes_and_keeps_nothing_else(tmp_path: Path) -> None:
    asyncio.run(check_creates_once(open_store(tmp_path.as_uri())))
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [tmp_path / MARK]


@pytest.mark.parametrize(
    "store", [IgnorantStore(), LookingStore(0), LookingStore(1), LookingStore(2)]
)
@scenario
async def test_a_store_in_which_both_succeed_is_refused_and_left_as_it_was(
    store: FaultyStore,
) -> None:
    with pytest.raises(NotOnceError, match="memory:// lets two callers create the same object"):
        await check_creates_once(store)
    assert await store.list_objects() == []


@scenario
async def test_a_log_is_not_begun_in_a_store_that_is_refused() -> None:
    store = IgnorantStore()
    with pytest.raises(StateError, match=r"the change was not made: .* lets two callers"):
        await StateLog(store).append(1, b"one")
    assert await StateLog(store).read_latest(0) == (0, None)


@scenario
async def test_one_contest_is_enough_where_it_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(create_once, "_LONG_SECONDS", 0.0)
    store = CreatingStore()
    await check_creates_once(store)
    assert store.asked == 2 + 1, "two callers, and what says that the store has passed"
    with pytest.raises(NotOnceError):
        await check_creates_once(LookingStore(0))


@scenario
async def test_a_store_that_is_away_is_not_judged() -> None:
    store = FaultyStore()
    store.away = True
    with pytest.raises(StorageError, match="away"):
        await check_creates_once(store)


class RefusingStore(FaultyStore):
    """Answers some requests of a contest with an error, or lets no caller delete.

    Args:
        refused: How many of the requests to create something are refused.
    """

    def __init__(self, refused: int, *, deletes: bool = True) -> None:
        super().__init__()
        self.refused = refused
        self.deletes = deletes

    async def create(
        self, path: str, content: bytes, metadata: Mapping[str, str] | None = None
    ) -> None:
        if self.refused:
            self.refused -= 1
            raise StorageError("403 Forbidden")
        await super().create(path, content, metadata)

    async def delete(self, path: str) -> None:
        if not self.deletes:
            raise StorageError("403 Forbidden: no permission to delete")
        await super().delete(path)


@pytest.mark.parametrize("refused", [1, 2, 5, 7])
@scenario
async def test_a_contest_with_an_error_says_nothing_about_the_store(refused: int) -> None:
    store = RefusingStore(refused)
    with pytest.raises(StorageError, match="403") as caught:
        await check_creates_once(store)
    assert not isinstance(caught.value, NotOnceError)
    with pytest.raises(ObjectMissingError):
        await store.head(MARK)
    store.refused = 0
    await check_creates_once(store)


@scenario
async def test_a_caller_that_may_not_delete_can_still_create() -> None:
    store = RefusingStore(0, deletes=False)
    assert await StateLog(store).append(1, b"one")
    await store.head(MARK)


@scenario
async def test_logs_that_begin_at_the_same_time_both_pass() -> None:
    store = FaultyStore()
    logs = [StateLog(store) for _ in range(5)]
    appended = await asyncio.gather(*(log.append(1, b"%d" % n) for n, log in enumerate(logs)))
    assert sorted(appended) == [False] * 4 + [True]
