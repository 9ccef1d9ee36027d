"""A shadow runs what was answered, beside the event loop; what it cannot do is counted."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from inference.errors import InferenceError
from inference.model.servable import Servable
from inference.monitoring.rollout import shadow as module
from inference.monitoring.rollout.shadow import Job, ShadowRunner
from inference.monitoring.served import ServedBatch
from inference.telemetry.counters import Counters
from inference.telemetry.rollout_counts import STRIDE, Key, RolloutCounts, Tally
from support.models.artifacts import images, penguins, regressor
from support.monitoring.watched import answered

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECONDS = 20
OLD, NEW = Servable.load("m", 1, penguins()), Servable.load("m", 2, penguins(seed=7))
KEY = Key("m", "2", "t", "shadow")
ROWS = np.random.default_rng(0).uniform((32, 13, 172, 2700), (60, 22, 231, 6300), (300, 4))


class Slow:
    """A servable whose runs wait, or fail; everything else is the real one's."""

    def __init__(self, real: Servable, fault: Exception | None = None) -> None:
        self._real = real
        self._fault = fault
        self.began = threading.Semaphore(0)
        self.may_end = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def run(self, outputs: Any, feeds: Any, stop: Any = None) -> list[Any]:
        self.began.release()
        if self._fault is not None:
            raise self._fault
        while not self.may_end.wait(0.01):
            if stop.options.terminate:
                raise stop.explain()
        return self._real.run(outputs, feeds)


def batch_of(servable: Servable, rows: Any) -> ServedBatch:
    """Answer each row alone, as the routes hand them on."""
    handed = []
    for row in rows:
        label, table = servable.run(["label", "probabilities"], {"X": np.array([row], np.float32)})
        numbers = (str(label[0]), table[0].tolist())
        timing = answered(tuple(row), outputs=("label", "probabilities"), results=numbers)
        handed.append((servable, timing, None, None, 1.0))
    return ServedBatch(handed)


@pytest.fixture
def counts() -> RolloutCounts:
    return RolloutCounts(Counters("rollouts", STRIDE))


@pytest.fixture
def runner(counts: RolloutCounts) -> Iterator[ShadowRunner]:
    runner = ShadowRunner(counts, 30)
    yield runner
    runner.close()


def job(batch: ServedBatch, shadow: Any = NEW) -> Job:
    return Job(OLD, shadow, "t", batch)


def tally(counts: RolloutCounts, key: Key = KEY) -> Tally:
    return counts.add_up().get(key, Tally())


def test_finds_the_rows_that_differ_as_running_both_by_hand_does(
    runner: ShadowRunner, counts: RolloutCounts
) -> None:
    runner.run(job(batch_of(OLD, ROWS)))
    feeds = {"X": ROWS.astype(np.float32)}
    labels = [servable.run(["label"], feeds)[0] for servable in (OLD, NEW)]
    tables = [servable.run(["probabilities"], feeds)[0] for servable in (OLD, NEW)]
    found = tally(counts)
    assert found.rows == 300
    assert found.different == (labels[0] != labels[1]).sum() > 0
    assert found.difference == pytest.approx(np.abs(tables[0] - tables[1]).max(axis=1).sum())
    assert (found.failed, found.dropped) == (0, 0)


def test_a_shadow_that_is_the_same_never_differs(
    runner: ShadowRunner, counts: RolloutCounts
) -> None:
    runner.run(job(batch_of(OLD, ROWS), Servable.load("m", 2, penguins(note="the same"))))
    assert (tally(counts).rows, tally(counts).different) == (300, 0)
    assert tally(counts).difference < 1e-3


class Noting(Slow):
    """A servable that notes its runs of one row."""

    def __init__(self, real: Servable, runs: list[int]) -> None:
        super().__init__(real)
        self._runs = runs

    def run(self, outputs: Any, feeds: Any, stop: Any = None) -> list[Any]:  # noqa: ARG002
        if len(feeds["X"]) == 1:
            self._runs.append(self._real.version)
        return self._real.run(outputs, feeds)


def test_each_version_is_timed_first_as_often_as_the_other(runner: ShadowRunner) -> None:
    runs: list[int] = []
    old, new = Noting(OLD, runs), Noting(NEW, runs)
    for _ in range(8):
        runner.run(Job(old, new, "t", batch_of(OLD, ROWS[:20])))  # type: ignore[arg-type]
    pairs = [tuple(runs[at : at + 4]) for at in range(0, len(runs), 4)]
    assert len(pairs) >= 8
    assert abs(pairs.count((1, 1, 2, 2)) - pairs.count((2, 2, 1, 1))) <= 1


def test_some_requests_are_timed_with_both_versions(
    runner: ShadowRunner, counts: RolloutCounts
) -> None:
    runner.run(job(batch_of(OLD, ROWS)))
    new, old = tally(counts), tally(counts, KEY._replace(version="1"))
    assert 2 <= new.requests == old.requests == sum(new.buckets) <= 300 / 16
    assert new.p99_seconds is not None
    assert 0 < new.seconds < _SECONDS


def test_a_request_larger_than_a_run_is_run_whole(
    runner: ShadowRunner, counts: RolloutCounts
) -> None:
    feeds = {"X": np.repeat(ROWS, 5, axis=0).astype(np.float32)}
    results = OLD.run(["label", "probabilities"], feeds)
    one: Any = {"feeds": feeds, "outputs": ("label", "probabilities"), "results": results}
    timings = [answered(None, **one, rows=1500), answered(None, **one, rows=1500)]
    runner.run(job(ServedBatch([(OLD, timing, None, None, 1.0) for timing in timings])))
    assert tally(counts).rows == 3000


