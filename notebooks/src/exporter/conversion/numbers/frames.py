"""Tracing functions of DataFrames: each is called with an object that stands for the frame."""

from __future__ import annotations

from functools import partialmethod
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from exporter.conversion.graph.column import Column
from exporter.conversion.numbers.frame_base import FrameBase
from exporter.conversion.numbers.methods import add_methods
from exporter.conversion.numbers.pandas_functions import traced_functions
from exporter.conversion.numbers.reductions import check_axis, reduce_present
from exporter.conversion.numbers.series import TracedSeries, TracedText
from exporter.conversion.numbers.tracing import Traced, UntraceableError, call

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from exporter.conversion.graph.builder import Graph


def trace_frame(
    graph: Graph,
    function: Callable[..., Any],
    columns: Sequence[Column],
    names: Sequence[str],
    options: Mapping[str, Any],
) -> list[Column]:
    """Write what a function of a DataFrame computes.

    Args:
        graph: Where to write.
        function: Takes a DataFrame, and returns one or an array ``[rows, width]``.
        columns: The columns of the frame; those of strings can be compared and passed on.
        names: Their names.
        options: Further arguments of the function, by their names.

    Returns:
        The columns of the result.

    Raises:
        UntraceableError: The function cannot be traced; says what it does.
    """
    singles = [graph.pick(columns, [place])[0] for place in range(len(names))]
    given = {n: _to_series(graph, c) for n, c in zip(names, singles, strict=True)}
    with traced_functions(_concat):
        found = call(function, TracedFrame(graph, given), options)
    if isinstance(found, TracedFrame):
        return found.to_columns()
    if isinstance(found, Traced) and not found.is_flat:
        return [Column(found.real(), "real", found.width)]
    if isinstance(found, (Traced, TracedText)):
        raise UntraceableError("it returns a column: return df[['a']] instead of df['a']")
    raise UntraceableError(f"it returns a {type(found).__name__}, which X does not decide")


def _concat(parts: list[Any]) -> TracedFrame:
    columns: dict[Any, Any] = {}
    for part in parts:
        own = part.items() if isinstance(part, TracedFrame) else [(len(columns), part)]
        for name, column in own:
            # A name that comes twice can be passed on, but not be asked for.
            columns[object() if name in columns else name] = column
    return TracedFrame(next(iter(columns.values())).graph, columns)


def _to_series(graph: Graph, column: Column) -> TracedSeries | TracedText:
    if column.element == "string":
        return TracedText(graph, column, FrameSeries)
    if column.element == "bool":
        return FrameSeries(graph, column.name, 1, is_flat=True, is_boolean=True)
    name = column.name if column.element == "real" else graph.to_real(column.name)
    return FrameSeries(graph, name, 1, is_flat=True)


class FrameSeries(TracedSeries):
    """A column that can become a frame."""

    def to_frame(self, name: Any = 0) -> TracedFrame:
        """Return a frame of this column."""
        return TracedFrame(self._graph, {name: self})


