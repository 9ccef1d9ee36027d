"""Distances between rows, summed column by column from differences like scikit-learn's trees.

Equal rows are thus at distance 0, and distances equal scikit-learn's to the last bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.spatial.distance import cdist  # type: ignore[import-untyped]
from sklearn.metrics import DistanceMetric
from sklearn.preprocessing import normalize as sklearn_normalize

from exporter.conversion.numbers.scaling import LEAST_NORM, normalize
from exporter.errors import ConversionError

if TYPE_CHECKING:
    from exporter.conversion.graph.builder import Graph

_CANONICAL = {
    "l2": "euclidean",
    "l1": "manhattan",
    "cityblock": "manhattan",
    "infinity": "chebyshev",
    "p": "minkowski",
}
_KNOWN = (
    "braycurtis",
    "canberra",
    "chebyshev",
    "cosine",
    "euclidean",
    "hamming",
    "manhattan",
    "minkowski",
)


class Metric(NamedTuple):
    """A metric that can be written.

    Attributes:
        name: In scikit-learn's words.
        power: Of ``minkowski``.
    """

    name: str
    power: float = 2.0

    def between(self, rows: Any, others: Any) -> Any:
        """Return the distances between rows and others, ``[rows, others]``."""
        if self.name == "braycurtis":  # SciPy's divides by other sums where signs differ
            return DistanceMetric.get_metric(self.name).pairwise(rows, others)
        if self.name == "minkowski":
            return cdist(rows, others, self.name, p=self.power)
        return cdist(rows, others, "cityblock" if self.name == "manhattan" else self.name)


def metric_of(model: Any) -> Metric:
    """Read the metric off a fitted model of neighbors.

    Raises:
        ConversionError: It cannot be written.
    """
    given = getattr(model, "effective_metric_", model.metric)
    name = _CANONICAL.get(given, given) if isinstance(given, str) else "a function"
    options = dict(getattr(model, "effective_metric_params_", {}))
    power = float(options.pop("p", 2.0))
    weighted = any(value is not None for value in options.values())
    if name not in _KNOWN or weighted:
        shown = f"metric={name!r}" if isinstance(given, str) else "a metric of its own"
        more = f" with {', '.join(options)}" if weighted else ""
        raise ConversionError(
            f"{type(model).__name__} with {shown}{more} cannot be written as ONNX: "
            f"use one of {', '.join(_KNOWN)}"
        )
    return Metric(name, power)


def reduced_distances(graph: Graph, matrix: str, rows: np.ndarray[Any, Any], metric: Metric) -> str:
    """Return what orders rows as their distances do, shape ``[rows, fitted rows]``.

    For ``euclidean`` these are squares, for ``minkowski`` powers; see :func:`true_distances`.
    """
    if metric.name == "cosine":
        likeness = cosines(graph, matrix, rows)
        return graph.op("Clip", graph.op("Sub", 1.0, likeness), 0.0, 2.0)
    totals: list[str] = []
    for index in range(rows.shape[1]):
        value, known = graph.gather(matrix, [index]), rows[:, index][None, :]
        parts = _parts(graph, value, known, metric)
        join = "Max" if metric.name == "chebyshev" else "Add"
        totals = (
            [graph.op(join, *pair) for pair in zip(totals, parts, strict=True)] if totals else parts
        )
    if metric.name == "hamming":
        return graph.op("Div", totals[0], float(rows.shape[1]))
    return _ratio(graph, *totals) if metric.name == "braycurtis" else totals[0]


def cosines(graph: Graph, matrix: str, rows: np.ndarray[Any, Any]) -> str:
    """Return the cosine of the angle between each row and each fitted row; 0 for rows of zeros."""
    scaled = sklearn_normalize(rows)
    return graph.op("MatMul", normalize(graph, matrix, "l2", LEAST_NORM), scaled.T)


def true_distances(graph: Graph, reduced: str, metric: Metric) -> str:
    """Turn the result of :func:`reduced_distances` into distances."""
    if metric.name == "euclidean":
        return graph.op("Sqrt", reduced)
    if metric.name == "minkowski":
        return graph.op("Pow", reduced, 1 / metric.power)
    return reduced


def _parts(graph: Graph, value: str, known: Any, metric: Metric) -> list[str]:
    """Return what one column adds."""
    apart = graph.op("Sub", value, known)
    if metric.name == "euclidean":
        return [graph.op("Mul", apart, apart)]
    if metric.name == "hamming":
        return [graph.to_real(graph.op("Not", graph.op("Equal", value, known)))]
    size = graph.op("Abs", apart)
    if metric.name == "minkowski":
        return [graph.op("Pow", size, metric.power)]
    if metric.name == "canberra":
        return [_ratio(graph, size, graph.op("Add", graph.op("Abs", value), np.abs(known)))]
    if metric.name == "braycurtis":
        return [size, graph.op("Add", graph.op("Abs", value), np.abs(known))]
    return [size]


def _ratio(graph: Graph, part: str, whole: str) -> str:
    empty = graph.op("Equal", whole, 0.0)
    return graph.op("Div", part, graph.op("Where", empty, 1.0, whole))