def test_a_shadow_that_fails_is_counted_row_by_row_and_logged_once(
    runner: ShadowRunner, counts: RolloutCounts, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        runner.run(job(batch_of(OLD, ROWS[:40]), Slow(NEW, InferenceError("broken graph"))))
    assert (tally(counts).rows, tally(counts).failed) == (0, 80)
    assert caplog.text.count("version 2 of model m fails as shadow") == 1
    assert "broken graph" in caplog.text
    runner.run(job(batch_of(OLD, ROWS[:40])))
    assert tally(counts).rows == 40


def test_one_row_that_fails_does_not_take_its_neighbors_with_it(
    runner: ShadowRunner, counts: RolloutCounts
) -> None:
    class FailsOnLarge(Slow):
        def run(self, outputs: Any, feeds: Any, _: Any = None) -> list[Any]:
            if (feeds["X"] > 10_000).any():
                raise InferenceError("too large")
            return self._real.run(outputs, feeds)

    rows = ROWS[:20].copy()
    rows[7, 3] = 20_000
    runner.run(job(batch_of(OLD, rows), FailsOnLarge(NEW)))
    assert (tally(counts).rows, tally(counts).failed) == (19, 1)


def test_rows_that_were_compared_are_not_counted_again_if_a_timing_fails(
    runner: ShadowRunner, counts: RolloutCounts
) -> None:
    class FailsAlone(Slow):
        """Fails on single rows, as one that is ended for its time does by chance."""

        def run(self, outputs: Any, feeds: Any, _: Any = None) -> list[Any]:
            if len(feeds["X"]) == 1:
                raise InferenceError("ended")
            return self._real.run(outputs, feeds)

    runner.run(job(batch_of(OLD, ROWS[:40]), FailsAlone(NEW)))
    assert (tally(counts).rows, tally(counts).failed) == (40, 0)


def test_a_shadow_that_answers_something_else_fails(
    runner: ShadowRunner, counts: RolloutCounts, caplog: pytest.LogCaptureFixture
) -> None:
    runner.run(job(batch_of(OLD, ROWS[:3]), Servable.load("m", 2, regressor())))
    assert (tally(counts).rows, tally(counts).failed) == (0, 3)
    assert "nothing in common with those of version 1" in caplog.text


def test_a_run_without_end_is_ended_and_counts_as_failed(
    counts: RolloutCounts,
) -> None:
    runner, slow = ShadowRunner(counts, 0.0), Slow(NEW, None)
    thread = threading.Thread(target=runner.run, args=(job(batch_of(OLD, ROWS[:1]), slow),))
    thread.start()
    assert slow.began.acquire(timeout=_SECONDS)
    while thread.is_alive():
        runner.end_long_run()
        thread.join(0.01)
    assert tally(counts).failed == 1


def test_the_end_ends_a_run_and_nothing_more_is_run(counts: RolloutCounts) -> None:
    runner, slow = ShadowRunner(counts, 600), Slow(NEW)
    thread = threading.Thread(target=runner.run, args=(job(batch_of(OLD, ROWS), slow),))
    thread.start()
    assert slow.began.acquire(timeout=_SECONDS)
    while thread.is_alive():  # a failed piece is run again in halves
        runner.close()
        thread.join(0.01)
    runner.run(job(batch_of(OLD, ROWS[:5])))
    assert tally(counts).rows == 0


def test_timings_have_a_limit_at_a_high_rate(
    runner: ShadowRunner, counts: RolloutCounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_TIMINGS", 3)
    monkeypatch.setattr(module, "_TIMINGS_PER_SECOND", 0.001)
    for _ in range(4):
        runner.run(job(batch_of(OLD, ROWS)))
    assert (tally(counts).rows, tally(counts).requests) == (1200, 3)


def test_values_of_a_regression_are_compared(runner: ShadowRunner, counts: RolloutCounts) -> None:
    old = Servable.load("m", 1, regressor())
    timings = [answered(tuple(row), results=(float(sum(row)) + 1,)) for row in ROWS[:10]]
    batch = ServedBatch([(old, timing, None, None, 1.0) for timing in timings])
    runner.run(Job(old, Servable.load("m", 2, regressor()), "t", batch))
    assert tally(counts).difference == pytest.approx(10, rel=0.01)
    assert tally(counts).size_of_old == pytest.approx(ROWS[:10].sum() + 10, rel=1e-4)


def test_tensors_that_are_no_rows_are_run_one_by_one(
    runner: ShadowRunner, counts: RolloutCounts
) -> None:
    old, new = (Servable.load("m", version, images()) for version in (1, 2))
    image = np.ones((2, 3, 8, 8), np.float32)
    one = {"feeds": {"image": image}, "outputs": ("out",), "results": [image + 0.5], "rows": 2}
    batch = ServedBatch([(old, answered(None, **one), None, None, 1.0) for _ in range(3)])  # type: ignore[arg-type]
    runner.run(Job(old, new, "t", batch))
    assert (tally(counts).rows, tally(counts).failed) == (3, 0)
    assert tally(counts).difference == pytest.approx(1.5)
