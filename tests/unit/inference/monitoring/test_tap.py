"""A busy version is sampled at random, each request with the same chance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from inference.monitoring.tap import Tap
from support.monitoring.watched import answered

if TYPE_CHECKING:
    from inference.telemetry.timing import Timing

SERVABLE: Any = object()


class Taken:
    def __init__(self, rate: float | None = 1000.0) -> None:
        self.rows: list[Any] = []
        self.weights: list[float] = []
        self._then = 0.0
        self.tap = Tap(self._take, rate, 0.0)

    def _take(self, servable: Any, timing: Timing, weight: float) -> None:
        assert servable is SERVABLE
        assert timing.served is not None
        self.rows.append(timing.served[0])
        self.weights.append(weight)

    def serve(self, rows: range, at: float) -> None:
        """Answer rows one after the other, from the last time until this one."""
        for place, row in enumerate(rows, 1):
            timing = answered((row,))
            timing.done = self._then + (at - self._then) * place / len(rows)
            self.tap.append(SERVABLE, timing)
        self._then = at
        self.tap.adapt(at)


def test_all_are_taken_without_a_rate() -> None:
    taken = Taken(None)
    taken.serve(range(5000), 0.1)
    taken.serve(range(5000), 0.2)
    assert taken.weights == [1.0] * 10_000


@pytest.mark.parametrize("count", [1, 100, 149])
def test_all_are_taken_at_a_moderate_rate(count: int) -> None:
    taken = Taken()
    for cycle in range(1, 20):
        taken.serve(range(count), cycle * 0.1)
    assert taken.weights == [1.0] * 19 * count


def test_a_high_rate_is_sampled_and_the_sample_stands_for_all() -> None:
    taken = Taken()
    for cycle in range(1, 101):
        taken.serve(range(1000), cycle * 0.1)  # ten times as many
    assert taken.weights[:1000] == [1.0] * 1000  # the first are all taken
    assert len(taken.weights) == pytest.approx(1000 + 99 * 100, rel=0.05)
    assert sum(taken.weights) == pytest.approx(100_000, rel=0.05)


def test_the_rate_of_a_burst_after_a_pause_is_known_when_the_burst_is_taken() -> None:
    taken = Taken()
    taken.tap.begin(600.0)
    taken._then = 600.0
    taken.serve(range(20_000), 601.0)  # twenty times as many
    assert taken.weights[:1000] == [1.0] * 1000
    assert len(taken.weights) == pytest.approx(1000 + 19_000 / 20, rel=0.15)
    assert sum(taken.weights) == pytest.approx(20_000, rel=0.15)


def test_a_rate_that_rises_is_known_before_the_next_look() -> None:
    taken = Taken()
    taken.serve(range(4000), 1.0)
    before = len(taken.rows)
    taken.serve(range(100_000), 2.0)
    assert len(taken.rows) - before < 4000, "a quarter of them would be 25,000"
    assert sum(taken.weights) == pytest.approx(104_000, rel=0.15)


def test_each_row_has_the_same_chance_even_where_callers_alternate() -> None:
    """A sample of every tenth would see only one of ten callers that take turns."""
    taken = Taken()
    for cycle in range(1, 201):
        taken.serve(range(1000), cycle * 0.1)
    turns = np.bincount([row[0] % 10 for row in taken.rows[1000:]], minlength=10)
    expected = turns.mean()
    assert ((turns - expected) ** 2 / expected).sum() < 33.7  # chi-square of 9, 1 in 10,000


def test_requests_of_several_rows_are_all_taken() -> None:
    taken = Taken()
    taken.serve(range(5000), 0.1)
    before = len(taken.rows)
    for _ in range(100):
        taken.tap.append(SERVABLE, answered((1,), rows=2))
    assert taken.weights[before:] == [1.0] * 100


def test_all_are_taken_again_when_the_rate_falls() -> None:
    taken = Taken()
    taken.serve(range(10_000), 0.1)
    taken.serve(range(10_000), 0.2)
    taken.tap.adapt(60.0)
    before = len(taken.rows)
    taken.serve(range(50), 60.1)
    assert taken.weights[before:] == [1.0] * 50
