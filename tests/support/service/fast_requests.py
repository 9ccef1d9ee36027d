"""A service with a cheap, a threaded and a slow model, and what the hot routes are asked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from support.models.artifacts import MEASUREMENTS, penguins
from support.models.hostile_models import busy

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.service.process import Service
    from support.service.raw_http import Answer

GOOD = json.dumps(dict(zip(MEASUREMENTS, (39.1, 18.7, 181.0, 3750.0), strict=True))).encode()
TENSOR = json.dumps(
    {
        "inputs": [
            {"name": "X", "shape": [1, 4], "datatype": "FP32", "data": [39.1, 18.7, 181, 3750]}
        ]
    }
).encode()
HOT = "/models/penguins/predict"
V2 = "/v2/models/penguins/infer"
SLOW = "/models/busy/predict"
MAX_BODY = 300_000
# Every model but the penguins' runs in a thread, whatever it was measured to cost.
PLANS = json.dumps({"*": {"mode": "thread"}, "penguins": {"mode": "inline"}})


def filled(service: Service) -> Service:
    """Start a service with three models."""
    service.put("penguins/1/model.onnx", penguins())
    service.put("threaded/1/model.onnx", penguins(seed=1))
    service.put("busy.onnx", busy())
    service.start()
    assert service.client.post("/select-model/", params={"model": "penguins"}).status_code == 200
    return service


def url(service: Service) -> str:
    return str(service.client.base_url)


def is_waiting(service: Service, model: str, count: int = 1) -> Callable[[], bool]:
    """Tell whether so many requests of a model have begun and not ended."""
    line = f'inference_waiting_requests{{model="{model}"}} {float(count)}'
    return lambda: line in service.client.get("/metrics").text


def check_prediction(answer: Answer, model: str = "penguins") -> None:
    assert answer.status == 200, answer.body
    assert answer.json()["model"] == model
