"""Where a model's answers jump: thresholds of its trees, and rows on either side of a jump."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
from sklearn.tree._tree import Tree

from exporter.conversion.boosters import read_trees
from exporter.conversion.probes.rows import replace_columns
from exporter.data.boosters import library_of
from exporter.data.estimator import Answers
from exporter.data.table import stack
from exporter.errors import ConversionError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.data.estimator import FittedEstimator
    from exporter.data.table import Array, Table

_PAIRS = 150
_HALVINGS = 64
_SECONDS = 0.5


def thresholds(model: Any, width: int) -> list[Array]:
    """Collect where trees that may see the model's own columns split each of them."""
    features, values = [], []
    for tree in _trees(model, set()):
        if library_of(tree) is not None:
            try:
                trees = read_trees(tree)
            except ConversionError:  # it cannot be written either, which is said elsewhere
                continue
            features.append(trees.features[~trees.leaves])
            values.append(trees.thresholds[~trees.leaves])
        elif isinstance(tree, Tree):
            split = tree.children_left >= 0
            features.append(tree.feature[split])
            values.append(tree.threshold[split])
        else:
            nodes = tree.nodes[tree.nodes["is_leaf"] == 0]
            features.append(nodes["feature_idx"])
            values.append(nodes["num_threshold"])
    if not features:
        return [np.zeros(0)] * width
    columns, at = np.concatenate(features), np.concatenate(values).astype(np.float64)
    return [np.unique(at[columns == place]) for place in range(width)]


def find_jumps(
    original: FittedEstimator, table: Table, tolerance: float, rng: np.random.Generator
) -> Table | None:
    """Find rows on either side of a jump, by halving the way between rows that differ.

    Nothing is read off the model: what stands before its steps may be anything.

    Args:
        original: The model.
        table: Rows to begin with.
        tolerance: A difference of answers that is a jump between neighboring doubles.
        rng: Chooses the rows.

    Returns:
        Pairs of rows, one below and one above; ``None`` where none was found in time.
    """
    columns = [i for i, column in enumerate(table.columns) if column.kind == "number"]
    if not columns or (original.task == "classification" and not original.has_probabilities):
        return None
    deadline = time.monotonic() + _SECONDS
    rows = table.take(rng.integers(len(table), size=_PAIRS))
    chosen = rng.choice(columns, _PAIRS)
    values = np.column_stack([table.columns[i].values for i in columns])
    place = np.searchsorted(columns, chosen)
    low = np.column_stack([rows.columns[i].values for i in columns])[np.arange(_PAIRS), place]
    high = values[rng.integers(len(table), size=_PAIRS), place]

    def ask(at: Array) -> tuple[Table, Answers]:
        moved = {i: np.where(chosen == i, at, rows.columns[i].values) for i in columns}
        asked = replace_columns(rows, moved)
        return asked, original.answer(asked.native)

    left, right = ask(low)[1], ask(high)[1]
    for _ in range(_HALVINGS):
        middle = low + (high - low) / 2
        if time.monotonic() > deadline:
            break
        given = ask(middle)[1]
        # Where the middle is as the left end is, the jump lies to the right of it.
        same = _apart(left, given) <= _apart(right, given)
        low, high = np.where(same, middle, low), np.where(same, high, middle)
        left, right = _merge(same, given, left), _merge(same, right, given)
    jumps = _apart(left, right) > tolerance
    jumps &= np.nextafter(low, high) == high
    if not jumps.any():
        return None
    kept = np.flatnonzero(jumps)
    return stack([ask(low)[0].take(kept), ask(high)[0].take(kept)])


def _apart(one: Answers, other: Answers) -> Array:
    pair = (one.labels, other.labels)
    if one.probabilities is not None and other.probabilities is not None:
        pair = (one.probabilities, other.probabilities)
    apart: Array = np.abs(pair[0] - pair[1])
    largest: Array = apart.reshape(len(apart), -1).max(axis=1)
    return largest


def _merge(where: Array, yes: Answers, no: Answers) -> Answers:
    def choose(first: Array, second: Array) -> Array:
        mask = where if first.ndim == 1 else where[:, None]
        return np.where(mask, first, second)

    shares = None
    if yes.probabilities is not None and no.probabilities is not None:
        shares = choose(yes.probabilities, no.probabilities)
    return Answers(choose(yes.labels, no.labels), shares)


def _trees(value: Any, seen: set[int]) -> Iterator[Any]:
    if isinstance(value, (Tree, TreePredictor)) or library_of(value) is not None:
        yield value
    elif isinstance(value, BaseEstimator):
        if id(value) not in seen:
            seen.add(id(value))
            for held in vars(value).values():
                yield from _trees(held, seen)
    elif isinstance(value, dict):
        for held in value.values():
            yield from _trees(held, seen)
    elif isinstance(value, (list, tuple)) or (
        isinstance(value, np.ndarray) and value.dtype.kind == "O"
    ):
        for held in np.ravel(value) if isinstance(value, np.ndarray) else value:
            if library_of(held) or isinstance(
                held, (Tree, TreePredictor, BaseEstimator, dict, list, tuple)
            ):
                yield from _trees(held, seen)
