"""Exact and sampled Shapley values, against the definition, evaluated without any shortcut."""

from __future__ import annotations

import itertools
import math
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from inference.explain.permutations import sampled_values
from inference.explain.shapley import Contrast, exact_values

if TYPE_CHECKING:
    from collections.abc import Callable

Array = np.ndarray[Any, Any]


def interacting(rows: Array) -> Array:
    """Answer with two numbers in which all features interact."""
    weights = np.arange(1, rows.shape[1] + 1)
    first = np.tanh((rows * weights).sum(axis=1)) * rows[:, 0] - np.abs(rows).max(axis=1)
    return np.column_stack((first, np.cos(rows.prod(axis=1) * 3)))


def additive(rows: Array) -> Array:
    return (rows**2 + np.sin(rows)).sum(axis=1, keepdims=True)


def pairwise(rows: Array) -> Array:
    return (rows[:, :-1] * rows[:, 1:]).sum(axis=1, keepdims=True)


class Case:
    """A record, a background and a function, and how often the function was asked."""

    def __init__(self, model: Callable[[Array], Array], record: Array, background: Array) -> None:
        self.model, self.record, self.background = model, record, background
        self.asked: list[Array] = []
        self.contrast = Contrast(background != record, model(background), model(record[None])[0])

    def evaluate(self, count: int, rows_of: Callable[[slice], tuple[Array, Array]]) -> Array:
        made = []
        for start in range(0, count, 100):
            own, index = rows_of(slice(start, min(start + 100, count)))
            made.append(np.where(own, self.record, self.background[index]))
        rows = np.concatenate(made) if made else np.empty((0, len(self.record)))
        assert len(rows) == count
        self.asked.append(rows)
        return self.model(rows)

    def by_definition(self) -> Array:
        """Average what each feature changes over all orders of the features."""
        features = len(self.record)

        @cache
        def value(coalition: frozenset[int]) -> Array:
            own = np.array([i in coalition for i in range(features)])
            return self.model(np.where(own, self.record, self.background)).mean(axis=0)

        total = np.zeros((features, len(self.contrast.answer)))
        for order in itertools.permutations(range(features)):
            for i, feature in enumerate(order):
                before = frozenset(order[:i])
                total[feature] += value(before | {feature}) - value(before)
        return total / math.factorial(features)


def random_case(
    features: int, rows: int, model: Callable[[Array], Array] = interacting, *, equal: float = 0.0
) -> Case:
    chance = np.random.default_rng((features, rows))  # whatever other cases there are
    record, background = chance.normal(size=features), chance.normal(size=(rows, features))
    background[chance.random(background.shape) < equal] = 0.0
    background = np.where(background == 0.0, record, background)
    background[0] = np.where(background[0] == record, record + 1, background[0])
    return Case(model, record, background)


@pytest.mark.parametrize("equal", [0.0, 0.4, 0.9])
@pytest.mark.parametrize(("features", "rows"), [(1, 1), (1, 5), (2, 3), (3, 7), (5, 4), (6, 2)])
def test_exact_values_are_those_of_the_definition(features: int, rows: int, equal: float) -> None:
    case = random_case(features, rows, equal=equal)
    values, count = exact_values(case.contrast, case.evaluate)
    np.testing.assert_allclose(values, case.by_definition(), atol=1e-12)
    total = case.contrast.answer - case.contrast.base.mean(axis=0)
    np.testing.assert_allclose(values.sum(axis=0), total, atol=1e-12)
    assert count == sum(map(len, case.asked)) <= rows * (2**features - 2)


def test_no_row_is_run_twice_or_known_before() -> None:
    case = random_case(5, 6)
    for row in range(6):  # each has another value in common with the record
        case.background[row, row % 5] = case.record[row % 5]
    case = Case(interacting, case.record, case.background)
    exact_values(case.contrast, case.evaluate)
    (rows,) = case.asked
    known = [*map(tuple, case.background), tuple(case.record)]
    rows_and_known = [*map(tuple, rows), *known]
    assert len(set(rows_and_known)) == len(rows_and_known)


