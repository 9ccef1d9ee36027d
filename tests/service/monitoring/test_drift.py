"""``GET /models/{name}/drift`` and the metrics of drift, on a real service."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from inference.model.contract import AnswerDistribution, Histogram
from support.models.artifacts import (
    SPECIES,
    classifier_graph,
    contract,
    images,
    measurements,
    with_contract,
)
from support.project import FIXTURES
from support.service.process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.long

ROWS = 600
_LABELS = ("model", "version", "feature", "kind")


def watched_model(seed: int = 0, **more: Any) -> bytes:
    """Make a classifier whose features were uniform between their limits."""
    features = [
        msgspec.structs.replace(f, histogram=_uniform(f.minimum or 0.0, f.maximum or 0.0))
        for f in measurements()
    ]
    answers = [AnswerDistribution(counts=[100, 100, 100])]
    described = contract(features, SPECIES, answers=answers, **more)
    return with_contract(classifier_graph(SPECIES, seed), described)


def _uniform(low: float, high: float) -> Histogram:
    return Histogram(np.linspace(low, high, 11).tolist(), [30] * 10)


def rows_like_training(count: int, seed: int = 0) -> list[list[float]]:
    random = np.random.default_rng(seed)
    features = measurements()
    columns = [random.uniform(f.minimum or 0, f.maximum or 0, count) for f in features]
    return np.column_stack(columns).tolist()


def drift(service: Service, name: str = "m", **query: Any) -> dict[str, Any]:
    response = service.client.get(f"/models/{name}/drift", params=query)
    assert response.status_code == 200, response.text
    return response.json()


def metrics(service: Service, family: str) -> dict[tuple[str, ...], float]:
    text = service.client.get("/metrics").text
    return {
        tuple(sample.labels[label] for label in _LABELS if label in sample.labels): sample.value
        for each in text_string_to_metric_families(text)
        if each.name == family
        for sample in each.samples
    }


@pytest.fixture(params=[1, 2], ids=["alone", "two workers"])
def service(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Service]:
    with Service(tmp_path, workers=request.param) as service:
        service.put("m/1/model.onnx", watched_model())
        service.start()
        yield service


def ask(service: Service, rows: list[list[float]], *, together: bool = False) -> None:
    bodies: list[Any] = [rows] if together else rows
    for body in bodies:
        answer = service.client.post(
            "/models/m/predict", json=body, headers={"connection": "close"}
        )
        assert answer.status_code == 200


def test_rows_like_the_training_data_have_not_shifted_and_others_have(service: Service) -> None:
    assert drift(service)["rows"] == 0
    ask(service, rows_like_training(100))
    ask(service, rows_like_training(ROWS - 100, 1), together=True)
    report = eventually(lambda: (r := drift(service))["rows"] == ROWS and r)
    assert (report["model"], report["version"], report["examined"]) == ("m", 1, ROWS)
    assert all(0 <= feature["psi"] < 0.1 for feature in report["features"])
    assert report["since"]
    shifted = [[row[0], row[1], row[2], 2700.0] for row in rows_like_training(ROWS, 2)]
    ask(service, shifted, together=True)
    report = eventually(lambda: (r := drift(service))["rows"] == 2 * ROWS and r)
    by_name = {feature["name"]: feature for feature in report["features"]}
    assert by_name["body_mass_g"]["psi"] > 0.2
    assert by_name["bill_length_mm"]["psi"] < 0.1
    psi = metrics(service, "inference_feature_psi")
    assert psi == pytest.approx({("m", "1", n): f["psi"] for n, f in by_name.items()})
    assert metrics(service, "inference_answer_psi") == {
        ("m", "1"): pytest.approx(report["answers"]["psi"])
    }
    values = metrics(service, "inference_values")
    assert values["m", "1", "body_mass_g", "known"] == pytest.approx(2 * ROWS)
    assert values["m", "1", "body_mass_g", "out_of_range"] == 0


def test_each_route_is_counted(service: Service) -> None:
    row = rows_like_training(1)[0]
    tensor = {"name": "X", "datatype": "FP32", "shape": [1, 4], "data": row}
    assert service.client.post("/v2/models/m/infer", json={"inputs": [tensor]}).status_code == 200
    many = tensor | {"shape": [2, 4], "data": row + row}
    assert service.client.post("/v2/models/m/infer", json={"inputs": [many]}).status_code == 200
    ask(service, [row])
    assert service.client.post("/models/m/explain", json=row).status_code in {200, 409}
    assert service.client.post("/models/m/predict", json=[[]]).status_code == 422
    assert eventually(lambda: drift(service)["rows"] == 4)


def test_a_killed_worker_loses_no_counts(tmp_path: Any) -> None:
    with Service(tmp_path, workers=2) as service:
        service.put("m/1/model.onnx", watched_model())
        service.start()
        ask(service, rows_like_training(300))
        assert eventually(lambda: drift(service)["rows"] == 300)
        for worker in service.worker_pids:
            os.kill(worker, signal.SIGKILL)
        assert eventually(lambda: _is_whole(service), what="both workers are replaced")


def _is_whole(service: Service) -> bool:
    try:
        return drift(service)["rows"] == 300
    except Exception:  # noqa: BLE001 - no worker accepts yet
        return False


def test_versions_are_told_apart_and_errors_say_what_is_wrong(tmp_path: Any) -> None:
    with Service(tmp_path, keep_versions=2) as service:
        service.put("m/1/model.onnx", watched_model())
        service.put("m/2/model.onnx", watched_model(1))
        service.put("foreign/1/model.onnx", (FIXTURES / "foreign.onnx").read_bytes())
        service.put("images/1/model.onnx", images())
        service.put("broken.onnx", b"text")
        service.start()
        service.wait_for("broken", state="quarantined")
        row = rows_like_training(1)
        path = "/models/m/versions/1/predict"
        assert service.client.post(path, json=row).status_code == 200
        eventually(lambda: drift(service, version=1)["rows"] == 1, what="the row is counted")
        assert (drift(service)["version"], drift(service)["rows"]) == (2, 0)
        for name, query, status, said in (
            ("m", "?version=3", 404, "no version 3"),
            ("m", "?version=x", 422, "version"),
            ("x", "", 404, "no model 'x'"),
            ("broken", "", 409, "broken"),
            ("foreign", "", 409, "no contract"),
            ("images", "", 409, "no contract"),
        ):
            answer = service.client.get(f"/models/{name}/drift{query}")
            assert (answer.status_code, said in answer.text) == (status, True), answer.text


def test_it_can_be_switched_off(tmp_path: Any) -> None:
    with Service(tmp_path, drift="false") as service:
        service.put("m/1/model.onnx", watched_model())
        service.start()
        ask(service, rows_like_training(1))
        answer = service.client.get("/models/m/drift")
        assert (answer.status_code, "INFERENCE_DRIFT" in answer.json()["detail"]) == (409, True)
        assert metrics(service, "inference_values") == {}


def test_the_example_of_the_document_has_the_form_of_an_answer(service: Service) -> None:
    document = service.client.get("/openapi.json").json()
    operation = document["paths"]["/models/{name}/drift"]["get"]
    example = operation["responses"]["200"]["content"]["application/json"]["example"]
    report = drift(service)
    assert example.keys() == report.keys()
    assert example["features"][0].keys() == report["features"][0].keys()
    assert example["answers"]["targets"][0].keys() == report["answers"]["targets"][0].keys()
    assert json.dumps(example)
