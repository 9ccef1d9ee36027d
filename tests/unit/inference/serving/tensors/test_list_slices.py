"""Long documents are read in pieces, and come to the same as if they were read whole."""

from __future__ import annotations

import json
import time
import tracemalloc
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from inference.errors import ClientError, RequestError, RowsError, TooLargeError
from inference.model.servable import Servable
from inference.model.signature import Signature, TensorSpec
from inference.serving.rows import reader as rows_reader
from inference.serving.rows.reader import RowReader
from inference.serving.tensors import data_spans as outline
from inference.serving.tensors import list_slices as pieces
from inference.serving.tensors import values
from inference.serving.tensors.request import read_request
from support.amount import amount
from support.models.artifacts import MEASUREMENTS, mixed, penguins
from support.models.mutation import Mutator

if TYPE_CHECKING:
    from collections.abc import Sequence

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

_MIXED = {"mass": 3.5, "age": 4, "wild": True, "island": "Dream", "sex": "male"}
_HARD = ['a,"b', "],[", "},{", "\\", '\\"', "[", "}", "\n", "\u00e9", ""]


def _rows(chance: np.random.Generator, count: int) -> list[Any]:
    rows: list[Any] = []
    for _ in range(count):
        row = _MIXED | {"sex": str(chance.choice(_HARD)), "mass": float(chance.normal(4, 9))}
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
    wrong = [_MIXED | {"age": "x"}, [1], 7, _MIXED | {"wild": [1, 2], "more": {"a": 1}}, "x", []]
    rows = [_MIXED, *wrong] * 10
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


def _spec(name: str, element: str, *shape: int) -> TensorSpec:
    return TensorSpec.from_onnx(name, f"tensor({element})", list(shape))


def _signature(element: str, *shape: int) -> Signature:
    return Signature((_spec("x", element, *shape),), (_spec("y", element, *shape),))


def _request(data: Any, shape: Sequence[int], datatype: str, **more: Any) -> bytes:
    tensor = {"name": "x", "shape": list(shape), "datatype": datatype, "data": data}
    return json.dumps({"inputs": [tensor]} | more).encode()


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
    body = _request((sent.reshape(-1) if flat else sent).tolist(), shape, datatype)
    query = read_request(_signature(element, *shape), body, None, max_rows=1000)
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
        (_spec("a", "float", -1, 2), _spec("s", "string", -1)), (_spec("y", "float", -1, 2),)
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


# -- what only costs -------------------------------------------------------------------------------

_MANY = amount("HUGE_BYTES", 3_000_000)
_EMPTY = b"[],"


