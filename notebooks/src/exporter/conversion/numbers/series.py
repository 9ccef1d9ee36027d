"""Columns of a DataFrame that are not there yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from exporter.conversion.numbers.methods import add_methods
from exporter.conversion.numbers.tracing import Traced, UntraceableError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from exporter.conversion.graph.builder import Graph
    from exporter.conversion.graph.column import Column


@add_methods
class TracedSeries(Traced):
    """A column of numbers or booleans, with the methods of pandas that keep its rows."""

    @property
    def values(self) -> Traced:
        """The values as an array."""
        return self

    def to_numpy(self) -> Traced:
        """Return the values as an array."""
        return self

    def fillna(self, value: Any) -> Any:
        """Replace missing values, by a constant or by another column."""
        return np.where(np.isnan(self), value if isinstance(value, Traced) else scalar(value), self)

    def map(self, values: Any) -> Any:
        """Replace each value by that of a dict; others become missing."""
        return _mapped(self, values)

    def replace(self, to_replace: Any, value: Any = None) -> Any:
        """Replace some values."""
        pairs = to_replace if isinstance(to_replace, dict) else {to_replace: value}
        return _mapped(self, pairs, self)

    def isna(self) -> Any:
        """Return whether each value is missing."""
        return np.isnan(self)

    def notna(self) -> Any:
        """Return whether each value is present."""
        return ~np.isnan(self)

    isnull, notnull = isna, notna

    def abs(self) -> Any:
        """Return the absolute values."""
        return np.abs(self)

    def clip(self, lower: Any = None, upper: Any = None) -> Any:
        """Limit the values."""
        return np.clip(self, lower, upper)

    def where(self, condition: Any, other: Any = np.nan) -> Any:
        """Keep the values where a condition holds."""
        return np.where(condition, self, other)

    def mask(self, condition: Any, other: Any = np.nan) -> Any:
        """Replace the values where a condition holds."""
        return np.where(condition, other, self)

    def between(self, left: float, right: float) -> Any:
        """Return whether each value lies between two bounds, or is one of them."""
        return (self >= left) & (self <= right)

    def isin(self, values: Iterable[Any]) -> Any:
        """Return whether each value is one of some."""
        return _any([self == scalar(value) for value in values])


class TracedText:
    """A column of strings, which can be compared with constants and passed on.

    Args:
        graph: Where to write.
        column: The column.
        kind: The class of a column of booleans.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, graph: Graph, column: Column, kind: type[TracedSeries]) -> None:
        self._graph = graph
        self.column = column
        self._kind = kind

    @property
    def graph(self) -> Graph:
        """Where it is written."""
        return self._graph

    def __eq__(self, other: object) -> Any:
        if not isinstance(other, str):
            raise UntraceableError("it compares strings with what is no constant string")
        if not other:
            raise UntraceableError(
                "it compares strings with an empty one, which is a missing one in the file"
            )
        return self._equals(other)

    def __ne__(self, other: object) -> Any:
        return ~(self == other)

    def __bool__(self) -> bool:
        raise UntraceableError("it needs the truth of a column: use np.where(), &, |, ~")

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise UntraceableError("it needs the strings of a column themselves")

    def __iter__(self) -> Any:
        raise UntraceableError("it goes through the rows")

    def isin(self, values: Iterable[Any]) -> Any:
        """Return whether each value is one of some."""
        return _any([self == value for value in values])

    def map(self, values: Any) -> Any:
        """Replace each string by the number of a dict; others become missing."""
        return _mapped(self, values)

    def isna(self) -> TracedSeries:
        """Return whether each value is missing."""
        return self._equals("")

    def notna(self) -> Any:
        """Return whether each value is present."""
        return ~self._equals("")

    isnull, notnull = isna, notna

    def _equals(self, text: str) -> TracedSeries:
        found = self._graph.op("Equal", self.column.name, np.array([[text]], dtype=object))
        return self._kind(self._graph, found, 1, is_flat=True, is_boolean=True)


def scalar(value: Any) -> float:
    """Return a constant.

    Raises:
        UntraceableError: It is no number.
    """
    if isinstance(value, (Traced, TracedText)) or np.ndim(value):
        raise UntraceableError("it combines a frame with a column: use .div(column, axis=0)")
    try:
        return float(value)
    except (TypeError, ValueError):
        raise UntraceableError(f"it combines numbers with {value!r}") from None


def _any(found: list[Any]) -> Any:
    if not found:
        raise UntraceableError("it compares a column with nothing")
    first, *others = found
    for other in others:
        first = first | other
    return first


def _mapped(column: Any, values: Any, rest: Any = np.nan) -> Any:
    if not isinstance(values, dict) or not values:
        raise UntraceableError("it uses .map() with a function: use a dict, or np.where()")
    found = rest
    for known, value in values.items():
        found = np.where(column == known, scalar(value), found)
    return found
