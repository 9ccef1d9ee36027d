"""Nearest neighbours, with distances as exact as scikit-learn's.

A fast product of matrices chooses some more rows than are wanted; the distances of these are then
computed from differences, as scikit-learn's trees do it. So a row at distance 0 is at 0, and rows
come in the right order wherever their distances differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from exporter.conversion.composition import foreign
from exporter.conversion.composition.answer import Answer
from exporter.conversion.composition.linear import dense, largest
from exporter.conversion.composition.registry import predicts
from exporter.errors import ConversionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.composition.graph import Column, Graph

_MARGIN = 8  # rows chosen beyond those that are wanted, since the choice rounds


@predicts(KNeighborsClassifier)
def predict_class(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Let the neighbours vote; the lowest class wins where votes are equal, as there."""
    if not _is_written_here(graph, model):
        return foreign.predict(graph, model, columns)
    votes = np.eye(len(model.classes_))[np.asarray(model._y)]  # noqa: SLF001 - indices of classes
    shares = _average(graph, model, columns, votes)
    return Answer(index=largest(graph, shares), probabilities=shares)


@predicts(KNeighborsRegressor)
def predict_value(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Average the neighbours' values."""
    if not _is_written_here(graph, model):
        return foreign.predict(graph, model, columns)
    values = np.asarray(model._y, dtype=np.float64)  # noqa: SLF001 - has no public name
    return Answer(value=_average(graph, model, columns, values.reshape(len(values), -1)))


def _is_written_here(graph: Graph, model: Any) -> bool:
    if callable(model.weights):
        raise ConversionError("a function for the weights of neighbours cannot be converted")
    flat = np.asarray(model._y).ndim == 1 or isinstance(model, KNeighborsRegressor)  # noqa: SLF001
    return graph.use_cdist and model.effective_metric_ == "euclidean" and flat


def _average(graph: Graph, model: Any, columns: Sequence[Column], values: Any) -> str:
    """Average what the nearest rows have, shape ``[rows, values]``."""
    rows = dense(model._fit_X)  # noqa: SLF001 - has no public name
    matrix = graph.matrix(columns)
    chosen = _choose(graph, matrix, rows, min(len(rows), 2 * model.n_neighbors + _MARGIN))
    near = graph.op("Gather", rows, chosen)
    apart = graph.op("Sub", near, graph.op("Unsqueeze", matrix, np.array([1])))
    squares = graph.op("ReduceSum", graph.op("Mul", apart, apart), np.array([2]), keepdims=0)
    nearest, places = graph.ops(
        "TopK", squares, np.array([model.n_neighbors]), count=2, largest=0, sorted=1
    )
    neighbours = graph.op("GatherElements", chosen, places, axis=1)
    found = graph.op("Gather", values, neighbours)
    if model.weights != "distance":
        return graph.op("ReduceMean", found, np.array([1]), keepdims=0)
    weights = graph.op("Unsqueeze", _weights(graph, nearest), np.array([2]))
    sums = graph.op("ReduceSum", graph.op("Mul", weights, found), np.array([1]), keepdims=0)
    return graph.op("Div", sums, graph.op("ReduceSum", weights, np.array([1]), keepdims=0))


def _choose(graph: Graph, matrix: str, rows: Any, count: int) -> str:
    """Choose so many rows that are about the nearest, in their own order."""
    center = rows.mean(axis=0, keepdims=True)  # the product rounds less near the origin
    distances = graph.op(
        "CDist",
        graph.op("Sub", matrix, center),
        rows - center,
        domain="com.microsoft",
        metric="sqeuclidean",
    )
    how_many = np.array([count])
    _, chosen = graph.ops("TopK", distances, how_many, count=2, largest=0, sorted=0)
    ordered, _ = graph.ops("TopK", chosen, how_many, count=2, largest=0, sorted=1)
    return ordered


def _weights(graph: Graph, squares: str) -> str:
    """Weigh by the inverse distance; where a neighbour is at 0, only such neighbours count."""
    at_zero = graph.to_real(graph.op("Equal", squares, 0.0))
    any_zero = graph.op("ReduceMax", at_zero, np.array([1]), keepdims=1)
    inverse = graph.op("Div", 1.0, graph.op("Sqrt", squares))
    return graph.op("Where", graph.op("Greater", any_zero, 0.0), at_zero, inverse)
