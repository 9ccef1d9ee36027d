"""Rows on a boundary between two labels, where only rounding decides which one the model answers.

This is so for a row that is equally far from two centers, equally likely in two components, or
exactly on the threshold of an outlier detector, where the contamination may place it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.spatial.distance import cdist  # type: ignore[import-untyped]
from sklearn.cluster import Birch, BisectingKMeans

from exporter.conversion.distances.clusters import centers_of, read_splits
from exporter.conversion.graph.arrays import dense
from exporter.data.answers.kinds import list_steps
from exporter.data.forms import copy_rows

if TYPE_CHECKING:
    from exporter.data.answers.answers import Answers
    from exporter.data.estimator import FittedEstimator

    Array = np.ndarray[Any, Any]

_EQUAL = 1e-12  # a share of the threshold, or of a probability, that is rounding
_ROUNDINGS = 8


def on_boundary(original: FittedEstimator, native: Any, expected: Answers, given: Answers) -> Array:
    """Find the rows whose labels are both right.

    Args:
        original: The model.
        native: The rows.
        expected: The model's answers.
        given: Other answers, of which only the labels may differ.

    Returns:
        Booleans, one for each row.
    """
    none: Array = np.zeros(len(expected.labels), dtype=bool)
    known: Array = given.labels >= 0
    if original.task == "outlier_detection" and expected.scores is not None:
        offset = getattr(list_steps(original.model)[-1], "offset_", 0.0)
        size = float(np.abs(offset).max())
        found: Array = np.abs(expected.scores[:, 0]) <= _EQUAL * max(size, _EQUAL)
        return found & known
    if original.task != "clustering":
        return none
    if expected.probabilities is not None:
        rows, shares = np.arange(len(none)), expected.probabilities
        apart = np.abs(shares[rows, expected.labels] - shares[rows, given.labels])
        equal: Array = apart <= _EQUAL
        return equal & known
    *steps, model = list_steps(original.model)
    values = copy_rows(original.form.restore(native))
    for step in steps:
        values = step.transform(values)
    return known & _between_centers(model, values, (expected.labels, given.labels))


def _between_centers(model: Any, values: Any, labels: tuple[Array, Array]) -> Array:
    rows = dense(values)
    splits = read_splits(model).centers if isinstance(model, BisectingKMeans) else None
    centers = dense(centers_of(model) if splits is None else splits)
    squares = cdist(rows, centers, "sqeuclidean")
    # scikit-learn computes squares as x.x - 2 x.c + c.c, which rounds as the largest of them does.
    kind = np.asarray(centers_of(model)).dtype
    each = (_ROUNDINGS + rows.shape[1]) * np.finfo(kind if kind.kind == "f" else float).eps
    allowed = each * ((rows**2).sum(axis=1) + (centers**2).sum(axis=1).max(initial=0.0))
    if splits is not None:
        count = len(splits) // 2
        apart = np.abs(squares[:, :count] - squares[:, count:])
        return np.asarray((apart <= allowed[:, None]).any(axis=1))
    clusters = np.arange(len(centers))
    if isinstance(model, Birch):
        clusters = np.unique(model.subcluster_labels_, return_inverse=True)[1]
    first, second = (
        np.where(clusters[None, :] == own[:, None], squares, np.inf).min(axis=1) for own in labels
    )
    return np.asarray(np.abs(first - second) <= allowed)
