"""The table of attackers over HTTP: bodies."""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from typing import TYPE_CHECKING

from attackers.attacks import attack

if TYPE_CHECKING:
    from collections.abc import Callable

    from attackers.target import Target

_PREDICT = "/models/good/predict"
_INFER = "/v2/models/good/infer"
_JSON = "Content-Type: application/json"


def _body(name: str, route: str, make: Callable[[], tuple[bytes, list[str]]]) -> None:
    def run(target: Target) -> None:
        body, headers = make()
        target.ask_again(target.request(route, body, *headers), connections=2)

    run.__name__ = name
    attack(run)


def _infer_document(**more: object) -> bytes:
    rows = {"name": "X", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}
    return json.dumps({"inputs": [rows], **more}).encode()


def _bomb(values: bytes, count: int) -> bytes:
    """An infer document with a parameter of very many values."""
    return _infer_document(parameters={"a": "HERE"}).replace(
        b'"HERE"', b"[" + values * count + b"0]"
    )


_BODIES: dict[str, tuple[str, Callable[[], tuple[bytes, list[str]]]]] = {
    "arrays_in_parameters": (_INFER, lambda: (_bomb(b"[],", 20_000_000), [_JSON])),
    "arrays_in_parameters_gzip": (
        _INFER,
        lambda: (gzip.compress(_bomb(b"[],", 20_000_000), 9), ["Content-Encoding: gzip"]),
    ),
    "objects_in_parameters_deflate": (
        _INFER,
        lambda: (zlib.compress(_bomb(b'{"a":1},', 7_000_000), 9), ["Content-Encoding: deflate"]),
    ),
    "unknown_member": (_INFER, lambda: (_infer_document(x=[[]] * 9_000_000), [_JSON])),
    "many_inputs": (
        _INFER,
        lambda: (b'{"inputs":[' + b"{}," * 20_000_000 + b"{}]}", [_JSON]),
    ),
    "many_outputs": (
        _INFER,
        lambda: (_infer_document(outputs=[{"name": "label"}] * 2_000_000), [_JSON]),
    ),
    "nested_data": (
        _INFER,
        lambda: (
            b'{"inputs":[{"name":"X","datatype":"FP32","shape":[1,4],"data":['
            + b"[]," * 20_000_000
            + b"0]}]}",
            [_JSON],
        ),
    ),
    "most_rows_infer": (
        _INFER,
        lambda: (
            b'{"inputs":[{"name":"X","datatype":"FP32","shape":[100000,4],"data":['
            + b"39.1,18.7,181.0,3750.0," * 99_999
            + b"1,2,3,4]}]}",
            [_JSON],
        ),
    ),
    "binary_rows": (
        _INFER,
        lambda: _binary(4_000_000),
    ),
    "empty_rows": (_PREDICT, lambda: (b"[" + b"[]," * 20_000_000 + b"[]]", [_JSON])),
    "empty_records": ("/predict/", lambda: (b"[" + b"{}," * 20_000_000 + b"{}]", [_JSON])),
    "most_rows": (
        _PREDICT,
        lambda: (b"[" + b"[39.1,18.7,181.0,3750.0]," * 99_999 + b"[1,2,3,4]]", [_JSON]),
    ),
    "most_wrong_rows": (
        _PREDICT,
        lambda: (b"[" + b'["a",true,null,{}],' * 99_999 + b"[1,2,3,4]]", [_JSON]),
    ),
    "wide_row": (_PREDICT, lambda: (b"[[" + b"1," * 30_000_000 + b"1]]", [_JSON])),
    "wide_record": (
        _PREDICT,
        lambda: (json.dumps({f"k{i}": 1 for i in range(3_000_000)}).encode(), [_JSON]),
    ),
    "same_key": (_PREDICT, lambda: (b"{" + b'"a":1,' * 9_000_000 + b'"a":1}', [_JSON])),
    "deep": (_PREDICT, lambda: (b"[" * 60_000_000, [_JSON])),
    "long_number": (_PREDICT, lambda: (b"[[" + b"1" * 60_000_000 + b",2,3,4]]", [_JSON])),
    "long_text": (_PREDICT, lambda: (b'[["' + b"a" * 60_000_000 + b'",2,3,4]]', [_JSON])),
    "escaped_text": (_PREDICT, lambda: (b'{"' + b"\\u0061" * 10_000_000 + b'":1}', [_JSON])),
    "large_pin": ("/models/good/active", lambda: (b"[" + b"[]," * 20_000_000 + b"0]", [_JSON])),
    "large_load": (
        "/v2/repository/models/good/load",
        lambda: (b'{"parameters":{"a":[' + b"[]," * 20_000_000 + b"0]}}", [_JSON]),
    ),
    "large_index": (
        "/v2/repository/index",
        lambda: (b'{"ready":[' + b"[]," * 20_000_000 + b"0]}", [_JSON]),
    ),
}


def _binary(rows: int) -> tuple[bytes, list[str]]:
    head = json.dumps({
        "inputs": [{"name": "X", "shape": [rows, 4], "datatype": "FP32",
                    "parameters": {"binary_data_size": rows * 16}}]
    }).encode()  # fmt: skip
    return head + bytes(rows * 16), [f"Inference-Header-Content-Length: {len(head)}"]


for _name, (_route, _make) in _BODIES.items():
    _body(_name, _route, _make)


@attack
def empty_strings_in_binary(target: Target) -> None:
    count = 15_000_000
    columns = ("mass", "age", "wild", "island", "sex")
    kinds = ("FP32", "INT32", "BOOL", "BYTES", "BYTES")
    inputs = [
        {
            "name": n,
            "shape": [count, 1],
            "datatype": k,
            "parameters": {"binary_data_size": 4 * count},
        }
        for n, k in zip(columns, kinds, strict=True)
    ]
    head = json.dumps({"inputs": inputs[3:]}).encode()
    body = head + struct.pack("<I", 0) * count
    length = f"Inference-Header-Content-Length: {len(head)}"
    target.ask_again(target.request("/v2/models/mixed/infer", body, length), connections=2)
