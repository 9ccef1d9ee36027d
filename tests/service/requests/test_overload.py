"""More requests than a costly model takes on."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest

from support.models.artifacts import MEASUREMENTS, penguins
from support.models.hostile_models import busy
from support.service.process import eventually
from support.service.raw_http import Raw, request

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.service.process import Service

pytestmark = pytest.mark.slow

GOOD = json.dumps(dict(zip(MEASUREMENTS, (39.1, 18.7, 181.0, 3750.0), strict=True))).encode()
PLANS = json.dumps({"*": {"mode": "thread"}, "penguins": {"mode": "inline"}})
# A busy machine takes several times as long for a run as a test asks for.
PATIENT = {"plans": PLANS, "run_seconds": 100, "deadline_seconds": 100}
V2 = {"name": "X", "shape": [1, 1], "datatype": "FP32", "data": [1]}


def filled(service: Service) -> Service:
    service.put("penguins/1/model.onnx", penguins())
    for name in ("busy", "other", "third"):
        service.put(f"{name}.onnx", busy())
    return service.start()


def connect(service: Service) -> Raw:
    return Raw(str(service.client.base_url))


def slow(model: str, microseconds: int) -> bytes:
    return request(f"/models/{model}/predict", f"[[{microseconds}]]".encode())


def waiting(service: Service, model: str) -> float:
    text = service.client.get("/metrics").text
    lines = [line for line in text.splitlines() if line.startswith("inference_waiting_requests{")]
    return sum(float(line.split()[1]) for line in lines if f'"{model}"' in line)


def begin(service: Service, raw: Raw, model: str, microseconds: int) -> None:
    """Send a slow request, and wait until it has been taken on."""
    before = waiting(service, model)
    raw.socket.settimeout(100)
    raw.send(slow(model, microseconds))
    eventually(lambda: waiting(service, model) == before + 1, what="taken on")


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "asgi"])
def test_past_the_limits_the_answer_is_503_at_once(
    make_service: Callable[..., Service], *, direct: bool
) -> None:
    service = filled(make_service(direct=direct, max_queued_per_model=1, max_queued=2, **PATIENT))
    with connect(service) as first, connect(service) as second, connect(service) as late:
        begin(service, first, "busy", 4_000_000)
        refused = late.ask(slow("busy", 1))
        assert refused.status == 503
        assert refused.headers["retry-after"] == "1"
        assert refused.json()["title"] == "Overloaded"
        begin(service, second, "other", 4_000_000)
        refused = late.ask(slow("third", 1))
        assert refused.status == 503
        assert "in all" in refused.json()["detail"]
        refused = late.ask(request("/v2/models/third/infer", json.dumps({"inputs": [V2]}).encode()))
        assert refused.status == 503
        assert refused.headers["retry-after"] == "1"
        # What is cheap does not wait, and so is never refused.
        assert late.ask(request("/models/penguins/predict", GOOD)).status == 200
        assert waiting(service, "busy") == 1  # all that while the first has run
        assert first.answer().status == 200
        assert second.answer().status == 200
        assert late.ask(slow("third", 1)).status == 200
    text = service.client.get("/metrics").text
    assert (
        'inference_requests_total{model="busy",route="predict",status="503",version="1"} 1' in text
    )


def test_who_waits_too_long_is_refused(make_service: Callable[..., Service]) -> None:
    service = filled(make_service(plans=PLANS, deadline_seconds=0.3))
    with connect(service) as raw:
        answer = raw.ask(slow("busy", 1_500_000))
        assert answer.status == 504
        assert "INFERENCE_DEADLINE_SECONDS" in answer.json()["detail"]
        assert waiting(service, "busy") == 0


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "asgi"])
def test_clients_that_leave_make_room_for_others(
    make_service: Callable[..., Service], *, direct: bool
) -> None:
    service = filled(make_service(direct=direct, max_queued_per_model=5, **PATIENT))
    with connect(service) as staying:
        begin(service, staying, "busy", 4_000_000)
        leaving = [connect(service) for _ in range(4)]
        for raw in leaving:
            begin(service, raw, "busy", 4_000_000)
        assert staying_is_refused(service)
        for raw in leaving[:2]:
            raw.close()
        for raw in leaving[2:]:
            raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            raw.close()
        eventually(lambda: waiting(service, "busy") <= 1, what="the queue is free again")
        assert staying.answer().status == 200
    assert "Traceback" not in service.log


def staying_is_refused(service: Service) -> bool:
    with connect(service) as raw:
        return raw.ask(slow("busy", 1)).status == 503
