from __future__ import annotations

import json
import time
import tracemalloc
from typing import Any

import pytest

from inference.errors import ClientError, TooLargeError
from inference.model.servable import Servable
from inference.serving.rows.reader import RowReader
from inference.serving.tensors.request import read_request
from support.amount import amount
from support.models.artifacts import MEASUREMENTS, mixed, penguins
from support.models.row_bodies import MIXED
from support.models.signatures import request_of_x, x_to_y

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
    _refuses_cheaply(lambda: read_request(x_to_y("float", -1, 2), body, None, max_rows=99))


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
    body = json.dumps([MIXED] * count).encode()
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
    body = request_of_x([""] * count, [count], "BYTES")
    arguments = (b"\0\0\0\0" * count, 0) if raw else (body, None)
    signature = x_to_y("string", -1)

    def read() -> Any:
        return read_request(signature, *arguments, max_rows=1000, max_strings=100)

    if fits:
        assert read().rows == count
    else:
        with pytest.raises(TooLargeError, match="INFERENCE_MAX_STRINGS"):
            read()
