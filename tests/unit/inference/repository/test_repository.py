from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING

import pytest

from inference.errors import ConflictError, NotFoundError, NotReadyError
from inference.repository.operator_state import Selection
from support.repository_harness import Bench, active_of, live, note, scenario

if TYPE_CHECKING:
    from pathlib import Path


# -- coming up -------------------------------------------------------------------------------------


@scenario
async def test_an_empty_folder_is_complete_at_once(tmp_path: Path) -> None:
    async with live(Bench(tmp_path, rescan_seconds=60)) as bench, asyncio.timeout(30):
        await bench.repository._registry.wait_for_change()
        assert bench.repository.current().complete


@scenario
async def test_is_not_complete_before_what_was_found_has_been_examined(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    gate = bench.examiner.holds[bench.version(1)] = asyncio.Event()
    async with live(bench):
        await bench.until(lambda s: "m" in s.models)
        for _ in range(3):
            assert not bench.repository.current().complete
        with pytest.raises(NotReadyError):
            bench.repository.current().servable("m")
        gate.set()
        await bench.until(lambda s: s.complete)
        assert bench.repository.current().servable("m").version == 1


@scenario
async def test_does_not_wait_for_a_file_that_is_still_being_written(tmp_path: Path) -> None:
    """A copy over a network may take an hour, and all other models can answer."""
    bench = Bench(tmp_path, settle_ms=50_000)
    bench.version(1)
    growing = bench.models / "n.onnx"
    growing.write_bytes(note(2)[:100])
    async with live(bench):
        snapshot = await bench.active(1)
        assert not snapshot.complete
        with growing.open("ab") as file:
            file.write(note(2)[100:200])
        snapshot = await bench.until(lambda s: s.complete)
        assert snapshot.models["n"].state == "loading"


@scenario
async def test_has_caught_up_once_all_but_examinations_is_done(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.version(1)
    async with live(bench):
        await bench.active(1)
    again = Bench(tmp_path)
    again.examiner.holds[again.version(2)] = asyncio.Event()
    async with live(again):
        snapshot = await again.until(lambda s: s.caught_up)
        assert snapshot.servable("m").version == 1
        assert not snapshot.complete


@scenario
async def test_a_missing_folder_is_waited_for(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.models.rmdir()
    async with live(bench):
        await bench.until(lambda s: s.complete)
        bench.version(1)
        await bench.active(1)


@scenario
async def test_a_new_model_is_live_without_waiting_for_a_rescan(tmp_path: Path) -> None:
    async with live(Bench(tmp_path, rescan_seconds=60)) as bench:
        await bench.until(lambda s: s.complete)
        bench.put("flat.onnx", note(1), age=0)
        await bench.until(lambda s: "flat" in s.ready_names)
        bench.version(1, age=0)
        await bench.until(lambda s: "m" in s.ready_names)


@scenario
async def test_a_new_model_is_seen_by_polling(tmp_path: Path) -> None:
    async with live(Bench(tmp_path, force_polling=True)) as bench:
        await bench.until(lambda s: s.complete)
        bench.version(1)
        await bench.active(1)


# -- versions --------------------------------------------------------------------------------------


@scenario
async def test_keeps_the_highest_versions_loaded_and_the_highest_active(tmp_path: Path) -> None:
    bench = Bench(tmp_path, keep_versions=2)
    for number in (1, 2, 10, 9):
        bench.version(number)
    async with live(bench):
        snapshot = await bench.settled([9, 10], active=10)
        assert [v.state for v in snapshot.models["m"].versions.values()] == [
            "unloaded",
            "unloaded",
            "ready",
            "ready",
        ]
        with pytest.raises(ConflictError, match="on disk only"):
            snapshot.servable("m", 2)
        with pytest.raises(NotFoundError, match=r"no version 3; it has 1, 2, 9, 10, loaded are 9"):
            snapshot.servable("m", 3)


@scenario
async def test_the_old_version_serves_until_the_new_one_is_proven(tmp_path: Path) -> None:
    bench = Bench(tmp_path, keep_versions=1)
    bench.version(1)
    gate = bench.examiner.holds[note(2)] = asyncio.Event()
    async with live(bench):
        await bench.active(1)
        bench.version(2)
        await bench.until(lambda s: 2 in s.models["m"].versions)
        assert active_of(bench.repository.current()) == 1
        assert bench.here(2).state == "loading"
        gate.set()
        await bench.settled([2], active=2)


@scenario
async def test_a_refused_version_leaves_the_older_one_active(tmp_path: Path) -> None:
    bench = Bench(tmp_path, keep_versions=1)
    bench.version(1)
    bench.examiner.refuses[note(2)] = "it answers otherwise"
    async with live(bench):
        await bench.active(1)
        bench.version(2)
        snapshot = await bench.until(
            lambda s: s.models["m"].versions.get(2) and bench.here(2).quarantined
        )
        assert active_of(snapshot) == 1
        assert bench.here(2).reason == "it answers otherwise"
        with pytest.raises(ConflictError, match="quarantined: it answers otherwise"):
            snapshot.servable("m", 2)


@scenario
async def test_good_versions_are_looked_for_below_refused_ones(tmp_path: Path) -> None:
    bench = Bench(tmp_path, keep_versions=2)
    for number in range(1, 6):
        content = bench.version(number)
        if number in (3, 5):
            bench.examiner.refuses[content] = "bad"
    async with live(bench):
        await bench.settled([2, 4], active=4)


@scenario
async def test_a_model_whose_versions_are_all_refused_says_why(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    for number in (1, 2):
        bench.examiner.refuses[bench.version(number)] = f"reason {number}"
    async with live(bench):
        snapshot = await bench.until(lambda s: s.complete)
        assert snapshot.models["m"].state == "quarantined"
        with pytest.raises(ConflictError, match="version 2: reason 2"):
            snapshot.servable("m")


@scenario
async def test_a_pinned_version_is_active_and_loaded_beside_the_highest(tmp_path: Path) -> None:
    bench = Bench(tmp_path, keep_versions=1)
    for number in (1, 2, 3):
        bench.version(number)
    async with live(bench):
        await bench.settled([3], active=3)
        bench.choose(pins={"m": 1})
        await bench.settled([1, 3], active=1)
        bench.version(4)
        await bench.settled([1, 4], active=1)
        bench.choose(pins={})
        await bench.settled([4], active=4)


@scenario
async def test_a_pinned_version_that_is_gone_is_not_replaced_silently(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    for number in (1, 2):
        bench.version(number)
    bench.choose(pins={"m": 1})
    async with live(bench):
        await bench.settled([1, 2], active=1)
        shutil.rmtree(bench.models / "m" / "1")
        snapshot = await bench.active(None)
        with pytest.raises(ConflictError, match="1 is pinned, but: it is not in the models folder"):
            snapshot.servable("m")
        assert snapshot.servable("m", 2).version == 2
        bench.choose(pins={})
        await bench.active(2)


@scenario
async def test_a_pinned_version_that_was_refused_says_so(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.examiner.refuses[bench.version(1)] = "bad"
    bench.version(2)
    bench.choose(pins={"m": 1})
    async with live(bench):
        snapshot = await bench.until(lambda s: s.complete)
        with pytest.raises(ConflictError, match="version 1 is pinned, but: bad; pin another"):
            snapshot.servable("m")


@scenario
async def test_a_selected_version_is_kept_loaded(tmp_path: Path) -> None:
    bench = Bench(tmp_path, keep_versions=1)
    for number in (1, 2):
        bench.version(number)
    bench.choose(selection=Selection("m", 1))
    async with live(bench):
        await bench.settled([1, 2], active=2)


@scenario
async def test_publishing_without_pause_examines_the_newest_and_keeps_few_loaded(
    tmp_path: Path,
) -> None:
    """Versions that were overtaken while they waited for their turn are passed over."""
    bench = Bench(tmp_path, keep_versions=2)
    bench.version(1)
    async with live(bench):
        await bench.active(1)
        gate = asyncio.Event()
        for number in range(2, 40):
            bench.examiner.holds[note(number)] = gate
            bench.version(number)
            await bench.until(lambda s, number=number: number in s.models["m"].versions)
        assert active_of(bench.repository.current()) == 1
        gate.set()
        await bench.settled([38, 39], active=39)
        assert len(bench.examiner.seen) < 10


@scenario
async def test_while_newer_ones_keep_coming_proven_ones_do_not_pile_up(tmp_path: Path) -> None:
    bench = Bench(tmp_path, keep_versions=1)
    bench.version(1)
    async with live(bench):
        await bench.active(1)
        for number in range(2, 12):
            gate = bench.examiner.holds[note(number + 1)] = asyncio.Event()
            bench.version(number + 1)
            await bench.until(lambda s, number=number: number + 1 in s.models["m"].versions)
            bench.version(number, note(100 + number))
            await bench.until(lambda s: len(s.models["m"].ready_versions) <= 3)
            gate.set()
            await bench.active(number + 1)
