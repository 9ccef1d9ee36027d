"""Each request is counted when it is answered, and none is lost or counted twice."""

from __future__ import annotations

import gc
import random
import time
import weakref
from bisect import bisect_left

import pytest

from inference.app import reserve_memory
from inference.model.contract import Feature
from inference.runtime.shared_memory import Section
from inference.telemetry.answer_counts import OTHER, SHOWN_LABELS
from inference.telemetry.counters import Counters
from inference.telemetry.latency_histogram import BOUNDS, SIZE, SUM
from inference.telemetry.recorder import Recorder
from inference.telemetry.request_latency import RequestLatency
from inference.telemetry.statistics import STRIDE, collect_statistics
from inference.telemetry.timing import Timing
from support.fake_servable import FakeServable


def timing_of(*phases: float, rows: int = 1, run_rows: int = 0) -> Timing:
    timing = Timing()
    timing.parsed = timing.started + phases[0]
    timing.began = timing.parsed + phases[1]
    timing.ended = timing.began + phases[2]
    timing.done = timing.ended + phases[3]
    timing.rows, timing.run_rows = rows, run_rows
    return timing


class Bench:
    """Counts requests, runs and answers in memory of its own."""

    def __init__(self) -> None:
        self.requests, self.runs = Counters("requests", SIZE), Counters("runs", STRIDE)
        self.answers = Counters("answers", 1)
        self.latency = RequestLatency(self.requests, self.runs, self.answers)


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


def test_another_process_sees_a_request_once_it_was_answered() -> None:
    memory = reserve_memory(2)
    first, second = (Recorder(Section(memory, worker)) for worker in range(2))
    for count in range(1, 4):
        first.latency.observe("predict", None, 404, Timing())
        ((_, values),) = second.requests.items()
        assert sum(values[:SUM]) == count


def test_statistics_tell_when_the_last_answer_was_given() -> None:
    bench, servable, before = Bench(), FakeServable(), time.time()
    bench.latency.observe("predict", servable, 200, Timing())  # type: ignore[arg-type]
    bench.latency.observe("predict", servable, 500, Timing())  # type: ignore[arg-type]
    found = collect_statistics(bench.requests.items(), bench.runs.items())["fake", 1]
    assert (found.success.count, found.fail.count, found.executions) == (1, 1, 1)
    assert before - 0.01 <= found.last <= time.time() + 0.01


def test_servables_are_counted_apart_and_freed() -> None:
    bench, first, second = Bench(), FakeServable(), FakeServable()
    second.version = 2
    for servable in (first, second, None, first):
        bench.latency.observe("predict", servable, 200, Timing())  # type: ignore[arg-type]
    counted = {key[1:3]: sum(values[:SUM]) for key, values in bench.requests.items()}
    assert counted == {("fake", "1"): 2, ("fake", "2"): 1, ("", ""): 1}
    kept = weakref.ref(first), weakref.ref(second)
    del first, second, servable
    gc.collect()
    assert [each() for each in kept] == [None, None]
    assert len(bench.latency._known) == 1, "that of requests without a servable"


def test_a_servable_at_the_place_of_a_freed_one_is_counted_as_itself() -> None:
    bench = Bench()
    for version in range(1, 200):
        servable = FakeServable()
        servable.version = version
        bench.latency.observe("predict", servable, 200, Timing())  # type: ignore[arg-type]
        del servable
    assert {int(key[2]) for key, _ in bench.requests.items()} == set(range(1, 200))


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
