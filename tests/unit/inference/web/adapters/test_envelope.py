"""Documents of other servers' protocols, against what the predict routes would have been sent."""

from __future__ import annotations

import json
import random
import tracemalloc
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from inference.errors import RequestError, TooLargeError
from inference.model.servable import Servable
from inference.serving.rows.row_limits import RowLimits
from inference.serving.tensors.list_slices import MAX_ITEM_BYTES, WHOLE_BYTES
from inference.web.adapters import columns, envelope
from inference.web.adapters.envelope import unwrap
from inference.web.adapters.missing_values import replace_nan
from support.answers.half_plus_two import half_plus_two
from support.models.artifacts import (
    MEASUREMENTS,
    SPECIES,
    classifier_graph,
    contract,
    measurements,
    mixed,
    penguins,
    with_contract,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

LIMITS = RowLimits(1_000_000, MAX_ITEM_BYTES)
RECORD = {"mass": 3.5, "age": 4, "wild": True, "island": "Dream", "sex": None}
NAMES = list(RECORD)


@pytest.fixture(scope="module")
def mixed_model() -> Servable:
    return Servable.load("mixed", 1, mixed())


@pytest.fixture(scope="module")
def penguin_model() -> Servable:
    return Servable.load("penguins", 1, penguins())


def rows_of(document: Any, servable: Servable, **more: Any) -> Any:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return json.loads(unwrap(body, servable, LIMITS, **more).rows)


def as_rows(records: Sequence[dict[str, Any]]) -> list[list[Any]]:
    return [[record.get(name) for name in NAMES] for record in records]


RECORDS = [RECORD, {**RECORD, "mass": None, "island": "Biscoe", "sex": 'a,b"]{'}]


@pytest.mark.parametrize("name", ["instances", "inputs", "dataframe_records"])
@pytest.mark.parametrize("rows", [RECORDS, as_rows(RECORDS), []])
def test_lists_are_passed_on_as_they_are(mixed_model: Servable, name: str, rows: list[Any]) -> None:
    assert rows_of({name: rows}, mixed_model) == rows


@pytest.mark.parametrize(
    "order", [NAMES, NAMES[::-1], NAMES[:-1], ["sex", "age", "mass", "island", "wild"]]
)
def test_rows_with_names_of_columns_are_put_into_the_order_of_the_features(
    mixed_model: Servable, order: list[str]
) -> None:
    data = [[record[name] for name in order] for record in RECORDS]
    split = {"index": [7, 8], "columns": order, "data": data}
    wanted = [[record[n] if n in order else None for n in NAMES] for record in RECORDS]
    assert rows_of({"dataframe_split": split}, mixed_model) == wanted


@pytest.mark.parametrize(
    "document", [{"instances": [{"island": "\ud83d"}]}, {"inputs": {"island": ["a\ud83d"]}}]
)
def test_half_of_a_surrogate_pair_is_named(mixed_model: Servable, document: Any) -> None:
    with pytest.raises(RequestError, match=r"half of a surrogate pair, \\ud83d,"):
        rows_of(document, mixed_model)


def test_columns_without_names_are_the_features_in_their_order(penguin_model: Servable) -> None:
    data = [[1.5, 2, 3, 4]]
    for split in ({"columns": [0, 1, 2, 3], "data": data}, {"data": data}):
        assert rows_of({"dataframe_split": split}, penguin_model) == data


def test_columns_whose_names_are_numbers_are_found_by_name() -> None:
    """Of a DataFrame whose columns have an order of their own, as ``frame[[2, 0, 1, 3]]``."""
    order = [2, 0, 1, 3]
    features = [
        msgspec.structs.replace(feature, name=str(name))
        for feature, name in zip(measurements(), order, strict=True)
    ]
    described = contract(features, SPECIES)
    servable = Servable.load("m", 1, with_contract(classifier_graph(SPECIES), described))
    for columns_of_rows in ([0, 1, 2, 3], order, ["0", "1", "2", "3"]):
        split = {"columns": columns_of_rows, "data": [[f"c{name}" for name in columns_of_rows]]}
        assert rows_of({"dataframe_split": split}, servable) == [["c2", "c0", "c1", "c3"]]


@pytest.mark.parametrize("nest", [False, True])
def test_columns_become_rows(mixed_model: Servable, *, nest: bool) -> None:
    wrap = (lambda value: [value]) if nest else (lambda value: value)
    table = {name: [wrap(record[name]) for record in RECORDS] for name in reversed(NAMES)}
    assert rows_of({"inputs": table}, mixed_model) == as_rows(RECORDS)


def test_single_values_are_one_row(mixed_model: Servable) -> None:
    assert rows_of({"inputs": RECORD}, mixed_model) == as_rows([RECORD])


def test_the_tensor_of_all_features_may_be_named(penguin_model: Servable) -> None:
    assert rows_of({"inputs": {"X": [[1, 2, 3, 4]]}}, penguin_model) == [[1, 2, 3, 4]]


def test_nan_is_null_outside_of_strings(mixed_model: Servable) -> None:
    body = b'{"instances": [[NaN, 4, true, "NaN \\" NaN", NaN]]}'
    assert rows_of(body, mixed_model) == [[None, 4, True, 'NaN " NaN', None]]


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"", "not JSON"),
        (b"[1]", "not an object"),
        (b'{"instances": [[Infinity]]}', "Infinity is no number"),
        (b'{"instances": [[1, 2', "not JSON"),
        ({}, "it has none of them"),
        ({"instances": [], "inputs": []}, "it has instances and inputs"),
        ({"instance": []}, "Did you mean 'instances'?"),
        ({"instances": {"a": 1}}, "'instances' is not a list"),
        ({"instances": "x"}, "'instances' is not a list"),
        ({"instances": [1, 2]}, "the model takes 5 of them"),
        ({"inputs": {"mass": [1], "age": [1, 2], "wild": [True], "island": ["a"]}}, "1 values in"),
        ({"inputs": {"mass": [1], "age": 1, "wild": [True], "island": ["a"]}}, "is one value"),
        ({"inputs": {"mass": [[1, 2]], "age": [1], "wild": [True], "island": ["a"]}}, "one value"),
        ({"inputs": {"mass": [1]}}, "lacks the column 'age'"),
        ({"inputs": {**RECORD, "masss": 1}}, "'masss'"),
        ({"dataframe_split": []}, "is not a table"),
        ({"dataframe_split": {"columns": NAMES}}, "is not a table"),
        ({"dataframe_split": {"columns": NAMES, "data": [1]}}, "is not a list of rows"),
        ({"dataframe_split": {"columns": NAMES[::-1], "data": [[1]]}}, "row 0 of"),
        ({"dataframe_split": {"columns": ["age", "age"], "data": [[1, 2]]}}, "'age' twice"),
        ({"instances": [RECORD], "signature_name": 3}, "'signature_name' is not a string"),
        ({"instances": [RECORD], "signature_name": "predict_prob"}, "'predict_proba'"),
        ({"instances": [RECORD], "params": [1]}, "'params' is not an object"),
        ({"instances": [RECORD], "params": {"temperature": 1}}, "'temperature'"),
        ({"instances": [RECORD], "parameters": {"predict_fn": 1}}, "'predict_fn'"),
    ],
)
def test_what_is_wrong_is_named(mixed_model: Servable, document: Any, reason: str) -> None:
    with pytest.raises(RequestError) as refused:
        rows_of(document, mixed_model)
    assert reason in str(refused.value)


