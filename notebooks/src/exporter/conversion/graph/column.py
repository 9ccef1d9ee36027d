"""A tensor in a graph that holds one or more columns of the table."""

from __future__ import annotations

from typing import Literal, NamedTuple

Real = Literal["float32", "float64"]
Element = Literal["real", "int64", "bool", "string"]


class Column(NamedTuple):
    """A tensor of shape ``[rows, width]``: one column of the table, or several of one type."""

    name: str
    element: Element
    width: int
