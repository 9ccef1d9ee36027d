"""Neighbors within a radius."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.neighbors import RadiusNeighborsClassifier, RadiusNeighborsRegressor

from exporter.conversion.distances.metrics import metric_of, reduced_distances, true_distances
from exporter.conversion.distances.nearest import check_weights, list_votes, weigh
from exporter.conversion.graph.answer import Answer
from exporter.conversion.graph.arrays import dense
from exporter.conversion.graph.registry import predicts
from exporter.conversion.graph.scores import largest, split_shares
from exporter.errors import ConversionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.builder import Graph
    from exporter.conversion.graph.column import Column


@predicts(RadiusNeighborsClassifier)
def predict_class(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Let the rows within the radius vote; a row without neighbors gets the outlier label.

    Raises:
        ConversionError: There is no outlier label, so scikit-learn raises an error for such rows.
    """
    if model.outlier_label_ is None:
        raise ConversionError(
            "RadiusNeighborsClassifier refuses rows without neighbors, which a graph cannot: "
            "set outlier_label='most_frequent', or use KNeighborsClassifier"
        )
    labels = list(model.classes_) if model.outputs_2d_ else [model.classes_]
    none = np.concatenate(
        [
            _outlier(classes, label)
            for classes, label in zip(labels, np.ravel(model.outlier_label_), strict=True)
        ]
    )
    sums, whole = _sums(graph, model, columns, list_votes(model))
    is_empty = graph.op("Equal", whole, 0.0)
    shares = graph.op("Div", sums, graph.op("Where", is_empty, 1.0, whole))
    shares = graph.op("Where", is_empty, none[None, :], shares)
    if model.outputs_2d_:
        return split_shares(graph, shares, [len(classes) for classes in labels])
    return Answer(largest(graph, shares), shares)


@predicts(RadiusNeighborsRegressor)
def predict_value(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Return the average of the values within the radius; NaN without neighbors."""
    values = np.asarray(model._y, dtype=np.float64)  # noqa: SLF001 - has no public name
    sums, whole = _sums(graph, model, columns, values.reshape(len(values), -1))
    return Answer(value=graph.op("Div", sums, whole))


def _outlier(classes: Any, label: Any) -> np.ndarray[Any, Any]:
    """Return the probabilities of a row without neighbors."""
    shares: np.ndarray[Any, Any] = (np.asarray(classes) == label).astype(np.float64)
    if shares.sum() != 1:
        raise ConversionError(
            "RadiusNeighborsClassifier gives outliers a label that is not one of its "
            "classes: set outlier_label='most_frequent'"
        )
    return shares


def _sums(graph: Graph, model: Any, columns: Sequence[Column], values: Any) -> tuple[str, str]:
    """Return the weighted sums of the values within the radius, and the sums of weights."""
    check_weights(model)
    metric = metric_of(model)
    rows = dense(model._fit_X)  # noqa: SLF001 - has no public name
    apart = reduced_distances(graph, graph.matrix(columns), rows, metric)
    powers = {"euclidean": 2.0, "minkowski": metric.power}
    radius = float(model.radius) ** powers.get(metric.name, 1.0)
    weights = inside = graph.to_real(graph.op("LessOrEqual", apart, radius))
    if model.weights == "distance":
        distances = true_distances(graph, apart, metric)
        weights = graph.op("Mul", weigh(graph, distances), inside)
    return graph.op("MatMul", weights, values), graph.total(weights)
