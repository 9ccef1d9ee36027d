"""A body that is refused is freed at once, not when the collector next runs."""

from __future__ import annotations

import contextlib
import gc
import json
import sys
from typing import TYPE_CHECKING

import pytest

from inference.errors import ClientError
from inference.model.servable import Servable
from inference.serving.rows.reader import RowReader
from inference.serving.tensors.request import read_request
from support.models import artifacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.long

_LONG = 100_000


@pytest.fixture(autouse=True)
def _no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def _refuse(read: Callable[[bytes], object], body: bytes) -> None:
    references = sys.getrefcount(body)
    with contextlib.suppress(ClientError):
        read(body)
        pytest.fail("it was taken")
    assert sys.getrefcount(body) == references


def _infer(data: str, shape: list[int], name: str = "X", datatype: str = "FP32") -> bytes:
    tensor = {"name": name, "datatype": datatype, "shape": shape, "data": "HERE"}
    return json.dumps({"inputs": [tensor]}).replace('"HERE"', data).encode()


@pytest.mark.parametrize(
    "body",
    [
        _infer("[" + "[]," * _LONG + "0]", [1, 4]),
        _infer("[" + "1," * _LONG + "0]", [1, 4]),
        _infer("[" + "1," * _LONG + "0]", [_LONG, 4]),
        _infer("[" + "1," * _LONG + '"a"]', [_LONG // 4, 4]),
        _infer("[" + "[1,2,3,4]," * _LONG + "[1,2,3]]", [50, 4]),
        _infer("[" + "[1,2,3,4]," * 50 + "[1,2,3]]", [50, 4]),
        _infer("[" + '"a",' * _LONG + '"b"]', [_LONG + 1, 1]),
        b"[" * _LONG,
        b'{"inputs":[' + b"{}," * _LONG + b"{}]}",
        _infer("[1,2,3,4]", [1, 4])[:-1] + b',"x":[' + b"[]," * _LONG + b"0]}",
        b'{"inputs":[]' + b" " * _LONG,
    ],
    ids=range(11),
)
def test_refused_inference_request_is_freed(body: bytes) -> None:
    servable = Servable.load("m", 1, artifacts.penguins())

    _refuse(lambda body: read_request(servable.signature, body, None, max_rows=50), body)


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b"[1,2,3,4]," * _LONG + b"[1,2,3,4]]",
        b"[" + b"[]," * _LONG + b"[]]",
        b"[" + b"{}," * _LONG + b"{}]",
        b"[" + b'["a",true,null,{}],' * _LONG + b"[1,2,3,4]]",
        b"[[" + b"1," * _LONG + b"1]]",
        b"{" + b'"a":1,' * _LONG + b'"a":1}',
        b"[" * _LONG,
        b'[["' + b"a" * _LONG + b'",2,3,4]]',
        b"[[1,2,3,4],[1,2,3]]",
    ],
    ids=range(9),
)
@pytest.mark.parametrize("content", [artifacts.penguins(), artifacts.mixed()], ids=["one", "many"])
def test_refused_rows_are_freed(content: bytes, body: bytes) -> None:
    reader = RowReader(Servable.load("m", 1, content), max_rows=50)

    _refuse(reader.read, body)
