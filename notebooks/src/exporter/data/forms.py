"""The forms of X besides arrays and pandas: polars frames, pyarrow tables, sparse matrices.

Rows are read as pandas or NumPy, and the original is asked in the form that it was fitted on. This
module imports a library only if X is of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd
from scipy import sparse  # type: ignore[import-untyped]

from exporter.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_DENSE_VALUES = 50_000_000  # 400 MB of float64


class Form(Protocol):
    """A form of X.

    Attributes:
        library: The distribution whose version the contract records.
    """

    library: str

    def restore(self, native: Any) -> Any:
        """Return rows, a DataFrame or an array, in the form of X."""
        ...


def copy_rows(native: Any) -> Any:
    """Copy rows, since a step may write to those that it gets, such as a scaler with copy=False."""
    writable = isinstance(native, (pd.DataFrame, np.ndarray)) or sparse.issparse(native)
    return native.copy() if writable else native


def to_array(rows: Any) -> Any:
    """Return lists or an array as an array, with objects where there are texts.

    An array of texts cuts off those that are longer than its own, and makes texts of the numbers
    that are beside texts in a list.

    Raises:
        ValueError: The rows differ in length.
    """
    array = np.asarray(rows)
    return np.asarray(rows, dtype=object) if array.dtype.kind == "U" else array


class PlainForm:
    """What scikit-learn takes as it is: arrays, lists and pandas."""

    library = "pandas"

    def restore(self, native: Any) -> Any:
        """Return the rows themselves."""
        return native


class SparseForm:
    """A sparse matrix or array.

    Args:
        data: X; rows are restored to its class.
    """

    library = "scipy"

    def __init__(self, data: Any) -> None:
        self._kind = type(data)

    def restore(self, native: Any) -> Any:
        """Return an array as a sparse one."""
        return self._kind(native)


class PolarsForm:
    """A polars DataFrame.

    Args:
        data: X; columns are restored to its types where these can hold the values.
    """

    library = "polars"

    def __init__(self, data: Any) -> None:
        self._types = dict(data.schema)
        self._has_nulls = {name for name in data.columns if data[name].null_count()}

    def restore(self, native: Any) -> Any:
        """Return a frame of pandas as one of polars, and an array as it is."""
        if not isinstance(native, pd.DataFrame):  # the model was fitted on one
            return native
        import polars as pl  # noqa: PLC0415 - X is of polars

        return pl.DataFrame([self._column(pl, str(n), native[n]) for n in native.columns])

    def _column(self, pl: Any, name: str, series: pd.Series[Any]) -> Any:
        wanted, values = self._types[name], series.to_numpy()
        if values.dtype.kind == "f":
            column = pl.Series(name, values)
            if wanted.is_integer():
                column = column.fill_nan(None)
                whole = (column.drop_nulls() % 1 == 0).all()
                return column.cast(wanted, strict=False) if whole else column
            return column.fill_nan(None) if name in self._has_nulls else column
        if values.dtype.kind in "iub":
            return pl.Series(name, values)
        if values.dtype.kind in "mM":
            unit = f"{values.dtype.kind}8[us]"  # of days or seconds polars takes none
            return pl.Series(name, values.astype(unit)).cast(wanted)
        rows = series.astype(object).where(series.notna(), None).tolist()
        if isinstance(wanted, pl.Enum) and not set(rows) <= {None, *wanted.categories}:
            wanted = pl.String
        return pl.Series(name, rows, dtype=wanted)


class ArrowForm:
    """A pyarrow Table.

    Args:
        data: X; columns are restored to its types where these can hold the values.
    """

    library = "pyarrow"

    def __init__(self, data: Any) -> None:
        self._types = {field.name: field.type for field in data.schema}
        self._has_nulls = {n for n in data.schema.names if data.column(n).null_count}

    def restore(self, native: Any) -> Any:
        """Return a frame of pandas as a table, and an array as it is."""
        if not isinstance(native, pd.DataFrame):  # the model was fitted on one
            return native
        import pyarrow as pa  # type: ignore[import-untyped]  # noqa: PLC0415 - X is of pyarrow

        names = [str(name) for name in native.columns]
        columns = [self._column(pa, name, native[name]) for name in native.columns]
        return pa.table(columns, names=names)

    def _column(self, pa: Any, name: str, series: pd.Series[Any]) -> Any:
        wanted, values = self._types[name], series.to_numpy()
        if values.dtype.kind == "f":
            gaps = name in self._has_nulls or pa.types.is_integer(wanted)
            column = pa.array(values, from_pandas=gaps)
            whole = bool((values[np.isfinite(values)] % 1 == 0).all())
            return column.cast(pa.int64()) if pa.types.is_integer(wanted) and whole else column
        if values.dtype.kind in "iub":
            return pa.array(values)
        if pa.types.is_dictionary(wanted):
            return pa.array(values, wanted.value_type, from_pandas=True).dictionary_encode()
        return pa.array(values, wanted, from_pandas=True)


def find_form(data: Any) -> Form:
    """Return the form of X."""
    if sparse.issparse(data):
        return SparseForm(data)
    if _is(data, "polars", "DataFrame"):
        return PolarsForm(data)
    if _is(data, "pyarrow", "Table"):
        return ArrowForm(data)
    return PlainForm()


def to_plain(data: Any) -> Any:
    """Return X as pandas or NumPy; what is of no other form stays as it is.

    Raises:
        DataError: X is a lazy frame, a sparse matrix too large to be dense, or has a column twice.
    """
    if sparse.issparse(data):
        if np.prod(data.shape, dtype=float) > _MOST_DENSE_VALUES:
            raise DataError(
                f"X is a sparse matrix of the shape {data.shape}, too large to compare as rows of "
                "numbers: pass some of its rows, X[:1000]"
            )
        return data.toarray()
    if _is(data, "polars", "LazyFrame"):
        raise DataError("X is a LazyFrame: pass X.collect()")
    if _is(data, "polars", "DataFrame"):
        return pd.DataFrame({n: _read_polars(data[n]) for n in data.columns}, copy=False)
    if _is(data, "pyarrow", "Table"):
        names = data.schema.names
        _require_unique(names)
        return pd.DataFrame({n: _read_arrow(data.column(n)) for n in names}, copy=False)
    if _is(data, "polars", "Series") or _is(data, "pyarrow", "Array", "ChunkedArray"):
        values = data.to_list() if hasattr(data, "to_list") else data.to_pylist()
        return pd.Series(values, name=getattr(data, "name", None))
    return data


def _require_unique(names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"two columns are called {twice[0]!r}: rename one and fit the model again")


def _is(data: Any, library: str, *names: str) -> bool:
    kinds = type(data).__mro__
    return any(k.__module__.split(".")[0] == library and k.__name__ in names for k in kinds)


def _read_polars(column: Any) -> pd.Series[Any]:
    kind = column.dtype
    if kind.is_temporal() and str(kind) != "Time":
        return pd.Series(column.to_numpy())
    if kind.is_numeric() and not kind.is_decimal():
        return pd.Series(column.to_numpy())
    if str(kind) == "Boolean" and not column.null_count():
        return pd.Series(column.to_numpy())
    return _objects(column.to_list())


def _read_arrow(column: Any) -> pd.Series[Any]:
    kind = str(column.type)
    if kind.startswith("dictionary"):
        column = column.cast(column.type.value_type)
        kind = str(column.type)
    numbers = kind.startswith(("int", "uint", "float", "double", "halffloat"))
    times = kind.startswith(("date", "timestamp", "duration"))
    if numbers or times or (kind == "bool" and not column.null_count):
        series: pd.Series[Any] = column.to_pandas(date_as_object=False)
        return series
    return _objects(column.to_pylist())


def _objects(values: list[Any]) -> pd.Series[Any]:
    array = np.empty(len(values), dtype=object)
    for row, value in enumerate(values):  # at once, lists of one length would become a matrix
        array[row] = value
    return pd.Series(array, dtype=object)
