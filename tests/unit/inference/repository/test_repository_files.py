from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import hashlib
import os
import shutil
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from inference.admission.report import Report
from inference.errors import ConflictError, NotFoundError
from inference.repository import entry
from inference.repository.folder.changes import Changes, look_for_changes
from inference.repository.repository import Repository
from support.models.artifacts import message
from support.repository_harness import Bench, FakeExaminer, active_of, live, note, scenario

# Files that look like models from the outside.
CORRUPT, HALF = message((1, 8), (7, "corrupt")), message((1, 8), (7, "half"))

if TYPE_CHECKING:
    from inference.admission.admission import Limits
    from inference.admission.files.contents import Contents


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
async def test_many_examinations_that_hang_delay_no_other_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that can hang on, the others make way, and are tried again when these are done."""
    monkeypatch.setattr("inference.repository.loading.examinations._PATIENCE_SECONDS", 0.05)
    bench = Bench(tmp_path)
    gate = asyncio.Event()
    names = [f"hangs-{number}" for number in range(7)]
    for number, name in enumerate(names):
        bench.examiner.holds[note(number)] = gate
        bench.put(f"{name}.onnx", note(number))
    async with live(bench):
        await bench.until(lambda _: len(bench.examiner.seen) >= len(names))
        bench.put("good.onnx", note(100))
        await bench.until(lambda s: "good" in s.ready_names)
        shown = bench.repository.current().models
        assert {shown[name].versions[1].state for name in names} == {"loading"}
        gate.set()
        await bench.until(lambda s: set(names) < set(s.ready_names))


@scenario
async def test_an_examiner_that_fails_quarantines_the_file_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(contents: Contents, limits: Limits) -> Report:
        if contents.data() == note(1):
            raise ZeroDivisionError
        return await FakeExaminer()(contents, limits)

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
        file.write(message((1, 8)) + b"\x3a" + b"\xf7\xff\xff\xff\xff\x7f")  # a graph to its end
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

    async def examine(contents: Contents, limits: Limits) -> Report:
        return answers.pop() if answers else await FakeExaminer()(contents, limits)

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
    quarantined: list[Any] = []
    bench.repository._scheduler._events.quarantined = quarantined.append  # type: ignore[method-assign,assignment]
    async with live(bench):
        await bench.until(lambda _: bench.examiner.seen)
        shutil.rmtree(bench.models / "m")
        bench.examiner.holds[content].set()
        await bench.until(lambda s: "m" not in s.models)
    assert quarantined == []


# -- examinations that are cut short ---------------------------------------------------------------


class BusyMachine(FakeExaminer):
    """Cuts so many examinations short before it finds the time."""

    def __init__(self, cut_short: int) -> None:
        super().__init__()
        self.left = cut_short

    async def __call__(self, contents: Contents, limits: Limits) -> Report:
        report = await super().__call__(contents, limits)
        self.left -= 1
        if self.left >= 0:
            return Report(admitted=False, reason="it took too long", was_cut_short=True)
        return report


def on_busy_machine(root: Path, cut_short: int) -> tuple[Bench, BusyMachine]:
    bench = Bench(root, rescan_seconds=0.05)
    examiner = BusyMachine(cut_short)
    bench.repository = Repository(bench.settings, bench.state_file, examiner=examiner)
    return bench, examiner


@scenario
async def test_a_file_whose_examination_was_cut_short_is_examined_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entry, "RETRY_SECONDS", (0.3, 0.3, 0.3))
    bench, examiner = on_busy_machine(tmp_path, 2)
    bench.version(1)
    async with live(bench):
        snapshot = await bench.until(lambda s: "m" in s.models and bench.here(1).quarantined)
        assert snapshot.models["m"].reason.endswith(
            "it took too long; it is examined again in 0.3 s"
        )
        await bench.active(1)
        assert len(examiner.seen) == 3


@scenario
async def test_a_file_whose_examinations_are_all_cut_short_is_given_up_until_it_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entry, "RETRY_SECONDS", (0.05, 0.05, 0.05))
    bench, examiner = on_busy_machine(tmp_path, 5)
    bench.version(1)
    async with live(bench):
        await bench.until(
            lambda s: "m" in s.models and s.models["m"].reason.endswith("it took too long")
        )
        assert len(examiner.seen) == 4
        for _ in range(3):
            await bench.repository.rescan()
        assert len(examiner.seen) == 4
        bench.version(1, age=30)
        await bench.active(1)


@scenario
async def test_a_file_that_was_refused_for_itself_is_not_examined_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entry, "RETRY_SECONDS", (0.0, 0.0, 0.0))
    bench = Bench(tmp_path)
    bench.examiner.refuses[bench.version(1)] = "bad"
    async with live(bench):
        snapshot = await bench.until(lambda s: "m" in s.models and bench.here(1).quarantined)
        for _ in range(3):
            await bench.repository.rescan()
        assert len(bench.examiner.seen) == 1
        assert snapshot.models["m"].reason.endswith("bad")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(11, "Resource temporarily unavailable"), "Resource temporarily unavailable"),
        (MemoryError(), "memory is short"),
        (RuntimeError("can't start new thread"), "limits on processes"),
    ],
    ids=["process", "memory", "thread"],
)
def test_what_the_machine_lacks_for_now_is_no_files_fault(
    tmp_path: Path, error: Exception, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """However often: the model goes into service as soon as there is enough again."""

    @scenario
    async def run() -> None:
        bench = Bench(tmp_path, rescan_seconds=0.05)
        content, failures = bench.version(1), iter(range(6))

        async def examine(path: Any, limits: Limits) -> Report:
            if next(failures, None) is not None:
                raise error
            return await FakeExaminer()(path, limits)

        bench.repository = Repository(bench.settings, bench.state_file, examiner=examine)
        async with live(bench):
            snapshot = await bench.active(1)
            assert snapshot.servable("m").digest == hashlib.sha256(content).hexdigest()

    run()
    assert reason in caplog.text
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("call", ["stat", "is_dir", "scandir"])
@pytest.mark.parametrize("place", ["m/1/model.onnx", "m.onnx"])
def test_a_look_that_fails_removes_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    place: str,
) -> None:
    """A disk or a mount that fails says nothing about what is there."""
    before = Changes()
    for path in (tmp_path / place, tmp_path / "other/1/model.onnx"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    before = look_for_changes(tmp_path, before, 0)
    assert before.found.keys() == {("m", 1), ("other", 1)}
    with monkeypatch.context() as broken:
        break_looks(broken, call)
        during = look_for_changes(tmp_path, before, 0)
    assert during.found == before.found
    assert not during.new
    assert not during.gone
    after = look_for_changes(tmp_path, during, 0)
    assert (after.found, after.new, after.gone) == (before.found, [], [])
    (tmp_path / place).unlink()
    assert look_for_changes(tmp_path, after, 0).gone == [("m", 1)]
    if during.scan.unseen:
        assert during.warning == "cannot look at m; what is live stays live"
        assert "Input/output error" in during.scan.ignored[0].reason


def break_looks(broken: pytest.MonkeyPatch, call: str) -> None:
    """Let looks at what belongs to the model ``m`` fail, as a broken disk does."""
    stat, scandir = Path.stat, os.scandir

    def is_broken(path: object) -> bool:
        return any(part in ("m", "m.onnx") for part in Path(str(path)).parts)

    class Entry:
        def __init__(self, entry: os.DirEntry[str]) -> None:
            self.name, self.path, self._entry = entry.name, entry.path, entry

        def is_dir(self) -> bool:
            if is_broken(self.path):
                raise OSError(errno.EIO, "Input/output error")
            return self._entry.is_dir()

    def broken_stat(path: Path, **more: Any) -> os.stat_result:
        if is_broken(path):
            raise OSError(errno.EIO, "Input/output error")
        return stat(path, **more)

    def broken_scandir(path: Path) -> list[Any]:
        if call == "scandir" and is_broken(path):
            raise OSError(errno.EIO, "Input/output error")
        return [Entry(e) if call == "is_dir" else e for e in scandir(path)]

    broken.setattr(os, "scandir", broken_scandir)
    if call == "stat":
        broken.setattr(Path, "stat", broken_stat)
