"""Operations on the scores and probabilities of classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto
from sklearn.base import is_regressor

from exporter.conversion.graph.answer import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.builder import Graph


def largest(graph: Graph, scores: str) -> str:
    """Return the index of the first of the largest values of each row."""
    return graph.op("ArgMax", scores, axis=1, keepdims=0)


def above(graph: Graph, scores: str, threshold: float) -> str:
    """Return index 1 where the single score of a row is above a threshold, else 0."""
    flat = graph.op("Reshape", graph.op("Greater", scores, threshold), np.array([-1]))
    return graph.op("Cast", flat, to=TensorProto.INT64)


def at_least(graph: Graph, scores: str, threshold: float) -> str:
    """Return index 1 where the single score of a row reaches a threshold, else 0."""
    flat = graph.op("Reshape", graph.op("GreaterOrEqual", scores, threshold), np.array([-1]))
    return graph.op("Cast", flat, to=TensorProto.INT64)


def split_labels(graph: Graph, scores: str, thresholds: Any, shares: str | None = None) -> Answer:
    """Return the answer of a classifier that decides about each label by its own score.

    Args:
        graph: Where to write.
        scores: One for each label, ``[rows, labels]``.
        thresholds: What the score of a label must exceed.
        shares: The probability of each label, if there are any.
    """
    targets = []
    for place, threshold in enumerate(np.asarray(thresholds, dtype=np.float64).tolist()):
        index = above(graph, graph.gather(scores, [place]), threshold)
        pair = None if shares is None else two_sided(graph, graph.gather(shares, [place]))
        targets.append(Answer(index, pair))
    return Answer(targets=targets)


def split_shares(graph: Graph, shares: str, counts: Sequence[int]) -> Answer:
    """Return the answer of a classifier whose labels are the most probable classes.

    Args:
        graph: Where to write.
        shares: Probabilities of the classes of all labels side by side.
        counts: The number of classes of each label.
    """
    targets, first = [], 0
    for count in counts:
        own = graph.gather(shares, list(range(first, first := first + count)))
        targets.append(Answer(largest(graph, own), graph.to_real(own)))
    return Answer(targets=targets)


def two_sided(graph: Graph, positive: str) -> str:
    """Return the probabilities of both classes, given those of the second."""
    return graph.op("Concat", graph.op("Sub", 1.0, positive), positive, axis=1)


def normalized(graph: Graph, shares: str) -> str:
    """Divide each row by its sum; a row of zeros becomes uniform."""
    total = graph.total(shares)
    empty = graph.op("Equal", total, 0.0)
    filled = graph.op("Where", empty, 1.0, shares)
    return graph.op("Div", filled, graph.total(filled))


def binary_score(graph: Graph, estimator: Any, answer: Answer) -> str:
    """Return the score, probability or value that an estimator assigns to the second class."""
    if is_regressor(estimator):
        return answer.need_value()
    if hasattr(estimator, "decision_function"):
        return answer.need_scores()
    return graph.gather(answer.need_probabilities(), [1])
