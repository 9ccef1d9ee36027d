"""Two versions are scored alike, in whatever type the true labels or values come."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from exporter.errors import DataError
from exporter.rookery.comparison import Comparison, compare
from exporter.rookery.rows import Rows


def compare_answers(first: pd.DataFrame, second: pd.DataFrame, y: Any) -> Comparison:
    """Compare two versions that answer with these tables."""
    answers = {1: first, 2: second}
    rows = Rows("list", [[at] for at in range(len(first))])
    asked = [at[0] for at in rows.records]
    return compare(
        lambda version, part: answers[version].iloc[[asked.index(row[0]) for row in part.records]],
        (1, 2),
        dict.fromkeys((1, 2), rows),
        y,
    )


def make_labels(labels: list[Any]) -> pd.DataFrame:
    """Make the answers of a classifier that is sure."""
    classes = {"true": True, "false": False} if isinstance(labels[0], bool) else {}
    classes = classes or {str(label): label for label in sorted({0, 1})}
    shares = {
        f"p_{key}": [1.0 if label == value else 0.0 for label in labels]
        for key, value in classes.items()
    }
    return pd.DataFrame({"label": labels} | shares)


@pytest.mark.parametrize("labels", [[0, 1, 1, 0], [False, True, True, False]])
@pytest.mark.parametrize(
    "y",
    [
        [0, 1, 1, 1],
        [0.0, 1.0, 1.0, 1.0],
        [False, True, True, True],
        np.array([[0], [1], [1], [1]], dtype=np.uint8),
        pd.Series([0, 1, 1, 1], dtype="Int64"),
        pd.Series([0, 1, 1, 1], dtype="category"),
        pl.Series([0, 1, 1, 1]),
        np.array([0, np.int64(1), True, 1.0], dtype=object),
    ],
    ids=lambda y: f"{type(y).__name__} {getattr(y, 'dtype', type(y[0]))}",
)
def test_true_labels_of_another_type_are_the_same(labels: list[Any], y: Any) -> None:
    table = make_labels(labels)
    scores = compare_answers(table, table, y).metrics["version 1"]
    assert scores["accuracy"] == 0.75
    assert scores["macro F1"] == pytest.approx((2 / 3 + 0.8) / 2)
    assert scores["log loss"] == pytest.approx(-math.log(np.finfo(float).eps) / 4)


def test_labels_that_are_floats_have_the_names_of_json() -> None:
    table = pd.DataFrame({"label": [0.0, 1.0], "p_0.0": [1.0, 0.0], "p_1.0": [0.0, 1.0]})
    scores = compare_answers(table, table, [0, 1]).metrics["version 2"]
    assert scores[["accuracy", "macro F1", "log loss"]].tolist() == [1.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("y", "complaint"),
    [
        (["0", "1"], "y has the label '0', but .* labels of the type int"),
        ([0.5, 1], "the label 0.5"),
        ([math.inf, 1], "the label inf"),
        ([0, None], "missing values"),
        ([0, math.nan], "missing values"),
        (pd.array([0, None], dtype="Int64"), "missing values"),
        (pd.date_range("2026-01-01", periods=2), "the label datetime"),
        ([0, 1, 1], r"the shape \[3\] for 2 rows"),
        ([[0, 1], [1, 0]], "both answer with one label"),
        ([[0], [1, 0]], "both answer with one label"),
        (1, r"the shape \[\] for 2 rows"),
    ],
    ids=repr,
)
def test_says_what_is_wrong_with_y(y: Any, complaint: str) -> None:
    table = make_labels([0, 1])
    with pytest.raises(DataError, match=complaint):
        compare_answers(table, table, y)


@pytest.mark.parametrize(
    ("y", "complaint"),
    [(["a", "b"], "has to be numbers"), ([1, None], "missing"), ([1, math.inf], "infinite")],
)
def test_says_what_is_wrong_with_the_values_of_y(y: Any, complaint: str) -> None:
    table = pd.DataFrame({"value": [1.0, 2.0]})
    with pytest.raises(DataError, match=complaint):
        compare_answers(table, table, y)


def test_versions_of_other_kinds_are_not_compared() -> None:
    values = pd.DataFrame({"value": [1.0, 2.0]})
    for pair in ((make_labels([0, 1]), values), (values, make_labels([0, 1]))):
        with pytest.raises(
            DataError, match=r"both answer with one label .* or both with one value"
        ):
            compare_answers(*pair, [0, 1])


@pytest.mark.parametrize("values", [[1.0], [math.nan]])
def test_one_row_and_an_answer_that_is_no_number_have_no_score(values: list[float]) -> None:
    table = pd.DataFrame({"value": values})
    scores = compare_answers(table, table, [1.0]).metrics["version 1"]
    assert math.isnan(scores["R\u00b2"])
    assert scores["RMS error"] == 0 or math.isnan(values[0])


def test_the_numbers_of_classes_are_no_difference() -> None:
    first = pd.DataFrame({"label": [1, 9], "p_1": [0.6, 0.4], "p_9": [0.4, 0.6]})
    second = pd.DataFrame({"label": [9, 9], "p_1": [0.4, 0.4], "p_9": [0.6, 0.6]})
    found = compare_answers(first, second, [1, 9]).disagreements
    assert found.index.tolist() == [0]
    assert found["largest difference"].tolist() == pytest.approx([0.2])
