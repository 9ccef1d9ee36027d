"""Long documents are read in pieces, and come to the same as if they were read whole."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from inference.errors import ClientError, RequestError, RowsError, TooLargeError
from inference.model.servable import Servable
from inference.model.signature import Signature
from inference.serving.rows import reader as rows_reader
from inference.serving.rows.reader import RowReader
from inference.serving.tensors import data_spans as outline
from inference.serving.tensors import list_slices as pieces
from inference.serving.tensors import values
from inference.serving.tensors.request import read_request
from support.amount import amount
from support.models.artifacts import mixed, penguins
from support.models.mutation import Mutator
from support.models.row_bodies import MIXED
from support.models.signatures import request_of_x, spec, x_to_y

INPUTS = amount("FUZZ_INPUTS", 1_000)
_NEVER = 2**60

pytestmark = pytest.mark.timeout(60 + INPUTS // 100)


@pytest.fixture(params=[16, 100, 1000])
def cut_at(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Cut everything into pieces of so many bytes."""
    size: int = request.param
    monkeypatch.setattr(pieces, "PIECE_BYTES", size)
    monkeypatch.setattr(values, "PIECE_BYTES", size)
    monkeypatch.setattr(outline, "_SHORT_BYTES", size)
    for module in (rows_reader, values):
        monkeypatch.setattr(module, "WHOLE_BYTES", size)
    return size


def read_or_refuse(read: Any, body: bytes) -> Any:
    try:
        return read(body)
    except ClientError as error:
        return error


# -- rows ------------------------------------------------------------------------------------------

_HARD = ['a,"b', "],[", "},{", "\\", '\\"', "[", "}", "\n", "\u00e9", ""]


