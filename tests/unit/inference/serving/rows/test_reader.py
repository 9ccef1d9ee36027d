from __future__ import annotations

import contextlib
import json
from typing import Any

import numpy as np
import pytest

from inference.errors import RequestError, RowsError, TooLargeError
from inference.model.contract import Feature
from inference.model.servable import Servable
from inference.serving.rows.reader import RowReader
from support.models.artifacts import (
    FLOAT,
    SPECIES,
    STRING,
    classifier_graph,
    contract,
    graph,
    node,
    value,
    with_contract,
)
from support.models.row_bodies import MIXED, PENGUIN, faults

NAMES = list(MIXED)


@pytest.mark.parametrize(
    ("document", "rows", "single"),
    [
        (PENGUIN, 1, True),
        ([PENGUIN], 1, False),
        ([PENGUIN, PENGUIN], 2, False),
        (list(PENGUIN.values()), 1, True),
        ([list(PENGUIN.values())] * 3, 3, False),
        (dict(reversed(PENGUIN.items())), 1, True),
        ([list(PENGUIN.values()), PENGUIN], 2, False),
    ],
)
def test_reads_records_and_rows_alike(
    of_penguins: RowReader, document: Any, rows: int, single: bool
) -> None:
    batch = of_penguins.read(json.dumps(document, indent=1).encode())
    assert batch.single is single
    expected = np.array([list(PENGUIN.values())] * rows, dtype=np.float32)
    np.testing.assert_array_equal(batch.feeds["X"], expected)


def test_a_row_of_mixed_values_reaches_each_input_with_its_type(of_mixed: RowReader) -> None:
    feeds = of_mixed.read(json.dumps(MIXED).encode()).feeds
    assert {name: array.shape for name, array in feeds.items()} == dict.fromkeys(NAMES, (1, 1))
    assert [str(feeds[name].dtype) for name in NAMES[:3]] == ["float32", "int32", "bool"]
    assert feeds["island"].tolist() == [["Dream"]]


@pytest.mark.parametrize("document", [MIXED | {"mass": None}, MIXED | {"mass": None, "age": 4.0}])
def test_null_becomes_nan_where_it_is_allowed(of_mixed: RowReader, document: Any) -> None:
    assert np.isnan(of_mixed.read(json.dumps(document).encode()).feeds["mass"]).all()


def test_null_becomes_the_empty_string_in_a_category(of_mixed: RowReader) -> None:
    body = json.dumps(MIXED | {"sex": None}).encode()
    assert of_mixed.read(body).feeds["sex"].tolist() == [[""]]


def test_an_open_category_takes_values_unseen_in_training(of_mixed: RowReader) -> None:
    body = json.dumps(MIXED | {"sex": "a\x00b"}).encode()
    assert of_mixed.read(body).feeds["sex"].tolist() == [["a\x00b"]]


def test_an_integer_may_be_spelt_with_a_point(of_mixed: RowReader) -> None:
    batch = of_mixed.read(json.dumps([MIXED, MIXED | {"age": 7.0}]).encode())
    assert batch.feeds["age"].tolist() == [[4], [7]]


@pytest.mark.parametrize("is_open", [False, True])
@pytest.mark.parametrize("element", [FLOAT, STRING])
def test_a_category_of_integers_may_be_spelt_with_a_point(element: int, *, is_open: bool) -> None:
    """As pandas writes a column of integers in which a value is missing."""
    grade = Feature("grade", "category", "X", 1, categories=[1, 2], open_categories=is_open)
    encoded = graph(
        [node("Identity", ["X"], ["label"])],
        [value("X", element, "n", 1)],
        [value("label", element, "n", 1)],
    )
    reader = RowReader(
        Servable.load("m", 1, with_contract(encoded, contract([grade], None))), max_rows=5
    )
    wanted = [[1], [2]] if element == FLOAT else [["1"], ["2"]]
    assert reader.read(b"[[1.0],[2]]").feeds["X"].tolist() == wanted
    with pytest.raises(RowsError, match=r"expected an integer, got the number 1\.5"):
        reader.read(b"[[1.5]]")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  ",
        b"not json",
        b'{"wrong": 1, ',
        b'{"bill_length_mm": 1',
        b"[1, 2, 3, 4] x",
        b"[1, 2, 3, 4",
        b"\xff\xfe",
        b'["\xff", 1, 1, 1]',
        b"{'bill_length_mm': 1}",
        b"[1,2,3,4,]",
        b"[" * 100_000,
    ],
)
def test_what_is_no_json_is_a_bad_request(of_penguins: RowReader, body: bytes) -> None:
    with pytest.raises(RequestError) as caught:
        of_penguins.read(body)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"null", "the body is null"),
        (b'"x"', "the string 'x'"),
        (b"3", "the number 3"),
        (b"true", "the boolean true"),
        (b"[]", "empty"),
        (b"[" * 100_000 + b"]" * 100_000, "too deep"),
    ],
)
def test_what_is_json_but_no_rows_is_told_as_such(
    of_penguins: RowReader, body: bytes, said: str
) -> None:
    with pytest.raises(RequestError, match=said):
        of_penguins.read(body)


