"""Splits by category as columns of 0 and 1, because a tree ensemble compares only numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.conversion.graph.builder import Graph
    from exporter.conversion.graph.column import Column
    from exporter.conversion.trees.structure import Array


@dataclass(frozen=True)
class Inputs:
    """The columns that trees compare.

    Attributes:
        numbers: Name of the tensor of all columns except texts; empty without any.
        places: The index in it of each column; negative for texts.
        texts: Name of each column of text, ``[rows, 1]``.
    """

    numbers: str
    places: Array
    texts: dict[int, str]


@dataclass(frozen=True)
class CategorySplits:
    """The splits by the categories of one column.

    Attributes:
        column: The column.
        nodes: The nodes that split by it.
        known: Its categories.
        left: Which categories go left, ``[categories + 1, nodes]``; the last row is for every
            other value, a missing one included.
        truncates: Whether a number is truncated before it is compared.
    """

    column: int
    nodes: Array
    known: Array
    left: Array
    truncates: bool = False


def read_inputs(graph: Graph, given: Sequence[Column], dtype: type[Any]) -> Inputs:
    """Separate texts from numbers.

    Args:
        graph: Where to write.
        given: The columns.
        dtype: The type in which the trees compare numbers.
    """
    numbers = [column for column in given if column.element != "string"]
    places: list[int] = []
    texts: dict[int, str] = {}
    found = 0
    for column in given:
        for inner in range(column.width):
            if column.element == "string":
                whole = column.width == 1
                texts[len(places)] = column.name if whole else graph.gather(column.name, [inner])
                places.append(-1)
            else:
                places.append(found)
                found += 1
    name = graph.cast(graph.matrix(numbers), dtype) if numbers else ""
    return Inputs(name, np.array(places), texts)


def flag_splits(
    graph: Graph, inputs: Inputs, splits: Sequence[CategorySplits], dtype: type[Any]
) -> tuple[Array, str]:
    """Compute for each split by category whether a row goes right, as columns of 0 and 1.

    Returns:
        The nodes of these splits, and the name of their columns in the same order.
    """
    names = []
    for split in splits:
        code = _find_category(graph, inputs, split)
        names.append(graph.op("Gather", graph.exact(~split.left, dtype), code, axis=0))
    return np.concatenate([split.nodes for split in splits]), graph.concat(names)


def _find_category(graph: Graph, inputs: Inputs, split: CategorySplits) -> str:
    if split.column in inputs.texts:
        given = inputs.texts[split.column]
        same = graph.op("Equal", given, split.known.astype(object).reshape(1, -1))
    else:
        given = graph.gather(inputs.numbers, [int(inputs.places[split.column])])
        wide = graph.cast(given, np.float64)
        if split.truncates:
            below = graph.op("Less", wide, graph.exact(0, np.float64))
            wide = graph.op("Where", below, graph.op("Ceil", wide), graph.op("Floor", wide))
        same = graph.op("Equal", wide, graph.exact(split.known.reshape(1, -1), np.float64))
    # ArgMax finds the first equal category; if there is none, the column that is appended here.
    ends = np.array([0, 0, 0, 1])
    padded = graph.op("Pad", graph.cast(same, np.float32), ends, graph.exact(0.5, np.float32))
    return graph.op("ArgMax", padded, axis=1, keepdims=0)
