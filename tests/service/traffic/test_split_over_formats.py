"""A split is exact for each wire format, over the workers that share it."""

from __future__ import annotations

import json
import os
import struct
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import pytest

from support.models.artifacts import MEASUREMENTS
from support.service.process import Service, eventually
from support.service.raw_http import request
from support.service.workers import GOOD, connect, put_many

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

REQUESTS = int(os.environ.get("SPLIT_REQUESTS", "1000"))
CONNECTIONS, SHARE = 8, 0.1
ROW = [39.1, 18.7, 181.0, 3750.0]
INPUT = {"name": "X", "shape": [1, 4], "datatype": "FP32"}
PACKED = struct.pack("<4f", *ROW)
BINARY_HEAD = json.dumps({"inputs": [INPUT | {"parameters": {"binary_data_size": len(PACKED)}}]})
JSON = "Content-Type: application/json"


class Format(NamedTuple):
    path: str
    body: bytes
    headers: tuple[str, ...] = (JSON,)


def of(path: str, body: object) -> Format:
    return Format(path, json.dumps(body).encode())


FORMATS = {
    "record": Format("/models/m/predict", GOOD),
    "rows": of("/models/m/predict", [ROW] * 3),
    "selected": Format("/predict/", GOOD),
    "infer": of("/v2/models/m/infer", {"inputs": [INPUT | {"data": ROW}]}),
    "binary": Format(
        "/v2/models/m/infer",
        BINARY_HEAD.encode() + PACKED,
        (f"Inference-Header-Content-Length: {len(BINARY_HEAD)}",),
    ),
    "v1": of("/v1/models/m:predict", {"instances": [ROW]}),
    "instances": of("/invocations", {"instances": [ROW]}),
    "frame": of(
        "/invocations", {"dataframe_split": {"columns": list(MEASUREMENTS), "data": [ROW]}}
    ),
    "csv": Format(
        "/invocations",
        f"{','.join(MEASUREMENTS)}\n{','.join(map(str, ROW))}\n".encode(),
        ("Content-Type: text/csv",),
    ),
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("split"), workers=2) as service:
        put_many(service).start()
        assert service.client.post("/select-model/?model=m").status_code == 200
        split = {"split": {"2": 100 - 100 * SHARE, "3": 100 * SHARE}}
        assert service.client.put("/models/m/traffic", json=split).status_code == 200
        yield service
        assert "Traceback" not in service.log


def answered(service: Service) -> dict[str, float]:
    """Return how many requests each version has answered with 200."""
    found: dict[str, float] = {}
    for line in service.client.get("/metrics").text.splitlines():
        name, _, value = line.rpartition(" ")
        if name.startswith("inference_requests_total{") and 'status="200"' in name:
            for version in ("2", "3"):
                if f'version="{version}"' in name:
                    found[version] = found.get(version, 0) + float(value)
    return found


def send(service: Service, each: Format, count: int, *, new_heads: bool) -> None:
    """Send requests on one connection."""
    with connect(service) as raw:
        for number in range(count):
            trace = (f"Traceparent: 00-{number + 1:032x}-{1:016x}-01",) if new_heads else ()
            answer = raw.ask(request(each.path, each.body, *each.headers, *trace))
            assert answer.status == 200, answer.body


@pytest.mark.parametrize("new_heads", [False, True], ids=["same-heads", "new-heads"])
@pytest.mark.parametrize("name", FORMATS)
def test_each_wire_format_is_split_exactly(service: Service, name: str, new_heads: bool) -> None:
    before = answered(service)
    each = REQUESTS // CONNECTIONS
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        jobs = [
            pool.submit(send, service, FORMATS[name], each, new_heads=new_heads)
            for _ in range(CONNECTIONS)
        ]
        for job in jobs:
            job.result()

    def new() -> dict[str, float]:
        now = answered(service)
        return {version: now[version] - before.get(version, 0) for version in now}

    asked = each * CONNECTIONS
    seen = eventually(lambda: sum((found := new()).values()) == asked and found)
    # Each worker and each kind of request may be one request away from its share.
    assert abs(seen["3"] - SHARE * asked) <= max(4, 0.0005 * asked), seen
