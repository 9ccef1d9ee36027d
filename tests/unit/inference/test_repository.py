from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import hashlib
import os
import shutil
import time
import weakref
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from artefacts import penguins
from inference.errors import ConflictError, NotFoundError, NotReadyError
from inference.repository.report import Report
from inference.repository.repository import Repository
from inference.repository.state import Selection, StateFile
from inference.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from pathlib import Path

    from inference.repository.admission import Limits
    from inference.repository.snapshot import Snapshot, Version


class FakeExaminer:
    """Admits everything at once, but for what a test wants otherwise.

    Attributes:
        refuses: The reason, by content.
        holds: Contents that it does not answer for before the event is set.
        seen: The contents that it was asked about, in order.
    """

    def __init__(self) -> None:
        self.refuses: dict[bytes, str] = {}
        self.holds: dict[bytes, asyncio.Event] = {}
        self.seen: list[bytes] = []

    async def __call__(self, path: Path, _: Limits) -> Report:
        content = path.read_bytes()  # noqa: ASYNC240 - a small file, and nobody waits
        self.seen.append(content)
        if content in self.holds:
            await self.holds[content].wait()
        digest = hashlib.sha256(content).hexdigest()
        reason = self.refuses.get(content, "")
        return Report(admitted=not reason, reason=reason, digest=digest)


class Bench:
    """A repository on folders of its own, with a fake examiner."""

    def __init__(self, root: Path, **settings: Any) -> None:
        self.models = root / "models"
        self.models.mkdir(exist_ok=True)
        self.state_file = StateFile(root / "state")
        self.examiner = FakeExaminer()
        self.settings = Settings(
            models_dir=self.models,
            state_dir=root / "state",
            **{"settle_ms": 0, "rescan_seconds": 0.2} | settings,
        )
        self.repository = Repository(self.settings, self.state_file, examiner=self.examiner)

    def put(self, place: str, content: bytes, *, age: float = 60) -> None:
        """Rename a file into place, written so many seconds ago."""
        target = self.models / place
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.parent / f".{target.name}.tmp"
        temporary.write_bytes(content)
        written = time.time() - age
        os.utime(temporary, (written, written))
        temporary.replace(target)

    def version(self, number: int, content: bytes | None = None, **more: Any) -> bytes:
        """Put a version of the model ``m``."""
        content = note(number) if content is None else content
        self.put(f"m/{number}/model.onnx", content, **more)
        return content

    def choose(self, **changes: Any) -> None:
        self.state_file.update(lambda state: msgspec.structs.replace(state, **changes))

    async def until(self, holds: Callable[[Snapshot], Any]) -> Snapshot:
        async with asyncio.timeout(20):
            return await self.repository.wait_until(holds)

    async def active(self, number: int | None) -> Snapshot:
        """Wait until this version of ``m`` is what answers."""
        return await self.until(lambda s: "m" in s.models and active_of(s) == number)

    async def settled(self, loaded: list[int], active: int | None = None) -> Snapshot:
        """Wait until exactly these versions of ``m`` answer, and nothing is on its way."""

        def holds(snapshot: Snapshot) -> bool:
            model = snapshot.models.get("m")
            return (
                model is not None
                and model.ready_versions == loaded
                and all(v.state != "loading" for v in model.versions.values())
                and (active is None or active_of(snapshot) == active)
            )

        return await self.until(holds)

    def here(self, number: int) -> Version:
        return self.repository.current().models["m"].versions[number]


def note(number: int) -> bytes:
    """Make a good artefact that differs from those of other numbers."""
    return penguins(note=f"number {number}")


def active_of(snapshot: Snapshot) -> int | None:
    active = snapshot.models["m"].active
    return None if active is None else active.version


