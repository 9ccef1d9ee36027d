"""Isolation forests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.ensemble import IsolationForest
from sklearn.ensemble._iforest import _average_path_length

from exporter.conversion.graph.answer import Answer
from exporter.conversion.graph.registry import predicts
from exporter.conversion.trees.ensemble import add_values
from exporter.conversion.trees.sources import read_source
from exporter.conversion.trees.structure import from_sklearn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.builder import Graph
    from exporter.conversion.graph.column import Column

_HALVINGS = 2200  # more than there are steps between any two doubles, by halving their distance


@predicts(IsolationForest)
def predict_isolation(graph: Graph, model: IsolationForest, columns: Sequence[Column]) -> Answer:
    """Add the depths of the leaves that a row falls into: outliers are isolated early.

    The label follows from the depths, not from the score: the last bit of a power differs between
    libraries, and the contamination places the threshold on the score of a training row.
    """
    low = [each.tree_ for each in model.estimators_]
    trees = from_sklearn(low, model.estimators_features_)
    source, trees = read_source(graph, columns, trees)
    depths = add_values(graph, source, trees, _leaf_depths(model, low))
    least = graph.exact(_least_depth(model), np.float64)
    inlier = graph.cast(graph.op("GreaterOrEqual", depths, least), np.int64)
    index = graph.op("Reshape", inlier, np.array([-1]))
    scale = _scale(model)
    share = graph.op("Div", depths, graph.exact(scale or 1.0, np.float64))
    if not scale:  # all trees have a single row, and scikit-learn takes 1
        none = graph.op("Mul", share, graph.exact(0, np.float64))
        share = graph.op("Add", none, graph.exact(1, np.float64))
    power = graph.op("Pow", graph.exact(2, np.float64), graph.op("Neg", share))
    score = graph.op("Sub", graph.op("Neg", power), graph.exact(model.offset_, np.float64))
    return Answer(index, scores=graph.to_real(score))


def _leaf_depths(model: IsolationForest, low: Sequence[Any]) -> Any:
    """Return what each leaf adds, in scikit-learn's order of operations."""
    paths, averages = model._decision_path_lengths, model._average_path_length_per_tree  # noqa: SLF001
    return np.concatenate(
        [
            (path + average - 1.0)[tree.children_left < 0]
            for tree, path, average in zip(low, paths, averages, strict=True)
        ]
    )


def _scale(model: IsolationForest) -> float:
    """Return what depths are divided by; 0 if all trees have a single row."""
    return float(len(model.estimators_) * _average_path_length([model._max_samples])[0])  # noqa: SLF001


def _least_depth(model: IsolationForest) -> float:
    """Find the least sum of depths of an inlier, by halving; scores rise with the depths."""
    scale = np.array([_scale(model)])

    def is_inlier(depth: float) -> bool:
        depths = np.array([depth])
        divided = np.divide(depths, scale, out=np.ones_like(depths), where=scale != 0)
        with np.errstate(over="ignore"):
            return bool((-(2 ** (-divided)) - model.offset_ >= 0)[0])

    if is_inlier(-np.inf):
        return -np.inf
    low, high = -1e9, 1e9
    if is_inlier(low) or not is_inlier(high):
        return low if is_inlier(low) else np.inf
    for _ in range(_HALVINGS):
        middle = low + (high - low) / 2
        if middle in (low, high):
            break
        low, high = (low, middle) if is_inlier(middle) else (middle, high)
    return high
