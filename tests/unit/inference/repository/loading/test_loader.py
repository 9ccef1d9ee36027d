"""A file that cannot be examined or loaded costs no other model anything."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from typing import TYPE_CHECKING, Any

from inference.admission.report import Report
from inference.repository.repository import Repository
from support.models.artifacts import message
from support.repository_harness import Bench, FakeExaminer, live, note, scenario

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from inference.admission.admission import Limits
    from inference.admission.files.contents import Contents


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
    assert time.monotonic() - begin < 20


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
