from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from inference.errors import StateError
from inference.storage.loop import SyncLoop
from inference.storage.requests import FetchRequests
from inference.storage.status import SyncStatus
from support.dispatcher_harness import scenario
from support.storage.object_stores import SyncBench

if TYPE_CHECKING:
    from pathlib import Path


Make = Callable[..., tuple[SyncBench, SyncLoop, SyncStatus]]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    bench, status = SyncBench(tmp_path / "models"), SyncStatus()

    def make_loop(interval_seconds: float = 0.01) -> tuple[SyncBench, SyncLoop, SyncStatus]:
        loop = SyncLoop(
            bench.synchronizer,
            bench.copies,
            status,
            interval_seconds=interval_seconds,
            requests=FetchRequests(tmp_path / "state"),
        )
        return bench, loop, status

    yield make_loop
    bench.copies.close()


@scenario
async def test_the_status_says_where_the_copies_stand(make: Make) -> None:
    bench, loop, status = make()
    assert (status.state, status.last_success, status.since) == ("starting", 0, 0)
    bench.store.away = True
    assert (await loop.run_once()).failures
    assert (status.state, status.last_success, status.failed_passes) == ("away", 0, 1)
    bench.store.away = False
    await bench.put("a", 1, content=b"12345")
    await loop.run_once()
    assert (status.state, status.versions, status.copied_versions) == ("ok", 1, 1)
    assert (status.copied_bytes, status.passes, status.failed_passes) == (5, 2, 1)
    assert status.last_success >= status.since > 0


@scenario
async def test_a_pass_of_which_one_version_fails_is_no_success_and_no_absence(make: Make) -> None:
    bench, loop, status = make()
    await bench.put("a", 1)
    bench.store.truncated = True
    await loop.run_once()
    assert (status.state, status.last_success, status.failed_passes) == ("ok", 0, 1)


@scenario
async def test_it_goes_on_until_it_is_stopped(make: Make) -> None:
    bench, loop, status = make()
    stop = asyncio.Event()
    running = asyncio.create_task(loop.run(stop))
    bench.store.away = True
    async with asyncio.timeout(20):
        while status.failed_passes < 2:  # noqa: ASYNC110 - a number has no event
            await asyncio.sleep(0)
        bench.store.away = False
        await bench.put("a", 1)
        while bench.here != {("a", 1)}:  # noqa: ASYNC110
            await asyncio.sleep(0)
        stop.set()
        await running


@scenario
async def test_a_request_begins_a_pass_at_once_and_is_answered_by_it(
    tmp_path: Path, make: Make
) -> None:
    bench, loop, status = make(interval_seconds=1000)
    await bench.put("a", 1, 2, 3)
    requests = FetchRequests(tmp_path / "state")
    stop = asyncio.Event()
    running = asyncio.create_task(loop.run(stop))
    while not status.passes:  # noqa: ASYNC110
        await asyncio.sleep(0)
    bench.chosen = {"a": {1}}
    assert await requests.fetch(("a", 1), 20)
    assert ("a", 1) in bench.here
    assert requests.pending() == set()
    stop.set()
    await running


@scenario
async def test_a_request_waits_no_longer_than_it_may_while_the_store_is_away(
    tmp_path: Path, make: Make
) -> None:
    bench, loop, _ = make()
    bench.store.away = True
    requests = FetchRequests(tmp_path / "state")
    assert not await requests.fetch(("a", 1), 0.01)
    await loop.run_once()
    assert requests.pending() == {("a", 1)}


@scenario
async def test_a_request_that_cannot_be_written_is_an_error_of_the_state(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    with pytest.raises(StateError, match="version 1 of model 'a' cannot be requested"):
        await FetchRequests(tmp_path / "state").fetch(("a", 1), 20)