def test_other_members_than_those_of_the_protocol_are_refused(mixed_model: Servable) -> None:
    with pytest.raises(RequestError, match="'dataframe_records' is not a member"):
        rows_of({"dataframe_records": []}, mixed_model, taken=("instances", "inputs"))


@pytest.mark.parametrize("name", ["instances", "dataframe_records", "dataframe_split", "inputs"])
@pytest.mark.parametrize("ending", ["}", ' , "params": {} }\n', ', "signature_name": "predict"}'])
def test_long_documents_are_read_in_pieces_as_short_ones_are(
    mixed_model: Servable, name: str, ending: str
) -> None:
    source = random.Random(7)
    records = [
        {**RECORD, "mass": source.random(), "sex": "".join(source.choices('a,]["\\é{}', k=12))}
        for _ in range(8000)
    ]
    value: Any = records
    if name == "dataframe_split":
        order = NAMES[::-1]
        data = [[record[each] for each in order] for record in records]
        value = {"index": list(range(8000)), "columns": order, "data": data}
    elif name == "inputs":
        value = {each: [record[each] for record in records] for each in NAMES}
    body = f'{{"{name}": {json.dumps(value)}{ending}'.encode()
    assert len(body) > 2 * WHOLE_BYTES
    found = rows_of(body, mixed_model)
    if name in ("instances", "dataframe_records"):
        assert found == records
    else:
        assert found == as_rows(records)


