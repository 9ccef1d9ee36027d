"""Imputation from the nearest rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.impute import KNNImputer

from exporter.conversion.distances.nearest import check_weights, weigh
from exporter.conversion.graph.column import Column
from exporter.conversion.graph.registry import transforms
from exporter.conversion.imputers.simple import is_missing
from exporter.errors import ConversionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.builder import Graph

_BEYOND = 1e300  # farther than any row; infinity times 0 would be NaN
_SMALL_BEYOND = 1e30  # in float32


@transforms(KNNImputer)
def transform_neighbors(
    graph: Graph, imputer: KNNImputer, columns: Sequence[Column]
) -> list[Column]:
    """Fill a missing value with the mean of the nearest rows that have a value in that column."""
    if imputer.metric != "nan_euclidean":
        raise ConversionError(
            "KNNImputer with a metric of its own cannot be written as ONNX: "
            "use metric='nan_euclidean'"
        )
    check_weights(imputer)
    gaps, values = _read(graph, imputer, columns)
    squares = _squares(graph, imputer, gaps, values)
    absent = np.asarray(imputer._mask_fit_X)  # noqa: SLF001 - has no public name
    valid = np.asarray(imputer._valid_mask)  # noqa: SLF001 - likewise
    parts = []
    for index in range(len(valid)):
        gap, value = (graph.gather(name, [index]) for name in (gaps, values))
        if valid[index]:
            donors = np.flatnonzero(~absent[:, index])
            filled = _mean_of_nearest(graph, imputer, squares, (index, donors))
            parts.append(graph.op("Where", gap, filled, value))
        elif imputer.keep_empty_features:
            parts.append(graph.op("Mul", value, 0.0))
    if imputer.add_indicator:
        features = [int(i) for i in imputer.indicator_.features_]
        if features:
            parts.append(graph.to_real(graph.gather(gaps, features)))
    width = sum(valid) if not imputer.keep_empty_features else len(valid)
    marked = len(imputer.indicator_.features_) if imputer.add_indicator else 0
    return [Column(graph.concat(parts), "real", int(width) + marked)]


def _read(graph: Graph, imputer: KNNImputer, columns: Sequence[Column]) -> tuple[str, str]:
    """Return indicators of missing values, and the values with 0 there: ``[rows, columns]``."""
    total = sum(column.width for column in columns)
    each = [graph.pick(columns, [index])[0] for index in range(total)]
    gaps = graph.concat([is_missing(graph, column, imputer.missing_values) for column in each])
    return gaps, graph.op("Where", gaps, 0.0, graph.matrix(columns))


def _squares(graph: Graph, imputer: KNNImputer, gaps: str, values: str) -> str:
    """Return mean squares over the columns that both rows have; ``_BEYOND`` if there are none."""
    fitted = np.asarray(imputer._fit_X, dtype=np.float64)  # noqa: SLF001 - has no public name
    known = ~np.asarray(imputer._mask_fit_X)  # noqa: SLF001 - likewise
    fitted = np.where(known, fitted, 0.0)
    here = graph.to_real(graph.op("Not", gaps))
    total = ""
    for index in range(fitted.shape[1]):
        apart = graph.op("Sub", graph.gather(values, [index]), fitted[:, index][None, :])
        both = graph.op("Mul", graph.gather(here, [index]), known[:, index].astype(float)[None, :])
        part = graph.op("Mul", graph.op("Mul", apart, apart), both)
        total = graph.op("Add", total, part) if total else part
    count = graph.op("MatMul", here, known.astype(float).T)
    none = graph.op("Equal", count, 0.0)
    mean = graph.op("Div", total, graph.op("Where", none, 1.0, count))
    scaled = graph.op("Mul", mean, float(fitted.shape[1]))
    return graph.op("Where", none, _far(graph), scaled)


def _mean_of_nearest(
    graph: Graph, imputer: KNNImputer, squares: str, column: tuple[int, Any]
) -> str:
    index, donors = column
    given = np.asarray(imputer._fit_X, dtype=np.float64)[donors, index]  # noqa: SLF001
    wanted = np.array([min(imputer.n_neighbors, len(donors))])
    near, chosen = graph.ops(
        "TopK", graph.gather(squares, donors.tolist()), wanted, count=2, largest=0, sorted=1
    )
    graph.choices.append((imputer, chosen))
    reached = graph.to_real(graph.op("Less", near, _far(graph)))
    weights = reached
    if imputer.weights == "distance":
        weights = graph.op("Mul", weigh(graph, graph.op("Sqrt", near)), reached)
    sums = graph.total(graph.op("Mul", weights, graph.op("Gather", given, chosen)))
    whole = graph.total(weights)
    none = graph.op("Equal", whole, 0.0)
    mean = graph.op("Div", sums, graph.op("Where", none, 1.0, whole))
    return graph.op("Where", none, float(given.mean()), mean)


def _far(graph: Graph) -> float:
    return _BEYOND if graph.real == "float64" else _SMALL_BEYOND
