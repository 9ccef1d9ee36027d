"""A file whose examination was cut short is examined again; one that is faulty is not."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from inference.admission.admission import read_aside
from inference.admission.report import Report
from inference.repository import entry
from inference.repository.repository import Repository
from inference.runtime.threads import NoThreadError
from support.repository_harness import Bench, FakeExaminer, live, scenario

if TYPE_CHECKING:
    from pathlib import Path

    from inference.admission.admission import Limits
    from inference.admission.files.contents import Contents


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
        (NoThreadError(), "limit on processes"),
    ],
    ids=["process", "memory", "thread", "pool"],
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


@scenario
async def test_a_file_that_is_never_read_as_it_was_seen_is_read_rarely_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a file system that gives an open file another number than its name."""
    monkeypatch.setattr(entry, "_GRACE_SECONDS", 60.0)
    bench, reads = Bench(tmp_path, rescan_seconds=0.05), 0

    async def read(path: Path, limits: Limits) -> Contents:
        nonlocal reads
        reads += 1
        contents = await read_aside(path, limits)
        seen = replace(contents.reading.fingerprint, inode=0)
        return replace(contents, reading=replace(contents.reading, fingerprint=seen))

    bench.version(1)
    bench.repository = Repository(bench.settings, bench.state_file, reader=read)
    async with live(bench):
        await bench.until(lambda s: "m" in s.models and bench.here(1).reason)
        assert "describes open files otherwise" in bench.here(1).reason
        for _ in range(5):
            await bench.repository.rescan()
        assert reads == 2
