"""Rows with several right answers: above all those whose nearest neighbors are not determined.

If the k-th and the next neighbor are equally far except for rounding, scikit-learn chooses by the
order in which it walks through its tree. No graph can repeat this, and each choice is right. So the
original predicts again, with the neighbors that the file has chosen, where these are as near.
Its answer then is the right one, whatever else is in the model. No other difference is accepted.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.impute import KNNImputer
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor, LocalOutlierFactor

from exporter.conversion.boundaries import on_boundary
from exporter.conversion.converter import read_choices
from exporter.conversion.distances.metrics import metric_of
from exporter.conversion.graph.arrays import dense
from exporter.conversion.parity import compare
from exporter.data.estimator import FittedEstimator
from exporter.data.inner_estimators import estimators_within

if TYPE_CHECKING:
    from exporter.conversion.converter import Conversion
    from exporter.conversion.parity import Comparison
    from exporter.data.answers.answers import Answers
    from exporter.data.table import Table

_EQUAL = 1e-12  # relative difference of distances that is their computation's, not the rows'
_ROUNDINGS = 8
_KINDS = (KNeighborsClassifier, KNeighborsRegressor, LocalOutlierFactor, KNNImputer)


def compare_with_ties(
    original: FittedEstimator,
    conversion: Conversion,
    rows: tuple[Table, Answers],
    given: Answers,
    tolerance: float,
) -> Comparison:
    """Compare, and accept answers that another choice among equally near neighbors gives.

    Args:
        original: The model.
        conversion: The file.
        rows: The rows, and the original's answers.
        given: The file's answers.
        tolerance: The absolute difference of a probability or value that is accepted.

    Returns:
        The comparison, in which such rows do not differ and are marked as ties.
    """
    table, expected = rows
    comparison = compare(expected, given, tolerance, original.task)
    if not comparison.equal.all():
        differ = np.flatnonzero(~comparison.equal)
        pair = expected.take(differ), given.take(differ)
        both = on_boundary(original, table.take(differ).native, *pair)
        comparison = _accept(comparison, differ[both], keep_differences=True)
    if comparison.holds or not any(
        isinstance(part, _KINDS) for part in estimators_within(original.model)
    ):
        return comparison
    wrong = np.flatnonzero(~comparison.equal | (comparison.differences > tolerance))
    asked = table.take(wrong)
    chosen = read_choices(original, conversion.layout, asked)
    try:
        twin = FittedEstimator(_substitute(original.model, chosen), original.form)
        again = twin.answer(asked.native)
    except Exception:  # noqa: BLE001 - the original takes the rows, so that the twin is at fault
        return comparison
    right = compare(again, given.take(wrong), tolerance, original.task)
    return _accept(comparison, wrong[right.equal & (right.differences <= tolerance)])


def _accept(comparison: Comparison, rows: Any, *, keep_differences: bool = False) -> Comparison:
    """Mark rows as ties, in which the file's answer is right, too."""
    equal, differences = comparison.equal.copy(), comparison.differences.copy()
    tied = comparison.ties.copy()
    equal[rows], tied[rows] = True, True
    if not keep_differences:
        differences[rows] = 0.0
    return replace(comparison, equal=equal, differences=differences, tied=tied)


def _substitute(model: Any, chosen: list[tuple[Any, Any]]) -> Any:
    """Copy a model, in which estimators take the neighbors that were chosen for these rows."""
    by_estimator: dict[int, list[Any]] = defaultdict(list)
    estimators = {id(estimator): estimator for estimator, _ in chosen}
    for estimator, neighbors in chosen:
        by_estimator[id(estimator)].append(neighbors)
    memo = {key: _stand_in(estimator, by_estimator[key]) for key, estimator in estimators.items()}
    return copy.deepcopy(model, memo)


def _stand_in(estimator: Any, chosen: list[Any]) -> Any:
    twin = copy.copy(estimator)
    if isinstance(estimator, KNNImputer):
        twin.transform = partial(_impute, estimator, chosen)
    elif len(chosen) == 1:
        twin.kneighbors = partial(_choose, estimator, chosen[0])
        twin._fit_method = "chosen"  # noqa: SLF001 - with "brute" some versions ask no kneighbors
    return twin


