from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from support.models.oip_models import tensor

if TYPE_CHECKING:
    from support.service.process import Service

pytestmark = pytest.mark.long

PHASES = {"queue", "compute_input", "compute_infer", "compute_output"}


def numbers(service: Service, path: str) -> dict[str, Any]:
    answer = service.client.get(f"/v2/models/{path}/stats")
    assert answer.status_code == 200, answer.text
    [statistics] = answer.json()["model_stats"]
    return statistics


def ask(service: Service, model: str, rows: int) -> None:
    array = np.ones((rows, 3), dtype=np.float32)
    document = {"inputs": [tensor("x", "FP32", array)]}
    service.client.post(f"/v2/models/{model}/infer", json=document).raise_for_status()


def test_begins_at_zero(filled: Service) -> None:
    statistics = numbers(filled, "id-uint16")
    assert statistics["last_inference"] == 0
    assert statistics["inference_count"] == statistics["execution_count"] == 0
    assert all(d == {"count": 0, "ns": 0} for d in statistics["inference_stats"].values())
    assert statistics["batch_stats"] == []


def test_counts_requests_rows_and_where_time_went(filled: Service) -> None:
    for rows in (1, 1, 4):
        ask(filled, "id-fp32", rows)
    refused = filled.client.post("/v2/models/id-fp32/infer", json={"inputs": []})
    assert refused.status_code == 400
    statistics = numbers(filled, "id-fp32/versions/1")
    spent = statistics["inference_stats"]
    assert spent["success"]["count"] == 3
    assert spent["fail"]["count"] == 1
    assert all(spent[phase]["count"] == 3 for phase in PHASES)
    assert sum(spent[phase]["ns"] for phase in PHASES) <= spent["success"]["ns"] * 1.001
    assert spent["compute_infer"]["ns"] > 0
    assert statistics["inference_count"] == 6
    assert statistics["execution_count"] == 3
    sizes = {b["batch_size"]: b["compute_infer"]["count"] for b in statistics["batch_stats"]}
    assert sizes == {1: 2, 4: 1}
    assert abs(statistics["last_inference"] / 1000 - time.time()) < 60


def test_counts_what_the_predict_routes_answer(filled: Service) -> None:
    before = numbers(filled, "penguins/versions/2")
    rows = [[39.1, 18.7, 181.0, 3750.0]] * 2
    filled.client.post("/models/penguins/predict", json=rows).raise_for_status()
    after = numbers(filled, "penguins/versions/2")
    assert after["inference_count"] == before["inference_count"] + 2
    success = [s["inference_stats"]["success"]["count"] for s in (before, after)]
    assert success[1] == success[0] + 1


def test_lists_every_version_that_answers(filled: Service) -> None:
    everything = filled.client.get("/v2/models/stats").json()["model_stats"]
    assert ("penguins", "1") in {(s["name"], s["version"]) for s in everything}
    penguins = filled.client.get("/v2/models/penguins/stats").json()["model_stats"]
    assert [s["version"] for s in penguins] == ["1", "2"]
