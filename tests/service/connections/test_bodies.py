"""Compressed bodies, compressed answers, and JSON in other encodings: on every hot route alike."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from backports import zstd

from support.models.artifacts import (
    MEASUREMENTS,
    classifier_graph,
    contract,
    measurements,
    model,
    with_contract,
)
from support.service.fast_requests import GOOD, HOT, TENSOR, V2, check_prediction, url
from support.service.raw_http import Raw, chunked, request

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.service.process import Service

pytestmark = pytest.mark.long

ROUTES = [
    (HOT, GOOD),
    ("/predict/", GOOD),
    ("/models/penguins/versions/1/predict", GOOD),
    (V2, TENSOR),
    ("/v2/models/penguins/versions/1/infer", TENSOR),
]
SKIPPABLE = b"\x50\x2a\x4d\x18\x04\x00\x00\x00note"


def bare(data: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-15)
    return deflater.compress(data) + deflater.flush()


def halves(squeeze: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    return lambda data: squeeze(data[:20]) + squeeze(data[20:])


CODINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("x-gzip", gzip.compress),
    "GZIP": ("GZIP", gzip.compress),
    "gzip in members": ("gzip", halves(gzip.compress)),
    "gzip by byte": ("gzip", lambda data: b"".join(gzip.compress(bytes([b])) for b in data)),
    "gzip padded": ("gzip", lambda data: gzip.compress(data) + bytes(700)),
    "deflate": ("deflate", zlib.compress),
    "bare deflate": ("deflate", bare),
    "zstd": ("zstd", zstd.compress),
    "zstd in frames": ("zstd", halves(zstd.compress)),
    "zstd with a note": ("zstd", lambda data: SKIPPABLE + zstd.compress(data)),
    "identity": ("identity", bytes),
    "nothing": ("", bytes),
}


@pytest.fixture(scope="module", autouse=True)
def _selected(served: Service) -> None:
    served.client.post("/select-model/?model=penguins").raise_for_status()


@pytest.mark.parametrize(("path", "body"), ROUTES)
@pytest.mark.parametrize("how", CODINGS)
def test_every_route_takes_every_coding(served: Service, path: str, body: bytes, how: str) -> None:
    coding, squeeze = CODINGS[how]
    expected = served.client.post(path, content=body).json()
    with Raw(url(served)) as raw:
        for _ in range(3):
            payload = request(path, squeeze(body), f"Content-Encoding: {coding}")
            assert raw.ask(payload).json() == expected
        payload = chunked(squeeze(body), 7)
        headers_sent = (f"Content-Encoding: {coding}", "Transfer-Encoding: chunked")
        assert raw.ask(request(path, payload, *headers_sent)).json() == expected
        assert raw.ask(request(path, body)).json() == expected


@pytest.mark.parametrize(("path", "body"), ROUTES)
@pytest.mark.parametrize("coding", ["br", "compress", "gzip, gzip", "gzip, br", "aes128gcm", "x"])
def test_other_codings_are_415_and_the_right_ones_are_told(
    served: Service, path: str, body: bytes, coding: str
) -> None:
    """Whatever the body is: plain JSON under a wrong name is no less wrong."""
    for content in (body, gzip.compress(body)):
        answer = served.client.post(path, content=content, headers={"content-encoding": coding})
        assert answer.status_code == 415
        assert answer.headers["accept-encoding"] == "gzip, deflate, zstd"
        assert coding in answer.text
        assert "gzip, deflate, zstd" in answer.text


def test_two_headers_are_as_good_as_one(served: Service) -> None:
    headers_sent = [("content-encoding", "gzip"), ("content-encoding", "gzip")]
    body = gzip.compress(gzip.compress(GOOD))
    assert served.client.post(HOT, content=body, headers=headers_sent).status_code == 415


@pytest.mark.parametrize(("path", "body"), ROUTES)
@pytest.mark.parametrize("how", ["gzip", "deflate", "zstd"])
def test_what_is_not_compressed_so_is_400(
    served: Service, path: str, body: bytes, how: str
) -> None:
    coding, squeeze = CODINGS[how]
    headers = {"content-encoding": coding}
    for content in (body, squeeze(body)[:-2], squeeze(body) + b"more", b"", squeeze(body)[1:]):
        answer = served.client.post(path, content=content, headers=headers)
        assert answer.status_code == 400, content


@pytest.mark.parametrize(("path", "body"), ROUTES)
@pytest.mark.parametrize("how", ["gzip", "deflate", "zstd"])
def test_what_becomes_too_large_is_413(served: Service, path: str, body: bytes, how: str) -> None:
    coding, squeeze = CODINGS[how]
    for size in (30_000_000, 70_000_000):
        content = squeeze(body + b" " * size)
        answer = served.client.post(path, content=content, headers={"content-encoding": coding})
        assert answer.status_code == 413, answer.text
        assert "INFERENCE_MAX_" in answer.text


def test_a_window_beyond_8_mib_is_refused(served: Service) -> None:
    squeezer = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 27})
    content = squeezer.compress(GOOD.ljust(20_000_000)) + squeezer.flush()
    answer = served.client.post(HOT, content=content, headers={"content-encoding": "zstd"})
    assert answer.status_code == 400


def test_endless_members_are_refused(served: Service) -> None:
    content = gzip.compress(b"") * 11_000 + gzip.compress(GOOD)
    answer = served.client.post(HOT, content=content, headers={"content-encoding": "gzip"})
    assert answer.status_code == 400


@pytest.mark.parametrize("path", ["/models/penguins/active", "/v2/repository/index"])
def test_routes_for_operators_take_no_compressed_body(served: Service, path: str) -> None:
    method = "PUT" if path.endswith("active") else "POST"
    content, headers = gzip.compress(b"{}"), {"content-encoding": "gzip"}
    assert served.client.request(method, path, content=content, headers=headers).status_code == 415


OPENERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "zstd": zstd.decompress,
    "": bytes,
}


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip", "gzip"),
        ("deflate", "deflate"),
        ("zstd", "zstd"),
        ("gzip, deflate, br, zstd", "gzip"),
        ("br, zstd", "zstd"),
        ("zstd;q=0.1, gzip;q=0.9", "gzip"),
        ("gzip;q=0", ""),
        ("identity", ""),
        ("br", ""),
    ],
)
@pytest.mark.parametrize("rows", [1, 60, 1000])
def test_answers_are_compressed_as_they_are_accepted(
    served: Service, accepted: str, coding: str, rows: int
) -> None:
    records = json.dumps([json.loads(GOOD)] * rows).encode()
    tensor = json.loads(TENSOR)
    tensor["inputs"][0] |= {"shape": [rows, 4], "data": [39.1, 18.7, 181, 3750] * rows}
    for path, body in ((HOT, records), (V2, json.dumps(tensor).encode())):
        with Raw(url(served)) as raw:
            plain = raw.ask(request(path, body))
            for _ in range(2):
                answer = raw.ask(request(path, body, f"Accept-Encoding: {accepted}"))
                assert answer.status == 200
                given = answer.headers.get("content-encoding", "")
                if rows == 1:
                    assert given == ""
                else:
                    assert given == coding
                    assert answer.headers["vary"] == "accept-encoding"
                assert json.loads(OPENERS[given](answer.body)) == plain.json()


def test_curl_asks_compressed_and_reads_compressed(served: Service, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    file = tmp_path / "rows.gz"
    file.write_bytes(gzip.compress(json.dumps([json.loads(GOOD)] * 100).encode()))
    seen = subprocess.run(
        ["curl", "-sS", "--compressed", "-H", "Content-Encoding: gzip", "--data-binary",
         f"@{file}", url(served).rstrip("/") + HOT],
        capture_output=True, timeout=30, check=True,
    )  # fmt: skip
    assert len(json.loads(seen.stdout)["predictions"]) == 100


@pytest.mark.parametrize("has_contract", [True, False])
def test_wide_answers_are_compressed_too(served: Service, *, has_contract: bool) -> None:
    classes = [f"species-{number}" for number in range(8000)]
    graph = classifier_graph(classes)
    described = contract(measurements(), classes)
    content = with_contract(graph, described) if has_contract else model(graph)
    name = f"wide-{has_contract}".lower()
    served.put(f"{name}.onnx", content)
    served.wait_for(name, active_version=1)
    row = [*json.loads(GOOD).values()]
    tensor = {"name": "X", "shape": [1, 4], "datatype": "FP32", "data": row}
    document = {"instances": [row], "signature_name": "predict_proba"}
    for path, body in (
        (f"/models/{name}/predict", row),
        (f"/models/{name}/predict", dict(zip(MEASUREMENTS, row, strict=True))),
        (f"/v1/models/{name}:predict", document),
        (f"/v2/models/{name}/infer", {"inputs": [tensor]}),
    ):
        if isinstance(body, dict) and "predict" in path and not has_contract:
            continue
        answer = served.client.post(path, json=body, headers={"accept-encoding": "gzip"})
        assert answer.status_code == 200, answer.text
        assert len(answer.content) > 64 * 1024
        assert answer.headers["content-encoding"] == "gzip", path
        assert answer.headers["vary"] == "accept-encoding"


def spelt_otherwise(body: bytes) -> dict[str, bytes]:
    text = body.decode()
    return {
        "a byte order mark": text.encode("utf-8-sig"),
        **{name: text.encode(name) for name in ("utf-16", "utf-16-le", "utf-16-be", "utf-32")},
        **{name: text.encode(name) for name in ("utf-32-le", "utf-32-be")},
    }


@pytest.mark.parametrize(("path", "body"), ROUTES)
@pytest.mark.parametrize("how", spelt_otherwise(b"{}"))
@pytest.mark.parametrize("blanks", [0, 3_000, 20_000, 200_000])
def test_json_in_other_encodings_is_read_alike(
    served: Service, path: str, body: bytes, how: str, blanks: int
) -> None:
    expected = served.client.post(path, content=body).json()
    longer = body.replace(b"3750", b" " * blanks + b"3750")
    answer = served.client.post(path, content=spelt_otherwise(longer)[how])
    assert (answer.status_code, answer.json()) == (200, expected)


@pytest.mark.parametrize(("path", "body"), ROUTES)
def test_what_only_begins_so_is_400(served: Service, path: str, body: bytes) -> None:
    for content in (body.decode().encode("utf-16-le") + b"x", b"\xff\xfe\x00\xd8", b"\xef\xbb\xbf"):
        answer = served.client.post(path, content=content)
        assert answer.status_code == 400, answer.text


def test_binary_data_may_follow_json_in_another_encoding(served: Service) -> None:
    tensor: dict[str, Any] = {"name": "X", "shape": [1, 4], "datatype": "FP32"}
    tensor["parameters"] = {"binary_data_size": 16}
    head = json.dumps({"inputs": [tensor]}).encode("utf-16")
    data = memoryview(bytearray(16)).tobytes()
    headers_sent = {"inference-header-content-length": str(len(head))}
    assert served.client.post(V2, content=head + data, headers=headers_sent).status_code == 200


def test_compressed_requests_leave_the_connection_as_it_was(served: Service) -> None:
    with Raw(url(served)) as raw:
        for _ in range(3):
            check_prediction(raw.ask(request(HOT, gzip.compress(GOOD), "Content-Encoding: gzip")))
            check_prediction(raw.ask(request(HOT, GOOD)))
        together = request(HOT, gzip.compress(GOOD), "Content-Encoding: gzip") + request(HOT, GOOD)
        raw.send(together * 3)
        for _ in range(6):
            check_prediction(raw.answer())
