"""Gradient boosting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

from exporter.conversion.graph.answer import Answer
from exporter.conversion.graph.column import Column
from exporter.conversion.graph.registry import predict, predicts
from exporter.conversion.trees.ensemble import add_parts, add_values, find_leaves
from exporter.conversion.trees.link import answer_largest, answer_scores
from exporter.conversion.trees.sources import read_trees
from exporter.conversion.trees.structure import (
    Shares,
    from_sklearn,
    leaf_values,
    with_constants,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.builder import Graph
    from exporter.conversion.trees.structure import Array, Trees

_EPSILON = np.finfo(np.float64).eps


@dataclass(frozen=True)
class Stages:
    """The trees of a boosted model, stage after stage, and where their sums start.

    Attributes:
        source: The input, of the type of the trees' thresholds.
        trees: The trees; those of one stage are adjacent.
        values: The value of each leaf, shape ``[leaves]``.
        start: The starting values, one for each tree of a stage.
    """

    source: str
    trees: Trees
    values: Array
    start: Array

    def add(self, graph: Graph) -> str:
        """Add the leaves' values; return a double tensor, ``[rows, trees of a stage]``."""
        trees, held = self._whole
        return add_values(graph, self.source, trees, held, len(self.start))

    def classify(
        self, graph: Graph, model: Any, *, scale: float = 1.0, tie_wins: bool = False
    ) -> Answer:
        """Return the answer of a classifier; see :func:`answer_scores`."""
        trees, held = self._whole
        targets = trees.tree_numbers[trees.leaves] % len(self.start)
        scores = Shares.of_targets(targets, held, len(self.start))
        answer = answer_largest(graph, model, self.source, trees, scores)
        if answer is not None:
            return answer
        return answer_scores(graph, model, self.add(graph), scale=scale, tie_wins=tie_wins)

    @property
    def _whole(self) -> tuple[Trees, Array]:
        """The trees behind a leaf for each start, and all their values."""
        trees = with_constants(self.trees, len(self.start))
        return trees, np.concatenate([self.start, self.values])


@predicts(GradientBoostingClassifier)
def predict_class(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Write a classifier."""
    scale = 2.0 if model.loss == "exponential" else 1.0
    stages = _read_stages(graph, model, columns)
    if isinstance(stages, Stages):
        return stages.classify(graph, model, scale=scale, tie_wins=True)
    return answer_scores(graph, model, stages, scale=scale, tie_wins=True)


@predicts(GradientBoostingRegressor)
def predict_value(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Write a regressor; all its losses have the identity as link."""
    stages = _read_stages(graph, model, columns)
    raw = stages.add(graph) if isinstance(stages, Stages) else stages
    return Answer(value=graph.to_real(raw))


def _read_stages(graph: Graph, model: Any, columns: Sequence[Column]) -> Stages | str:
    """Read the trees; behind an initial estimator write their sum, and return its name."""
    low = [each.tree_ for stage in model.estimators_ for each in stage]
    # Like scikit-learn's loop: the learning rate times the leaf's value, in double.
    values = model.learning_rate * leaf_values(low)[:, 0, 0]
    if isinstance(model.init_, str) or _is_constant(model.init_):
        row = np.zeros((1, model.n_features_in_), dtype=np.float32)
        source, trees = read_trees(graph, columns, low)
        start = model._raw_predict_init(row)[0]  # noqa: SLF001 - as its own predict does
        return Stages(source, trees, values, start)
    source = graph.cast(graph.matrix(columns), np.float32)
    return _add_to_init(graph, model, source, from_sklearn(low), values)


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
