"""Single trees and forests."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

from exporter.conversion.composition.answer import Answer
from exporter.conversion.composition.registry import predicts
from exporter.conversion.trees.ensemble import add_in_order, add_up, find_leaves
from exporter.conversion.trees.structure import from_sklearn, leaf_shares, leaf_values
from exporter.errors import ConversionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.composition.graph import Column, Graph
    from exporter.conversion.trees.structure import Shares, Trees

# Beyond it the shares that the trees of one row hold are added by the ensemble itself.
_MOST_SHARES = 1 << 14
_LARGEST_TABLE = 1 << 23


@predicts(
    DecisionTreeClassifier,
    ExtraTreeClassifier,
    RandomForestClassifier,
    ExtraTreesClassifier,
)
def predict_class(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Write a tree or a forest that classifies."""
    if model.n_outputs_ > 1:
        raise ConversionError("it answers with several labels per row")
    low = low_level(model)
    trees = from_sklearn(low)
    shares = leaf_shares(low)
    sums = _add_shares(graph, graph.matrix(columns), trees, shares)
    exact = graph.dtype if shares.are_votes else np.float64
    mean = graph.op("Div", graph.cast(sums, exact), graph.exact(len(low), exact))
    return Answer(graph.op("ArgMax", mean, axis=1, keepdims=0), graph.to_real(mean))


@predicts(
    DecisionTreeRegressor,
    ExtraTreeRegressor,
    RandomForestRegressor,
    ExtraTreesRegressor,
)
def predict_value(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Write a tree or a forest that gives values."""
    low = low_level(model)
    source = graph.cast(graph.matrix(columns), np.float32)
    leaves = find_leaves(graph, source, from_sklearn(low))
    sums = add_in_order(graph, leaves, leaf_values(low)[:, :, 0])
    mean = graph.op("Div", sums, graph.exact(len(low), np.float64))
    return Answer(value=graph.to_real(mean))


def low_level(model: Any) -> list[Any]:
    """List the low-level trees of a tree or a forest."""
    return [each.tree_ for each in getattr(model, "estimators_", [model])]


def _add_shares(graph: Graph, source: str, trees: Trees, shares: Shares) -> str:
    rounded = graph.cast(source, np.float32)
    if shares.are_votes:
        return add_up(graph, rounded, trees, shares)
    leaves, classes = shares.shape
    if len(trees.sizes) * classes > _MOST_SHARES or leaves * classes > _LARGEST_TABLE:
        # An ensemble of doubles adds in double, and rounds the sum.
        doubles = replace(trees, thresholds=trees.thresholds.astype(np.float64))
        return add_up(graph, graph.cast(rounded, np.float64), doubles, shares)
    return add_in_order(graph, find_leaves(graph, rounded, trees), shares.dense)
