"""Labels and probabilities from raw scores, in double."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
        above = graph.op("GreaterOrEqual" if tie_wins else "Greater", raw, _double(graph, 0))
        index = graph.op("Reshape", graph.cast(above, np.int64), np.array([-1]))
        one = _double(graph, 1)
        power = graph.op("Exp", graph.op("Mul", raw, _double(graph, -scale)))
        second = graph.op("Div", one, graph.op("Add", one, power))
        shares = graph.concat([graph.op("Sub", one, second), second])
    return Answer(index, graph.to_real(shares), graph.to_real(raw))


def _double(graph: Graph, value: float) -> str:
    return graph.exact(value, np.float64)
