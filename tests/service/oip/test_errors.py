from __future__ import annotations

import gzip
import json
import random
import struct
import zlib
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest

from support.models.oip_models import pack, tensor

if TYPE_CHECKING:
    from support.service.process import Service

INFER = "/v2/models/id-fp32/infer"
LENGTH = "Inference-Header-Content-Length"
GOOD = tensor("x", "FP32", np.ones((1, 2), dtype=np.float32))
BUFFERED = {k: v for k, v in GOOD.items() if k != "data"}


def check(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    document = answer.json()
    assert isinstance(document["error"], str)
    assert document["error"]
    return document["error"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/nothing", 404),
        ("GET", "/v2/models/id-fp32/nothing", 404),
        ("POST", "/v2/nothing/at/all", 404),
        ("GET", "/v2/models/missing", 404),
        ("GET", "/v2/models/missing/ready", 404),
        ("GET", "/v2/models/missing/config", 404),
        ("GET", "/v2/models/missing/stats", 404),
        ("POST", "/v2/models/missing/infer", 404),
        ("POST", "/v2/models/id-fp32/versions/9/infer", 404),
        ("POST", "/v2/models/id-fp32/versions/x/infer", 404),
        ("POST", "/v2/models/id-fp32/versions/0/infer", 404),
        ("POST", f"/v2/models/id-fp32/versions/{'9' * 5000}/infer", 404),
        ("GET", "/v2/models/id-fp32/versions/9", 404),
        ("GET", "/v2/models/id-fp32/versions/-1/ready", 404),
        ("GET", f"/v2/models/id-fp32/versions/{'9' * 5000}/stats", 404),
        ("GET", "/v2/models/bad", 503),
        ("GET", "/v2/models/bad/config", 503),
        ("GET", "/v2/models/bad/versions/1/stats", 503),
        ("POST", "/v2/models/bad/infer", 503),
        ("GET", INFER, 405),
        ("PUT", INFER, 405),
        ("DELETE", "/v2/models/id-fp32", 405),
        ("POST", "/v2", 405),
        ("POST", "/v2/health/live", 405),
        ("GET", "/v2/repository/index", 405),
        ("GET", "/v2/repository/models/id-fp32/load", 405),
    ],
)
def test_every_path_that_does_not_answer_says_why(
    filled: Service, method: str, path: str, status: int
) -> None:
    answer = filled.client.request(method, path)
    check(answer, status)
    assert ("allow" in answer.headers) == (status == 405)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("index", {"ready": "yes"}),
        ("index", {"ready": 1}),
        ("index", {"ready": None}),
        ("index", []),
        ("models/penguins/load", {"parameters": 1}),
        ("models/penguins/load", "x"),
        ("models/penguins/unload", {"parameters": []}),
    ],
)
def test_refuses_what_repository_routes_do_not_take(filled: Service, path: str, body: Any) -> None:
    check(filled.client.post(f"/v2/repository/{path}", json=body), 400)
    check(filled.client.post(f"/v2/repository/{path}", content=b"{"), 400)
    check(filled.client.post(f"/v2/repository/{path}", content=b"\xff"), 400)


@pytest.mark.parametrize("length", ["-1", "1.5", "x", "", "9" * 30, "0x10", "\u0661", "1000000"])
def test_refuses_lengths_that_are_none(filled: Service, length: str) -> None:
    headers = [(LENGTH.encode(), length.encode())]
    body = json.dumps({"inputs": [GOOD]})
    check(filled.client.post(INFER, content=body, headers=headers), 400)


@pytest.mark.parametrize("difference", [-9, -8, -1, 1, 8])
def test_refuses_bytes_that_are_missing_or_left_over(filled: Service, difference: int) -> None:
    described = BUFFERED | {"parameters": {"binary_data_size": 8}}
    body, headers = pack(
        {"inputs": [described]}, [b"\0" * (8 + difference)] if difference > -9 else []
    )
    check(filled.client.post(INFER, content=body, headers=headers), 400)


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "z"},
        {"name": 1},
        {"datatype": "FP16"},
        {"datatype": "float"},
        {"datatype": None},
        {"shape": [2]},
        {"shape": [1, 2, 1]},
        {"shape": [-1, 2]},
        {"shape": [1, 3]},
        {"shape": "1,2"},
        {"shape": [10**30, 2]},
        {"data": ["1", "2"]},
        {"data": [1, None]},
        {"data": [1e300, 1]},
        {"data": {}},
        {"data": [[1], [2, 3]]},
        {"parameters": {"binary_data_size": 8}},
        {"parameters": []},
    ],
)
def test_refuses_inputs_that_do_not_fit(filled: Service, changed: dict[str, Any]) -> None:
    check(filled.client.post(INFER, json={"inputs": [GOOD | changed]}), 400)


@pytest.mark.parametrize(
    "parameters",
    [
        {"classification": 0},
        {"classification": "x"},
        {"binary_data": 1},
        {"shared_memory_region": "r"},
    ],
)
def test_refuses_outputs_that_cannot_be_given(filled: Service, parameters: dict[str, Any]) -> None:
    outputs = [{"name": "y", "parameters": parameters}]
    check(filled.client.post(INFER, json={"inputs": [GOOD], "outputs": outputs}), 400)


def test_half_precision_has_no_json(filled: Service) -> None:
    given = GOOD | {"datatype": "FP16"}
    assert "binary" in check(
        filled.client.post("/v2/models/id-fp16/infer", json={"inputs": [given]}), 400
    )
    described = BUFFERED | {"datatype": "FP16", "parameters": {"binary_data_size": 4}}
    body, headers = pack({"inputs": [described]}, [b"\0" * 4])
    answer = filled.client.post("/v2/models/id-fp16/infer", content=body, headers=headers)
    assert "binary" in check(answer, 400)


