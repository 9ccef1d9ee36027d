"""Rows as the caller has them, as JSON records or rows that the service reads."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from exporter.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Collection

Kind = Literal["record", "list", "numpy", "pandas", "polars", "pyarrow"]


@dataclass(frozen=True)
class Rows:
    """Rows of one kind.

    Attributes:
        kind: What the caller passed; answers are returned as the same kind.
        records: A JSON value for each row: records, or rows in feature order.
        index: The index of a DataFrame of pandas.
    """

    kind: Kind
    records: list[Any]
    index: pd.Index | None = None

    def __len__(self) -> int:
        return len(self.records)


def read_rows(data: Any, left_out: Collection[str] = ()) -> Rows:
    """Read rows.

    Args:
        data: A DataFrame of pandas or polars, a pyarrow table, a NumPy array of shape ``[rows,
            features]`` or ``[features]``, one record, one row, or a list of records or rows.
        left_out: Columns of a DataFrame that are not sent.

    Raises:
        DataError: It is none of these.
    """
    table = _read_table(data, left_out)
    if table is not None:
        return table
    if isinstance(data, dict | pd.Series):
        return Rows("record", [_clean(data)])
    if isinstance(data, list | tuple) and data:
        if isinstance(data[0], dict | list | tuple | np.ndarray | pd.Series):
            return Rows("list", [_clean(row) for row in data])
        return Rows("record", [_clean(data)])
    raise DataError(
        f"cannot read rows from {_describe(data)}: pass a DataFrame, an array of shape "
        "[rows, features], a record such as {'name': value}, or a list of records"
    )


def _read_table(data: Any, left_out: Collection[str]) -> Rows | None:
    """Read an array or the table of a library; ``None`` for anything else."""
    if isinstance(data, pd.DataFrame):
        return Rows("pandas", _read_frame(data, left_out), data.index)
    if isinstance(data, np.ndarray):
        if data.dtype.names:  # a record array, as predict() returns one
            frame = pd.DataFrame(np.atleast_1d(data))
            return Rows("numpy", _read_frame(frame, left_out))
        if data.ndim not in (1, 2):
            raise DataError(
                f"the array has {data.ndim} dimensions: pass one of shape [rows, features]"
            )
        if data.dtype.kind in "mM":  # of which a list would have integers
            data = data.astype(str)
        return Rows("numpy", [_clean(row) for row in np.atleast_2d(data).tolist()])
    if _is(data, "polars", "DataFrame"):
        columns = [name for name in data.columns if name not in left_out]
        return Rows("polars", [_clean(row) for row in data.select(columns).to_dicts()])
    if _is(data, "polars", "LazyFrame"):
        raise DataError("cannot read rows from a LazyFrame: pass data.collect()")
    if _is(data, "pyarrow", "Table", "RecordBatch"):
        return Rows("pyarrow", _arrow_records(data, left_out))
    return None


def _read_frame(frame: pd.DataFrame, left_out: Collection[str]) -> list[dict[str, Any]]:
    return pandas_records(frame.loc[:, [str(name) not in left_out for name in frame.columns]])


def read_truths(truth: Any) -> list[Any]:
    """Read the truth of one row, or of several, as JSON values.

    Args:
        truth: A label or value, a dict of several by name, or one of these for each row: a list,
            an array, a Series, or a DataFrame with a column for each label or value.
    """
    if isinstance(truth, pd.DataFrame):
        return pandas_records(truth)
    if isinstance(truth, np.ndarray) and truth.ndim == 2 and truth.shape[1] == 1:
        truth = truth[:, 0]  # a target as a column
    for method in ("tolist", "to_list", "to_pylist", "to_dicts"):  # NumPy, polars, pyarrow
        if hasattr(truth, method):
            truth = getattr(truth, method)()
            break
    given = truth if isinstance(truth, list | tuple) else [truth]
    return [_clean(one) if isinstance(one, dict) else _value(one) for one in given]


def is_texts(data: Any) -> bool:
    """Whether data is a list, a vector or a Series of texts."""
    if isinstance(data, np.ndarray | pd.Series):
        data = data.tolist() if data.ndim == 1 else []
    return isinstance(data, list | tuple) and bool(data) and all(isinstance(v, str) for v in data)


def pandas_records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a DataFrame as JSON values, numbers exactly and missing ones as null.

    Raises:
        DataError: Two columns have the same name, as JSON writes it.
    """
    names = [str(name) for name in frame.columns]
    _check_names(names)
    columns = [
        [None if absent else _value(v) for v, absent in zip(c.tolist(), c.isna(), strict=True)]
        for _, c in frame.items()
    ]
    if not names:
        return [{} for _ in range(len(frame))]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _arrow_records(table: Any, left_out: Collection[str]) -> list[dict[str, Any]]:
    names = list(table.schema.names)
    _check_names(names)
    kept = table.select([name for name in names if name not in left_out])
    return [_clean(row) for row in kept.to_pylist()]


def _check_names(names: list[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f"two columns are called {min(twice)!r}: rename one")


def _is(data: Any, library: str, *names: str) -> bool:
    kind = type(data)
    return kind.__module__.split(".")[0] == library and kind.__name__ in names


def _clean(row: Any) -> Any:
    if isinstance(row, pd.Series):  # one row of a DataFrame
        _check_names([str(name) for name in row.index])
    if isinstance(row, dict | pd.Series):
        return {str(name): _value(value) for name, value in row.items()}
    return _value(row)


def _value(value: Any) -> Any:
    if isinstance(value, np.datetime64 | np.timedelta64):  # whose item() may be an integer
        return None if np.isnat(value) else str(value)
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_value(one) for one in value]
    if isinstance(value, Decimal):  # as databases give numbers
        value = float(value)
    if value is pd.NA or value is pd.NaT:
        return None
    return None if isinstance(value, float) and math.isnan(value) else value


def _describe(data: Any) -> str:
    return "an empty list" if isinstance(data, list | tuple) else f"a {type(data).__name__}"
