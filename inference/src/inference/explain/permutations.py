"""Shapley values by antithetic permutation sampling, for models with too many coalitions.

A permutation lets the record's features replace a background row's one after the other, and each
feature is credited with the change. Each permutation is also walked backwards, which cancels the
effect of pairs of features. Each background row gets permutations of its own.

Source: Mitchell et al., Sampling Permutations for Shapley Value Estimation, 2022, section 4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from inference.explain.shapley import Contrast, Evaluate

Array = np.ndarray[Any, Any]

_SEED = 0
_TOLERANCE = 0.01  # of the output's range


class Sampled(NamedTuple):
    """Estimated contributions.

    Attributes:
        contributions: Shape ``[features, outputs]``; their sum is exact.
        errors: Their standard errors, likewise.
        rows: The number of rows that were run.
    """

    contributions: Array
    errors: Array
    rows: int


def sampled_values(
    contrast: Contrast, evaluate: Evaluate, *, spans: Array, max_rows: int
) -> Sampled:
    """Estimate the contribution of each feature to one answer.

    It stops when every standard error is at most 1 % of the output's range, or when another round
    would exceed the limit on rows; after two rounds at least.

    Args:
        contrast: The record and the background; at least two features.
        evaluate: See :func:`inference.explain.shapley.exact_values`.
        spans: The range of each output.
        max_rows: The most rows to run.
    """
    differs, base, answer = contrast
    rows, features = differs.shape
    random = np.random.default_rng(_SEED)
    walks = min(rows, max(1, max_rows // (4 * (features - 1))))
    estimate = _Estimate(rows, (walks, features, len(answer)))
    shuffled = random.permutation(rows)
    limits = _TOLERANCE * spans
    while True:
        index = shuffled if walks == rows else shuffled[estimate.place(walks)]
        orders = np.tile(np.arange(features), (walks, 1))
        orders = random.permuted(orders, axis=1)
        walk = _Walk(np.concatenate((orders, orders[:, ::-1])), np.tile(index, 2), differs)
        estimate.add(walk.contributions(base, answer, evaluate), walk.count)
        per_round = 2 * walks * (features - 1)
        if estimate.rounds < 2:
            continue
        errors = estimate.errors()
        if (errors <= limits).all() or estimate.rows + per_round > max_rows:
            break
    return Sampled(_complete(estimate.mean(), errors, answer - base.mean(axis=0)), errors,
                   estimate.rows)  # fmt: skip


def _complete(contributions: Array, errors: Array, total: Array) -> Array:
    """Make contributions add up, by changing the least certain ones the most."""
    variances = errors**2
    sums = variances.sum(axis=0)
    even = np.full_like(contributions, 1 / len(contributions))
    shares = np.divide(variances, sums, out=even, where=sums > 0)
    completed: Array = contributions + shares * (total - contributions.sum(axis=0))
    return completed


class _Walk:
    """Permutations side by side, each from a background row to the record.

    Args:
        orders: The features in the order of each permutation, shape ``[walks, features]``.
        index: The background row of each.
        differs: Whether each feature differs from each background row.

    Attributes:
        count: The number of rows to run: the changed ones, without the record at each end.
    """

    def __init__(self, orders: Array, index: Array, differs: Array) -> None:
        self._orders = orders
        self._index = index
        self._ranks = np.argsort(orders, axis=1).astype(np.int32)
        changes = np.take_along_axis(differs[index], orders, axis=1)
        nth = np.cumsum(changes, axis=1)
        self._walks, self._steps = np.nonzero(changes)
        self._is_first = nth[changes] == 1
        self._is_run = nth[changes] < nth[self._walks, -1]
        self._run_walks, self._run_steps = self._walks[self._is_run], self._steps[self._is_run]
        self.count = len(self._run_walks)

    def contributions(self, base: Array, answer: Array, evaluate: Evaluate) -> Array:
        """Return what each feature changes, mean of the two directions of each permutation."""
        after = np.empty((len(self._walks), len(answer)))
        after[~self._is_run] = answer
        after[self._is_run] = evaluate(self.count, self._rows)
        before = np.roll(after, 1, axis=0)
        before[self._is_first] = base[self._index[self._walks[self._is_first]]]
        walks, features = self._orders.shape
        changed = np.zeros((walks, features, len(answer)))
        changed[self._walks, self._orders[self._walks, self._steps]] = after - before
        half = walks // 2
        mean: Array = (changed[:half] + changed[half:]) / 2
        return mean

    def _rows(self, part: slice) -> tuple[Array, Array]:
        walks = self._run_walks[part]
        return self._ranks[walks] <= self._run_steps[part, None], self._index[walks]


class _Estimate:
    """Means and standard errors of what the rounds found.

    If a round has a walk from every background row, the rows are strata: only differences between
    walks from the same row are errors. Else the walks are a sample of all rows and permutations.
    """

    def __init__(self, rows: int, shape: tuple[int, int, int]) -> None:
        self._rows = rows
        self._walks = shape[0]
        self._sums = np.zeros(shape)
        self._squares = np.zeros(shape[1:])
        self.rounds = 0
        self.rows = 0

    def place(self, walks: int) -> Array:
        """Return which of the shuffled background rows come next."""
        return np.arange(self.rounds * walks, (self.rounds + 1) * walks) % self._rows

    def add(self, contributions: Array, rows: int) -> None:
        self._sums += contributions
        self._squares += (contributions**2).sum(axis=0)
        self.rounds += 1
        self.rows += rows

    def mean(self) -> Array:
        mean: Array = self._sums.sum(axis=0) / (self.rounds * self._walks)
        return mean

    def errors(self) -> Array:
        count = self.rounds * self._walks
        if self._walks == self._rows:
            within = self._squares - (self._sums**2).sum(axis=0) / self.rounds
            variances = within / ((self.rounds - 1) * self.rounds * self._rows**2)
        else:
            variances = (self._squares - count * self.mean() ** 2) / ((count - 1) * count)
        return np.asarray(np.sqrt(np.maximum(variances, 0.0)))