def scenario(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run an asynchronous test, for at most a minute."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(asyncio.wait_for(test(*args, **kwargs), 60))

    return run


@contextlib.asynccontextmanager
async def live(bench: Bench) -> AsyncIterator[Bench]:
    async with bench.repository.running():
        yield bench


# -- coming up -------------------------------------------------------------------------------------


@scenario
async def test_an_empty_folder_is_complete_at_once(tmp_path: Path) -> None:
    async with live(Bench(tmp_path, rescan_seconds=60)) as bench, asyncio.timeout(5):
        await bench.repository._changed.wait()
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
        await bench.active(1)
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
async def test_an_older_version_is_loaded_when_asked_for(tmp_path: Path) -> None:
    bench = Bench(tmp_path, keep_versions=1)
    for number in (1, 2, 3):
        bench.version(number)
    bench.examiner.refuses[note(2)] = "bad"
    async with live(bench):
        await bench.settled([3])
        servable = await bench.repository.ensure("m", 1)
        assert servable.version == 1
        with pytest.raises(ConflictError, match="bad"):
            await bench.repository.ensure("m", 2)
        with pytest.raises(NotFoundError):
            await bench.repository.ensure("m", 7)
        with pytest.raises(NotFoundError):
            await bench.repository.ensure("n", 1)
        await bench.settled([3])


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


# -- replacement and removal -----------------------------------------------------------------------


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
    bench.examiner.refuses[b"corrupt"] = "not ONNX"
    async with live(bench):
        await bench.active(1)
        bench.version(1, b"corrupt")
        snapshot = await bench.until(lambda s: s.models["m"].versions[1].quarantined)
        assert snapshot.servable("m").digest == hashlib.sha256(good).hexdigest()
        assert "was refused (not ONNX); what was admitted before goes on" in bench.here(1).reason
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
        with pytest.raises(NotFoundError, match=r"no model 'm'.*Live are: other"):
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
        async with asyncio.timeout(5):
            while old() is not None:
                await asyncio.sleep(0.02)
                gc.collect()
        bench.choose(unloaded=[])
        await bench.active(1)
        assert len(bench.examiner.seen) == 1


# -- files that are not there yet ------------------------------------------------------------------


@scenario
async def test_a_file_is_examined_only_once_it_has_settled(tmp_path: Path) -> None:
    bench = Bench(tmp_path, settle_ms=400)
    async with live(bench):
        await bench.until(lambda s: s.complete)
        target = bench.models / "m" / "1" / "model.onnx"
        target.parent.mkdir(parents=True)
        with target.open("wb") as file:
            for part in range(0, len(note(1)), 200):
                file.write(note(1)[part : part + 200])
                file.flush()
                await asyncio.sleep(0.05)
        await bench.active(1)
        assert bench.examiner.seen == [note(1)]


@scenario
async def test_a_file_refused_right_after_a_write_may_still_be_growing(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.examiner.refuses[b"half"] = "truncated"
    async with live(bench):
        bench.version(1, b"half", age=0)
        await bench.until(
            lambda s: "m" in s.models and "still be being written" in bench.here(1).reason
        )
        assert bench.here(1).state == "loading"
        bench.version(1, note(1), age=0)
        await bench.active(1)


@scenario
async def test_a_refused_file_is_quarantined_when_it_grows_no_more(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.examiner.refuses[b"half"] = "truncated"
    async with live(bench):
        bench.version(1, b"half", age=1.5)
        await bench.until(lambda s: "m" in s.models and bench.here(1).state == "quarantined")
        assert bench.here(1).reason == "truncated"
        assert bench.examiner.seen == [b"half"]


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


# -- trouble ---------------------------------------------------------------------------------------


@scenario
async def test_an_examination_that_hangs_delays_no_other_model(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.examiner.holds[bench.version(1)] = asyncio.Event()
    async with live(bench):
        await bench.until(lambda _: bench.examiner.seen)
        bench.put("other.onnx", note(2))
        await bench.until(lambda s: "other" in s.ready_names)
        assert bench.here(1).state == "loading"


@scenario
async def test_an_examiner_that_fails_quarantines_the_file_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(path: Path, limits: Limits) -> Report:
        if path.parent.parent.name == "m":
            raise ZeroDivisionError
        return await FakeExaminer()(path, limits)

    bench = Bench(tmp_path)
    bench.repository = Repository(bench.settings, bench.state_file, examiner=fail)
    bench.version(1)
    bench.put("other.onnx", note(2))
    async with live(bench):
        await bench.until(lambda s: "other" in s.ready_names and s.complete)
        assert bench.here(1).state == "quarantined"
        assert "ZeroDivisionError" in caplog.text


@scenario
async def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    path = bench.models / "m.onnx"
    with path.open("wb") as file:
        file.truncate(1 << 42)
    os.utime(path, (1, 1))
    async with live(bench):
        await bench.until(lambda s: s.complete)
        assert bench.here(1).state == "quarantined"
        assert "it has 4,398,046,511,104 bytes" in bench.here(1).reason
        assert bench.examiner.seen == []


@scenario
async def test_what_may_have_been_chance_is_tried_again_when_the_file_is_put_again(
    tmp_path: Path,
) -> None:
    """A child that was killed wrote no digest; a busy machine or another process may be why."""
    answers = [Report(admitted=False, reason="it crashes the runtime (SIGKILL)")]

    async def examine(path: Path, limits: Limits) -> Report:
        return answers.pop() if answers else await FakeExaminer()(path, limits)

    bench = Bench(tmp_path)
    bench.repository = Repository(bench.settings, bench.state_file, examiner=examine)
    bench.version(1)
    async with live(bench):
        await bench.until(lambda s: "m" in s.models and bench.here(1).state == "quarantined")
        bench.version(1, age=30)
        await bench.active(1)


@scenario
async def test_stops_at_once_while_an_examination_hangs(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.examiner.holds[bench.version(1)] = asyncio.Event()
    async with live(bench):
        await bench.until(lambda _: bench.examiner.seen)
        begin = time.monotonic()
    assert time.monotonic() - begin < 5


@scenario
async def test_a_file_taken_away_during_its_examination_is_not_quarantined(tmp_path: Path) -> None:
    """That the child found no file is no verdict on the model."""
    bench = Bench(tmp_path)
    content = bench.version(1)
    bench.examiner.refuses[content] = "the file cannot be read: No such file or directory"
    bench.examiner.holds[content] = asyncio.Event()
    quarantined = []
    bench.repository._events.quarantined = quarantined.append  # type: ignore[method-assign]
    async with live(bench):
        await bench.until(lambda _: bench.examiner.seen)
        shutil.rmtree(bench.models / "m")
        bench.examiner.holds[content].set()
        await bench.until(lambda s: "m" not in s.models)
    assert quarantined == []
