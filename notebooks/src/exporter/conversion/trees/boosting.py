"""Gradient boosting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

from exporter.conversion.graph.answer import Answer
from exporter.conversion.graph.column import Column
from exporter.conversion.graph.registry import predict, predicts
from exporter.conversion.trees.ensemble import add_parts, add_values, find_leaves
from exporter.conversion.trees.link import answer_scores
from exporter.conversion.trees.sources import read_trees
from exporter.conversion.trees.structure import from_sklearn, leaf_values, with_constants

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.builder import Graph
    from exporter.conversion.trees.structure import Array, Trees

_EPSILON = np.finfo(np.float64).eps


@predicts(GradientBoostingClassifier)
def predict_class(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Write a classifier."""
    scale = 2.0 if model.loss == "exponential" else 1.0
    raw = _add_stages(graph, model, columns)
    return answer_scores(graph, model, raw, scale=scale, tie_wins=True)


@predicts(GradientBoostingRegressor)
def predict_value(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Write a regressor; all its losses have the identity as link."""
    return Answer(value=graph.to_real(_add_stages(graph, model, columns)))


def _add_stages(graph: Graph, model: Any, columns: Sequence[Column]) -> str:
    low = [each.tree_ for stage in model.estimators_ for each in stage]
    # Like scikit-learn's loop: the learning rate times the leaf's value, in double.
    values = model.learning_rate * leaf_values(low)[:, 0, 0]
    if isinstance(model.init_, str) or _is_constant(model.init_):
        row = np.zeros((1, model.n_features_in_), dtype=np.float32)
        source, trees = read_trees(graph, columns, low)
        start = model._raw_predict_init(row)[0]  # noqa: SLF001 - as its own predict does
        return add_stages(graph, source, trees, values, start)
    source = graph.cast(graph.matrix(columns), np.float32)
    return _add_to_init(graph, model, source, from_sklearn(low), values)


def add_stages(graph: Graph, source: str, trees: Trees, values: Array, start: Array) -> str:
    """Add the leaves' values, stage after stage.

    Args:
        graph: Where to write.
        source: The input, of the type of the trees' thresholds.
        trees: The trees; those of one stage are adjacent.
        values: The value of each leaf, shape ``[leaves]``.
        start: The starting values, one for each tree of a stage.

    Returns:
        Name of a double tensor ``[rows, trees of a stage]``.
    """
    width = len(start)
    held = np.concatenate([start, values])
    return add_values(graph, source, with_constants(trees, width), held, width)


def _add_to_init(graph: Graph, model: Any, source: str, trees: Trees, values: Array) -> str:
    width = len(model.estimators_[0])
    leaves = find_leaves(graph, source, trees)
    held = graph.op("Gather", graph.exact(values, np.float64), leaves, axis=0)
    stages = graph.op("Reshape", held, np.array([0, -1, width]))
    start = _predict_init(graph, model, source)
    first = graph.op("Reshape", start, np.array([-1, 1, width]))
    return add_parts(graph, graph.concat([first, stages]))


def _predict_init(graph: Graph, model: Any, source: str) -> str:
    # The initial estimator sees the numbers as rounded for the trees.
    given = [Column(graph.to_real(source), "real", int(model.n_features_in_))]
    answer = predict(graph, model.init_, given)
    if not is_classifier(model):
        return graph.cast(answer.need_value(), np.float64)
    return _link(graph, model, graph.cast(answer.need_probabilities(), np.float64))


def _link(graph: Graph, model: Any, shares: str) -> str:
    bounds = [graph.exact(bound, np.float64) for bound in (_EPSILON, 1 - _EPSILON)]
    if not model._loss.is_multiclass:  # noqa: SLF001 - as its own predict does
        share = graph.op("Clip", graph.gather(shares, [1]), *bounds)
        rest = graph.op("Sub", graph.exact(1, np.float64), share)
        logit = graph.op("Log", graph.op("Div", share, rest))
        half = graph.exact(0.5 if model.loss == "exponential" else 1.0, np.float64)
        return graph.op("Mul", logit, half)
    logs = graph.op("Log", graph.op("Clip", shares, *bounds))
    mean = graph.op("ReduceMean", logs, np.array([1]), keepdims=1)
    return graph.op("Sub", logs, mean)


def _is_constant(init: Any) -> bool:
    if isinstance(init, DummyClassifier):
        return bool(init.strategy in {"prior", "most_frequent", "constant"})
    return isinstance(init, DummyRegressor)