def _choose(
    model: Any,
    chosen: Any,
    X: Any,  # noqa: N803 - scikit-learn's name for it
    n_neighbors: int | None = None,
    *,
    return_distance: bool = True,
) -> Any:
    """Answer as ``kneighbors``, with the chosen rows wherever they are as near as its own."""
    distances, neighbors = model.kneighbors(X, n_neighbors=n_neighbors)
    if len(neighbors) == len(chosen):
        rows, fitted = dense(X), dense(model._fit_X)  # noqa: SLF001 - has no public name
        measure = metric_of(model).between
        theirs = np.array(
            [measure(row[None], fitted[c])[0] for row, c in zip(rows, chosen, strict=True)]
        )
        order = np.argsort(theirs, axis=1, kind="stable")
        theirs = np.take_along_axis(theirs, order, axis=1)
        allowed = _rounding(model, rows, fitted)[:, None]
        size = np.maximum(np.abs(rows).max(axis=1), np.abs(fitted).max())[:, None]
        right = _are_equal(theirs, distances, (allowed, size)).all(axis=1)
        ordered = np.take_along_axis(chosen, order, axis=1)
        neighbors = np.where(right[:, None], ordered, neighbors)
    return (distances, neighbors) if return_distance else neighbors


def _are_equal(one: Any, other: Any, bounds: tuple[Any, Any]) -> Any:
    """Return which distances are equal, up to their own rounding and to that of the rows."""
    allowed, size = bounds
    squares = np.abs(one**2 - other**2) <= _EQUAL * other**2 + allowed
    return squares | (np.abs(one - other) <= _ROUNDINGS * np.finfo(np.float64).eps * size)


def _rounding(model: Any, rows: Any, fitted: Any) -> Any:
    """Bound what scikit-learn's own squares of distances are wrong by, for each row.

    Without a tree it computes them as ``x.x - 2 x.y + y.y``, which rounds as the largest of the
    three does; source: ``sklearn.metrics.pairwise.euclidean_distances``. Cosines round as 1 does.
    """
    each = (_ROUNDINGS + rows.shape[1]) * np.finfo(np.float64).eps
    if getattr(model, "effective_metric_", "") == "cosine":
        return np.full(len(rows), each)
    if getattr(model, "_fit_method", "brute") != "brute":
        return np.zeros(len(rows))
    return each * ((rows**2).sum(axis=1) + (fitted**2).sum(axis=1).max())


def _impute(imputer: KNNImputer, chosen: list[Any], X: Any) -> Any:  # noqa: N803 - likewise
    """Answer as ``transform``, with the chosen donors wherever they are as near as its own.

    Their weights follow from exact distances: its own round, so that an equal row may be at 1e-8.
    """
    filled = imputer.transform(X)
    values, marker = np.asarray(X, dtype=np.float64), imputer.missing_values
    gaps = np.isnan(values) if marker != marker else values == marker  # noqa: PLR0124 - NaN
    known = ~np.asarray(imputer._mask_fit_X)  # noqa: SLF001 - has no public name
    fitted = np.where(known, np.asarray(imputer._fit_X, dtype=np.float64), 0.0)  # noqa: SLF001
    valid = np.flatnonzero(imputer._valid_mask).tolist()  # noqa: SLF001 - likewise
    if len(values) != len(chosen[0]):
        return filled
    allowed = _rounding(imputer, np.where(gaps, 0, values), fitted)
    for row in np.flatnonzero(gaps[:, valid].any(axis=1)).tolist():
        squares = _squares(np.where(gaps[row], np.nan, values[row]), fitted, known)
        for out, (place, picks) in enumerate(zip(valid, chosen, strict=True)):
            found = squares[known[:, place]]
            ours, theirs = np.sort(found)[: picks.shape[1]], found[picks[row]]
            present = np.isfinite(theirs)
            near = np.abs(np.sort(theirs)[present] - ours[present]) <= allowed[row]
            if gaps[row, place] and present.any() and near.all():
                given = fitted[known[:, place], place][picks[row]][present]
                mean = np.average(given, weights=_weights(imputer, theirs[present]))
                column = place if imputer.keep_empty_features else out
                if hasattr(filled, "iloc"):
                    filled.iloc[row, column] = mean
                else:
                    filled[row, column] = mean
    return filled


def _squares(row: Any, fitted: Any, known: Any) -> Any:
    """Return the mean squares over the columns that both have, times the columns; else infinity."""
    both = known & ~np.isnan(row)
    apart = np.where(both, np.nan_to_num(row) - fitted, 0.0)
    count = both.sum(axis=1)
    mean = (apart**2).sum(axis=1) * len(row) / np.maximum(count, 1)
    return np.where(count > 0, mean, np.inf)


def _weights(imputer: KNNImputer, squares: Any) -> Any:
    if imputer.weights != "distance":
        return None
    at_zero = squares == 0
    return at_zero.astype(float) if at_zero.any() else 1 / np.sqrt(squares)
