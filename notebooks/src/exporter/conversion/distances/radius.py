"""Neighbors within a radius."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.neighbors import RadiusNeighborsClassifier, RadiusNeighborsRegressor

from exporter.conversion.distances.metrics import metric_of, reduced_distances, true_distances
from exporter.conversion.distances.nearest import check_weights, weigh
from exporter.conversion.graph.answer import Answer
from exporter.conversion.graph.arrays import dense
from exporter.conversion.graph.registry import predicts
from exporter.conversion.graph.scores import largest
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
    label = np.flatnonzero(np.asarray(model.classes_) == np.ravel(model.outlier_label_)[0])
    if len(label) != 1:
        raise ConversionError(
            "RadiusNeighborsClassifier gives outliers a label that is not one of its "
            "classes: set outlier_label='most_frequent'"
        )
    votes = np.eye(len(model.classes_))[np.asarray(model._y)]  # noqa: SLF001 - not public
    sums, whole = _sums(graph, model, columns, votes)
    is_empty = graph.op("Equal", whole, 0.0)
    shares = graph.op("Div", sums, graph.op("Where", is_empty, 1.0, whole))
    shares = graph.op("Where", is_empty, np.eye(len(model.classes_))[label], shares)
    return Answer(largest(graph, shares), shares)


@predicts(RadiusNeighborsRegressor)
def predict_value(graph: Graph, model: Any, columns: Sequence[Column]) -> Answer:
    """Return the average of the values within the radius; NaN without neighbors."""
    values = np.asarray(model._y, dtype=np.float64)  # noqa: SLF001 - has no public name
    sums, whole = _sums(graph, model, columns, values.reshape(len(values), -1))
    return Answer(value=graph.op("Div", sums, whole))


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
