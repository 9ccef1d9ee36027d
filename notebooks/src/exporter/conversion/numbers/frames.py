"""Tracing functions of DataFrames: each is called with an object that stands for the frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from exporter.conversion.graph.column import Column
from exporter.conversion.numbers.series import TracedSeries, TracedText, scalar
from exporter.conversion.numbers.tracing import Traced, UntraceableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from exporter.conversion.graph.builder import Graph


def trace_frame(
    graph: Graph,
    function: Callable[..., Any],
    columns: Sequence[Column],
    names: Sequence[str],
    options: Mapping[str, Any],
) -> list[Column] | None:
    """Write what a function of a DataFrame computes.

    Args:
        graph: Where to write.
        function: Takes a DataFrame, and returns one or an array ``[rows, width]``.
        columns: The columns of the frame; those of strings can be compared and passed on.
        names: Their names.
        options: Further arguments of the function, by their names.

    Returns:
        The columns of the result; ``None`` if the function cannot be traced.
    """
    singles = [graph.pick(columns, [place])[0] for place in range(len(names))]
    given = {n: _to_series(graph, c) for n, c in zip(names, singles, strict=True)}
    try:
        found = function(TracedFrame(graph, given), **options)
    except Exception:  # noqa: BLE001 - it was written for pandas, and may raise anything
        return None
    if isinstance(found, TracedFrame):
        return found.to_columns()
    if isinstance(found, Traced) and not found.is_flat:
        return [Column(found.real(), "real", found.width)]
    return None


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


class TracedFrame(np.lib.mixins.NDArrayOperatorsMixin):
    """A DataFrame whose columns are not there yet.

    Args:
        graph: Where to write.
        columns: Its columns by name.
        block: All of them as an array, if that is at hand.
    """

    def __init__(
        self,
        graph: Graph,
        columns: Mapping[Any, TracedSeries | TracedText],
        block: Traced | None = None,
    ) -> None:
        self._graph = graph
        self._columns = dict(columns)
        self._block = block

    @property
    def columns(self) -> list[Any]:
        """The names of the columns."""
        return list(self._columns)

    def to_columns(self) -> list[Column]:
        """Return the columns as tensors."""
        if self._is_numeric:
            block = self.to_numpy()
            return [Column(block.real(), "real", block.width)]
        return [
            each.column if isinstance(each, TracedText) else Column(each.real(), "real", 1)
            for each in self._columns.values()
        ]

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, list):
            return TracedFrame(self._graph, {name: self._columns[name] for name in key})
        return self._columns[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        self._columns[key] = self._to_column(value)
        self._block = None

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_columns"][name]
        except KeyError:
            raise AttributeError(name) from None

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise UntraceableError("its values are asked for")

    def __bool__(self) -> bool:
        raise UntraceableError("its truth is asked for")

    def __len__(self) -> int:
        raise UntraceableError("the number of its rows is asked for")

    def __iter__(self) -> Any:
        return iter(self._columns)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or options:
            raise UntraceableError(f"{ufunc.__name__} is called with options")
        return self._wrap(ufunc(*(self._operand(value) for value in inputs)))

    def __array_function__(self, function: Any, _: Any, given: Any, options: Any) -> Any:
        return function(*_to_blocks(given), **options)

    @property
    def loc(self) -> _Located:
        """Columns by name, of all rows."""
        return _Located(self, lambda key: key)

    @property
    def iloc(self) -> _Located:
        """Columns by place, of all rows."""
        return _Located(self, lambda key: np.array(self.columns, dtype=object)[key])

    @property
    def values(self) -> Traced:
        """All columns as an array."""
        return self.to_numpy()

    def to_numpy(self) -> Traced:
        """Return all columns as an array."""
        if self._block is None:
            if not self._is_numeric:
                raise UntraceableError("strings become numbers")
            first, *others = (Traced(self._graph, s.real(), 1) for s in self._series())
            self._block = first.beside(others)
        return self._block

    def copy(self) -> TracedFrame:
        """Return a frame that can be changed by itself."""
        return TracedFrame(self._graph, self._columns, self._block)

    def assign(self, **made: Any) -> TracedFrame:
        """Return a frame with new columns, each of which may use those before it."""
        found = self.copy()
        for name, value in made.items():
            found[name] = value(found) if callable(value) else value
        return found

    def drop(self, labels: Any = None, *, axis: Any = 0, columns: Any = None) -> TracedFrame:
        """Return a frame without some columns."""
        chosen = columns if labels is None else labels
        if labels is not None and axis not in (1, "columns"):
            raise UntraceableError("rows are dropped")
        gone = [chosen] if isinstance(chosen, str) else list(chosen)
        if not set(gone) <= set(self._columns):
            raise KeyError(gone)
        return TracedFrame(self._graph, {n: c for n, c in self._columns.items() if n not in gone})

    def rename(self, *, columns: Mapping[Any, Any]) -> TracedFrame:
        """Return a frame with other names."""
        renamed = {columns.get(n, n): c for n, c in self._columns.items()}
        if len(renamed) < len(self._columns):
            raise UntraceableError("two columns have one name")
        return TracedFrame(self._graph, renamed, self._block)

    def fillna(self, value: Any) -> TracedFrame:
        """Replace missing values, by one value or by one for each column."""
        by_name = value if isinstance(value, dict) else dict.fromkeys(self._columns, value)
        filled = {n: c.fillna(by_name[n]) if n in by_name else c for n, c in self._columns.items()}
        return TracedFrame(self._graph, filled)

    def clip(self, lower: Any = None, upper: Any = None) -> TracedFrame:
        """Limit the values."""
        block: Any = self.to_numpy()
        low, high = (None if b is None else scalar(b) for b in (lower, upper))
        return self._wrap(np.clip(block, low, high))

    def abs(self) -> Any:
        """Return the absolute values."""
        return np.abs(self)

    def isna(self) -> Any:
        """Return whether each value is missing."""
        return np.isnan(self)

    def sum(self, axis: Any = 0) -> TracedSeries:
        """Add up each row's values that are present."""
        return self._reduce(axis)[0]

    def mean(self, axis: Any = 0) -> Any:
        """Average each row's values that are present."""
        total, count = self._reduce(axis)
        return total / count

    def _reduce(self, axis: Any) -> tuple[TracedSeries, TracedSeries]:
        if axis not in (1, "columns"):
            raise UntraceableError("rows are combined")
        graph, block = self._graph, self.to_numpy()
        filled: Any
        filled = np.where(np.isnan(block), 0.0, block)
        present: Any = ~np.isnan(block)
        sums = [graph.total(each.real()) for each in (filled, present)]
        total, count = (FrameSeries(graph, name, 1, is_flat=True) for name in sums)
        return total, count

    @property
    def _is_numeric(self) -> bool:
        return not any(isinstance(c, TracedText) for c in self._columns.values())

    def _series(self) -> list[TracedSeries]:
        return [c for c in self._columns.values() if isinstance(c, TracedSeries)]

    def _operand(self, value: Any) -> Any:
        if isinstance(value, TracedFrame):
            if value.columns != self.columns:
                raise UntraceableError("frames of different columns are combined")
            return value.to_numpy()
        return scalar(value)  # pandas would align a series with the columns

    def _wrap(self, block: Traced) -> TracedFrame:
        columns = {name: _flat(block, place) for place, name in enumerate(self._columns)}
        return TracedFrame(self._graph, columns, block)

    def _to_column(self, value: Any) -> TracedSeries | TracedText:
        if isinstance(value, TracedText):
            return value
        if isinstance(value, Traced):
            if not value.is_flat:
                raise UntraceableError("an array becomes a column")
            return _as_series(value)
        return _constant(self._series()[0], scalar(value))


class _Located:
    """``df.loc`` and ``df.iloc``, for all rows."""

    def __init__(self, frame: TracedFrame, find: Callable[[Any], Any]) -> None:
        self._frame = frame
        self._find = find

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, tuple) or len(key) != 2 or key[0] != slice(None):
            raise UntraceableError("rows are chosen")
        found = self._find(key[1])
        if isinstance(found, slice):
            raise UntraceableError("columns are chosen by a slice of names")
        return self._frame[found.tolist() if isinstance(found, np.ndarray) else found]


def _to_blocks(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_to_blocks(each) for each in value]
    return value.to_numpy() if isinstance(value, TracedFrame) else value


def _flat(block: Traced, place: int) -> TracedSeries:
    return _as_series(block[:, place])


def _as_series(value: Traced) -> TracedSeries:
    return FrameSeries(
        value._graph,  # noqa: SLF001 - of its own base class
        value._name,  # noqa: SLF001
        1,
        is_flat=True,
        is_boolean=value._is_boolean,  # noqa: SLF001
    )


def _constant(like: TracedSeries, value: float) -> TracedSeries:
    constant: Any = np.where(np.isnan(like), value, value)
    return _as_series(constant)
