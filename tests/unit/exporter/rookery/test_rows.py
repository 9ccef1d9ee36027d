from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]
import pytest

from exporter.errors import DataError
from exporter.rookery.rows import is_texts, read_rows, read_truths


@pytest.mark.parametrize(
    ("data", "records"),
    [
        (pd.DataFrame({"a": [1.5, math.nan], "b": ["x", None]}), [[1.5, "x"], [None, None]]),
        (
            pd.DataFrame({"a": pd.array([1, None], "Int64"), "b": pd.Categorical(["x", None])}),
            [[1, "x"], [None, None]],
        ),
        (pd.DataFrame({"a": [2**53 + 1, 0], "b": [True, False]}), [[2**53 + 1, True], [0, False]]),
        (pd.DataFrame({"a": [], "b": []}), []),
        ([{"a": np.float64(1), "b": np.int64(2)}], [[1.0, 2]]),
        ([{"a": pd.NA, "b": math.nan}], [[None, None]]),
        (pd.DataFrame({"a": [np.int64(1)], "b": [np.True_]}, dtype=object), [[1, True]]),
        (pd.DataFrame({"a": [Decimal("1.5")], "b": [Decimal("NaN")]}), [[1.5, None]]),
        (pl.DataFrame({"a": [Decimal("1.5")], "b": [2]}), [[1.5, 2]]),
        (pd.Series({"a": np.float64(1), "b": None}), [[1.0, None]]),
        ([pd.Series({"a": 1, "b": 2}), {"a": 3, "b": pd.NaT}], [[1, 2], [3, None]]),
        (np.array([(1, 2.5)], dtype=[("a", int), ("b", float)]), [[1, 2.5]]),
        ([{"a": np.array([1.0, math.nan]), "b": (np.int64(2),)}], [[[1.0, None], [2]]]),
    ],
)
def test_reads_records(data: Any, records: list[list[Any]]) -> None:
    """Numbers stay exact, and missing values become null."""
    read = read_rows(data)
    assert read.records == [dict(zip("ab", row, strict=True)) for row in records]
    kinds = [[type(value) for value in record.values()] for record in read.records]
    assert kinds == [[type(value) for value in row] for row in records]


def test_reads_rows_in_feature_order() -> None:
    assert read_rows(np.array([[1, math.nan]])).records == [[1.0, None]]
    assert read_rows(np.array([1.0, 2.0])).records == [[1.0, 2.0]]
    assert read_rows([np.array([1, 2])[0:2].tolist(), (3, 4)]).records == [[1, 2], [3, 4]]
    assert read_rows((1, 2)).kind == "record"
    assert read_rows(list(np.array([[1, 2], [3, 4]]))).records == [[1, 2], [3, 4]]


def test_a_time_is_sent_as_text() -> None:
    """An array of nanoseconds would otherwise be one of integers, which a model may take."""
    times = np.array(["2026-01-02", "NaT"], dtype="datetime64[ns]")
    assert read_rows(times).records == [["2026-01-02T00:00:00.000000000", "NaT"]]
    assert read_rows({"a": times[0], "b": times[1]}).records == [
        {"a": "2026-01-02T00:00:00.000000000", "b": None}
    ]


def test_leaves_columns_out() -> None:
    frame = pd.DataFrame({"a": [1], "b": [2]}, index=["i"])
    read = read_rows(frame, ["b", "absent"])
    assert read.records == [{"a": 1}]
    assert read.index is not None
    assert read.index.tolist() == ["i"]
    assert len(read_rows(frame, ["a", "b"])) == 1
    assert read_rows(frame.set_axis([0, 1], axis=1), ["1"]).records == [{"0": 1}]


@pytest.mark.parametrize("data", [None, 1, "text", [], (), np.zeros(()), np.zeros((1, 1, 1)), {1}])
def test_refuses_what_is_not_rows(data: Any) -> None:
    with pytest.raises(DataError, match=r"pass (a DataFrame|one of shape)"):
        read_rows(data)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (["a", "b"], True),
        (np.array(["a", "b"]), True),
        (pd.Series(["a"]), True),
        ([], False),
        (["a", 1], False),
        ([["a"]], False),
        (np.array([["a"]]), False),
        ("a", False),
    ],
)
def test_finds_texts(data: Any, expected: bool) -> None:
    assert is_texts(data) is expected


@pytest.mark.parametrize("name", ["polars", "pyarrow"])
def test_reads_tables_of_other_libraries(name: str) -> None:
    """Missing values are null, and columns that the model does not read are not sent."""
    data = {"a": [1.5, None], "b": ["x", None], "c": [True, False], "unused": [1, 2]}
    frame = pl.DataFrame(data)
    rows = read_rows(frame if name == "polars" else frame.to_arrow(), ["unused"])
    assert (rows.kind, len(rows)) == (name, 2)
    assert rows.records == [{"a": 1.5, "b": "x", "c": True}, {"a": None, "b": None, "c": False}]


def test_reads_batches_of_pyarrow() -> None:
    rows = read_rows(pa.record_batch({"n": [1, 2]}))
    assert (rows.kind, rows.records) == ("pyarrow", [{"n": 1}, {"n": 2}])


def test_refuses_what_is_no_table_yet() -> None:
    with pytest.raises(DataError, match=r"data\.collect\(\)"):
        read_rows(pl.LazyFrame({"a": [1]}))
    for columns in (["a", "a"], [1, "1"]):
        name = str(columns[0])
        for table in (
            pa.table([[1], [2]], names=[str(column) for column in columns]),
            pd.DataFrame([[1, 2]], columns=columns),
        ):
            with pytest.raises(DataError, match=f"two columns are called '{name}'"):
                read_rows(table)
    with pytest.raises(DataError, match="two columns are called 'a'"):
        read_rows(pd.Series([1, 2], index=["a", "a"]))


@pytest.mark.parametrize(
    ("truth", "values"),
    [
        ("Adelie", ["Adelie"]),
        (np.str_("Adelie"), ["Adelie"]),
        (np.int64(3), [3]),
        (np.bool_(True), [True]),
        (4.5, [4.5]),
        (None, [None]),
        (float("nan"), [None]),
        ({"a": np.int64(1), "b": "x"}, [{"a": 1, "b": "x"}]),
        ([1, np.float64(2)], [1, 2.0]),
        ((1, 2), [1, 2]),
        ([], []),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.array([[1.5], [2.5]]), [1.5, 2.5]),
        (pd.Series([True, False], index=[7, 9]), [True, False]),
        (pd.Series(["a", "b"], dtype="category"), ["a", "b"]),
        (pl.Series([1, None]), [1, None]),
        (pd.DataFrame({"a": [1, 2], "b": [0.5, None]}), [{"a": 1, "b": 0.5}, {"a": 2, "b": None}]),
        (pl.DataFrame({"a": [1, 2]}), [{"a": 1}, {"a": 2}]),
    ],
    ids=repr,
)
def test_truths_are_read_as_json_values(truth: Any, values: list[Any]) -> None:
    found = read_truths(truth)
    assert found == values
    assert [type(one) for one in found] == [type(one) for one in values]
