"""Frames that are not there yet: their columns, and NumPy's operators and functions of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from exporter.conversion.graph.column import Column
from exporter.conversion.numbers.pandas_functions import constant_row
from exporter.conversion.numbers.series import TracedSeries, TracedText, scalar
from exporter.conversion.numbers.tracing import Traced, UntraceableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from exporter.conversion.graph.builder import Graph


class FrameBase(np.lib.mixins.NDArrayOperatorsMixin):
    """The columns of a frame, by name.

    Args:
        graph: Where to write.
        columns: Its columns by name.
        block: All of them as an array, if that is at hand.
    """

    kind: ClassVar[type[TracedSeries]] = TracedSeries

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

    @columns.setter
    def columns(self, names: Sequence[Any]) -> None:
        self._columns = dict(zip(names, self._columns.values(), strict=True))

    def to_columns(self) -> list[Column]:
        """Return the columns as tensors."""
        if self._is_numeric:
            block = self.to_numpy()
            return [Column(block.real(), "real", block.width)]
        return [
            each.column if isinstance(each, TracedText) else Column(each.real(), "real", 1)
            for each in self._columns.values()
        ]

    @property
    def shape(self) -> _Shape:
        """The number of columns; that of the rows is not known."""
        return _Shape(len(self._columns))

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, list):
            return self.made({name: self._columns[name] for name in key})
        if isinstance(key, FrameBase):
            return self.chosen(key)
        if isinstance(key, Traced):
            raise UntraceableError("it chooses rows by a mask: use .where() or np.where()")
        return self._columns[key]

    def __contains__(self, name: Any) -> bool:
        return name in self._columns

    def __delitem__(self, name: Any) -> None:
        del self._columns[name]
        self._block = None

    def __setitem__(self, key: Any, value: Any) -> None:
        self._columns[key] = self.to_column(value)
        self._block = None

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_columns"][name]
        except KeyError:
            raise AttributeError(name, name=name, obj=self) from None

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise UntraceableError(
            "it needs the values themselves, such as by np.array() or another library"
        )

    def __bool__(self) -> bool:
        raise UntraceableError("it needs the truth of a frame: use np.where(), &, |, ~")

    def __len__(self) -> int:
        raise UntraceableError("it needs the number of rows")

    def __iter__(self) -> Any:
        return iter(self._columns)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or options:
            raise UntraceableError(f"it calls np.{ufunc.__name__} with options")
        return self.wrap(ufunc(*(self.operand(value) for value in inputs)))

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
                raise UntraceableError(
                    "it computes with a column of strings: choose columns of numbers"
                )
            first, *others = (Traced(self._graph, s.real(), 1) for s in self._series())
            self._block = first.beside(others)
        return self._block

    def items(self) -> Any:
        """Return pairs of names and columns."""
        return self._columns.items()

    def each(self, function: Callable[[Any], Any]) -> Any:
        """Return a frame of what a function makes of each column."""
        made = {name: self.to_column(function(c)) for name, c in self._columns.items()}
        return self.made(made)

    def by_rows(self, apply: Callable[[Any, Any], Any], column: Traced) -> Any:
        """Combine each column with one column."""
        return self.wrap(apply(self.to_numpy(), column.reshape(-1, 1)))

    @property
    def graph(self) -> Graph:
        """Where it is written."""
        return self._graph

    @property
    def _is_numeric(self) -> bool:
        return not any(isinstance(c, TracedText) for c in self._columns.values())

    def _series(self) -> list[TracedSeries]:
        return [c for c in self._columns.values() if isinstance(c, TracedSeries)]

    def operand(self, value: Any) -> Any:
        """Return a frame, numbers or one number for each column as an operand."""
        if isinstance(value, FrameBase):
            if value.columns != self.columns:
                raise UntraceableError("it combines frames of different columns: use .to_numpy()")
            return value.to_numpy()
        if isinstance(value, (Traced, TracedText)) or not np.ndim(value):
            return scalar(value)
        return constant_row(value, self.columns)

    def wrap(self, block: Any) -> Any:
        """Return a frame of an array, with the names of this one."""
        columns = {
            name: self.as_series(block[:, place]) for place, name in enumerate(self._columns)
        }
        return self.made(columns, block)

    def to_column(self, value: Any) -> TracedSeries | TracedText:
        """Return a value as a column."""
        if isinstance(value, TracedText):
            return value
        if isinstance(value, Traced):
            if not value.is_flat:
                raise UntraceableError("it makes a column of an array of two dimensions")
            return self.as_series(value)
        return self.constant(scalar(value))

    def made(self, columns: Mapping[Any, Any], block: Traced | None = None) -> Any:
        """Return another frame of the same kind."""
        return type(self)(self._graph, columns, block)

    def as_series(self, value: Traced) -> TracedSeries:
        """Return an array of one dimension as a column."""
        return self.kind(
            self._graph,
            value._name,  # noqa: SLF001 - of its own base class
            1,
            is_flat=True,
            is_boolean=value._is_boolean,  # noqa: SLF001
        )

    def constant(self, value: float) -> TracedSeries:
        """Return a column of one value."""
        first = next(c for c in self._columns.values() if isinstance(c, TracedSeries))
        made: Any = np.where(np.isnan(first), value, value)
        return self.as_series(made)

    def chosen(self, condition: Any) -> Any:
        """Keep the values where a frame of booleans is true."""
        pair = (self.operand(condition), self.to_numpy())
        return self.wrap(np.where(*pair, np.nan))


class _Shape:
    """``df.shape``."""

    def __init__(self, width: int) -> None:
        self._width = width

    def __getitem__(self, place: int) -> int:
        if place not in (1, -1):
            raise UntraceableError("it needs the number of rows")
        return self._width


class _Located:
    """``df.loc`` and ``df.iloc``, for all rows."""

    def __init__(self, frame: FrameBase, find: Callable[[Any], Any]) -> None:
        self._frame = frame
        self._find = find

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, tuple) or len(key) != 2 or key[0] != slice(None):
            raise UntraceableError("it chooses rows: use .where() or np.where()")
        found = self._find(key[1])
        if isinstance(found, slice):
            raise UntraceableError("it chooses columns by a slice of names: list them")
        return self._frame[found.tolist() if isinstance(found, np.ndarray) else found]

    def __setitem__(self, key: Any, value: Any) -> None:
        if not isinstance(key, tuple) or len(key) != 2:
            raise UntraceableError("it writes to rows")
        rows, name = key[0], self._find(key[1])
        if isinstance(name, (list, slice, np.ndarray)):
            raise UntraceableError("it writes to several columns: write to each")
        if isinstance(rows, Traced):
            before = self._frame[name] if name in self._frame else np.nan  # noqa: SIM401 - no dict
            value = np.where(rows, value, before)
        elif rows != slice(None):
            raise UntraceableError("it writes to rows")
        self._frame[name] = value


def _to_blocks(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_to_blocks(each) for each in value]
    return value.to_numpy() if isinstance(value, FrameBase) else value
