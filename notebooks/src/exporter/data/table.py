"""The rows a caller gave, as typed columns.

A table knows its rows twice: *native*, as the original takes them, and as plain typed columns, from
which the ONNX inputs, the statistics and the contract are made. This module knows NumPy and pandas
and nothing of ONNX.

Kinds of column, and their values:

=======  ==========================  =========
kind     array                       missing
=======  ==========================  =========
number   float64                     NaN
integer  int64                       never
boolean  bool                        never
text     object, of ``str``          ``None``
unread   as it was given             never
=======  ==========================  =========

Booleans of which some are missing are a column of numbers, 0 and 1, that *is boolean*.

A column is *unread* where its values have no form in JSON or ONNX: dates, lists, no value at all. A
model that does not read the column can be published all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from inference.model.contract import Scalar

Kind = Literal["number", "integer", "boolean", "text", "unread"]
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: The feature's name.
        kind: See the module's table.
        values: One value per row.
        dtype: The pandas type that the original saw, ``None`` for an array's column.
        problem: Why the column is unread, and what to do if the model reads it.
    """

    name: str
    kind: Kind
    values: Array
    dtype: Any = None
    problem: str = ""

    @property
    def is_boolean(self) -> bool:
        """Whether callers send true and false."""
        if self.kind == "number":  # numbers among objects have no type of pandas here
            return bool(self.dtype == object or pd.api.types.is_bool_dtype(self.dtype))
        return self.kind == "boolean"

    @property
    def missing(self) -> Array:
        """Which rows have no value, as booleans."""
        if self.kind == "number":
            return np.isnan(self.values)
        if self.kind == "text":
            return np.array([v is None for v in self.values.tolist()], dtype=bool)
        return np.zeros(len(self.values), dtype=bool)

    @property
    def present(self) -> Array:
        """The values that are there."""
        return self.values[~self.missing]

    def take(self, rows: Sequence[int] | Array) -> Column:
        """Choose rows."""
        return Column(self.name, self.kind, self.values[rows], self.dtype, self.problem)

    def filled(self, value: Scalar) -> Column:
        """Put one value into every row; ``None`` makes them missing."""
        count = len(self.values)
        if value is None and self.kind in ("integer", "boolean"):
            return Column(self.name, "number", np.full(count, np.nan), self.dtype)
        if self.kind == "text":
            values = np.empty(count, dtype=object)
            values[:] = value
            return Column(self.name, "text", values, self.dtype)
        filled = np.full(count, np.nan if value is None else value, dtype=self.values.dtype)
        return Column(self.name, self.kind, filled, self.dtype)

    def with_gap(self, place: slice) -> Column:
        """Make the values of some rows missing."""
        kind: Kind = "number" if self.kind in ("integer", "boolean") else self.kind
        values = self.values.astype(np.float64 if kind == "number" else object)
        values[place] = np.nan if kind == "number" else None
        return Column(self.name, kind, values, self.dtype, self.problem)

    def to_scalars(self) -> list[Scalar]:
        """Return the values as a caller would write them in JSON."""
        scalars: list[Scalar] = self.values.tolist()
        if self.kind == "number":
            if self.is_boolean:
                return [None if v != v else bool(v) for v in scalars]  # noqa: PLR0124 - as below
            return [None if v != v else v for v in scalars]  # noqa: PLR0124 - NaN alone differs
        return scalars


@dataclass(frozen=True)
class Table:
    """Rows, as typed columns and as the original takes them.

    Attributes:
        columns: In the order of the model's columns.
        native: A DataFrame or an array.
    """

    columns: tuple[Column, ...]
    native: Any

    def __len__(self) -> int:
        return len(self.columns[0].values)

    @property
    def names(self) -> list[str]:
        """The columns' names, in order."""
        return [column.name for column in self.columns]

    @property
    def is_numeric(self) -> bool:
        """Whether all columns are numbers, so that they fit into one tensor of floats."""
        return all(column.kind not in ("text", "unread") for column in self.columns)

    def take(self, rows: Sequence[int] | Array) -> Table:
        """Choose rows."""
        frame = isinstance(self.native, pd.DataFrame)
        native = self.native.iloc[rows] if frame else self.native[rows]
        return Table(tuple(column.take(rows) for column in self.columns), native)

    def with_value(self, index: int, value: Scalar) -> Table:
        """Put one value into every row of one column; ``None`` makes it missing."""
        changed = self.columns[index].filled(value)
        columns = (*self.columns[:index], changed, *self.columns[index + 1 :])
        return Table(columns, self._replace_native(index, changed, value))

    def with_nulls(self, indices: Sequence[int]) -> Table:
        """Repeat the rows once for each of these columns, and make it missing there."""
        count = len(self)
        tiled = self.take(np.tile(np.arange(count), len(indices)))
        columns, native = list(tiled.columns), tiled.native
        places = {i: slice(b * count, (b + 1) * count) for b, i in enumerate(indices)}
        for index, place in places.items():
            columns[index] = tiled.columns[index].with_gap(place)
        if isinstance(native, pd.DataFrame):
            return Table(tuple(columns), self._with_gaps(native.reset_index(drop=True), places))
        array = _able_to_hold(native, None)
        for index, place in places.items():
            array[(place, index)[: array.ndim]] = np.nan if array.ndim > 1 else None
        return Table(tuple(columns), array)

    def _with_gaps(self, frame: pd.DataFrame, places: dict[int, slice]) -> pd.DataFrame:
        made: dict[int, Array | pd.Series[Any]] = {}
        for index, place in places.items():
            series = frame.iloc[:, index]
            if series.dtype == np.float64:
                made[index] = values = series.to_numpy(copy=True)
                values[place] = np.nan
            else:
                made[index] = self._with_gap(index, series, place)
        return with_columns(frame, made)

    def _with_gap(self, index: int, series: pd.Series[Any], place: slice) -> pd.Series[Any]:
        gap = self.columns[index].filled(None)
        missing = _to_series(gap, None, self.native.iloc[:, index])
        joined = pd.concat([series.iloc[: place.start], missing, series.iloc[place.stop :]])
        return joined.reset_index(drop=True)

    def rows(self) -> list[list[Scalar]]:
        """Return the rows as a caller would write them in JSON."""
        lists = [column.to_scalars() for column in self.columns]
        return [list(row) for row in zip(*lists, strict=True)]

    def _replace_native(self, index: int, column: Column, value: Scalar) -> Any:
        if isinstance(self.native, pd.DataFrame):
            frame = self.native.copy()
            frame.isetitem(index, _to_series(column, value, frame.iloc[:, index]))
            return frame
        if self.native.ndim == 1:  # texts
            array = self.native.copy()
            array[:] = value
            return array
        array = _able_to_hold(self.native, value)
        array[:, index] = np.nan if value is None else value
        return array