def _many(item: bytes, last: bytes | None = None) -> bytes:
    return item * (_MANY // len(item)) + (item.rstrip(b",") if last is None else last)


_INPUT = b'{"name":"x","shape":[2,2],"datatype":"FP32","data":[1,2,3,4]'
_COSTLY_REQUESTS = {
    "parameters": b'{"inputs":[' + _INPUT + b'}],"parameters":{"a":[' + _many(_EMPTY) + b"]}}",
    "unknown": b'{"inputs":[' + _INPUT + b'}],"z":[' + _many(_EMPTY) + b"]}",
    "of an input": b'{"inputs":[' + _INPUT + b',"parameters":{"z":[' + _many(_EMPTY) + b"]}}]}",
    "shape": b'{"inputs":[{"name":"x","datatype":"FP32","shape":[' + _many(b"1,") + b"]}]}",
    "inputs": b'{"inputs":[' + _many(_INPUT + b"},") + b"]}",
    "outputs": b'{"inputs":[' + _INPUT + b'}],"outputs":[' + _many(b'{"name":"y"},') + b"]}",
    "id": b'{"inputs":[' + _INPUT + b'}],"id":"' + _many(b"x") + b'"}',
    "ids": b'{"inputs":[' + _INPUT + b"}]" + _many(b',"id":""', b"}"),
    "lists": b'{"inputs":[' + _INPUT[:-9] + b"[" + _many(_EMPTY) + b"]}]}",
    "deep": b'{"inputs":[' + _INPUT[:-9] + _many(b"[") + b"]}]}",
    "deep strings": b'{"inputs":[' + _INPUT[:-9] + b'["a",' + _many(b"[") + b"]}]}",
    "strings": b'{"inputs":[' + _INPUT[:-9] + b"[" + _many(b'"",') + b"]}]}",
    "values": b'{"inputs":[' + _INPUT[:-9] + b"[" + _many(b"1,") + b"]}]}",
    "data": b'{"inputs":[' + _INPUT + b"}]," + _many(b'"data":[1],', b'"id":""}'),
    "datas": b'{"inputs":[' + _INPUT + b"}]," + _many(b'"data":[1,', b""),
    "spaces": _many(b" ") + b"{}",
    "no end": b'{"inputs":[' + _INPUT[:-9] + b"[" + _many(b"1"),
}  # fmt: skip
_RECORD = json.dumps(dict.fromkeys(MEASUREMENTS, 40.0)).encode()
_COSTLY_ROWS = {
    "lists": b"[" + _many(_EMPTY) + b"]",
    "records": b"[" + _many(b"{},") + b"]",
    "values": b"[" + _many(b"1,") + b"]",
    "one row": b"[[" + _many(b"1,") + b"]]",
    "deep": _many(b"["),
    "deep rows": b"[" + _many(b"[[[[1]]]],") + b"]",
    "same name": b"{" + _many(b'"body_mass_g":1,') + b"}",
    "names": b"{" + b",".join(b'"k%d":1' % i for i in range(_MANY // 12)) + b"}",
    "value": b'{"a":[' + _many(_EMPTY) + b"]}",
    "digits": b'[[1,2,3,4],{"body_mass_g":' + _many(b"9") + b"}]",
    "string": b'[{"body_mass_g":"' + _many(b"9") + b'"}]',
    "spaces": _many(b" ") + _RECORD,
    "spaces in it": b"[" + _many(b" ") + _RECORD + b"]",
    "wrong rows": b"[" + _many(b'["a","b","c","d"],') + b"]",
}


@pytest.mark.parametrize("kind", _COSTLY_REQUESTS)
def test_a_request_that_only_costs_is_refused_at_little_cost(kind: str) -> None:
    """Each took hundreds of bytes of memory for each of its values, and seconds for 60 MB."""
    body = _COSTLY_REQUESTS[kind]
    _refuses_cheaply(lambda: read_request(_signature("float", -1, 2), body, None, max_rows=99))


@pytest.mark.parametrize("kind", _COSTLY_ROWS)
def test_rows_that_only_cost_are_refused_at_little_cost(kind: str) -> None:
    body = _COSTLY_ROWS[kind]
    reader = RowReader(Servable.load("m", 1, penguins()), max_rows=100_000)
    _refuses_cheaply(lambda: reader.read(body))


def _refuses_cheaply(read: Any) -> None:
    begin = time.thread_time()
    with pytest.raises(ClientError) as caught:
        read()
    assert time.thread_time() - begin < 2
    assert len(str(caught.value)) < 2000
    tracemalloc.start()
    try:
        with pytest.raises(ClientError):
            read()
        assert tracemalloc.get_traced_memory()[1] < 20_000_000 + 2 * _MANY
    finally:
        tracemalloc.stop()


_LONGEST = 200_000


@pytest.mark.parametrize("more", [-1, 0, 1])
@pytest.mark.parametrize("where", [0, 10_000, 20_000])
def test_a_row_has_so_many_bytes_at_most(more: int, where: int) -> None:
    reader = RowReader(Servable.load("m", 1, penguins()), max_rows=100_000, max_row_bytes=_LONGEST)
    rows = [b"[1,2,3,4]"] * 20_000
    rows.insert(where, b"[1,2,3," + b"4".rjust(_LONGEST + more - 8) + b"]")
    body = b"[" + b",".join(rows) + b"]"
    if more <= 0:
        assert reader.read(body).rows == 20_001
    else:
        with pytest.raises(TooLargeError, match="INFERENCE_MAX_ROW_BYTES"):
            reader.read(body)


@pytest.mark.parametrize(("count", "fits"), [(19_999, True), (20_000, True), (20_001, False)])
def test_so_many_rows_and_strings_are_read(count: int, fits: bool) -> None:
    body = json.dumps([_MIXED] * count).encode()
    servable = Servable.load("m", 1, mixed())
    for limits in ({"max_rows": 20_000}, {"max_rows": 10**6, "max_strings": 40_000}):
        reader = RowReader(servable, **limits)
        if fits:
            assert reader.read(body).rows == count
        else:
            with pytest.raises(TooLargeError, match="split it"):
                reader.read(body)


@pytest.mark.parametrize(("count", "fits"), [(99, True), (100, True), (101, False)])
@pytest.mark.parametrize("raw", [True, False])
def test_so_many_strings_are_an_input_at_most(count: int, fits: bool, raw: bool) -> None:
    body = _request([""] * count, [count], "BYTES")
    arguments = (b"\0\0\0\0" * count, 0) if raw else (body, None)
    signature = _signature("string", -1)

    def read() -> Any:
        return read_request(signature, *arguments, max_rows=1000, max_strings=100)

    if fits:
        assert read().rows == count
    else:
        with pytest.raises(TooLargeError, match="INFERENCE_MAX_STRINGS"):
            read()
