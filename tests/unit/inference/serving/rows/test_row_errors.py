from __future__ import annotations

import json
import time
from typing import Any

import pytest

from inference.errors import RowsError
from inference.model.contract import Feature
from inference.model.servable import Servable
from inference.serving.rows.reader import RowReader
from inference.serving.rows.row_errors import MAX_FAULTS
from support.models.artifacts import (
    contract,
    graph,
    node,
    value,
    with_contract,
)
from support.models.row_bodies import MIXED, PENGUIN, faults


@pytest.mark.parametrize(
    ("changed", "feature", "reason"),
    [
        ({"mass": "3.5"}, "mass", "expected a number, got the string '3.5'"),
        ({"mass": True}, "mass", "expected a number, got the boolean true"),
        ({"mass": [3.5]}, "mass", "expected a number, got a list"),
        ({"mass": {}}, "mass", "expected a number, got an object"),
        ({"mass": float("nan")}, "mass", "NaN is not a finite number; send null"),
        ({"mass": float("-inf")}, "mass", "-Infinity is not a finite number"),
        ({"mass": 1e39}, "mass", "1e+39 is out of the range of float32"),
        ({"mass": 10**39}, "mass", "out of the range of float32"),
        ({"mass": 10**400}, "mass", "not a finite number"),
        ({"age": 4.5}, "age", "expected an integer, got the number 4.5"),
        ({"age": 1234567.5}, "age", "expected an integer, got the number 1234567.5"),
        ({"age": "4"}, "age", "expected an integer, got the string '4'"),
        ({"age": False}, "age", "expected an integer, got the boolean false"),
        ({"age": 2**31}, "age", "2147483648 is out of the range of int32"),
        ({"age": -(2**70)}, "age", "out of the range of int32"),
        ({"age": 10**40}, "age", "out of the range of int32"),
        ({"age": 1e300}, "age", "out of the range of int32"),
        ({"age": None}, "age", "null is not allowed"),
        ({"wild": 1}, "wild", "expected true or false, got the number 1"),
        ({"wild": "true"}, "wild", "expected true or false, got the string 'true'"),
        ({"wild": None}, "wild", "null is not allowed"),
        ({"island": "dream"}, "island", "unknown category 'dream'. Did you mean 'Dream'?"),
        ({"island": "x" * 999}, "island", "unknown category 'xxx"),
        ({"island": 5}, "island", "expected a string, got the number 5"),
        ({"island": None}, "island", "null is not allowed"),
        ({"island": "\ud800"}, "island", "not Unicode text"),
        ({"sex": "\udfff"}, "sex", "not Unicode text"),
        ({"sex": 3}, "sex", "expected a string, got the number 3"),
        ({"sex": 10**400}, "sex", "not a finite number"),
    ],
)
def test_a_bad_value_is_named_by_row_and_feature(
    of_mixed: RowReader, changed: dict[str, Any], feature: str, reason: str
) -> None:
    record = MIXED | changed
    for bad in (record, list(record.values())):
        [(row, named, said)] = faults(of_mixed, [MIXED, bad])
        assert (row, named) == (1, feature)
        assert reason in said


def test_missing_extra_and_misspelt_features_are_named(of_penguins: RowReader) -> None:
    record = {"bill_lenght_mm" if k == "bill_length_mm" else k: v for k, v in PENGUIN.items()}
    assert faults(of_penguins, record | {"color": 1}) == [
        (0, "bill_length_mm", "it is missing"),
        (
            0,
            "bill_lenght_mm",
            "the model has no such feature. Did you mean 'bill_length_mm'?",
        ),
        (
            0,
            "color",
            (
                "the model has no such feature. The features are: 'bill_length_mm', "
                "'bill_depth_mm', 'flipper_length_mm', 'body_mass_g'"
            ),
        ),
    ]


@pytest.mark.parametrize("row", [[], [1, 2, 3], [1, 2, 3, 4, 5]])
def test_a_row_of_wrong_length_is_told_the_order(of_penguins: RowReader, row: list[int]) -> None:
    [(index, feature, reason)] = faults(of_penguins, [[1, 2, 3, 4], row])
    assert (index, feature) == (1, None)
    assert f"has {len(row)} values, the model takes 4 values in the order 'bill_length" in reason


def test_an_item_that_is_no_row_is_told_what_it_is(of_penguins: RowReader) -> None:
    found = faults(of_penguins, [[1, 2, 3, 4], 5, "x", None])
    assert [(row, feature) for row, feature, _ in found] == [(1, None), (2, None), (3, None)]


def test_every_wrong_row_is_listed(of_mixed: RowReader) -> None:
    bad = MIXED | {"age": "x", "mass": "y"}
    found = faults(of_mixed, [MIXED, bad, MIXED, bad])
    assert [(r, f) for r, f, _ in found] == [(1, "mass"), (1, "age"), (3, "mass"), (3, "age")]


def test_of_many_faults_the_first_hundred_are_listed_and_all_are_counted(
    of_mixed: RowReader,
) -> None:
    with pytest.raises(RowsError) as caught:
        of_mixed.read(json.dumps([MIXED | {"age": "x"}] * 500).encode())
    assert len(caught.value.faults) == MAX_FAULTS
    assert caught.value.total == 500


def test_a_name_that_is_no_text_can_be_told(of_penguins: RowReader) -> None:
    """A name with half of a surrogate pair must not break the answer, which is UTF-8."""
    for _, feature, reason in faults(of_penguins, PENGUIN | {"\ud800": 1, "y" * 5000: 2}):
        assert feature is not None
        assert len(f"{feature}{reason}".encode()) < 1000


def test_many_misspelt_features_cost_little() -> None:
    """Suggesting names is quadratic, and the request says how many names there are."""
    features = [Feature(f"feature_{i}", "number", "X", example=1.0) for i in range(400)]
    onnx_graph = graph(
        [node("Identity", ["X"], ["label"])],
        [value("X", 1, "n", 400)],
        [value("label", 1, "n", 400)],
    )
    servable = Servable.load("wide", 1, with_contract(onnx_graph, contract(features, None)))
    reader = RowReader(servable, max_rows=1000)
    record = {f"featur_{i}": 1 for i in range(400)}
    begin = time.process_time()
    found = faults(reader, [record] * 100)
    assert time.process_time() - begin < 10
    assert len(found) == MAX_FAULTS


def test_a_large_integer_category_is_out_of_range() -> None:
    features = [Feature("c", "category", "X", example=1, categories=[1, 2], open_categories=True)]
    onnx_graph = graph(
        [node("Identity", ["X"], ["label"])], [value("X", 7, "n", 1)], [value("label", 7, "n", 1)]
    )
    reader = RowReader(
        Servable.load("c", 1, with_contract(onnx_graph, contract(features, None))), max_rows=9
    )
    assert reader.read(b'{"c": 77}').feeds["X"].tolist() == [[77]]
    [(_, feature, reason)] = faults(reader, {"c": 2**64})
    assert feature == "c"
    assert "out of the range of int64" in reason
