"""Thresholds of a model's trees, and rows on either side of a jump of its answers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
from sklearn.tree._tree import Tree

from exporter.conversion.boosters import read_trees
from exporter.conversion.probes.rows import replace_columns
from exporter.data.answers.answers import choose
from exporter.data.boosters import library_of
from exporter.data.inner_estimators import estimators_within
from exporter.data.table import stack

if TYPE_CHECKING:
    from exporter.data.answers.answers import Answers
    from exporter.data.estimator import FittedEstimator
    from exporter.data.table import Array, Table

_PAIRS = 150
_HALVINGS = 64
_SECONDS = 0.5


def thresholds(model: Any, width: int) -> list[Array]:
    """Return the thresholds of the model's trees for each of its columns."""
    features, values = [], []
    for tree in estimators_within(model, also=(Tree, TreePredictor)):
        if library_of(tree) is not None:
            try:
                trees = read_trees(tree)
            except Exception:  # noqa: BLE001, S112 - not fitted, or refused when it is converted
                continue
            features.append(trees.features[~trees.leaves])
            values.append(trees.thresholds[~trees.leaves])
        elif isinstance(tree, Tree):
            split = tree.children_left >= 0
            features.append(tree.feature[split])
            values.append(tree.threshold[split])
        elif isinstance(tree, TreePredictor):
            nodes = tree.nodes[tree.nodes["is_leaf"] == 0]
            features.append(nodes["feature_idx"])
            values.append(nodes["num_threshold"])
    if not features:
        return [np.zeros(0)] * width
    columns, splits = np.concatenate(features), np.concatenate(values).astype(np.float64)
    return [np.unique(splits[columns == index]) for index in range(width)]


def find_jumps(
    original: FittedEstimator, table: Table, tolerance: float, rng: np.random.Generator
) -> Table | None:
    """Find rows on either side of a jump, by bisection between rows that differ.

    Only answers are used, so the model may have any steps.

    Args:
        original: The model.
        table: Rows to begin with.
        tolerance: A difference of answers that is a jump between neighboring doubles.
        rng: Random generator that chooses the rows.

    Returns:
        Pairs of rows, one below and one above; ``None`` if none was found in time.
    """
    columns = _movable(table)
    measured = original.has_probabilities or original.has_scores or not original.labels
    if not columns or not measured:
        return None
    deadline = time.monotonic() + _SECONDS
    rows = table.take(rng.integers(len(table), size=_PAIRS))
    chosen = rng.choice(columns, _PAIRS)
    values = np.column_stack([table.columns[i].values for i in columns])
    position = np.searchsorted(columns, chosen)
    low = np.column_stack([rows.columns[i].values for i in columns])[np.arange(_PAIRS), position]
    high = values[rng.integers(len(table), size=_PAIRS), position]

    def predict(at: Array) -> tuple[Table, Answers]:
        moved = {i: np.where(chosen == i, at, rows.columns[i].values) for i in columns}
        replaced = replace_columns(rows, moved)
        return replaced, original.answer(replaced.native)

    left, right = predict(low)[1], predict(high)[1]
    for _ in range(_HALVINGS):
        middle = low + (high - low) / 2
        if time.monotonic() > deadline:
            break
        center = predict(middle)[1]
        # If the middle is closer to the left end, the jump is to the right of it.
        same = _distance(left, center) <= _distance(right, center)
        low, high = np.where(same, middle, low), np.where(same, high, middle)
        left, right = choose(same, center, left), choose(same, right, center)
    jumps = _distance(left, right) > tolerance
    jumps &= np.nextafter(low, high) == high
    if not jumps.any():
        return None
    kept = np.flatnonzero(jumps)
    return stack([predict(low)[0].take(kept), predict(high)[0].take(kept)])


def _movable(table: Table) -> list[int]:
    """List the columns whose values have others between them."""
    named = enumerate(table.columns)
    return [i for i, column in named if column.kind == "number" and not column.is_boolean]


def _distance(one: Answers, other: Answers) -> Array:
    pair = (one.labels, other.labels)
    if one.numbers is not None and other.numbers is not None:
        pair = (one.numbers, other.numbers)
    differences: Array = np.abs(pair[0] - pair[1])
    largest: Array = differences.reshape(len(differences), -1).max(axis=1)
    return largest
