"""Operations on the scores and probabilities of classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto
from sklearn.base import is_regressor

if TYPE_CHECKING:
    from exporter.conversion.graph.answer import Answer
    from exporter.conversion.graph.builder import Graph


def largest(graph: Graph, scores: str) -> str:
    """Return the index of the first of the largest values of each row."""
    return graph.op("ArgMax", scores, axis=1, keepdims=0)


def above(graph: Graph, scores: str, threshold: float) -> str:
    """Return index 1 where the single score of a row is above a threshold, else 0."""
    flat = graph.op("Reshape", graph.op("Greater", scores, threshold), np.array([-1]))
    return graph.op("Cast", flat, to=TensorProto.INT64)


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