def _able_to_hold(array: Array, value: Scalar) -> Array:
    """Copy an array, into a wider type where its own cannot hold a value."""
    if array.dtype.kind not in "iub":
        return array.copy()
    if value is None or isinstance(value, float):
        return array.astype(np.float64)
    fits = array.dtype.kind != "b" and np.can_cast(np.min_scalar_type(value), array.dtype)
    return array.copy() if fits or isinstance(value, bool) else array.astype(np.int64)


def with_columns(frame: pd.DataFrame, made: Mapping[int, Array | pd.Series[Any]]) -> pd.DataFrame:
    """Replace columns by their place, all at once, which is far faster than one by one.

    Args:
        frame: The rows.
        made: New columns: arrays of float64, or a series of any type with the frame's index.
    """
    floats = [i for i, column in made.items() if isinstance(column, np.ndarray)]
    others = [i for i, column in made.items() if not isinstance(column, np.ndarray)]
    kept = sorted(set(range(frame.shape[1])).difference(made))
    parts: list[Any] = [frame.iloc[:, kept], *(made[i] for i in others)]
    if floats:
        values = np.column_stack([made[i] for i in floats])
        parts.append(pd.DataFrame(values, index=frame.index))
    joined = pd.concat(parts, axis=1)
    order = np.argsort([*kept, *others, *floats])
    return joined.iloc[:, order].set_axis(frame.columns, axis=1)


def stack(tables: Sequence[Table]) -> Table:
    """Put tables of the same columns one below the other."""
    first = tables[0]
    if isinstance(first.native, pd.DataFrame):
        native: Any = pd.concat([t.native for t in tables], ignore_index=True)
    else:
        native = np.concatenate([t.native for t in tables])
    columns = []
    for index, column in enumerate(first.columns):
        parts = [t.columns[index] for t in tables]
        same = len({part.kind for part in parts}) == 1
        values = np.concatenate([part.values for part in parts])  # noqa: PD011 - no pandas here
        kind = column.kind if same else "number"
        columns.append(
            Column(column.name, kind, values if same else values.astype(float), column.dtype)
        )
    return Table(tuple(columns), native)


def _to_series(column: Column, value: Scalar, like: pd.Series[Any]) -> pd.Series[Any]:
    if isinstance(like.dtype, pd.CategoricalDtype):
        known = like.dtype.categories
        if value is not None and value not in known:
            known = known.append(pd.Index([value]))
        filled = pd.Categorical([value] * len(like), categories=known, ordered=like.cat.ordered)
        return pd.Series(filled, index=like.index)
    if column.is_boolean and column.kind == "number":
        return to_booleans(column.values, like)
    if column.kind != "text":
        return pd.Series(column.values, index=like.index)
    missing = _missing_like(like) if value is None else value
    return pd.Series([missing] * len(like), index=like.index, dtype=like.dtype)


def to_booleans(values: Array, like: pd.Series[Any]) -> pd.Series[Any]:
    """Turn 0, 1 and NaN into booleans of which some are missing.

    Args:
        values: One for each row.
        like: The column that they are for.
    """
    missing = _missing_like(like)
    held = [missing if v != v else bool(v) for v in values.tolist()]  # noqa: PLR0124 - NaN
    return pd.Series(held, index=like.index, dtype=like.dtype)


def _missing_like(series: pd.Series[Any]) -> Any:
    # The original may know one spelling of "missing" only: take the one that X has, if it has any.
    seen = series[series.isna()]
    if len(seen):
        return seen.iloc[0]
    return getattr(series.dtype, "na_value", np.nan)