def test_tables_that_are_kept_do_not_mix_up_sizes() -> None:
    for features, rows in [(3, 4), (4, 3), (3, 4), (4, 4), (3, 5)]:
        case = random_case(features, rows)
        values, _ = exact_values(case.contrast, case.evaluate)
        np.testing.assert_allclose(values, case.by_definition(), atol=1e-12)


@pytest.mark.parametrize("model", [additive, pairwise])
@pytest.mark.parametrize("equal", [0.0, 0.5])
def test_sampled_values_are_exact_without_interactions_of_three(model: Any, equal: float) -> None:
    case = random_case(6, 8, model, equal=equal)
    sampled = sampled_values(case.contrast, case.evaluate, spans=np.ones(1), max_rows=65_536)
    np.testing.assert_allclose(sampled.contributions, case.by_definition(), atol=0.05)
    if model is additive:
        np.testing.assert_allclose(sampled.contributions, case.by_definition(), atol=1e-10)
        np.testing.assert_allclose(sampled.errors, 0, atol=1e-6)


@pytest.mark.parametrize("rows", [1, 3, 64])
@pytest.mark.parametrize("equal", [0.0, 0.5])
def test_sampled_values_are_within_their_errors(rows: int, equal: float) -> None:
    case = random_case(6, rows, equal=equal)
    sampled = sampled_values(case.contrast, case.evaluate, spans=np.full(2, 1e-9), max_rows=20_000)
    exact = case.by_definition()
    assert sampled.errors.max() < 0.03
    assert (np.abs(sampled.contributions - exact) <= 5 * sampled.errors + 1e-9).all()
    assert sampled.errors.max() > 0
    assert 15_000 * (1 - equal) ** 2 < sampled.rows <= 20_000
    total = case.contrast.answer - case.contrast.base.mean(axis=0)
    np.testing.assert_allclose(sampled.contributions.sum(axis=0), total, atol=1e-9)


def test_errors_are_neither_too_small_nor_too_large() -> None:
    case = random_case(7, 16)
    exact = case.by_definition()
    ratios = []
    for seed in range(12):
        order = np.random.default_rng(seed).permutation(16)
        contrast = Contrast(case.contrast.differs, case.contrast.base[order], case.contrast.answer)
        turned = Case(case.model, case.record, case.background[order])
        sampled = sampled_values(contrast, turned.evaluate, spans=np.full(2, 1e-9), max_rows=4000)
        ratios.append((sampled.contributions - exact) / sampled.errors)
    assert 0.6 < np.sqrt(np.mean(np.square(ratios))) < 1.5


def test_sampling_stops_when_the_errors_are_a_hundredth_of_the_range() -> None:
    case = random_case(7, 16)
    spans = np.full(2, 2.0)
    sampled = sampled_values(case.contrast, case.evaluate, spans=spans, max_rows=10**6)
    assert sampled.errors.max() <= 0.02
    assert sampled.rows < 10**6 / 2
    before = sampled_values(case.contrast, case.evaluate, spans=spans, max_rows=sampled.rows - 1)
    assert before.errors.max() > 0.02


def test_many_features_get_few_walks_and_add_up_all_the_same() -> None:
    case = random_case(300, 64, additive)
    sampled = sampled_values(case.contrast, case.evaluate, spans=np.ones(1), max_rows=5000)
    assert sampled.rows <= 5000
    total = case.contrast.answer - case.contrast.base.mean(axis=0)
    np.testing.assert_allclose(sampled.contributions.sum(axis=0), total, atol=1e-9)
    assert (sampled.errors > 0).any()


def test_same_request_has_same_answer() -> None:
    case = random_case(8, 16)
    one, other = (
        sampled_values(case.contrast, case.evaluate, spans=np.ones(2), max_rows=3000)
        for _ in range(2)
    )
    np.testing.assert_array_equal(one.contributions, other.contributions)
