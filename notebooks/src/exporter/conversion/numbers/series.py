"""Columns of a DataFrame that are not there yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from exporter.conversion.numbers.tracing import Traced, UntraceableError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from exporter.conversion.graph.builder import Graph
    from exporter.conversion.graph.column import Column

_FLOATS = (float, "float", "float64", np.float64)
_WHOLE = (int, "int", "int64", np.int64)


class TracedSeries(Traced):
    """A column of numbers or booleans, with the methods of pandas that keep its rows."""

    @property
    def values(self) -> Traced:
        """The values as an array."""
        return self

    def to_numpy(self) -> Traced:
        """Return the values as an array."""
        return self

    def astype(self, kind: Any) -> Any:
        """Turn booleans into numbers; numbers are reals already."""
        if kind not in _FLOATS and not (kind in _WHOLE and self._is_boolean):
            raise UntraceableError(f"it is turned into {kind}")
        return type(self)(self._graph, self.real(), 1, is_flat=True)

    def fillna(self, value: float) -> Any:
        """Replace missing values."""
        return np.where(np.isnan(self), scalar(value), self)

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

    def __eq__(self, other: object) -> Any:
        if not isinstance(other, str) or not other:
            raise UntraceableError("a missing string is an empty one in the graph")
        return self._equals(other)

    def __ne__(self, other: object) -> Any:
        return ~(self == other)

    def __bool__(self) -> bool:
        raise UntraceableError("its truth is asked for")

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise UntraceableError("its values are asked for")

    def __iter__(self) -> Any:
        raise UntraceableError("its rows are asked for")

    def isin(self, values: Iterable[Any]) -> Any:
        """Return whether each value is one of some."""
        return _any([self == value for value in values])

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
        raise UntraceableError("a frame is combined with an array")
    return float(value)


def _any(found: list[Any]) -> Any:
    if not found:
        raise UntraceableError("it is compared with nothing")
    first, *others = found
    for other in others:
        first = first | other
    return first
