"""Requests are counted together, and none is lost or counted twice."""

from __future__ import annotations

import random
from bisect import bisect_left
from typing import TYPE_CHECKING, Any

import pytest

from fake_servable import FakeServable
from inference.serving.ledger import Ledger
from inference.serving.meter import BOUNDS, SIZE, WIDTH, Meter
from inference.serving.statistics import STRIDE, Runs
from inference.serving.timing import Timing

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
    """A meter whose clock is the test."""

    def __init__(self) -> None:
        self.due: list[Callable[[], Any]] = []
        self.requests, self.runs = Ledger("requests", SIZE), Ledger("runs", STRIDE)
        self.meter = Meter(self.requests, Runs(self.runs), lambda _, call: self.due.append(call))


def test_every_bucket_and_sum_is_that_of_counting_one_by_one() -> None:
    chance = random.Random(5)
    bench, servable = Bench(), FakeServable()
    expected = [0.0] * SIZE
    for _ in range(700):
        timing = timing_of(*(10 ** chance.uniform(-6, 1.5) for _ in range(4)))
        bench.meter.observe("predict", servable, 200, timing)  # type: ignore[arg-type]
        for place, seconds in enumerate((sum(timing.seconds), *timing.seconds)):
            expected[place * WIDTH + bisect_left(BOUNDS, seconds)] += 1
            expected[place * WIDTH + WIDTH - 1] += seconds
    ((key, values),) = bench.requests.items()
    assert key == ("predict", "fake", "1", "200")
    assert values == pytest.approx(expected)


def test_a_duration_on_a_bound_is_below_it() -> None:
    bench = Bench()
    bench.meter.observe("predict", None, 404, timing_of(BOUNDS[3], 0, 0, 0))
    bench.due.pop()()
    ((key, values),) = bench.requests.items()
    assert key == ("predict", "", "", "404")
    phase = values[WIDTH : 2 * WIDTH]
    assert phase.index(1) in (3, 4)  # the clock's own rounding decides which
    assert values[2 * WIDTH] == 1, "a phase that never began is in the first bucket"


def test_runs_are_shared_out() -> None:
    bench, servable = Bench(), FakeServable()
    for rows in (1, 3):
        timing = timing_of(0, 0, 0.5, 0, rows=rows, run_rows=4)
        bench.meter.observe("predict", servable, 200, timing)  # type: ignore[arg-type]
    bench.meter.observe("predict", servable, 500, timing_of(0, 0, 9, 0))  # type: ignore[arg-type]
    ((key, (count, seconds, rows, last)),) = bench.runs.items()
    assert key == ("fake", "1", "4")
    assert (count, seconds, rows) == pytest.approx((1, 0.5, 4))
    assert last > 0


def test_it_is_counted_when_the_time_has_come_and_at_the_latest_when_there_is_much() -> None:
    bench = Bench()
    for _ in range(1000):
        bench.meter.observe("predict", None, 404, Timing())
    place = bench.requests.find(("predict", "", "", "404"))
    counted = sum(bench.requests.values[place : place + WIDTH - 1])
    assert 700 < counted < 1000
    assert len(bench.due) == 4
    bench.due[-1]()
    assert sum(bench.requests.values[place : place + WIDTH - 1]) == 1000
    for call in bench.due:
        call()
    assert sum(bench.requests.values[place : place + WIDTH - 1]) == 1000


def test_without_a_clock_everything_is_counted_at_once() -> None:
    requests = Ledger("requests", SIZE)
    Meter(requests, Runs(Ledger("runs", STRIDE))).observe("infer", None, 400, Timing())
    ((_, values),) = requests.items()
    assert sum(values[: WIDTH - 1]) == 1
