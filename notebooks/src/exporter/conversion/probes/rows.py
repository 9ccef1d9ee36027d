"""Copies of rows with other values in some columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from exporter.data.table import Column, Table, to_booleans, with_columns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporter.data.table import Array

_WORD_BYTES = 8


def replace_columns(table: Table, values: Mapping[int, Array]) -> Table:
    """Return rows with other values in some columns, in the types of the original's input.

    Narrow numbers become wide ones, so that values neither wrap around nor are rounded.

    Args:
        table: The rows.
        values: New values by column index, one for each row; a text may be ``None``.
    """
    columns = list(table.columns)
    frame = isinstance(table.native, pd.DataFrame)
    native: Any = table.native.copy() if frame else _widen(table.native)
    made: dict[int, Array | pd.Series[Any]] = {}
    for index, given in values.items():
        column = columns[index]
        if frame and native.dtypes.iloc[index] == np.float64:
            made[index] = given = given.astype(np.float64)  # noqa: PLW2901 - as there
        elif frame:
            like = table.native.iloc[:, index]
            maker = to_booleans if column.is_boolean and column.kind == "number" else _series
            series = made[index] = maker(given, like)
            if column.kind == "number":
                given = series.to_numpy(dtype=np.float64, na_value=np.nan)  # noqa: PLW2901
        elif native.ndim == 1:
            native[:] = given
        else:
            native[:, index] = given
            if column.kind == "number":
                given = native[:, index].astype(np.float64)  # noqa: PLW2901 - as rounded there
        columns[index] = Column(column.name, column.kind, given, column.dtype)
    if made:
        native = with_columns(native, made)
    return Table(tuple(columns), native)


def _series(values: Array, like: pd.Series[Any]) -> pd.Series[Any]:
    if isinstance(like.dtype, pd.CategoricalDtype):
        known = like.dtype.categories
        listed = values.tolist()
        unknown = [v for v in dict.fromkeys(listed) if v is not None and v not in known]
        found = pd.Categorical(
            listed, categories=known.append(pd.Index(unknown)), ordered=like.cat.ordered
        )
        return pd.Series(found, index=like.index)
    if pd.api.types.is_integer_dtype(like.dtype):
        values = np.round(values)
    if like.dtype == object:
        missing = like[like.isna()]
        written = missing.iloc[0] if len(missing) else np.nan
        values = np.array([written if v is None else v for v in values.tolist()], dtype=object)
        return pd.Series(values, index=like.index, dtype=object)
    return pd.Series(values, index=like.index).astype(_wide(like.dtype))


def _widen(array: Array) -> Array:
    return array.astype(_wide(array.dtype))


def _wide(dtype: Any) -> Any:
    if isinstance(dtype, pd.SparseDtype):
        dtype = dtype.subtype
    kind = getattr(dtype, "kind", "O")
    if kind not in "iuf" or dtype.itemsize > _WORD_BYTES:
        return dtype
    if isinstance(dtype, np.dtype):
        return np.float64 if kind == "f" else np.int64
    return "Float64" if kind == "f" else "Int64"
