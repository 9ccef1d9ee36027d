"""Rows with several right answers: those whose k nearest neighbours are not determined.

Where the k-th and the next neighbour are equally far, scikit-learn's choice follows from the order
in which it walks through its tree, which no graph can repeat. Each choice among the equals is
right, so an answer that one of them gives is accepted for such a row, and no other difference.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, islice
from math import comb
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.spatial.distance import cdist  # type: ignore[import-untyped]
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection._search import BaseSearchCV
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import Pipeline

from exporter.conversion.composition.linear import dense

if TYPE_CHECKING:
    from exporter.conversion.parity import Comparison
    from exporter.original import Answers, Original
    from exporter.table import Table

_EQUAL = 1e-12  # relative difference of distances that is their computation's, not the rows'
_MOST_CHOICES = 20_000
_ROUNDINGS = 8
_METRICS = {"euclidean": "euclidean", "manhattan": "cityblock", "chebyshev": "chebyshev"}


class _Tie(NamedTuple):
    """The neighbours of one row.

    Attributes:
        certain: Those that are nearer than the k-th.
        equals: Those that are as far as the k-th.
        places: How many of the equals are neighbours.
        weights: Of each row of the training data.
    """

    certain: Any
    equals: Any
    places: int
    weights: Any


def accept_ties(
    comparison: Comparison, original: Original, table: Table, given: Answers
) -> Comparison:
    """Accept answers that another choice among equally near neighbours would give.

    Args:
        comparison: How the answers compare.
        original: The model.
        table: The rows.
        given: The file's answers.

    Returns:
        The comparison, in which such rows do not differ and are marked as ties.
    """
    found = None if comparison.holds else _neighbours(original.model)
    if found is None:
        return comparison
    steps, model = found
    wrong = np.flatnonzero(~comparison.equal | (comparison.differences > comparison.tolerance))
    rows: Any = table.take(wrong).native
    for step in steps:
        rows = step.transform(rows)
    ties = [_tie(model, row) for row in dense(rows)]
    accepted = [
        index
        for index, tie in zip(wrong.tolist(), ties, strict=True)
        if tie is not None and _is_right(model, tie, given, index, comparison.tolerance)
    ]
    equal, differences = comparison.equal.copy(), comparison.differences.copy()
    tied = np.zeros(len(equal), dtype=bool)
    equal[accepted], differences[accepted], tied[accepted] = True, 0.0, True
    return replace(comparison, equal=equal, differences=differences, tied=tied)


def _neighbours(model: Any) -> tuple[list[Any], Any] | None:
    """Find the steps before a nearest-neighbours model, and it; ``None`` for any other model."""
    steps: list[Any] = []
    while True:
        if isinstance(model, BaseSearchCV):
            model = model.best_estimator_
        elif isinstance(model, FrozenEstimator):
            model = model.estimator
        elif isinstance(model, Pipeline):
            steps += [s for _, s in model.steps[:-1] if s is not None and s != "passthrough"]
            model = model.steps[-1][1]
        else:
            break
    kinds = (KNeighborsClassifier, KNeighborsRegressor)
    known = type(model) in kinds and model.effective_metric_ in _METRICS
    return (steps, model) if known and not callable(model.weights) else None


def _tie(model: Any, row: Any) -> _Tie | None:
    """Find the neighbours of a row; ``None`` where they are determined."""
    fitted = dense(model._fit_X)  # noqa: SLF001 - has no public name
    distances = cdist(row[None], fitted, metric=_METRICS[model.effective_metric_])[0]
    bound = np.partition(distances, model.n_neighbors - 1)[model.n_neighbors - 1]
    equals = np.abs(distances**2 - bound**2) <= _EQUAL * bound**2 + _rounding(model, row, fitted)
    certain = (distances < bound) & ~equals
    places = model.n_neighbors - int(certain.sum())
    if int(equals.sum()) <= places:
        return None
    weights = np.ones(len(fitted))
    if model.weights == "distance":
        at_zero = distances == 0
        with np.errstate(divide="ignore"):
            weights = at_zero.astype(float) if at_zero.any() else 1 / distances
        weights[equals] = weights[equals].max()
    return _Tie(certain, equals, places, weights)


def _rounding(model: Any, row: Any, fitted: Any) -> Any:
    """Bound what scikit-learn's own squares of distances are wrong by.

    Without a tree it computes them as ``x.x - 2 x.y + y.y``, which rounds as the largest of the
    three does; source: ``sklearn.metrics.pairwise.euclidean_distances``.
    """
    if model._fit_method != "brute" or model.effective_metric_ != "euclidean":  # noqa: SLF001
        return 0.0
    size = row @ row + (fitted * fitted).sum(axis=1)
    return (_ROUNDINGS + len(row)) * np.finfo(np.float64).eps * size


def _is_right(model: Any, tie: _Tie, given: Answers, row: int, tolerance: float) -> bool:
    """Tell whether one choice among the equals gives the answer."""
    if isinstance(model, KNeighborsClassifier):
        return _is_right_share(model, tie, given, row, tolerance)
    targets = np.asarray(model._y, dtype=np.float64)  # noqa: SLF001 - has no public name
    targets = targets.reshape(len(targets), -1)
    places, equals = tie.places, np.flatnonzero(tie.equals)
    base = tie.weights[tie.certain] @ targets[tie.certain]
    weight = tie.weights[equals[0]]
    whole = tie.weights[tie.certain].sum() + weight * places
    answer = np.atleast_1d(np.asarray(given.labels[row], dtype=np.float64))
    wanted, allowed = (answer * whole - base), tolerance * whole
    if comb(len(equals), places) > _MOST_CHOICES:
        sums = np.sort(targets[equals] * weight, axis=0)
        low, high = sums[:places].sum(axis=0), sums[-places:].sum(axis=0)
        return bool(np.all((wanted >= low - allowed) & (wanted <= high + allowed)))
    choices = islice(combinations(equals.tolist(), places), _MOST_CHOICES)
    return any(
        np.all(np.abs(weight * targets[list(choice)].sum(axis=0) - wanted) <= allowed)
        for choice in choices
    )


def _is_right_share(model: Any, tie: _Tie, given: Answers, row: int, tolerance: float) -> bool:
    classes = np.asarray(model._y)  # noqa: SLF001 - has no public name
    count = len(model.classes_)
    weight = tie.weights[np.flatnonzero(tie.equals)[0]]
    if given.probabilities is None or weight == 0:
        return False
    shares = np.asarray(given.probabilities[row], dtype=np.float64)
    base = np.bincount(classes[tie.certain], tie.weights[tie.certain], minlength=count)
    available = np.bincount(classes[tie.equals], minlength=count)
    chosen = (shares * (base.sum() + weight * tie.places) - base) / weight
    whole = np.round(chosen)
    near = np.all(np.abs(chosen - whole) <= max(tolerance * model.n_neighbors, 1e-6))
    fits = np.all((whole >= 0) & (whole <= available)) and int(whole.sum()) == tie.places
    label = int(given.labels[row])
    return bool(near and fits and shares[label] >= shares.max() - tolerance)