@pytest.mark.parametrize("text", ["Dream", '],"', '\\", [],"a":[1]'])
@pytest.mark.parametrize("are_records", [True, False])
@pytest.mark.parametrize("indent", [None, 1])
def test_members_of_long_documents_come_in_any_order(
    mixed_model: Servable, text: str, *, are_records: bool, indent: int | None
) -> None:
    records = [{**RECORD, "age": age, "sex": text} for age in range(4000)]
    rows = records if are_records else as_rows(records)
    split = {"columns": NAMES, "data": as_rows(records), "index": [*range(4000)]}
    backwards = dict(reversed(split.items()))
    more = {"signature_name": "predict", "params": {"predict_fn": "predict"}}
    for document, wanted in [
        ({"instances": rows, "parameters": {}, **more}, rows),
        ({"dataframe_split": split, **more}, split["data"]),
        ({"dataframe_split": backwards, **more}, split["data"]),
    ]:
        body = json.dumps(document, indent=indent).encode()
        assert len(body) > WHOLE_BYTES
        assert rows_of(body, mixed_model) == wanted


@pytest.mark.parametrize("count", [3, 40_000])
@pytest.mark.parametrize("name", ["data", "instances", "inputs", "dataframe_records"])
def test_columns_may_be_called_like_members_of_the_document(name: str, count: int) -> None:
    servable = Servable.load("half", 1, half_plus_two(name))
    values = [1.0, 2.5, 5.0] * count
    assert rows_of({"inputs": {name: values}}, servable) == [[value] for value in values]


@pytest.mark.parametrize("count", [0, 1, 3, 40_000])
@pytest.mark.parametrize("name", ["instances", "inputs"])
def test_values_of_a_model_of_one_feature_are_rows_each(name: str, count: int) -> None:
    servable = Servable.load("half", 1, half_plus_two())
    values = [1.0, 2.5, 5.0] * count
    assert rows_of({name: values}, servable) == [[value] for value in values]


def test_rows_that_are_too_many_are_not_read(mixed_model: Servable) -> None:
    """The reader of rows refuses the request for the one row that is too many."""
    limits = RowLimits(2, MAX_ITEM_BYTES)
    names, rows = json.dumps(NAMES[::-1]), json.dumps([[*RECORD.values()][::-1]] * 5000)
    assert len(rows) > WHOLE_BYTES
    body = f'{{"dataframe_split": {{"columns": {names}, "data": {rows[:-1]}, "no row"]}}}}'.encode()
    assert json.loads(unwrap(body, mixed_model, limits).rows) == as_rows([RECORD] * 3)
    half = Servable.load("half", 1, half_plus_two())
    for count in (2, 3, 4):
        body = json.dumps({"instances": [1.5] * count}).encode()
        assert json.loads(unwrap(body, half, limits).rows) == [[1.5]] * min(count, 3)


def test_rows_may_be_as_long_as_the_setting_permits(mixed_model: Servable) -> None:
    record = {**RECORD, "sex": "a" * 1200}
    body = json.dumps(
        {"dataframe_split": {"columns": NAMES[::-1], "data": [[*record.values()][::-1]] * 200}}
    )
    assert len(body) > WHOLE_BYTES
    rows = unwrap(body.encode(), mixed_model, RowLimits(200, 1300)).rows
    assert json.loads(rows) == as_rows([record] * 200)
    long = {**RECORD, "sex": "a" * 2 * WHOLE_BYTES}
    body = json.dumps(
        {"dataframe_split": {"columns": NAMES[::-1], "data": [[*long.values()][::-1]] * 2}}
    )
    with pytest.raises(TooLargeError, match="more than 131,072 bytes"):
        unwrap(body.encode(), mixed_model, RowLimits(200, WHOLE_BYTES))


def test_missing_values_take_little_memory() -> None:
    text = b"[" + b"NaN," * 100_000 + b"1]"
    tracemalloc.start()
    try:
        replaced = replace_nan(text)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert replaced == text.replace(b"NaN", b"null")
    assert most < 4 * len(text)


def test_columns_of_too_many_values_are_refused(
    mixed_model: Servable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "MAX_VALUES", 10)
    table = {name: [RECORD[name]] * 3 for name in NAMES}
    with pytest.raises(TooLargeError, match="send rows as 'instances'"):
        rows_of({"inputs": table}, mixed_model)
    assert rows_of({"inputs": {name: value[:2] for name, value in table.items()}}, mixed_model)


def test_a_document_that_must_be_decoded_at_once_is_limited(
    penguin_model: Servable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(envelope, "_MAX_UNCUT_BYTES", 2 * WHOLE_BYTES)
    long = {name: [1.0] * 20_000 for name in MEASUREMENTS}
    with pytest.raises(TooLargeError, match="must have its rows in one list"):
        rows_of({"inputs": long}, penguin_model)
    rows = [[1.0, 2.0, 3.0, 4.0]] * 20_000
    assert rows_of({"instances": rows}, penguin_model) == rows
