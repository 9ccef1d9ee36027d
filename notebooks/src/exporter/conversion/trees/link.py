"""Labels and probabilities from raw scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from exporter.conversion.graph.answer import Answer

if TYPE_CHECKING:
    from exporter.conversion.graph.builder import Graph


def answer_scores(
    graph: Graph, raw: str, count: int, *, scale: float = 1.0, tie_wins: bool = False
) -> Answer:
    """Return the answer of a classifier that turns scores into probabilities.

    Args:
        graph: Where to write.
        raw: Scores in double, ``[rows, 1]`` for two classes, else ``[rows, classes]``.
        count: The number of classes.
        scale: Factor of the score in the logistic function, for two classes.
        tie_wins: Whether a score of 0 means the second of two classes.
    """
    if count > 2:
        index = graph.op("ArgMax", raw, axis=1, keepdims=0)
        shares = graph.op("Softmax", raw, axis=1)
    else:
        zero = graph.exact(0, np.float64)
        above = graph.op("GreaterOrEqual" if tie_wins else "Greater", raw, zero)
        index = graph.op("Reshape", graph.cast(above, np.int64), np.array([-1]))
        second = logistic(graph, raw, scale, np.float64)
        first = graph.op("Sub", graph.exact(1, np.float64), second)
        shares = graph.concat([first, second])
    return Answer(index, graph.to_real(shares), graph.to_real(raw))


def softmax_answer(graph: Graph, scores: str) -> Answer:
    """Return the answer of a classifier whose label is its first largest probability.

    Args:
        graph: Where to write.
        scores: Float32 or float64, ``[rows, classes]``; their softmax has the same type.
    """
    shares = graph.op("Softmax", scores, axis=1)
    index = graph.op("ArgMax", shares, axis=1, keepdims=0)
    return Answer(index, graph.to_real(shares), graph.to_real(scores))


def logistic(
    graph: Graph, scores: str, scale: float, dtype: type[Any], epsilon: float = 0.0
) -> str:
    """Compute ``1 / (1 + exp(-scale * score) + epsilon)``.

    Args:
        graph: Where to write.
        scores: Any shape, of the given type.
        scale: What a score is multiplied by.
        dtype: float32 or float64.
        epsilon: Added to the denominator, as XGBoost does.

    Returns:
        Name of a tensor of the shape and type of the scores.
    """
    one = graph.exact(1, dtype)
    power = graph.op("Exp", graph.op("Mul", scores, graph.exact(-scale, dtype)))
    below = graph.op("Add", power, one)
    if epsilon:
        below = graph.op("Add", below, graph.exact(epsilon, dtype))
    return graph.op("Div", one, below)
