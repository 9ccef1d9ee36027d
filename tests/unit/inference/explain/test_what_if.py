"""The values along a feature; tests/service asks for curves over HTTP."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from inference.explain.what_if import MAX_POINTS, _points
from inference.model.contract import Feature


def points(kind: Any, **more: Any) -> list[Any]:
    return _points(Feature("x", kind, "X", **more))


@pytest.mark.parametrize(
    ("low", "high"),
    [(0.0, 1.0), (2700.0, 6300.0), (-1e-9, 1e-9), (1e300, 1.5e300), (-1.7e308, 1.7e308),
     (1.0, 1.0 + 1e-12), (-5.5, -0.25), (0.0, 5e-324)],
)  # fmt: skip
def test_numbers_go_from_the_smallest_to_the_largest(low: float, high: float) -> None:
    values = points("number", minimum=low, maximum=high)
    assert (values[0], values[-1], len(values)) == (low, high, MAX_POINTS)
    assert values == sorted(values)


def test_numbers_are_evenly_spaced_and_short() -> None:
    values = points("number", minimum=2700.0, maximum=6300.0)
    steps = [b - a for a, b in itertools.pairwise(values)]
    assert max(steps) - min(steps) < 0.03
    assert all(len(str(value)) <= 8 for value in values)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(1.0, 5.0, [1, 2, 3, 4, 5]), (3.0, 3.0, [3]), (0.5, 2.5, [1, 2]), (0.2, 0.8, [])],
)
def test_integers_are_whole(low: float, high: float, expected: list[int]) -> None:
    values = points("integer", minimum=low, maximum=high)
    assert values == expected
    assert all(type(value) is int for value in values)


@pytest.mark.parametrize("count", [63, 64, 65, 1000, 10**15])
def test_many_integers_are_64_different_ones(count: int) -> None:
    values = points("integer", minimum=1.0, maximum=float(count))
    assert len(set(values)) == len(values) == min(count, MAX_POINTS)
    assert (values[0], values[-1]) == (1, count)


@pytest.mark.parametrize(
    ("low", "high"),
    [(-1.7e308, 1.7e308), (-1e300, 1e300), (-(2.0**63), 2.0**63), (0.0, 2.0**63), (5.0, 1.7e308)],
)
def test_integers_of_a_huge_range_stay_within_64_bits(low: float, high: float) -> None:
    values = points("integer", minimum=low, maximum=high)
    assert values[0] == max(int(low), -(2**63))
    assert values[-1] == 2**63 - 1
    assert len(set(values)) == MAX_POINTS
    assert values == sorted(values)
    assert np.array(values).dtype == np.int64


@pytest.mark.parametrize(("low", "high"), [(1e300, 1.7e308), (-1.7e308, -1e300), (5.0, 1.0)])
def test_integers_of_a_range_without_64_bit_numbers_are_none(low: float, high: float) -> None:
    assert points("integer", minimum=low, maximum=high) == []


def test_categories_booleans_and_unknown_ranges() -> None:
    assert points("boolean") == [False, True]
    assert points("category", categories=["a", "b"]) == ["a", "b"]
    assert len(points("category", categories=list(range(100)))) == MAX_POINTS
    assert points("category", categories=[], open_categories=True) == []
    assert points("number") == []
    assert points("number", minimum=2.5, maximum=2.5) == [2.5]