def _rows(chance: np.random.Generator, count: int) -> list[Any]:
    rows: list[Any] = []
    for _ in range(count):
        row = MIXED | {"sex": str(chance.choice(_HARD)), "mass": float(chance.normal(4, 9))}
        if chance.random() < 0.2:
            row |= {"age": 7.0}
        rows.append(row if chance.random() < 0.5 else list(row.values()))
    return rows


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.usefixtures("cut_at")
def test_rows_in_pieces_are_the_same_rows(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = RowReader(Servable.load("m", 1, mixed()), max_rows=1000)
    chance = np.random.default_rng(seed)
    for indent in (None, 1):
        body = json.dumps(_rows(chance, 200), indent=indent, ensure_ascii=seed == 1).encode()
        cut = reader.read(body)
        with monkeypatch.context() as patched:
            patched.setattr(rows_reader, "WHOLE_BYTES", _NEVER)
            whole = reader.read(body)
        assert (cut.rows, cut.single, cut.warnings) == (whole.rows, whole.single, whole.warnings)
        assert cut.warnings
        for name, feed in whole.feeds.items():
            assert cut.feeds[name].dtype == feed.dtype
            assert cut.feeds[name].flags.c_contiguous
            np.testing.assert_array_equal(cut.feeds[name], feed)


@pytest.mark.usefixtures("cut_at")
def test_faults_in_pieces_are_the_same_faults() -> None:
    reader = RowReader(Servable.load("m", 1, mixed()), max_rows=1000)
    wrong = [MIXED | {"age": "x"}, [1], 7, MIXED | {"wild": [1, 2], "more": {"a": 1}}, "x", []]
    rows = [MIXED, *wrong] * 10
    with pytest.raises(RowsError) as caught:
        reader.read(json.dumps(rows).encode())
    assert caught.value.total == len(wrong) * 10 + 10  # one of them has two
    assert [fault.row for fault in caught.value.faults[:3]] == [1, 2, 3]
    assert caught.value.faults[-1].row == 69


@pytest.mark.parametrize(
    "content", [penguins(), mixed()], ids=["matrix", "columns"]
)  # fmt: skip
@pytest.mark.usefixtures("cut_at")
def test_whatever_comes_in_pieces_is_answered_as_if_it_was_whole(
    content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    servable = Servable.load("m", 1, content)
    reader = RowReader(servable, max_rows=50)
    features = servable.features or ()
    record = {f.name: f.example for f in features}
    row = list(record.values())
    corpus = [json.dumps([item] * 6).encode() for item in (record, row)]
    corpus.append(json.dumps([record, row, record, row]).encode())
    mutator = Mutator(corpus, [b"],[", b"},{", b'","', b'\\"', b"[1]", b'{"a":1}'])
    for _ in range(INPUTS // 6):
        data = mutator.make()
        cut = read_or_refuse(reader.read, data)
        with monkeypatch.context() as patched:
            patched.setattr(rows_reader, "WHOLE_BYTES", _NEVER)
            whole = read_or_refuse(reader.read, data)
        mutator.learn(data, type(whole).__name__)
        if isinstance(cut, TooLargeError) or isinstance(whole, TooLargeError):
            continue  # what is nested deeper than rows is refused as such
        assert isinstance(cut, ClientError) == isinstance(whole, ClientError), (data, cut, whole)
        if not isinstance(whole, ClientError):
            assert cut[0] == whole[0], data
            assert cut.warnings == whole.warnings
            for name, feed in whole.feeds.items():
                np.testing.assert_array_equal(cut.feeds[name], feed)


# -- tensors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(600,), (200, 3), (20, 5, 6), (1, 2, 300)])
@pytest.mark.parametrize(
    ("element", "datatype"), [("float", "FP32"), ("int64", "INT64"), ("string", "BYTES")]
)
@pytest.mark.parametrize("flat", [True, False])
@pytest.mark.usefixtures("cut_at")
def test_data_in_pieces_is_the_same_data(
    shape: tuple[int, ...], element: str, datatype: str, flat: bool
) -> None:
    given = np.arange(600).reshape(shape)
    sent: Any = given if element != "string" else np.array(_HARD)[given % 10].astype(object)
    body = request_of_x((sent.reshape(-1) if flat else sent).tolist(), shape, datatype)
    query = read_request(x_to_y(element, *shape), body, None, max_rows=1000)
    np.testing.assert_array_equal(query.feeds["x"], sent)


@pytest.mark.parametrize(
    "change",
    [
        ("1], [2", "1, [2"), ("1], [2", "1]], [[2"), ("1], [2", "1] [2"), ("1], [2", "1],, [2"),
        ("1], [2", "[1], [2"), ("1], [2", "1], 7 [2"), ("1], [2", "1, 1], [2"), ("]]", "]"),
        ("]]", "]]]"), ("]]", "],]"), ("1], [2", "1], ]2["), ("1], [2", "1 1], [2"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("cut_at")
def test_data_in_pieces_that_is_nested_wrongly_is_refused(change: tuple[str, str]) -> None:
    text = json.dumps([[1], [2]] * 400)
    middle = text.index(change[0], len(text) // 2)
    wrong = text[:middle] + text[middle:].replace(*change, 1)
    with pytest.raises(RequestError):
        values.from_values(pieces.Span.whole(wrong.encode()), np.dtype("f4"), [800, 1])


@pytest.mark.parametrize("element", ["int64", "string"])
def test_whatever_data_comes_in_pieces_is_answered_as_if_it_was_whole(
    element: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dtype = np.dtype(object if element == "string" else element)
    items: list[Any] = _HARD[:6] if element == "string" else [1, -20, 300, 4, 5, 6]
    corpus = [json.dumps(items).encode(), json.dumps([items[:3], items[3:]]).encode()]
    mutator = Mutator(corpus, [b"],[", b"[[", b'","', b'\\"', b"],", b",]"])
    for _ in range(INPUTS):
        data = mutator.make()
        for shape in ([6], [2, 3]):

            def read(text: bytes, shape: list[int] = shape) -> Any:
                return values.from_values(pieces.Span.whole(text), dtype, shape).tolist()

            whole = read_or_refuse(read, data)
            with monkeypatch.context() as patched:
                patched.setattr(pieces, "PIECE_BYTES", 4)
                patched.setattr(values, "PIECE_BYTES", 4)
                patched.setattr(values, "WHOLE_BYTES", 4)
                cut = read_or_refuse(read, data)
            mutator.learn(data, type(whole).__name__)
            if isinstance(whole, ClientError):
                assert isinstance(cut, ClientError), (data, shape, cut, whole)
            else:
                assert cut == whole, (data, shape)


def test_data_is_taken_out_of_long_requests_wherever_it_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    two = Signature(
        (spec("a", "float", -1, 2), spec("s", "string", -1)), (spec("y", "float", -1, 2),)
    )
    words = [*_HARD, '"data": [', "]"] * 8
    tensors = [
        {"data": [[i, -i] for i in range(96)], "name": "a", "datatype": "FP32", "shape": [96, 2]},
        {"shape": [96], "data": words, "datatype": "BYTES", "name": "s"},
    ]
    for indent in (None, 2):
        body = json.dumps({"id": '"data":[', "inputs": tensors}, indent=indent).encode()
        whole = read_request(two, body, None, max_rows=100)
        for short, searched in ((64, 300), (300, 4096)):
            with monkeypatch.context() as patched:
                patched.setattr(outline, "_SHORT_BYTES", short)
                patched.setattr(outline, "PIECE_BYTES", searched)
                patched.setattr(outline, "WHOLE_BYTES", 600)
                cut = read_request(two, body, None, max_rows=100)
            assert cut.id == whole.id == '"data":['
            for name in ("a", "s"):
                np.testing.assert_array_equal(cut.feeds[name], whole.feeds[name])
