"""Imputation by constants, and indicators of missing values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.impute import MissingIndicator, SimpleImputer

from exporter.conversion.graph.column import Column
from exporter.conversion.graph.registry import transforms
from exporter.errors import ConversionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.builder import Graph
    from exporter.conversion.graph.column import Element


@transforms(SimpleImputer)
def transform_imputer(
    graph: Graph, imputer: SimpleImputer, columns: Sequence[Column]
) -> list[Column]:
    """Fill missing values, and append indicators if the imputer does."""
    filled: list[Column] = []
    masks: list[str] = []
    for index, value in enumerate(imputer.statistics_.tolist()):
        column = graph.pick(columns, [index])[0]
        found = is_missing(graph, column, imputer.missing_values)
        masks.append(found)
        if value is None or value != value:  # noqa: PLR0124 - NaN: the imputer drops this column
            if imputer.keep_empty_features:
                raise ConversionError(
                    "an imputer keeps a column that was always missing: drop that column, or use "
                    "keep_empty_features=False"
                )
            continue
        text = isinstance(value, str)
        if text != (column.element == "string"):
            fitted, given = ("strings", "numbers") if text else ("numbers", "strings")
            raise ConversionError(
                f"the imputer fills in {fitted} such as {value!r}, and X has {given} there: "
                "pass X with the types that the model was fitted on"
            )
        name = column.name
        if column.element not in ("string", "real"):
            name = graph.to_real(name)
        constant = np.array([[value]], dtype=object if isinstance(value, str) else np.float64)
        element: Element = "string" if isinstance(value, str) else "real"
        filled.append(Column(graph.op("Where", found, constant, name), element, 1))
    if imputer.add_indicator:
        kept = [graph.to_real(masks[i]) for i in imputer.indicator_.features_]
        if kept:
            filled.append(Column(graph.concat(kept), "real", len(kept)))
    return _joined(graph, filled)


@transforms(MissingIndicator)
def transform_indicator(
    graph: Graph, indicator: MissingIndicator, columns: Sequence[Column]
) -> list[Column]:
    """Return indicators of missing values."""
    found = [
        graph.to_real(is_missing(graph, graph.pick(columns, [int(i)])[0], indicator.missing_values))
        for i in indicator.features_
    ]
    return [Column(graph.concat(found), "real", len(found))]


def is_missing(graph: Graph, column: Column, marker: Any) -> str:
    """Return a boolean tensor: whether each value of a column is missing."""
    if column.element == "string":
        # A missing string is "" in the graph, whatever marks it in the original.
        known = marker if isinstance(marker, str) else ""
        return graph.op("Equal", column.name, np.array([[known]], dtype=object))
    real = column.name if column.element == "real" else graph.to_real(column.name)
    if marker is None or marker != marker:  # noqa: PLR0124 - NaN
        return graph.op("IsNaN", real)
    if isinstance(marker, str):
        raise ConversionError(
            f"an imputer looks for {marker!r} in a column of numbers: "
            "pass X with the types that the model was fitted on"
        )
    return graph.op("Equal", real, float(marker))


def _joined(graph: Graph, columns: list[Column]) -> list[Column]:
    if len(columns) > 1 and all(c.element == "real" for c in columns):
        return [Column(graph.matrix(columns), "real", sum(c.width for c in columns))]
    return columns
