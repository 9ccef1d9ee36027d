"""AdaBoost: trees in one ensemble node, other estimators one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.ensemble import AdaBoostClassifier, AdaBoostRegressor
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

from exporter.conversion.graph.answer import Answer
from exporter.conversion.graph.registry import predict, predicts
from exporter.conversion.trees.ensemble import add_in_order, add_parts, find_leaves
from exporter.conversion.trees.sources import read_trees
from exporter.conversion.trees.structure import leaf_values
from exporter.errors import ConversionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.builder import Graph
    from exporter.conversion.graph.column import Column
    from exporter.conversion.trees.structure import Array

_TREES = (DecisionTreeClassifier, ExtraTreeClassifier, DecisionTreeRegressor, ExtraTreeRegressor)


@predicts(AdaBoostClassifier)
def predict_class(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Write a classifier."""
    if model.n_classes_ == 1:
        raise ConversionError("AdaBoostClassifier has seen one class only: fit it on two or more")
    sums = _add_votes(graph, model, columns)
    scores = graph.op("Div", sums, _double(graph, model.estimator_weights_.sum()))
    if model.n_classes_ > 2:
        index = graph.op("ArgMax", scores, axis=1, keepdims=0)
        scaled = graph.op("Div", scores, _double(graph, model.n_classes_ - 1))
        decision = scores
    else:
        decision = graph.op("Sub", graph.gather(scores, [1]), graph.gather(scores, [0]))
        above = graph.op("Greater", decision, _double(graph, 0))
        index = graph.op("Reshape", graph.cast(above, np.int64), np.array([-1]))
        both = graph.concat([graph.op("Neg", decision), decision])
        scaled = graph.op("Div", both, _double(graph, 2))
    shares = graph.op("Softmax", scaled, axis=1)
    return Answer(index, graph.to_real(shares), graph.to_real(decision))


@predicts(AdaBoostRegressor)
def predict_value(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Write a regressor: the median of the trees' values, weighted by tree."""
    count = len(model.estimators_)
    values, indices = graph.ops(
        "TopK",
        _list_values(graph, model, columns),
        np.array([count]),
        count=2,
        axis=1,
        largest=0,
        sorted=1,
    )
    weights = graph.exact(model.estimator_weights_[:count], np.float64)
    sums = graph.op("CumSum", graph.op("Gather", weights, indices, axis=0), 1)
    half = graph.op("Mul", _double(graph, 0.5), graph.gather(sums, [-1]))
    above = graph.cast(graph.op("GreaterOrEqual", sums, half), np.float32)
    median = graph.op("ArgMax", above, axis=1, keepdims=1)
    return Answer(value=graph.to_real(graph.op("GatherElements", values, median, axis=1)))


def _add_votes(graph: Graph, model: Any, columns: Sequence[Column]) -> str:
    if _are_trees(model):
        return add_in_order(graph, _find(graph, model, columns), _votes(model))
    parts = []
    for estimator, weight in zip(model.estimators_, model.estimator_weights_, strict=False):
        # The index of the estimator's class among all classes.
        indices = np.searchsorted(model.classes_, estimator.classes_)
        index = graph.op("Gather", indices, predict(graph, estimator, columns).need_index())
        same = graph.op("Equal", _column(graph, index), np.arange(model.n_classes_)[None, :])
        against = -1 / (model.n_classes_ - 1) * weight
        votes = graph.op("Where", same, _double(graph, weight), _double(graph, against))
        parts.append(graph.op("Unsqueeze", votes, np.array([1])))
    return add_parts(graph, graph.concat(parts))


def _list_values(graph: Graph, model: Any, columns: Sequence[Column]) -> str:
    if not _are_trees(model):
        values = [predict(graph, each, columns).need_value() for each in model.estimators_]
        return graph.concat([_column(graph, graph.cast(value, np.float64)) for value in values])
    held = leaf_values([each.tree_ for each in model.estimators_])[:, 0, 0]
    leaves = _find(graph, model, columns)
    return graph.op("Gather", graph.exact(held, np.float64), leaves, axis=0)


def _find(graph: Graph, model: Any, columns: Sequence[Column]) -> str:
    source, trees = read_trees(graph, columns, [each.tree_ for each in model.estimators_])
    return find_leaves(graph, source, trees)


def _double(graph: Graph, value: float) -> str:
    return graph.exact(value, np.float64)


def _column(graph: Graph, name: str) -> str:
    return graph.op("Reshape", name, np.array([-1, 1]))


def _are_trees(model: Any) -> bool:
    return all(isinstance(each, _TREES) for each in model.estimators_)


def _votes(model: Any) -> Array:
    # Each leaf votes for one class with the weight of its tree, and against all others.
    count = model.n_classes_
    parts = []
    for estimator, weight in zip(model.estimators_, model.estimator_weights_, strict=False):
        tree = estimator.tree_
        shares = tree.value[tree.children_left < 0][:, 0, : len(estimator.classes_)]
        chosen = estimator.classes_[np.argmax(shares, axis=1)]
        parts.append(
            np.where(chosen[:, None] == model.classes_[None, :], weight, -1 / (count - 1) * weight)
        )
    return np.concatenate(parts)
