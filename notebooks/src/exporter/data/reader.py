"""Reading what a caller passes as X: an array or a DataFrame, checked against the model's columns.

Every complaint names the column and says what to pass instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from exporter.data.answers.kinds import list_steps
from exporter.data.boosters import library_of
from exporter.data.estimator import is_answered
from exporter.data.forms import to_array
from exporter.data.inner_estimators import estimators_within
from exporter.data.sparse_rows import is_own
from exporter.data.table import Column, Table
from exporter.errors import DataError
from inference.runtime.suggestions import nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.data.estimator import FittedEstimator


_SHOWN_MISSING, _SHOWN_EXTRA = 3, 5
_TOO_LARGE = "has integers beyond 64 bits with sign: use floats"


def read_table(data: Any, original: FittedEstimator, names: Sequence[str] | None = None) -> Table:
    """Turn what a caller passes as X into a table.

    Args:
        data: A NumPy array of shape ``[rows, features]`` or a pandas DataFrame; see
            :func:`exporter.data.forms.to_plain` for others.
        original: The model it is for; says which columns it expects.
        names: Names for the columns of an array.

    A column whose values cannot be sent as JSON becomes an unread one, with its problem.

    Raises:
        DataError: X is of another type, has other columns, or no rows; the message says what to do.
    """
    if names is not None and (isinstance(names, str) or not hasattr(names, "__len__")):
        raise DataError(f"feature_names has to be a list of names, not {names!r}")
    if _are_texts(data):
        data = pd.DataFrame({_text_name(data): pd.Series(list(data), dtype=object)})
    frame = data if isinstance(data, pd.DataFrame) else _to_frame(data)
    if len(frame) == 0 or frame.shape[1] == 0:
        raise DataError(f"X has the shape {frame.shape}: pass at least one row and one column")
    if isinstance(data, pd.DataFrame):
        if names is not None and [str(n) for n in names] != [str(c) for c in frame.columns]:
            raise DataError("feature_names differ from X's columns: leave feature_names out")
        _check_columns([str(c) for c in frame.columns], original)
    else:
        frame = frame.set_axis(_array_names(frame.shape[1], original, names), axis=1)
    _check_names([str(c) for c in frame.columns])
    columns = tuple(
        _read_column(str(name), frame.iloc[:, i], isinstance(data, pd.DataFrame))
        for i, name in enumerate(frame.columns)
    )
    return Table(columns, _to_native(data, frame, original))


def _are_texts(data: Any) -> bool:
    # What a text vectorizer is fitted on: it takes rows of one dimension.
    flat = isinstance(data, (list, tuple, pd.Series)) or getattr(data, "ndim", 0) == 1
    return flat and len(data) > 0 and all(isinstance(value, str) for value in data)


def _text_name(data: Any) -> str:
    return str(getattr(data, "name", None) or "text")


def _to_frame(data: Any) -> pd.DataFrame:
    if isinstance(data, pd.Series) and _are_texts(data.dropna()):
        raise DataError("X is a Series of texts, some of which are missing: pass X.fillna('')")
    if isinstance(data, pd.Series):
        raise DataError("X is a Series, one column without rows of features: pass X.to_frame()")
    if not isinstance(data, np.ndarray) and hasattr(data, "to_pandas"):
        raise DataError(f"X is a {type(data).__name__}: pass X.to_pandas()")
    if isinstance(data, (str, bytes, dict)) or data is None:
        raise DataError(f"X is a {type(data).__name__}: pass a NumPy array or a pandas DataFrame")
    try:
        array = to_array(data)
    except ValueError as error:
        raise DataError(f"X cannot be read as an array: {error}") from None
    _check_dimensions(array)
    if array.dtype.kind == "O":
        return pd.DataFrame(array).infer_objects()
    if array.dtype.kind not in "fiub":
        raise DataError(
            f"X is an array of {array.dtype}: pass numbers, or a DataFrame with one type per column"
        )
    return pd.DataFrame(array)


def _check_dimensions(array: np.ndarray[Any, Any]) -> None:
    if array.dtype.names or (array.ndim == 1 and len(array) and isinstance(array[0], dict)):
        raise DataError("X is a list of records: pass pd.DataFrame(X)")
    if array.ndim == 1:
        raise DataError(
            "X has one dimension: pass np.reshape(X, (-1, 1)) for one feature, "
            "np.reshape(X, (1, -1)) for one row"
        )
    if array.ndim != 2:
        raise DataError(f"X has {array.ndim} dimensions, and rows of features have two")


def _array_names(width: int, original: FittedEstimator, names: Sequence[str] | None) -> list[str]:
    if original.width is not None and width != original.width:
        raise DataError(
            f"X has {width} columns, the model was fitted on {original.width}"
            + (f": {', '.join(original.feature_names)}" if original.feature_names else "")
        )
    if names is None:
        return original.feature_names or [f"x{i}" for i in range(width)]
    if len(names) != width:
        raise DataError(f"feature_names has to list {width} names, one per column of X")
    if original.feature_names and list(names) != original.feature_names:
        raise DataError(
            "feature_names differ from the columns that the model was fitted on: "
            "leave feature_names out"
        )
    return [str(n) for n in names]


def _check_columns(given: list[str], original: FittedEstimator) -> None:
    expected = original.feature_names
    if expected is None:
        if original.width is not None and len(given) != original.width:
            raise DataError(f"X has {len(given)} columns, the model was fitted on {original.width}")
        return
    if given == expected:
        return
    if [name.replace(" ", "_") for name in given] == expected and any(
        library_of(each) == "lightgbm" for each in estimators_within(original.model)
    ):  # it has underscores for spaces
        return
    absent = [n for n in expected if n not in given]
    extra = [n for n in given if n not in expected]
    if not absent and not extra and len(given) == len(expected):
        raise DataError(
            f"X has the model's columns in another order: pass X[{expected!r}]"
            if len(expected) < 12
            else "X has the model's columns in another order: pass X[list(model.feature_names_in_)]"
        )
    faults = [f"column {n!r} is missing.{nearest(n, extra)}" for n in absent[:_SHOWN_MISSING]]
    if len(absent) > _SHOWN_MISSING:
        faults.append(f"{len(absent) - _SHOWN_MISSING} more columns are missing.")
    if extra:
        more = f" and {len(extra) - _SHOWN_EXTRA} more" if len(extra) > _SHOWN_EXTRA else ""
        shown = ", ".join(map(repr, extra[:_SHOWN_EXTRA]))
        faults.append(f"the model was not fitted on {shown}{more}.")
    raise DataError(
        f"X does not have the columns that the model was fitted on: {' '.join(faults)} "
        "Pass the same columns as to model.fit(), without the target"
    )


def _check_names(names: list[str]) -> None:
    double = (
        sorted({n for n in names if names.count(n) > 1}) if len(set(names)) < len(names) else []
    )
    if double:
        raise DataError(f"two columns are called {double[0]!r}: rename one and fit the model again")
    if not all(names):
        raise DataError("a column has an empty name: name it and fit the model again")


def _read_column(name: str, series: pd.Series[Any], from_frame: bool) -> Column:  # noqa: FBT001
    dtype = series.dtype if from_frame else None
    if isinstance(dtype, pd.CategoricalDtype):
        known = series.cat.categories.dtype
        holed = series.isna().any() and known.kind in "iub"  # no such type has a missing value
        series = series.astype(object if holed else known)
    if isinstance(dtype, pd.ArrowDtype) and dtype.name.startswith("dictionary"):
        series = series.astype(object)
    kinds = pd.api.types
    whole = not series.isna().any()
    if kinds.is_bool_dtype(series.dtype) and whole:
        return Column(name, "boolean", series.to_numpy(dtype=bool), dtype)
    if kinds.is_integer_dtype(series.dtype) and whole:
        if _is_beyond_int64(series):
            return _unread(name, series, _TOO_LARGE)
        return Column(name, "integer", series.to_numpy().astype(np.int64), dtype)
    if series.dtype == object or kinds.is_string_dtype(series.dtype):
        return _read_objects(name, series, dtype)
    return _read_numbers(name, series, dtype)


def _read_numbers(name: str, series: pd.Series[Any], dtype: Any) -> Column:
    kinds = pd.api.types
    if kinds.is_numeric_dtype(series.dtype) and not kinds.is_complex_dtype(series.dtype):
        values = series.to_numpy(dtype=np.float64, na_value=np.nan)
        if np.isinf(values).any():
            return _unread(
                name, series, "has infinite values, which JSON cannot carry: replace them"
            )
        return Column(name, "number", values, dtype)
    is_time = "time" in str(series.dtype)
    instead = "numbers (seconds, year, month, ...)" if is_time else "numbers, strings or booleans"
    return _unread(
        name,
        series,
        f"is of type {series.dtype}, which is not supported: turn it into {instead} and fit again",
    )


def _unread(name: str, series: pd.Series[Any], problem: str) -> Column:
    """Keep a column that no caller can send, in case the model does not read it."""
    values = np.empty(len(series), dtype=object)
    for row, value in enumerate(series):  # at once, lists of one length would become a matrix
        values[row] = value
    return Column(name, "unread", values, series.dtype, f"column {name!r} {problem}")


def _is_beyond_int64(series: pd.Series[Any]) -> bool:
    values = series.to_numpy()
    return values.dtype.kind == "u" and bool(values.max() > np.iinfo(np.int64).max)


def _read_objects(name: str, series: pd.Series[Any], dtype: Any) -> Column:
    missing = series.isna().to_numpy()
    present = series[~missing]
    types = {type(v) for v in present}
    if not types:
        return _unread(name, series, "has no values at all: drop it and fit the model again")
    if all(issubclass(t, str) for t in types):
        values = np.empty(len(series), dtype=object)
        values[~missing] = [str(v) for v in present]
        values[missing] = None
        return Column(name, "text", values, dtype)
    if types <= {bool, np.bool_}:
        if not missing.any():
            return Column(name, "boolean", series.to_numpy(dtype=bool), dtype)
        return Column(name, "number", series.to_numpy(dtype=np.float64, na_value=np.nan), dtype)
    if all(issubclass(t, (int, float, np.number)) and t is not bool for t in types):
        numbers = pd.to_numeric(series)
        fits = numbers.dtype != object
        return (
            _read_column(name, numbers, from_frame=False)
            if fits
            else _unread(name, series, _TOO_LARGE)
        )
    found = ", ".join(sorted(t.__name__ for t in types))
    return _unread(
        name,
        series,
        f"{'mixes' if len(types) > 1 else 'has'} values of the types {found}: "
        "make them all strings or all numbers and fit the model again",
    )


def _to_native(data: Any, frame: pd.DataFrame, original: FittedEstimator) -> Any:
    if isinstance(data, pd.DataFrame):
        by_name = original.feature_names is not None or original.width is None
        if original.width is None and data.shape[1] == 1 and _are_texts(data.iloc[:, 0]):
            return data.iloc[:, 0].to_numpy(dtype=object)
        # Fitted on an array: the names would only earn a warning.
        plain = data if by_name or _are_numbered(data, original) else data.to_numpy()
        return data if plain is not data and _needs_names(data, plain, original) else plain
    if original.feature_names is not None:
        return frame
    return to_array(data)


def _needs_names(
    data: pd.DataFrame, plain: np.ndarray[Any, Any], original: FittedEstimator
) -> bool:
    """Return whether a transformer of the caller's own, which keeps no names, needs them."""
    return (
        is_own(list_steps(original.model)[0])
        and not is_answered(original, plain[:1])
        and is_answered(original, data[:1])
    )


def _are_numbered(data: pd.DataFrame, original: FittedEstimator) -> bool:
    """Return whether a model may have been fitted on a frame whose columns have no names to keep.

    scikit-learn and CatBoost keep no numbers as names. XGBoost does, and takes no others.
    """
    if all(isinstance(name, str) for name in data.columns):
        return False
    return all(library_of(each) != "xgboost" for each in estimators_within(original.model))
