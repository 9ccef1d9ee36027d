"""Labels and probabilities from raw scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from exporter.conversion.graph.answer import Answer
from exporter.conversion.trees.ensemble import classify
from exporter.conversion.trees.structure import split_trees

if TYPE_CHECKING:
    from exporter.conversion.graph.builder import Graph
    from exporter.conversion.trees.structure import Shares, Trees

# Far above the smallest float32, and far below any sum of leaves' values that is not 0.
_TINY = 1e-37
_SEVERAL = 3


def answer_scores(
    graph: Graph, model: Any, raw: str, *, scale: float = 1.0, tie_wins: bool = False
) -> Answer:
    """Return the answer of a classifier that turns scores into probabilities.

    Args:
        graph: Where to write.
        model: The classifier.
        raw: Scores in double, ``[rows, 1]`` for two classes, else ``[rows, classes]``.
        scale: Factor of the score in the logistic function, for two classes.
        tie_wins: Whether a score of 0 means the second of two classes.
    """
    if is_final(graph, model) and len(model.classes_) == 2:
        return answer_two(graph, raw, scale=scale, least=-_TINY if tie_wins else 0.0)
    if len(model.classes_) > 2:
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


def is_final(graph: Graph, model: Any) -> bool:
    """Return whether the label and probabilities of a classifier are the file's."""
    return graph.final is not None and graph.final.estimator is model


def answer_largest(
    graph: Graph, model: Any, source: str, trees: Trees, scores: Shares
) -> Answer | None:
    """Return the answer of the file's classifier of three or more classes, by one operator.

    Args:
        graph: Where to write.
        model: The classifier. Its label is the first class with the largest score.
        source: The input, of the type of the trees' thresholds.
        trees: The trees.
        scores: What their leaves add to the score of each class.

    Returns:
        The answer; ``None`` if the classifier is not the file's, or the trees are too many for one
        operator, or other operators of the file need a newer operator set.
    """
    final = graph.final
    if final is None or final.estimator is not model or scores.shape[1] < _SEVERAL:
        return None
    if graph.one_opset or len(list(split_trees(trees))) > 1:
        return None
    label, shares = classify(graph, source, trees, scores, final.codes)
    return Answer(probabilities=shares, label=label)


def answer_two(graph: Graph, scores: str, *, scale: float = 1.0, least: float = 0.0) -> Answer:
    """Return the answer of the file's classifier of two classes, by one operator.

    An operator takes half a microsecond, as long as ten trees. ``LinearClassifier`` compares half
    the score with its opposite, which is exact. Their softmax is the logistic function of the
    score, also where it is tiny.

    Args:
        graph: Where to write; it has a final classifier.
        scores: What the classifier adds up, ``[rows, 1]``. Doubles are rounded to float32, whose
            smallest number is 1e-45, so their sign stays.
        scale: Factor of the score in the logistic function.
        least: The largest float32 score that means the first class.
    """
    half = scale / 2
    return _decide(graph, scores, half, (least * half, -least * half), "SOFTMAX")


def answer_votes(graph: Graph, margin: str) -> Answer:
    """Return the answer of the file's classifier of two classes that counts votes.

    Args:
        graph: Where to write; it has a final classifier.
        margin: The share of votes for the second class less that of the first, ``[rows, 1]``.
    """
    return _decide(graph, margin, 0.5, (0.5, 0.5), "NONE")


def _decide(
    graph: Graph, scores: str, factor: float, added: tuple[float, float], post_transform: str
) -> Answer:
    if graph.final is None:
        raise ValueError("the graph has no final classifier")
    codes = list(graph.final.codes)
    texts = isinstance(codes[0], str)
    label, shares = graph.ops(
        "LinearClassifier",
        scores,
        count=2,
        domain="ai.onnx.ml",
        coefficients=[-factor, factor],
        intercepts=list(added),
        post_transform=post_transform,
        **{"classlabels_strings" if texts else "classlabels_ints": codes},
    )
    return Answer(probabilities=shares, label=label)


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