def test_maps_cannot_be_asked_for(filled: Service) -> None:
    given = tensor("X", "FP32", np.ones((1, 4)))
    document = {"inputs": [given], "outputs": [{"name": "probabilities"}]}
    answer = filled.client.post("/v2/models/zipmap/infer", json=document)
    assert "no datatype" in check(answer, 400)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", b"not gzip"),
        ("gzip", b""),
        ("deflate", b"not deflate"),
        ("deflate", b""),
        ("gzip", gzip.compress(b"{}", mtime=0)[:-1]),
        ("deflate", zlib.compress(b"{}")[:-1]),
        ("gzip", gzip.compress(b"{}", mtime=0) + b"more"),
    ],
)
def test_refuses_bodies_that_are_not_compressed_so(
    filled: Service, coding: str, body: bytes
) -> None:
    headers = {"content-encoding": coding}
    check(filled.client.post(INFER, content=body, headers=headers), 400)


@pytest.mark.parametrize("coding", ["br", "gzip, gzip", "\xff"])
def test_refuses_other_codings(filled: Service, coding: str) -> None:
    headers = [(b"content-encoding", coding.encode("latin-1"))]
    answer = filled.client.post(INFER, content=b"{}", headers=headers)
    assert "gzip, deflate, zstd" in check(answer, 415)


@pytest.mark.parametrize("squeeze", [gzip.compress, zlib.compress])
def test_never_inflates_past_the_limit(filled: Service, squeeze: Any) -> None:
    coding = "gzip" if squeeze is gzip.compress else "deflate"
    bomb = squeeze(b" " * 200_000_000)
    headers = {"Content-Encoding": coding}
    limit = "INFERENCE_MAX_BODY_BYTES"
    assert limit in check(filled.client.post(INFER, content=bomb, headers=headers), 413)
    exact = squeeze(b" " * 1_000_000)
    assert limit not in check(filled.client.post(INFER, content=exact, headers=headers), 413)


def test_refuses_what_is_too_large(filled: Service) -> None:
    check(filled.client.post(INFER, content=b" " * 1_000_001), 413)
    check(filled.client.post(INFER, content=iter([b" " * 600_000] * 2)), 413)
    check(filled.client.post("/v2/repository/index", content=b" " * 1_000_001), 413)
    answer = filled.client.post(
        "/v2/models/penguins/infer", json={"inputs": [tensor("X", "FP32", np.zeros((1001, 4)))]}
    )
    assert "1001 rows" in check(answer, 413)


def test_survives_whatever_is_sent(filled: Service) -> None:
    """Mutate good requests at random, headers, lengths, shapes, datatypes and bytes alike."""
    chance = random.Random(7)
    described = BUFFERED | {"parameters": {"binary_data_size": 8}}
    asked = {"inputs": [described], "outputs": [{"name": "y", "parameters": {"binary_data": True}}]}
    seen: dict[int, int] = {}
    with httpx.Client(base_url=filled.client.base_url, timeout=30, trust_env=False) as client:
        for _ in range(1500):
            document = _mutated(chance, json.loads(json.dumps(asked)))
            text = json.dumps(document).encode()
            buffer = struct.pack("<2f", 1, 2)
            if chance.random() < 0.3:
                buffer = chance.randbytes(chance.randrange(20))
            body = bytearray(text + buffer)
            if chance.random() < 0.3:
                for _ in range(chance.randrange(1, 5)):
                    body[chance.randrange(len(body))] = chance.randrange(256)
            length = chance.choice(
                [str(len(text))] * 6
                + ["0", str(len(body)), "-1", "x", str(len(text) - 1), str(2**63)]
            )
            headers = {LENGTH: length}
            if chance.random() < 0.1:
                headers["Content-Encoding"] = chance.choice(["gzip", "deflate", "br", ""])
            model = chance.choice(
                ["id-fp32"] * 5 + ["id-bytes", "id-bool", "id-fp16", "several", "penguins"]
            )
            answer = client.post(f"/v2/models/{model}/infer", content=bytes(body), headers=headers)
            seen[answer.status_code] = seen.get(answer.status_code, 0) + 1
            assert answer.status_code < 500, (answer.text, headers, bytes(body))
            if answer.status_code != 200:
                check(answer, answer.status_code)
    assert seen.get(200, 0) > 20
    assert set(seen) <= {200, 400, 413, 415}
    print(f"fuzzed: {seen}")  # noqa: T201


_ODD: list[Any] = [
    None, True, 0, -1, 1.5, 2**31, 2**63, 2**64, 10**40, "", "x", "FP32", "BYTES", "BOOL", [], {},
    [1], [0, 2], [2, 1], [-1, 2], [[1, 2]], {"a": 1}, "\ud800",
]  # fmt: skip


def _mutated(chance: random.Random, document: Any) -> Any:
    """Replace, drop or double something, somewhere."""
    if chance.random() < 0.25:
        return document
    places: list[tuple[Any, Any]] = []
    stack = [document]
    while stack:
        current = stack.pop()
        items = current.items() if isinstance(current, dict) else enumerate(current)
        for key, value in items:
            places.append((current, key))
            if isinstance(value, dict | list):
                stack.append(value)
    holder, key = chance.choice(places)
    action = chance.random()
    if action < 0.7:
        holder[key] = chance.choice(_ODD)
    elif action < 0.85:
        del holder[key]
    elif isinstance(holder, list):
        holder.append(holder[key])
    return document
