"""Inputs of trees: their columns as the library casts them, or the origins of these columns."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from exporter.conversion.graph.column import Column
from exporter.conversion.graph.origins import Traced
from exporter.conversion.trees.structure import from_sklearn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.builder import Graph
    from exporter.conversion.trees.structure import Trees


def read_trees(graph: Graph, columns: Sequence[Column], low: Sequence[Any]) -> tuple[str, Trees]:
    """Read scikit-learn's low-level trees for some columns.

    Args:
        graph: Where to write.
        columns: The columns that they were fitted on.
        low: ``tree_`` of each estimator.

    Returns:
        Name of the input, and the trees; of the type of their thresholds.
    """
    return read_source(graph, columns, from_sklearn(low))


def read_source(graph: Graph, columns: Sequence[Column], trees: Trees) -> tuple[str, Trees]:
    """Find the input of trees that round their columns to float32.

    Args:
        graph: Where to write.
        columns: The columns that they were fitted on.
        trees: The trees, with float32 thresholds.

    Returns:
        Name of the input, and the trees; of the type of their thresholds.
    """
    traced = trace(graph, columns)
    if traced is None:
        return graph.cast(graph.matrix(columns), np.float32), trees
    split = ~trees.leaves
    thresholds = np.zeros(len(split))
    thresholds[split] = traced.move(trees.features[split], trees.thresholds[split], np.float32)
    return graph.matrix(traced.columns), replace(trees, thresholds=thresholds)


def trace(graph: Graph, columns: Sequence[Column]) -> Traced | None:
    """Return the origins that trees can read instead of their columns; ``None`` if there are none.

    Only in a graph of doubles: rounding an origin to float32 would change comparisons.
    """
    origins = [graph.origins.get(column.name) for column in columns]
    if graph.real != "float64" or not any(origins):
        return None
    found = []
    for column, origin in zip(columns, origins, strict=True):
        if origin is None:
            found.append(column)
            continue
        name = graph.matrix(origin.columns)
        if np.isfinite(origin.low):
            below = graph.op("Less", name, origin.low)
            name = graph.op("Where", below, np.nan, name)
        found.append(Column(name, "real", column.width))
    return Traced(found, origins)
