from __future__ import annotations

import datetime as dt
import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
import pytest

from exporter.data.reader import read_table
from exporter.errors import DataError

if TYPE_CHECKING:
    from exporter.data.estimator import FittedEstimator


def _original(names: list[str] | None = None, width: int | None = None) -> FittedEstimator:
    return cast("FittedEstimator", SimpleNamespace(feature_names=names, width=width, model=None))


def _read(data: Any, fitted: list[str] | None = None, width: int | None = None, **more: Any) -> Any:
    return read_table(data, _original(fitted, width), **more)


def test_names_the_columns_of_an_array_by_their_place() -> None:
    """Without any names at hand they are x0, x1, ..."""
    assert _read(np.ones((2, 3))).names == ["x0", "x1", "x2"]


def test_prefers_the_names_that_the_model_or_the_caller_knows() -> None:
    """A model fitted on a DataFrame names an array's columns, and so may the caller."""
    table = _read(np.ones((2, 2)), ["a", "b"], 2)
    assert table.names == ["a", "b"]
    assert list(table.native.columns) == ["a", "b"]
    assert _read(np.ones((2, 2)), width=2, names=["p", "q"]).names == ["p", "q"]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pd.Series([1.5, 2.0]), "number"),
        (pd.Series([1, 2]), "integer"),
        (pd.Series([1, 2], dtype="uint8"), "integer"),
        (pd.Series([1, None], dtype="Int64"), "number"),
        (pd.Series([1, 2], dtype="Int64"), "integer"),
        (pd.Series([True, False]), "boolean"),
        (pd.Series([True, None], dtype="boolean"), "number"),
        (pd.Series([True, None], dtype=object), "number"),
        (pd.Series(["a", "b"]), "text"),
        (pd.Series(["a", None], dtype=object), "text"),
        (pd.Series(["a", "b"], dtype="category"), "text"),
        (pd.Series([3, 5], dtype="category"), "integer"),
        (pd.Series([3, None, 5]).astype("Int64").astype("category"), "number"),
        (pd.Series(pd.Categorical([3, None], categories=[3, 5])), "number"),
        (pd.Series(pd.Categorical([True, None], categories=[True, False])), "number"),
        (pd.Series([1, 2.5], dtype=object), "number"),
    ],
)
def test_tells_the_kind_of_a_column(values: pd.Series[Any], kind: str) -> None:
    """Pandas has many types for the same four kinds."""
    (column,) = _read(pd.DataFrame({"c": values}), ["c"], 1).columns
    assert column.kind == kind
    assert column.missing.tolist() == values.isna().tolist()


def test_writes_missing_values_as_null() -> None:
    """NaN, None and NA are all null for a caller."""
    frame = pd.DataFrame({"n": [1.0, np.nan], "t": ["a", None], "i": [1, 2], "b": [True, False]})
    assert _read(frame, list("ntib"), 4).rows() == [[1.0, "a", 1, True], [None, None, 2, False]]


def test_gives_a_model_fitted_on_an_array_an_array() -> None:
    """Names would only earn a warning from scikit-learn."""
    assert isinstance(_read(pd.DataFrame({"a": [1.0]}), None, 1).native, np.ndarray)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (np.ones(3), r"one dimension: pass np.reshape\(X, \(-1, 1\)\)"),
        ([1.0, 2.0], r"one dimension: pass np.reshape\(X, \(-1, 1\)\)"),
        ([], "one dimension"),
        ([{"a": 1.0, "b": 2.0}], r"list of records: pass pd.DataFrame\(X\)"),
        (np.ones(2, dtype=[("a", float), ("b", float)]), "list of records"),
        (np.ones((2, 2, 2)), "3 dimensions"),
        (np.ones((0, 2)), r"shape \(0, 2\): pass at least one row"),
        (np.ones((2, 3)), "X has 3 columns, the model was fitted on 2: a, b"),
        (pd.Series([1.0]), r"X.to_frame\(\)"),
        ([[1.0, 2.0], [1.0]], "cannot be read as an array"),
        ("data.csv", "X is a str: pass a NumPy array"),
        (None, "X is a NoneType"),
        (np.ones((2, 2), dtype=complex), "array of complex128"),
        (pd.DataFrame({"b": [1.0], "a": [1.0]}), r"another order: pass X\[\['a', 'b'\]\]"),
        (pd.DataFrame({"a": [1.0]}), "column 'b' is missing"),
        (pd.DataFrame({"a": [1.0], "bb": [1.0]}), "column 'b' is missing. Did you mean 'bb'"),
        (pd.DataFrame({"a": [1.0], "b": [1.0], "y": [1]}), "not fitted on 'y'.*without the target"),
    ],
)
def test_says_what_is_wrong_with_x(data: Any, complaint: str) -> None:
    """Each wrong X has an error that names the fault and the remedy."""
    with pytest.raises(DataError, match=complaint):
        _read(data, ["a", "b"], 2)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (np.array([["a", 1j]], dtype=object), "column 'b'"),
        (pd.DataFrame({"a": [1.0, np.inf], "b": [1, 2]}), "column 'a' has infinite values"),
        (pd.DataFrame({"a": ["x", 1.0], "b": [1, 2]}), "'a' mixes values of the types float, str"),
        (
            pd.DataFrame({"a": [dt.datetime(2026, 1, 1)], "b": [1]}),  # noqa: DTZ001
            "column 'a' is of type datetime64.*seconds, year",
        ),
        (pd.DataFrame({"a": [dt.timedelta(1)], "b": [1]}), "column 'a' is of type timedelta64"),
        (pd.DataFrame({"a": [None, None], "b": [1, 2]}), "'a' has no values at all"),
        (pd.DataFrame({"a": [[1], [2]], "b": [1, 2]}), "types list"),
        (pd.DataFrame({"a": [2**64 - 1], "b": [1]}), "integers beyond 64 bits"),
    ],
)
def test_keeps_columns_that_no_caller_can_send_as_unread(data: Any, problem: str) -> None:
    """The model may not read them; where it does, the problem becomes the refusal."""
    table = _read(data, ["a", "b"], 2)
    (column,) = [column for column in table.columns if column.kind == "unread"]
    assert re.search(problem, column.problem)
    assert len(column.values) == len(data)
    assert not table.is_numeric
    assert table.take([0]).columns[table.columns.index(column)].kind == "unread"


