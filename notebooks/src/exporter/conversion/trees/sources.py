"""What trees compare: their columns as the library casts them, or what these were computed from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from exporter.conversion.composition.origins import trace
from exporter.conversion.trees.structure import from_sklearn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.composition.graph import Column, Graph
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
    traced, trees = trace(graph, columns), from_sklearn(low)
    if traced is None:
        return graph.cast(graph.matrix(columns), np.float32), trees
    split = ~trees.leaves
    thresholds = np.zeros(len(split))
    thresholds[split] = traced.move(trees.features[split], trees.thresholds[split], np.float32)
    return graph.matrix(traced.columns), replace(trees, thresholds=thresholds)
