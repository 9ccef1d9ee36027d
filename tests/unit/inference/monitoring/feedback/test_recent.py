"""The latest truths of each version, whichever process has stored them."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from inference.monitoring.feedback import recent as module
from inference.monitoring.feedback.recent import RecentTruths
from inference.monitoring.feedback.records import Record
from inference.monitoring.feedback.store import FeedbackStore

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

DAY = 1_767_225_600.0  # 2026-01-01


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Bench:
    """A folder with feedback, and what reads it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = Clock()
        self.truths = RecentTruths(root, clock=self.clock)

    def store(
        self, truths: list[str], *, first: int = 0, version: int = 1, time: float = DAY
    ) -> None:
        """Store truths of rows that were answered "a", by a process of its own."""
        records = [
            Record(time + at, f"id-{number}", 0, time, "label", truth, "a")
            for at, (number, truth) in enumerate(enumerate(truths, first))
        ]
        FeedbackStore(self.root).append("m", version, records)

    def accuracy(self, window: int = 1000, version: int = 1) -> tuple[int, float | None]:
        """Return the rows and the accuracy of a window, after the time of a look has passed."""
        self.clock.now += 2.0
        scores = self.truths.scores()["m", version][window]
        return scores.rows, scores.accuracy


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_without_feedback_there_is_nothing(bench: Bench) -> None:
    assert bench.truths.scores() == {}


def test_a_folder_that_does_not_exist_has_nothing(tmp_path: Path) -> None:
    assert RecentTruths(tmp_path / "none").scores() == {}


def test_the_truths_of_all_processes_and_versions_count(bench: Bench) -> None:
    bench.store(["a", "b"])
    bench.store(["a", "a"], first=2)
    bench.store(["b"], version=2)
    assert bench.accuracy() == (4, 0.75)
    assert bench.accuracy(version=2) == (1, 0.0)


def test_what_is_appended_is_read_once(bench: Bench) -> None:
    for count in range(1, 4):
        bench.store(["a"], first=count)
        assert bench.accuracy() == (count, 1.0)


def test_scores_are_at_most_two_seconds_old_and_not_read_more_often(bench: Bench) -> None:
    bench.store(["a"])
    assert bench.accuracy() == (1, 1.0)
    bench.store(["b"], first=1)
    bench.clock.now += 1.9
    assert bench.truths.scores()["m", 1][1000].rows == 1
    bench.clock.now += 0.1
    assert bench.truths.scores()["m", 1][1000].rows == 2


def test_the_last_truth_of_a_row_counts_whichever_is_read_first(bench: Bench) -> None:
    bench.store(["b"], time=DAY + 10)
    bench.store(["a"], time=DAY + 20)
    assert bench.accuracy() == (1, 1.0)
    bench.store(["b"], time=DAY + 30)
    assert bench.accuracy() == (1, 0.0)


@pytest.mark.parametrize("count", [999, 1000, 1001])
def test_a_window_has_the_latest_rows(bench: Bench, count: int) -> None:
    bench.store(["b"] * 500)
    bench.store(["a"] * count, first=500, time=DAY + 1000)
    rows = min(count + 500, 1000)
    right = min(count, 1000) / rows
    assert bench.accuracy(1000) == (1000, pytest.approx(right))
    assert bench.accuracy(10_000) == (count + 500, pytest.approx(count / (count + 500)))


def test_a_line_that_is_being_written_is_read_when_it_is_whole(bench: Bench) -> None:
    bench.store(["a", "a"])
    (path,) = bench.root.rglob("*.jsonl")
    content = path.read_bytes()
    path.write_bytes(content[:-5])
    assert bench.accuracy() == (1, 1.0)
    path.write_bytes(content)
    assert bench.accuracy() == (2, 1.0)


def test_a_line_that_is_no_record_is_left_out(bench: Bench) -> None:
    bench.store(["a"])
    (path,) = bench.root.rglob("*.jsonl")
    path.write_bytes(b'{"time": "yesterday"}\n\xff\xfe\n\n' + path.read_bytes())
    assert bench.accuracy() == (1, 1.0)


def test_of_a_large_file_only_the_end_is_read(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.store(["b"] * 100 + ["a"] * 10)
    (path,) = bench.root.rglob("*.jsonl")
    line = len(path.read_bytes().splitlines()[-1]) + 1
    monkeypatch.setattr(module, "_TAIL_BYTES", 10 * line)
    rows, accuracy = bench.accuracy()
    assert (9 <= rows <= 10, accuracy) == (True, 1.0)


def test_versions_whose_feedback_is_removed_disappear(bench: Bench) -> None:
    bench.store(["a"])
    bench.store(["a"], version=2)
    assert bench.accuracy() == (1, 1.0)
    shutil.rmtree(bench.root / "m" / "1")
    bench.clock.now += 2.0
    assert set(bench.truths.scores()) == {("m", 2)}


def test_other_files_and_folders_are_no_feedback(bench: Bench) -> None:
    bench.store(["a"])
    (bench.root / "m" / "1x" / "feedback" / "date=2026-01-01").mkdir(parents=True)
    (bench.root / "m" / "1x" / "feedback" / "date=2026-01-01" / "a.jsonl").write_bytes(b"{}\n")
    (bench.root / "notes.txt").write_text("mine")
    assert bench.accuracy() == (1, 1.0)
    assert set(bench.truths.scores()) == {("m", 1)}


def test_versions_whose_truths_say_nothing_have_no_scores_and_hold_up_no_others(
    bench: Bench,
) -> None:
    """A full disk leaves a file without a line, and a value that is NaN is stored as null."""
    bench.store(["a"])
    bench.store(["a"], version=2)
    (path,) = (bench.root / "m" / "2").rglob("*.jsonl")
    path.write_bytes(b"")
    FeedbackStore(bench.root).append("m", 3, [Record(DAY, "id", 0, DAY, "value", 1.5, None)])
    for _ in range(3):
        assert bench.accuracy() == (1, 1.0)
        assert set(bench.truths.scores()) == {("m", 1)}


def test_a_file_that_truths_were_taken_out_of_is_read_again(bench: Bench) -> None:
    bench.store(["a", "b", "b"])
    assert bench.accuracy() == (3, pytest.approx(1 / 3))
    (path,) = bench.root.rglob("*.jsonl")
    first = path.read_bytes().splitlines(keepends=True)[0]
    path.write_bytes(first)
    assert bench.accuracy()[0] == 3
    path.write_bytes(first + first.replace(b"id-0", b"id-9"))
    assert bench.accuracy() == (4, 0.5)


@pytest.mark.parametrize("most", [39, 40, 41])
def test_of_many_files_only_the_latest_rows_are_kept_in_memory(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(module, "WINDOWS", (5, 10))
    monkeypatch.setattr(module, "_MOST_RECORDS", most)
    seen: list[int] = []
    latest = module._latest

    def watch(records: Sequence[Record]) -> list[Record]:
        seen.append(len(records))
        return latest(records)

    monkeypatch.setattr(module, "_latest", watch)
    for number in range(10):
        bench.store(["b"] * 20, first=20 * number, time=DAY + 20 * number)
    bench.store(["a"] * 10, first=5, time=DAY + 1000)
    assert bench.accuracy(10) == (10, 1.0)
    assert max(seen) <= most + 20