def test_says_how_many_columns_are_missing_and_extra() -> None:
    with pytest.raises(
        DataError, match=r"'c' is missing.*3 more columns.*'x', 'y' and 2 more"
    ) as caught:
        _read(pd.DataFrame({n: [1.0] for n in "ghijkxyzw"}), list("abcdefgh"), 8)
    assert "Traceback" not in str(caught.value)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint64", "int8", "bool", "float32"])
@pytest.mark.parametrize("value", [-1, 0, 300, 70_000, 2.5, None])
def test_puts_a_value_into_an_array_whose_type_cannot_hold_it(dtype: str, value: Any) -> None:
    table = _read(np.array([[0, 1], [1, 0]], dtype=dtype))
    native = table.with_value(0, value).native
    assert native[:, 1].tolist() == [1, 0]
    assert all(v == value or (value is None and np.isnan(v)) for v in native[:, 0].tolist())


def test_refuses_two_columns_of_one_name() -> None:
    """Callers send names, so names have to tell columns apart."""
    with pytest.raises(DataError, match="two columns are called 'a'"):
        _read(pd.DataFrame([[1.0, 2.0]], columns=["a", "a"]))


def test_refuses_names_that_do_not_fit() -> None:
    """feature_names is for arrays, one name per column."""
    with pytest.raises(DataError, match="has to list 2 names"):
        _read(np.ones((2, 2)), names=["a"])
    with pytest.raises(DataError, match="differ from the columns that the model was fitted on"):
        _read(np.ones((2, 2)), ["a", "b"], 2, names=["b", "a"])
    with pytest.raises(DataError, match="differ from X's columns"):
        _read(pd.DataFrame({"a": [1.0]}), names=["b"])


@pytest.mark.parametrize("dtype", ["category", object, "str"])
def test_puts_a_value_into_every_row_as_the_original_would_see_it(dtype: Any) -> None:
    """Unseen categories and missing values keep the column's type where it can hold them."""
    frame = pd.DataFrame({"t": pd.Series(["a", "b"], dtype=dtype), "n": [1, 2]})
    table = _read(frame, ["t", "n"], 2)
    assert table.with_value(0, "new").native["t"].tolist() == ["new", "new"]
    assert table.with_value(0, None).native["t"].isna().all()
    assert table.with_value(1, None).columns[1].missing.all()
    assert frame["t"].tolist() == ["a", "b"]


def test_keeps_the_numbers_beside_texts_in_a_list() -> None:
    """NumPy would make texts of them."""
    table = _read([["a", 1.5], ["bb", 2.0]], width=2)
    assert [column.kind for column in table.columns] == ["text", "number"]
    assert table.native.tolist() == [["a", 1.5], ["bb", 2.0]]


@pytest.mark.parametrize("data", [np.array([["a"], ["b"]]), [["a"], ["b"]]])
def test_texts_in_an_array_may_be_replaced_by_longer_ones(data: Any) -> None:
    """An array of texts cuts them off, and the model would be asked about others."""
    table = _read(data, width=1).with_value(0, "much longer")
    assert table.native.tolist() == [["much longer"]] * 2


def test_integers_beyond_64_bits_are_unread() -> None:
    """Also where they are Python's own, which pandas does not make numbers of."""
    column = _read(pd.DataFrame({"c": pd.Series([2**70, 1], dtype=object)}), ["c"], 1).columns[0]
    assert column.kind == "unread"
    assert "integers beyond 64 bits" in column.problem


@pytest.mark.parametrize("names", [5, "ab"])
def test_says_that_feature_names_is_no_list(names: Any) -> None:
    with pytest.raises(DataError, match="feature_names has to be a list of names"):
        _read(np.ones((2, 2)), width=2, names=names)


def test_a_frame_whose_columns_have_numbers_for_names_stays_one() -> None:
    """A model that keeps no such names may need its categories."""
    frame = pd.DataFrame({0: pd.Series(["a", "b"], dtype="category"), 1: [1.0, 2.0]})
    assert _read(frame, width=2).native is frame
    named = frame.set_axis(["p", "q"], axis=1)
    assert isinstance(_read(named, width=2).native, np.ndarray)


def test_says_that_texts_are_missing() -> None:
    """A Series of texts is rows of one text each, without a column to make of it."""
    with pytest.raises(DataError, match=r"some of which are missing: pass X.fillna\(''\)"):
        _read(pd.Series(["a", None]))
