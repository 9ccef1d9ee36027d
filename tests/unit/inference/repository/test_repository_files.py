"""Files that are replaced, removed or still being written."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
import os
import shutil
import time
import weakref
from typing import TYPE_CHECKING

import msgspec
import pytest

from inference.errors import ConflictError, NotFoundError
from inference.repository import entry
from support.models.artifacts import message
from support.repository_harness import Bench, active_of, live, note, scenario

if TYPE_CHECKING:
    from pathlib import Path


# Files that look like models from the outside.
CORRUPT, HALF = message((1, 8), (7, "corrupt")), message((1, 8), (7, "half"))


@scenario
async def test_a_file_replaced_in_place_is_swapped_and_the_old_one_freed(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.version(1)
    async with live(bench):
        snapshot = await bench.active(1)
        old = weakref.ref(snapshot.servable("m"))
        del snapshot
        bench.version(1, note(2))
        digest = hashlib.sha256(note(2)).hexdigest()
        await bench.until(lambda s: s.servable("m").digest == digest)
        await asyncio.sleep(0)
        gc.collect()
        assert old() is None


@scenario
async def test_a_bad_file_in_place_of_a_good_one_changes_nothing_for_callers(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path)
    good = bench.version(1)
    bench.examiner.refuses[CORRUPT] = "not ONNX"
    async with live(bench):
        await bench.active(1)
        bench.version(1, CORRUPT)
        snapshot = await bench.until(lambda s: s.models["m"].versions[1].quarantined)
        assert snapshot.servable("m").digest == hashlib.sha256(good).hexdigest()
        assert bench.here(1).reason.startswith(
            "the file now on disk was refused (not ONNX); the ver"
        )
        bench.version(1, good)
        await bench.until(lambda s: not s.models["m"].versions[1].quarantined)
        assert bench.here(1).reason == ""


@scenario
async def test_a_touched_file_is_not_examined_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.version(1)
    async with live(bench):
        await bench.active(1)
        bench.version(1, age=30)
        bench.version(2)
        await bench.active(2)
        assert bench.examiner.seen == [note(1), note(2)]


@scenario
async def test_a_removed_model_is_gone_and_comes_back(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.version(1)
    bench.put("other.onnx", note(5))
    async with live(bench):
        await bench.until(lambda s: s.ready_names == ["m", "other"])
        shutil.rmtree(bench.models / "m")
        snapshot = await bench.until(lambda s: "m" not in s.models)
        with pytest.raises(NotFoundError, match=r"no model 'm'.*Ready models: other"):
            snapshot.servable("m")
        bench.version(1)
        await bench.active(1)


@scenario
async def test_a_version_removed_while_it_is_examined_is_forgotten(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.examiner.holds[bench.version(1)] = asyncio.Event()
    async with live(bench):
        await bench.until(lambda s: "m" in s.models and bench.examiner.seen)
        shutil.rmtree(bench.models / "m")
        await bench.until(lambda s: "m" not in s.models)
        await bench.until(lambda s: s.complete)


@scenario
async def test_what_is_live_stays_live_while_the_folder_is_away(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.version(1)
    async with live(bench):
        await bench.active(1)
        bench.models.rename(tmp_path / "away")
        bench.state_file.update(lambda s: msgspec.structs.replace(s, pins={"x": 1}))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                await bench.repository.wait_until(lambda s: "m" not in s.models)
        assert active_of(bench.repository.current()) == 1
        bench.models.mkdir()
        await bench.until(lambda s: "m" not in s.models)
        bench.version(3)
        await bench.active(3)


@scenario
async def test_an_unloaded_model_is_released_and_loaded_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.version(1)
    async with live(bench):
        old = weakref.ref((await bench.active(1)).servable("m"))
        bench.choose(unloaded=["m"])
        snapshot = bench.repository.current()
        with pytest.raises(ConflictError, match="unloaded"):
            snapshot.servable("m")
        with pytest.raises(ConflictError, match="unloaded"):
            snapshot.servable("m", 1)
        del snapshot
        async with asyncio.timeout(40):
            while old() is not None:
                await asyncio.sleep(0.02)
                gc.collect()
        bench.choose(unloaded=[])
        await bench.active(1)
        assert len(bench.examiner.seen) == 1


@scenario
async def test_a_file_is_examined_only_once_it_has_settled(tmp_path: Path) -> None:
    bench = Bench(tmp_path, settle_ms=20_000)
    async with live(bench):
        await bench.until(lambda s: s.complete)
        target = bench.models / "m" / "1" / "model.onnx"
        target.parent.mkdir(parents=True)
        with target.open("wb") as file:
            for part in range(0, len(note(1)), 200):
                file.write(note(1)[part : part + 200])
                file.flush()
                await asyncio.sleep(0.05)
        assert not bench.examiner.seen
        long_ago = time.time() - 60
        os.utime(target, (long_ago, long_ago))
        await bench.active(1)
        assert bench.examiner.seen == [note(1)]


@scenario
async def test_a_file_refused_right_after_a_write_may_still_be_growing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entry, "_GRACE_SECONDS", 60.0)  # however late it is examined
    bench = Bench(tmp_path)
    bench.examiner.refuses[HALF] = "truncated"
    async with live(bench):
        bench.version(1, HALF, age=0)
        await bench.until(
            lambda s: "m" in s.models and "still be being written" in bench.here(1).reason
        )
        assert bench.here(1).state == "loading"
        bench.version(1, note(1), age=0)
        await bench.active(1)


@scenario
async def test_a_refused_file_is_quarantined_when_it_grows_no_more(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.examiner.refuses[HALF] = "truncated"
    async with live(bench):
        bench.version(1, HALF, age=1.5)
        await bench.until(lambda s: "m" in s.models and bench.here(1).state == "quarantined")
        assert bench.here(1).reason == "truncated"
        assert bench.examiner.seen == [HALF]


@scenario
async def test_a_file_that_changes_while_it_is_examined_is_examined_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    gate = bench.examiner.holds[bench.version(1)] = asyncio.Event()
    async with live(bench):
        await bench.until(lambda _: bench.examiner.seen)
        bench.version(1, note(2))
        gate.set()
        digest = hashlib.sha256(note(2)).hexdigest()
        await bench.until(lambda s: s.models["m"].active and s.servable("m").digest == digest)
