"""Single trees and forests."""

from __future__ import annotations

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

from exporter.conversion.graph.answer import Answer
from exporter.conversion.graph.registry import predicts
from exporter.conversion.graph.scores import split_shares
from exporter.conversion.trees.ensemble import (
    Weights,
    add_in_order,
    add_shares,
    add_values,
    average,
    find_leaves,
)
from exporter.conversion.trees.link import answer_votes, is_final
from exporter.conversion.trees.sources import read_trees
from exporter.conversion.trees.structure import leaf_shares, leaf_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.builder import Graph
    from exporter.conversion.graph.column import Column
    from exporter.conversion.trees.structure import Shares, Trees

# With more shares per row than this, the ensemble node adds them.
_MOST_SHARES = 1 << 14
_LARGEST_TABLE = 1 << 23
_SPARSE = 4  # a share with its index takes as much memory as this many in a table


@predicts(
    DecisionTreeClassifier,
    ExtraTreeClassifier,
    RandomForestClassifier,
    ExtraTreesClassifier,
)
def predict_class(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Write a tree or a forest that classifies."""
    low = low_level(model)
    source, trees = read_trees(graph, columns, low)
    if isinstance(model.classes_, list):
        values, counts = leaf_values(low), [len(classes) for classes in model.classes_]
        table = np.concatenate([values[:, o, :count] for o, count in enumerate(counts)], axis=1)
        sums = add_in_order(graph, find_leaves(graph, source, trees), table)
        shares_of_all = graph.op("Div", sums, graph.exact(len(low), np.float64))
        return split_shares(graph, shares_of_all, counts)
    shares = leaf_shares(low)
    if shares.are_votes and is_final(graph, model) and len(model.classes_) == 2:
        # Of two classes, the second gets the votes, and the first gets them against it.
        against = Weights(np.zeros(len(shares.columns), dtype=int), 2.0 * shares.columns - 1, 1)
        return answer_votes(graph, average(graph, source, trees, against))
    if shares.are_votes:
        votes = Weights(shares.columns, np.ones(len(shares.columns)), shares.shape[1])
        mean = average(graph, source, trees, votes)
    else:
        sums = graph.cast(_add_shares(graph, source, trees, shares), np.float64)
        mean = graph.op("Div", sums, graph.exact(len(low), np.float64))
    return Answer(graph.op("ArgMax", mean, axis=1, keepdims=0), graph.to_real(mean))


@predicts(
    DecisionTreeRegressor,
    ExtraTreeRegressor,
    RandomForestRegressor,
    ExtraTreesRegressor,
)
def predict_value(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Write a tree or a forest that predicts values."""
    low = low_level(model)
    source, trees = read_trees(graph, columns, low)
    values = leaf_values(low)[:, :, 0]
    if model.n_outputs_ == 1:
        sums = add_values(graph, source, trees, values[:, 0])
    else:
        sums = add_in_order(graph, find_leaves(graph, source, trees), values)
    mean = graph.op("Div", sums, graph.exact(len(low), np.float64))
    return Answer(value=graph.to_real(mean))


def low_level(model: Any) -> list[Any]:
    """List the low-level trees of a tree or a forest."""
    return [each.tree_ for each in getattr(model, "estimators_", [model])]


def _add_shares(graph: Graph, source: str, trees: Trees, shares: Shares) -> str:
    leaves, classes = shares.shape
    is_wide = len(trees.sizes) * classes > _MOST_SHARES
    is_sparse = leaves * classes > max(_LARGEST_TABLE, _SPARSE * len(shares.values))
    if (is_wide or is_sparse) and not graph.one_opset:
        return add_shares(graph, source, trees, shares)
    return add_in_order(graph, find_leaves(graph, source, trees), shares.dense)