def test_more_rows_than_the_limit_are_too_large(of_penguins: RowReader) -> None:
    for item in (PENGUIN, list(PENGUIN.values()), ["x"]):
        with pytest.raises(TooLargeError, match=r"6 rows, the limit is 5"):
            of_penguins.read(json.dumps([item] * 6).encode())


def test_a_feature_may_have_any_name(of_penguins: RowReader) -> None:
    """JSON writes these with a backslash; the error still names the feature."""
    names = ['bill "length"', "bill\\depth", "flipper\nlength", "\x00"]
    features = [Feature(name, "number", "X") for name in names]
    onnx_graph = classifier_graph(SPECIES)
    reader = RowReader(
        Servable.load("m", 1, with_contract(onnx_graph, contract(features, SPECIES))), max_rows=5
    )
    values = list(PENGUIN.values())
    record = dict(zip(names, values, strict=True))
    expected = of_penguins.read(json.dumps(values).encode()).feeds["X"]
    for document in (record, [record], values, [values]):
        batch = reader.read(json.dumps(document).encode())
        np.testing.assert_array_equal(batch.feeds["X"], expected)
    assert faults(reader, record | {names[0]: "long"}) == [
        (0, names[0], "expected a number, got the string 'long'")
    ]


@pytest.mark.parametrize("seed", range(20))
def test_whatever_comes_is_read_or_refused(of_mixed: RowReader, seed: int) -> None:
    """Bodies mutated at random never raise anything but an error of ours."""
    chance = np.random.default_rng(seed)
    whole = json.dumps([MIXED, list(MIXED.values())]).encode()
    for _ in range(200):
        body = bytearray(whole)
        for _ in range(chance.integers(1, 6)):
            place = int(chance.integers(len(body)))
            body[place : place + int(chance.integers(3))] = chance.choice(
                [b"", b'"', b"[", b"{", b",", b"NaN", b"\xff", b"1e999", b"\\ud800", b"null", b"-"]
            )
        with contextlib.suppress(RequestError, RowsError):
            of_mixed.read(bytes(body))


def _reader_with_unused(*unused: str) -> RowReader:
    features = [
        Feature("mass", "number", "X", example=1.0, nullable=True),
        Feature("age", "number", "X", example=1.0),
    ]
    onnx_graph = graph(
        [node("Identity", ["X"], ["label"])], [value("X", 1, "n", 2)], [value("label", 1, "n", 2)]
    )
    described = contract(features, None, targets=["a", "b"], unused=list(unused))
    return RowReader(Servable.load("m", 1, with_contract(onnx_graph, described)), max_rows=5)


@pytest.mark.parametrize(
    "unused", [("when", "tags"), ("when", 'quo"ted')], ids=["typed", "careful"]
)
@pytest.mark.parametrize("extra", ["2024-01-01", 1, None, [1, {"a": 2}], {"b": []}, 1e400])
def test_columns_that_the_model_does_not_read_are_ignored(
    unused: tuple[str, str], extra: Any
) -> None:
    reader = _reader_with_unused(*unused)
    for carried in ({unused[0]: extra}, {unused[1]: extra}, dict.fromkeys(unused, extra), {}):
        record = {**carried, "age": 2.0, "mass": 1.0}
        for document in (record, [record, record], [record, [1.0, 2.0]]):
            feeds = reader.read(json.dumps(document).replace("Infinity", "1e400").encode()).feeds
            assert feeds["X"].tolist() == [[1.0, 2.0]] * len(feeds["X"])


def test_unknown_columns_are_refused_beside_unused_ones() -> None:
    reader = _reader_with_unused("when")
    record = {"when": "2024", "agee": 2.0, "mass": 1.0}
    assert faults(reader, record) == [
        (0, "age", "it is missing"),
        (0, "agee", "the model has no such feature. Did you mean 'age'?"),
    ]
    assert faults(reader, {"age": 1.0, "zzz": 2.0}) == [
        (0, "zzz", "the model has no such feature. The features are: 'mass', 'age'")
    ]
    assert faults(reader, [1.0, 2.0, "2024"])[0][1] is None


def test_a_feature_that_may_be_null_may_be_left_out() -> None:
    reader = _reader_with_unused()
    for document in ({"age": 2.0}, [{"age": 2.0}], [{"age": 2.0}, [None, 2]]):
        feeds = reader.read(json.dumps(document).encode()).feeds
        assert np.isnan(feeds["X"][:, 0]).all()
        assert (feeds["X"][:, 1] == 2.0).all()
    assert faults(reader, {"mass": 1.0}) == [(0, "age", "it is missing")]
