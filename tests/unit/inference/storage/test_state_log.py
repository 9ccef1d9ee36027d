from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from inference.errors import StorageError
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
