"""From raw scores to probabilities, in the precision of the scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exporter.conversion.graph.answer import Answer

if TYPE_CHECKING:
    from exporter.conversion.graph.builder import Graph


def softmax_answer(graph: Graph, scores: str) -> Answer:
    """Answer for a classifier whose probabilities are the softmax of its scores."""
    shares = graph.op("Softmax", scores, axis=1)
    index = graph.op("ArgMax", shares, axis=1, keepdims=0)
    return Answer(index, graph.to_real(shares), graph.to_real(scores))


def logistic(
    graph: Graph, scores: str, scale: float, dtype: type[Any], epsilon: float = 0.0
) -> str:
    """Compute ``1 / (1 + exp(-scale * score) + epsilon)``.

    Args:
        graph: Where to write.
        scores: Of the given type.
        scale: What a score is multiplied by.
        dtype: float32 or float64.
        epsilon: What some libraries add against a division by zero.
    """
    one = graph.exact(1, dtype)
    power = graph.op("Exp", graph.op("Mul", scores, graph.exact(-scale, dtype)))
    below = graph.op("Add", power, one)
    if epsilon:
        below = graph.op("Add", below, graph.exact(epsilon, dtype))
    return graph.op("Div", one, below)
