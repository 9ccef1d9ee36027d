"""Nearest neighbors, with distances as exact as scikit-learn's.

For Euclidean distances a fast product of matrices chooses some more rows than are wanted; the
distances of these are then computed from differences. So a row at distance 0 is at 0, and rows
come in the right order wherever their distances differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from exporter.conversion.distances.metrics import metric_of, reduced_distances, true_distances
from exporter.conversion.graph.answer import Answer
from exporter.conversion.graph.arrays import dense
from exporter.conversion.graph.registry import predicts
from exporter.conversion.graph.scores import largest, split_shares
from exporter.errors import ConversionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.builder import Graph
    from exporter.conversion.graph.column import Column

_MARGIN = 8  # rows chosen beyond those that are wanted, since the choice rounds


@predicts(KNeighborsClassifier)
def predict_class(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Let the neighbors vote; the lowest class wins where votes are equal, as there."""
    shares = _average(graph, model, columns, list_votes(model))
    if model.outputs_2d_:
        return split_shares(graph, shares, [len(classes) for classes in model.classes_])
    return Answer(index=largest(graph, shares), probabilities=shares)


@predicts(KNeighborsRegressor)
def predict_value(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Return the average of the neighbors' values."""
    values = np.asarray(model._y, dtype=np.float64)  # noqa: SLF001 - has no public name
    return Answer(value=_average(graph, model, columns, values.reshape(len(values), -1)))


def list_votes(model: Any) -> np.ndarray[Any, Any]:
    """Return each fitted row's vote for each class, those for several labels side by side."""
    codes = np.asarray(model._y)  # noqa: SLF001 - indices of classes
    if not model.outputs_2d_:
        votes: np.ndarray[Any, Any] = np.eye(len(model.classes_))[codes.ravel()]
        return votes
    pairs = zip(model.classes_, codes.T, strict=True)
    return np.concatenate([np.eye(len(classes))[own] for classes, own in pairs], axis=1)


def weigh(graph: Graph, distances: str) -> str:
    """Weight by inverse distance; if neighbors are at distance 0, only those count."""
    at_zero = graph.to_real(graph.op("Equal", distances, 0.0))
    any_zero = graph.op("ReduceMax", at_zero, np.array([1]), keepdims=1)
    inverse = graph.op("Div", 1.0, distances)
    return graph.op("Where", graph.op("Greater", any_zero, 0.0), at_zero, inverse)


def check_weights(model: Any) -> None:
    """Check that the weights can be converted.

    Raises:
        ConversionError: They are a function.
    """
    if callable(model.weights):
        raise ConversionError(
            f"the weights of {type(model).__name__} are a function, which ONNX does not support: "
            "use weights='uniform' or 'distance'"
        )


def _average(graph: Graph, model: Any, columns: Sequence[Column], values: Any) -> str:
    """Return the averages of the nearest rows' values, shape ``[rows, values]``."""
    check_weights(model)
    nearest, neighbors = choose_nearest(graph, model, columns, model.n_neighbors)
    found = graph.op("Gather", values, neighbors)
    if model.weights != "distance":
        return graph.op("ReduceMean", found, np.array([1]), keepdims=0)
    shares = weigh(graph, true_distances(graph, nearest, metric_of(model)))
    weights = graph.op("Unsqueeze", shares, np.array([2]))
    sums = graph.op("ReduceSum", graph.op("Mul", weights, found), np.array([1]), keepdims=0)
    return graph.op("Div", sums, graph.op("ReduceSum", weights, np.array([1]), keepdims=0))


def choose_nearest(
    graph: Graph, model: Any, columns: Sequence[Column], count: int
) -> tuple[str, str]:
    """Find the nearest fitted rows.

    Args:
        graph: Where to write; it notes the choice.
        model: A fitted model of neighbors.
        columns: The rows to ask about.
        count: The number of neighbors.

    Returns:
        Their distances as :func:`reduced_distances` gives them, and their indices, ascending.
    """
    metric = metric_of(model)
    rows = dense(model._fit_X)  # noqa: SLF001 - has no public name
    matrix, wanted = graph.matrix(columns), np.array([count])
    if metric.name == "euclidean":
        chosen, distances = _choose(graph, matrix, rows, 2 * count + _MARGIN)
        nearest, indices = graph.ops("TopK", distances, wanted, count=2, largest=0, sorted=1)
        neighbors = graph.op("GatherElements", chosen, indices, axis=1)
    else:
        distances = reduced_distances(graph, matrix, rows, metric)
        nearest, neighbors = graph.ops("TopK", distances, wanted, count=2, largest=0, sorted=1)
    graph.choices.append((model, neighbors))
    return nearest, neighbors


def _choose(graph: Graph, matrix: str, rows: Any, count: int) -> tuple[str, str]:
    """Return approximately nearest rows in their original order, with exact squared distances."""
    how_many = np.array([min(len(rows), count)])
    center = rows.mean(axis=0, keepdims=True)  # the product rounds less near the origin
    about = graph.op(
        "CDist",
        graph.op("Sub", matrix, center),
        rows - center,
        domain="com.microsoft",
        metric="sqeuclidean",
    )
    _, found = graph.ops("TopK", about, how_many, count=2, largest=0, sorted=0)
    chosen, _ = graph.ops("TopK", found, how_many, count=2, largest=0, sorted=1)
    near = graph.op("Gather", rows, chosen)
    apart = graph.op("Sub", near, graph.op("Unsqueeze", matrix, np.array([1])))
    squares = graph.op("ReduceSum", graph.op("Mul", apart, apart), np.array([2]), keepdims=0)
    return chosen, squares
