"""Requests are counted together, and none is lost or counted twice."""

from __future__ import annotations

import random
from bisect import bisect_left
from typing import TYPE_CHECKING, Any

import pytest

from inference.model.contract import Feature
from inference.telemetry.answer_counts import OTHER, SHOWN_LABELS, AnswerCounts
from inference.telemetry.counters import Counters
from inference.telemetry.latency_histogram import BOUNDS, SIZE, SUM
from inference.telemetry.request_latency import RequestLatency
from inference.telemetry.statistics import STRIDE, RunCounts
from inference.telemetry.timing import Timing
from support.fake_servable import FakeServable

if TYPE_CHECKING:
    from collections.abc import Callable


def timing_of(*phases: float, rows: int = 1, run_rows: int = 0) -> Timing:
    timing = Timing()
    timing.parsed = timing.started + phases[0]
    timing.began = timing.parsed + phases[1]
    timing.ended = timing.began + phases[2]
    timing.done = timing.ended + phases[3]
    timing.rows, timing.run_rows = rows, run_rows
    return timing


class Bench:
    """A recorder of latencies whose clock is the test."""

    def __init__(self) -> None:
        self.due: list[Callable[[], Any]] = []
        self.requests, self.runs = Counters("requests", SIZE), Counters("runs", STRIDE)
        self.answers = Counters("answers", 1)
        self.latency = RequestLatency(
            self.requests,
            RunCounts(self.runs),
            AnswerCounts(self.answers),
            lambda _, call: self.due.append(call),
        )


def test_every_bucket_and_sum_is_that_of_counting_one_by_one() -> None:
    chance = random.Random(5)
    bench, servable = Bench(), FakeServable()
    expected = [0.0] * SIZE
    for _ in range(700):
        timing = timing_of(*(10 ** chance.uniform(-6, 1.5) for _ in range(4)))
        bench.latency.observe("predict", servable, 200, timing)  # type: ignore[arg-type]
        expected[bisect_left(BOUNDS, sum(timing.seconds))] += 1
        for place, seconds in enumerate((sum(timing.seconds), *timing.seconds), SUM):
            expected[place] += seconds
    ((key, values),) = bench.requests.items()
    assert key == ("predict", "fake", "1", "200")
    assert values == pytest.approx(expected)


def test_a_duration_on_a_bound_is_below_it() -> None:
    bench = Bench()
    bench.latency.observe("predict", None, 404, timing_of(BOUNDS[3], 0, 0, 0))
    bench.due.pop()()
    ((key, values),) = bench.requests.items()
    assert key == ("predict", "", "", "404")
    assert values.index(1) in (3, 4)  # the clock's own rounding decides which
    assert values[SUM + 2 :] == [0, 0, 0], "a phase that never began takes no time"


def test_runs_are_shared_out() -> None:
    bench, servable = Bench(), FakeServable()
    for rows in (1, 3):
        timing = timing_of(0, 0, 0.5, 0, rows=rows, run_rows=4)
        bench.latency.observe("predict", servable, 200, timing)  # type: ignore[arg-type]
    bench.latency.observe("predict", servable, 500, timing_of(0, 0, 9, 0))  # type: ignore[arg-type]
    ((key, (count, seconds, total, last)),) = bench.runs.items()
    assert key == ("fake", "1", "4")
    assert (count, seconds, total) == pytest.approx((1, 0.5, 4))
    assert last > 0


def test_it_is_counted_when_the_time_has_come_and_at_the_latest_when_there_is_much() -> None:
    bench = Bench()
    for _ in range(1000):
        bench.latency.observe("predict", None, 404, Timing())
    place = bench.requests.find(("predict", "", "", "404"))
    counted = sum(bench.requests.values[place : place + SUM])
    assert 700 < counted < 1000
    assert len(bench.due) == 4
    bench.due[-1]()
    assert sum(bench.requests.values[place : place + SUM]) == 1000
    for call in bench.due:
        call()
    assert sum(bench.requests.values[place : place + SUM]) == 1000


def test_without_a_clock_everything_is_counted_at_once() -> None:
    requests = Counters("requests", SIZE)
    latency = RequestLatency(
        requests, RunCounts(Counters("runs", STRIDE)), AnswerCounts(Counters("answers", 1))
    )
    latency.observe("infer", None, 400, Timing())
    ((_, values),) = requests.items()
    assert sum(values[:SUM]) == 1


def test_predicted_classes_and_values_out_of_range_are_counted_together() -> None:
    bench, servable = Bench(), FakeServable()
    servable.class_keys = ["a", "true", "3"]
    servable.features = [Feature("length", "number", "X", 1.0)]
    for labels in ({"a": 1}, {"a": 2, True: 5}, {3: 1}, None, {"unknown": 1}):
        timing = timing_of(0, 0, 0, 0)
        timing.labels = labels
        timing.warnings = [{"row": 0, "feature": "length", "reason": "far"}] * 2
        bench.latency.observe("predict", servable, 200, timing)  # type: ignore[arg-type]
    refused = timing_of(0, 0, 0, 0)
    refused.labels = {"a": 9}
    bench.latency.observe("predict", servable, 500, refused)  # type: ignore[arg-type]
    counted = {key: values[0] for key, values in bench.answers.items()}
    start = ("fake", "1")
    assert counted == {
        ("label", *start, "a"): 3,
        ("label", *start, "true"): 5,
        ("label", *start, "3"): 1,
        ("label", *start, OTHER): 1,
        ("range", *start, "length"): 10,
    }


@pytest.mark.parametrize("known", [True, False], ids=["contract", "foreign"])
@pytest.mark.parametrize("count", [SHOWN_LABELS - 1, SHOWN_LABELS, SHOWN_LABELS + 1, 5000])
def test_however_many_classes_there_are_the_series_are_few(count: int, known: bool) -> None:
    bench, servable = Bench(), FakeServable()
    servable.class_keys = [f"class {n}" for n in range(count)] if known else None
    timing = timing_of(0, 0, 0, 0)
    timing.labels = {f"class {n}": 2 for n in range(count)}
    timing.warnings = [{"row": 0, "feature": f"f{n}", "reason": ""} for n in range(99)]
    bench.latency.observe("predict", servable, 200, timing)  # type: ignore[arg-type]
    counted = {key: values[0] for key, values in bench.answers.items() if key[0] == "label"}
    assert len(counted) == min(count, SHOWN_LABELS + 1)
    assert sum(counted.values()) == 2 * count
    assert counted["label", "fake", "1", "class 7"] == 2
    of_range = {key: values[0] for key, values in bench.answers.items() if key[0] == "range"}
    assert of_range == {("range", "fake", "1", OTHER): 99}


@pytest.mark.parametrize(
    "label", ["x" * 500, "\u20ac" * 200, '"' * 200, "\n\x00" * 99, "\U0001f427" * 99]
)
def test_a_label_of_any_length_and_kind_has_a_series(label: str) -> None:
    assert len(_key_of(label)[3].encode()) < 80


def _key_of(label: str) -> tuple[str, ...]:
    """Give the series that a label is counted in, of the model with the longest name."""
    bench, servable = Bench(), FakeServable()
    servable.class_keys = [label]
    servable.name, servable.version = "n" * 64, 10**17
    timing = timing_of(0, 0, 0, 0)
    timing.labels = {label: 1}
    bench.latency.observe("predict", servable, 200, timing)  # type: ignore[arg-type]
    ((key, values),) = bench.answers.items()
    assert key[:3] == ("label", "n" * 64, str(10**17))
    assert values == [1]
    return key
