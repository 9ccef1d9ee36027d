from __future__ import annotations

from typing import Any

import pandas as pd
import polars as pl
import pytest

from exporter.rookery.answers import find_warnings, to_empty, to_frame, to_kind
from exporter.rookery.explanation import WhatIf
from exporter.rookery.rows import Rows, read_rows
from exporter.rookery.tables import explanation_of


@pytest.mark.parametrize(
    ("prediction", "columns"),
    [
        ({"label": "x", "probabilities": {"x": 0.9, "y": 0.1}}, ["label", "p_x", "p_y"]),
        ({"label": 1, "probabilities": None}, ["label"]),
        ({"label": 1, "scores": {"1": 2.0}}, ["label", "score_1"]),
        ({"value": 1.5, "interval": [1.0, 2.0]}, ["value", "low", "high"]),
        ({"values": {"height": 1.0, "width": 2.0}}, ["height", "width"]),
        ({"intervals": {"y": [1.0, 2.0]}}, ["low_y", "high_y"]),
        ({"label": -1, "score": -0.1}, ["label", "score"]),
        ({"label": 2, "distances": {"0": 1.0}}, ["label", "distance_0"]),
        ({"vector": [1.0, 2.0]}, ["v0", "v1"]),
        (
            {"labels": {"sex": "f"}, "probabilities": {"sex": {"f": 1.0}}},
            ["label_sex", "p_sex_f"],
        ),
        ({"label": "x", "label_set": ["x", "y"]}, ["label", "label_set"]),
        ({"values": {"warnings": 1.0, "y": 2.0}}, ["warnings (answer)", "y"]),
        (
            {"values": {"y": 1.0, "low_y": 2.0}, "intervals": {"y": [0.0, 2.0]}},
            ["y", "low_y", "low_y (answer)", "high_y"],
        ),
    ],
)
def test_each_kind_of_answer_has_flat_columns(prediction: dict[str, Any], columns: Any) -> None:
    assert list(to_frame([prediction, prediction], [])) == [*columns, "warnings"]


def test_warnings_are_one_line_for_each_row() -> None:
    warnings = [
        {"row": 1, "feature": "a", "reason": "too large"},
        {"row": 1, "feature": "b", "reason": "unseen"},
        {"row": None, "feature": None, "reason": "no contract"},
    ]
    table = to_frame([{"value": 1}, {"value": 2}], warnings)
    assert table["warnings"].tolist() == [None, "a: too large; b: unseen"]
    rows = Rows("list", [[1], [2]])
    assert to_kind(rows, [{"value": 1}, {"value": 2}], warnings) == [
        {"value": 1},
        {"value": 2, "warnings": "a: too large; b: unseen"},
    ]


def test_an_explanation_adds_up_and_draws_itself() -> None:
    explained = {
        "label": "x",
        "probabilities": {"x": 0.75, "y": 0.25},
        "explanation": {
            "method": "exact",
            "base": {"x": 0.5, "y": 0.5},
            "contributions": {"a": {"x": 0.5, "y": -0.5}, "<b>": {"x": -0.25, "y": 0.25}},
        },
    }
    table = explanation_of([explained], None)
    assert table["explained"].tolist() == ["x", "y"]
    assert (table["base"] + table[table.features].sum(axis=1)).tolist() == [0.75, 0.25]
    html = str(table._repr_html_())
    assert "<svg" in html
    assert "&lt;b&gt;" in html
    assert "<b>" not in html
    axes = table.draw(1)
    assert [text.get_text() for text in axes.get_yticklabels()] == ["<b>", "a"]
    assert type(table[["base"]]).__name__ == "DataFrame"


def test_a_regression_is_explained_in_one_row() -> None:
    explained = {"value": 3.0, "explanation": {"base": 1.0, "contributions": {"a": 2.0}}}
    table = explanation_of([explained, explained], None)
    assert table.index.tolist() == [0, 1]
    assert "explained" not in table.columns
    assert table["a"].tolist() == [2.0, 2.0]


def test_features_with_the_names_of_other_columns_keep_their_contributions() -> None:
    explained = {
        "value": 3.0,
        "explanation": {"base": 1.0, "contributions": {"value": 0.5, "base": 1.5, "a": 0.0}},
    }
    table = explanation_of([explained], None)
    assert table.features == ["value (feature)", "base (feature)", "a"]
    assert table[["value", "base"]].to_numpy().tolist() == [[3.0, 1.0]]
    assert table[table.features].to_numpy().tolist() == [[0.5, 1.5, 0.0]]


def test_a_what_if_curve_draws_numbers_and_categories() -> None:
    for values, kind in (([1.0, 2.0], "lines"), (["x", "y"], "patches")):
        curve = WhatIf({"f": values, "value": [0.1, 0.2]})
        curve.feature = "f"
        assert getattr(curve.draw(), kind)


@pytest.mark.parametrize(
    ("columns", "drawn"),
    [
        (["label", "p_3", "p_9"], ["p_3", "p_9"]),
        (["label_s", "label_t", "p_s_1", "p_t_1"], ["p_s_1", "p_t_1"]),
        (["label", "score"], ["score"]),
        (["label (answer)", "distance_0"], ["distance_0"]),
        (["label"], ["label"]),
        (["label_a", "b"], ["label_a", "b"]),
        (["value", "low", "high"], ["value", "low", "high"]),
    ],
)
def test_a_curve_draws_no_numbers_of_classes_beside_probabilities(
    columns: list[str], drawn: list[str]
) -> None:
    """A class called 2026 would leave nothing to see of them."""
    curve = WhatIf({"f": [1.0, 2.0]} | {name: [1, 2026] for name in columns})
    curve.feature = "f"
    assert [line.get_label() for line in curve.draw().lines] == drawn