@add_methods
class TracedFrame(FrameBase):
    """A DataFrame that is not there yet, with the methods of pandas that keep its rows."""

    kind = FrameSeries

    def copy(self) -> Any:
        """Return a frame that can be changed by itself."""
        return self.made(self._columns, self._block)

    def assign(self, **made: Any) -> Any:
        """Return a frame with new columns, each of which may use those before it."""
        found = self.copy()
        for name, value in made.items():
            found[name] = value(found) if callable(value) else value
        return found

    def drop(self, labels: Any = None, *, axis: Any = 0, columns: Any = None) -> Any:
        """Return a frame without some columns."""
        chosen = columns if labels is None else labels
        if labels is not None and axis not in (1, "columns"):
            raise UntraceableError("it drops rows: pass columns=[...]")
        gone = [chosen] if isinstance(chosen, str) else list(chosen)
        if not set(gone) <= set(self._columns):
            raise KeyError(gone)
        return self.made({n: c for n, c in self._columns.items() if n not in gone})

    def rename(self, mapper: Any = None, *, columns: Any = None, axis: Any = 0) -> Any:
        """Return a frame with other names, by a dict or a function."""
        chosen = mapper if columns is None and axis in (1, "columns") else columns
        if chosen is None:
            raise UntraceableError("it renames rows: pass columns={...}")
        name = chosen if callable(chosen) else lambda given: chosen.get(given, given)
        renamed = {name(n): c for n, c in self._columns.items()}
        if len(renamed) < len(self._columns):
            raise UntraceableError("it gives two columns one name")
        return self.made(renamed, self._block)

    def reindex(self, *, columns: Sequence[Any]) -> Any:
        """Return a frame of these columns; new ones are missing values."""
        absent = {n: self.constant(np.nan) for n in columns if n not in self}
        return self.made({n: absent.get(n, self._columns.get(n)) for n in columns})

    def add_prefix(self, prefix: str) -> Any:
        """Return a frame with longer names."""
        return self.rename(columns=lambda name: f"{prefix}{name}")

    def add_suffix(self, suffix: str) -> Any:
        """Return a frame with longer names."""
        return self.rename(columns=lambda name: f"{name}{suffix}")

    def pop(self, name: Any) -> Any:
        """Remove a column, and return it."""
        self._block = None
        return self._columns.pop(name)

    def pipe(self, function: Callable[..., Any], *given: Any, **options: Any) -> Any:
        """Call a function of the frame."""
        return function(self, *given, **options)

    def apply(self, function: Callable[..., Any], axis: Any = 0, **options: Any) -> Any:
        """Call a function of each column."""
        if axis not in (0, "index"):
            raise UntraceableError("it calls a function for each row: use operations of columns")
        return self.each(lambda column: function(column, **options))

    def astype(self, kind: Any) -> Any:
        """Turn columns into other types; by name, if it is a dict."""
        kinds = kind if isinstance(kind, dict) else dict.fromkeys(self._columns, kind)
        made = {n: self._columns[n].astype(k) for n, k in kinds.items()}
        return self.made({**self._columns, **made})

    def round(self, decimals: int = 0) -> Any:
        """Round to the even neighbor."""
        return self.each(lambda column: column.round(decimals))

    def replace(self, to_replace: Any, value: Any = None) -> Any:
        """Replace some values."""
        return self.each(lambda column: column.replace(to_replace, value))

    def where(self, condition: Any, other: Any = np.nan) -> Any:
        """Keep the values where a condition holds."""
        return self._choose(condition, self, other)

    def mask(self, condition: Any, other: Any = np.nan) -> Any:
        """Replace the values where a condition holds."""
        return self._choose(condition, other, self)

    def _choose(self, condition: Any, yes: Any, no: Any) -> Any:
        if not isinstance(condition, FrameBase):
            raise UntraceableError("it chooses values of a frame by what is no frame")
        return self.wrap(np.where(*(self.operand(each) for each in (condition, yes, no))))

    def fillna(self, value: Any) -> Any:
        """Replace missing values, by one value or by one for each column."""
        if isinstance(value, pd.Series):
            value = value.to_dict()
        by_name = value if isinstance(value, dict) else dict.fromkeys(self._columns, value)
        filled = {n: c.fillna(by_name[n]) if n in by_name else c for n, c in self._columns.items()}
        return self.made(filled)

    def clip(self, lower: Any = None, upper: Any = None, *, axis: Any = None) -> Any:
        """Limit the values, by numbers or by those of each column."""
        block: Any = self.to_numpy()
        if axis not in (None, 1, "columns"):
            raise UntraceableError("it limits rows: pass axis=1")
        bounds = (None if b is None else self.operand(b) for b in (lower, upper))
        return self.wrap(np.clip(block, *bounds))

    def abs(self) -> Any:
        """Return the absolute values."""
        return np.abs(self)

    def isna(self) -> Any:
        """Return whether each value is missing."""
        return np.isnan(self)

    def any(self, axis: Any = 0) -> Any:
        """Return whether any value of each row is neither 0 nor missing."""
        return ((self != 0) & ~np.isnan(self)).sum(axis=axis) > 0

    def all(self, axis: Any = 0) -> Any:
        """Return whether no value of each row is 0."""
        return (self == 0).sum(axis=axis) < 1

    def reduce(self, name: str, axis: Any = 0, *, ddof: int = 1, **options: Any) -> Any:
        """Combine the values of each row that are present."""
        check_axis(axis)
        usual = {"skipna": True, "min_count": 0}
        given = {key for key, value in options.items() if value != usual.get(key)}
        if given - {"numeric_only"}:
            raise UntraceableError(f"it uses the option {min(given)} of {name}()")
        return self.as_series(reduce_present(name, self.to_numpy(), ddof)[:, 0])


for _name in ("sum", "mean", "max", "min", "prod", "std", "var", "count"):
    setattr(TracedFrame, _name, partialmethod(TracedFrame.reduce, _name))
