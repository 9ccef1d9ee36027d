from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from inference.errors import StorageError
from inference.storage.object_store import ObjectMissingError, StoredObject
from inference.storage.state_log import StateLog
from support.dispatcher_harness import scenario
from support.storage.object_stores import FaultyStore

if TYPE_CHECKING:
    from inference.storage.object_store import ObjectStore


async def increment(store: ObjectStore, times: int) -> None:
    log, number, value = StateLog(store), 0, 0
    for _ in range(times):
        while True:
            number, newer = await log.read_latest(number)
            value = int(newer.split()[0]) if newer is not None else value
            content = b"%d %d" % (value + 1, id(log))
            if await log.append(number + 1, content):
                number, value = number + 1, value + 1
                break


@scenario
async def test_two_writers_with_a_thousand_changes_each_lose_none() -> None:
    store = FaultyStore()
    await asyncio.gather(increment(store, 1000), increment(store, 1000))
    number, content = await StateLog(store).read_latest(0)
    assert number == 2000
    assert content is not None
    assert content.startswith(b"2000 ")


@scenario
async def test_an_empty_log_has_no_document() -> None:
    assert await StateLog(FaultyStore()).read_latest(0) == (0, None)


@pytest.mark.parametrize("behind", [0, 1, 2, 15, 16, 17, 18, 100])
@scenario
async def test_the_newest_is_found_however_far_behind(behind: int) -> None:
    log = StateLog(FaultyStore())
    for number in range(1, 201):
        assert await log.append(number, b"%d" % number)
    number, content = await log.read_latest(200 - behind)
    assert (number, content) == (200, b"200" if behind else None)
    assert await log.read_latest(0) == (200, b"200")


class CountingStore(FaultyStore):
    """Counts requests, and has the documents up to a number without making them."""

    def __init__(self, newest: int) -> None:
        super().__init__()
        self.newest = newest
        self.requests = 0
        self.listings = 0

    async def head(self, path: str) -> StoredObject:
        self._find(path)
        return StoredObject(path, 1, "etag")

    async def read(self, path: str, _: int) -> bytes:
        return b"%d" % self._find(path)

    async def list_objects(self, prefix: str = "") -> list[StoredObject]:
        self.listings += 1
        return await super().list_objects(prefix)

    def _find(self, path: str) -> int:
        self.requests += 1
        number = int(path.removeprefix("state/").removesuffix(".json"))
        if not 1 <= number <= self.newest:
            raise ObjectMissingError(path)
        return number


@pytest.mark.parametrize("newest", [*range(1, 70), 1023, 1024, 1025, 9_999, 10_000, 1_000_000])
@scenario
async def test_a_new_replica_reads_one_document_after_few_requests(newest: int) -> None:
    store = CountingStore(newest)
    assert await StateLog(store).read_latest(0) == (newest, b"%d" % newest)
    assert store.requests <= 2 * newest.bit_length() + 3
    assert not store.listings
    for known in {1, newest // 2, newest - 17, newest - 1} & set(range(1, newest)):
        store.requests = 0
        assert await StateLog(store).read_latest(known) == (newest, b"%d" % newest)
        assert store.requests <= 2 * (newest - known).bit_length() + 20


@scenario
async def test_a_log_that_has_lost_its_oldest_documents_is_listed() -> None:
    store = FaultyStore()
    log = StateLog(store)
    for number in range(1, 41):
        await log.append(number, b"%d" % number)
    for number in range(1, 31):
        await store.delete(f"state/{number}.json")
    assert await StateLog(store).read_latest(0) == (40, b"40")


@scenario
async def test_a_log_that_is_shorter_than_what_was_read_is_another_one() -> None:
    """A replica that went on from its own number would divide the replicas unnoticed."""
    store = FaultyStore()
    assert await StateLog(store).read_latest(50) == (50, None), "an empty one is continued"
    for number in range(1, 4):
        await StateLog(store).append(number, b"%d" % number)
    for known in (4, 50):
        with pytest.raises(StorageError, match=f"until number 3, .* knows number {known}: it is"):
            await StateLog(store).read_latest(known)
    assert await StateLog(store).read_latest(3) == (3, None)


@scenario
async def test_a_document_that_comes_during_the_search_is_not_passed_over() -> None:
    class Growing(CountingStore):
        async def head(self, path: str) -> StoredObject:
            self.newest += 1
            return await super().head(path)

    store = Growing(40)
    found = await StateLog(store).read_latest(0)
    assert found == (store.newest, b"%d" % store.newest)
    assert store.newest > 40


@scenario
async def test_a_number_is_given_once_and_a_repeated_request_succeeds() -> None:
    log = StateLog(FaultyStore())
    assert await log.append(1, b"first")
    assert not await log.append(1, b"second")
    assert await log.append(1, b"first"), "its own answer was lost"
    assert await log.read_latest(0) == (1, b"first")


@scenario
async def test_a_store_that_is_away_is_an_error_and_not_an_empty_log() -> None:
    store = FaultyStore()
    log = StateLog(store)
    await log.append(1, b"first")
    store.away = True
    with pytest.raises(StorageError):
        await log.read_latest(0)
    with pytest.raises(StorageError):
        await log.read_latest(1)