def test_long_numbers_are_written_with_all_digits() -> None:
    one = {"value": 453217.5, "explanation": {"base": 453_000.0, "contributions": {"a": 12_345.6}}}
    html = str(explanation_of([one], None)._repr_html_())
    assert "base 453,000, plus" in html
    assert "+12,346<" in html


@pytest.mark.parametrize("name", ["polars", "pyarrow"])
def test_answers_tables_of_other_libraries_in_kind(name: str) -> None:
    given = pl.DataFrame({"a": [1.0, 2.0]})
    rows = read_rows(given if name == "polars" else given.to_arrow())
    predictions = [
        {"label": label, "probabilities": {"no": p, "yes": 1 - p}}
        for label, p in (("no", 0.75), ("yes", 0.25))
    ]
    table = to_kind(rows, predictions, [{"row": 1, "feature": "a", "reason": "is high"}])
    frame = table if name == "polars" else pl.DataFrame(table)
    assert type(table).__module__.partition(".")[0] == name
    assert frame.to_dict(as_series=False) == {
        "label": ["no", "yes"],
        "p_no": [0.75, 0.25],
        "p_yes": [0.25, 0.75],
        "warnings": [None, "a: is high"],
    }
    quiet = to_kind(rows, predictions, [])
    frame = quiet if name == "polars" else pl.DataFrame(quiet)
    assert frame.schema["warnings"] == pl.String


@pytest.mark.parametrize(
    ("contract", "prediction"),
    [
        (
            {"task": "classification", "classes": [True, False], "outputs": {"probabilities": "p"}},
            {"label": True, "probabilities": {"true": 0.5, "false": 0.5}},
        ),
        ({"task": "classification", "classes": ["x"], "outputs": {}}, {"label": "x"}),
        (
            {"task": "classification", "classes": [1], "outputs": {"probabilities": "p"}}
            | {"calibration": {"threshold": 0.5}},
            {"label": 1, "probabilities": {"1": 1.0}, "label_set": [1]},
        ),
        (
            {"task": "outlier_detection", "classes": [-1, 1], "outputs": {"score": "s"}},
            {"label": 1, "score": 0.5},
        ),
        (
            {"task": "clustering", "classes": [0, 1], "outputs": {"distances": "d"}},
            {"label": 0, "distances": {"0": 1.5, "1": 2.5}},
        ),
        ({"task": "regression"}, {"value": 1.5}),
        (
            {"task": "regression", "calibration": {"half_widths": [1.0]}},
            {"value": 1.5, "interval": [0.5, 2.5]},
        ),
        ({"task": "regression", "targets": ["a", "b"]}, {"values": {"a": 1.5, "b": 2.5}}),
        (
            {"task": "regression", "targets": ["a"], "calibration": {"half_widths": [1.0]}},
            {"values": {"a": 1.5}, "intervals": {"a": [0.5, 2.5]}},
        ),
        ({"task": "transformation", "targets": ["a", "b"]}, {"vector": [1.5, 2.5]}),
        (
            {
                "task": "multioutput_classification",
                "labels": [{"name": "s", "classes": ["f", "m"], "probabilities": "p"}],
            },
            {"labels": {"s": "f"}, "probabilities": {"s": {"f": 0.5, "m": 0.5}}},
        ),
        (
            {
                "task": "multioutput_classification",
                "labels": [{"name": "s", "classes": [1, 2], "probabilities": None}],
            },
            {"labels": {"s": 1}, "probabilities": None},
        ),
        (None, {}),
    ],
)
def test_no_rows_have_the_columns_of_one(contract: Any, prediction: dict[str, Any]) -> None:
    frame = pd.DataFrame({"f": [1.5]}, index=pd.Index(["i"], name="n"))
    for one in (
        frame,
        frame.to_numpy(),
        pl.from_pandas(frame),
        pl.from_pandas(frame).to_arrow(),
    ):
        full = to_kind(read_rows(one), [prediction], [])
        rows = read_rows(one[:0])
        empty = to_empty(rows, contract)
        assert type(empty) is type(full)
        assert len(empty) == 0
        types = [getattr(t, "dtype", getattr(t, "schema", None)) for t in (empty, full)]
        assert types[0] == types[1]
        if isinstance(empty, pd.DataFrame):
            assert empty.index.equals(frame.index[:0])
            assert empty.index.names == ["n"]
            assert empty.dtypes.to_dict() == full.dtypes.to_dict()


@pytest.mark.parametrize(
    "index",
    [
        pd.MultiIndex.from_tuples([("a", 1), ("a", 1), ("b", 2)], names=["g", "h"]),
        pd.date_range("2026-01-01", periods=3, tz="UTC", name="day"),
        pd.CategoricalIndex(["x", "y", "x"]),
        pd.Index([None, "a", None], dtype=object),
    ],
    ids=lambda index: type(index).__name__,
)
def test_an_explanation_has_the_index_of_the_rows(index: pd.Index) -> None:
    base = {"x": 0.5, "y": 0.5}
    one = {"label": "x", "explanation": {"base": base, "contributions": {"a": base}}}
    found = explanation_of([one] * 3, index, only_top=True).index
    assert found.equals(index)
    assert (type(found), found.names) == (type(index), index.names)
    assert explanation_of([one] * 3, index).index.equals(index.repeat(2))
    assert explanation_of([], index[:0]).index.equals(index[:0])


def test_a_contract_of_another_release_adds_no_warnings() -> None:
    for contract in (None, {}, {"task": "astrology"}):
        assert find_warnings(contract, [{"a": 1.0}]) == []
