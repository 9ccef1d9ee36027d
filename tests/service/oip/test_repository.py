from __future__ import annotations

import concurrent.futures
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from support.models import artifacts
from support.service.process import Service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.long

ROW = {"bill_length_mm": 39.1, "bill_depth_mm": 18.7, "flipper_length_mm": 181, "body_mass_g": 3750}


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Service]:
    """Serve penguins in two versions, and a file that is refused."""
    service = Service(tmp_path)
    service.put("penguins/1/model.onnx", artifacts.penguins(1))
    service.put("penguins/2/model.onnx", artifacts.penguins(2))
    service.put("bad.onnx", b"this is no model")
    try:
        yield service.start(within=120)
    finally:
        service.stop()


def post(service: Service, path: str, status: int = 200, **body: Any) -> Any:
    answer = service.client.post(f"/v2/repository{path}", **body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def index(service: Service, **body: Any) -> dict[tuple[str, str], str]:
    return {(e["name"], e["version"]): e["state"] for e in post(service, "/index", **body)}


def test_lists_what_lies_there_and_why_it_does_not_answer(own: Service) -> None:
    entries = post(own, "/index")
    assert {(e["name"], e["version"], e["state"]) for e in entries} == {
        ("bad", "1", "UNAVAILABLE"),
        ("penguins", "1", "READY"),
        ("penguins", "2", "READY"),
    }
    assert all(set(e) == {"name", "version", "state", "reason"} for e in entries)
    reasons = {e["name"]: e["reason"] for e in entries}
    assert "not an ONNX model" in reasons["bad"]
    assert reasons["penguins"] == ""


@pytest.mark.parametrize("body", [{"content": b""}, {"json": {}}, {"json": {"ready": False}}])
def test_lists_everything_unless_asked_otherwise(own: Service, body: dict[str, Any]) -> None:
    assert len(index(own, **body)) == 3
    assert len(index(own, json={"ready": True})) == 2


def test_unloads_and_loads(own: Service) -> None:
    own.client.post("/select-model/", params={"model": "penguins"}).raise_for_status()
    assert post(own, "/models/penguins/unload") == {"name": "penguins", "unload": True}

    ready = own.client.get("/v2/models/penguins/ready")
    assert (ready.status_code, ready.json()["ready"]) == (503, False)
    assert index(own)["penguins", "2"] == "UNAVAILABLE"
    assert index(own, json={"ready": True}) == {}
    assert own.client.get("/models/penguins").json()["state"] == "unloaded"
    predicted = own.client.post("/predict/", json=ROW)
    assert predicted.status_code == 409
    assert "/v2/repository/models/penguins/load" in predicted.json()["detail"]

    assert post(own, "/models/penguins/load") == {"name": "penguins", "load": True}
    assert own.client.get("/v2/models/penguins/ready").status_code == 200
    assert index(own, json={"ready": True}).keys() == {("penguins", "1"), ("penguins", "2")}
    assert own.client.get("/models/penguins").json()["active_version"] == 2
    assert own.client.post("/predict/", json=ROW).status_code == 200


def test_stays_unloaded_over_a_restart(own: Service) -> None:
    post(own, "/models/penguins/unload")
    own.stop()
    own.start()
    assert own.client.get("/models/penguins").json()["state"] == "unloaded"
    assert own.client.get("/v2/models/penguins/ready").status_code == 503
    post(own, "/models/penguins/load")
    own.stop()
    own.start()
    assert own.client.get("/v2/models/penguins/ready").status_code == 200


def test_loads_and_unloads_again_and_again_without_difference(own: Service) -> None:
    for _ in range(3):
        post(own, "/models/penguins/load", json={"parameters": {"config": "{}"}})
    for _ in range(3):
        post(own, "/models/penguins/unload", json={"parameters": {"unload_dependents": True}})
    for _ in range(5):
        post(own, "/models/penguins/load")
        assert own.client.get("/v2/models/penguins/versions/2/ready").status_code == 200
        post(own, "/models/penguins/unload")
        assert own.client.get("/v2/models/penguins/versions/2/ready").status_code == 503


def test_holds_when_many_ask_at_once(own: Service) -> None:
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for verb in ("unload", "load"):
            paths = [f"/v2/repository/models/penguins/{verb}"] * 8
            answers = list(pool.map(own.client.post, paths))
            assert {answer.status_code for answer in answers} == {200}
    assert own.client.get("/v2/models/penguins/ready").status_code == 200


def test_finds_a_file_that_was_placed_just_before(own: Service) -> None:
    own.put("fresh/1/model.onnx", artifacts.integers())
    post(own, "/models/fresh/load")
    assert own.client.get("/v2/models/fresh/ready").status_code == 200


def test_says_why_a_refused_file_cannot_be_loaded(own: Service) -> None:
    error = post(own, "/models/bad/load", status=400)["error"]
    assert "cannot be loaded" in error
    assert "not an ONNX model" in error


@pytest.mark.parametrize("verb", ["load", "unload"])
def test_says_that_there_is_no_such_model(own: Service, verb: str) -> None:
    assert "Did you mean 'penguins'" in post(own, f"/models/penguin/{verb}", 404)["error"]


def test_what_one_worker_answered_holds_in_all(tmp_path: Path) -> None:
    service = Service(tmp_path, workers=2)
    service.put("penguins/1/model.onnx", artifacts.penguins(1))
    try:
        service.start(within=120)
        service.client.post("/select-model/", params={"model": "penguins"}).raise_for_status()
        for _ in range(4):
            _ask_anew(service, "POST", "/v2/repository/models/penguins/unload", {200})
            for path in ("/v2/models/penguins/ready", "/v2/models/penguins"):
                _ask_anew(service, "GET", path, {503}, times=12)
            _ask_anew(service, "POST", "/predict/", {409}, times=12)
            _ask_anew(service, "POST", "/v2/repository/models/penguins/load", {200})
            _ask_anew(service, "GET", "/v2/models/penguins/versions/1/ready", {200}, times=12)
            _ask_anew(service, "POST", "/predict/", {200}, times=12)
    finally:
        service.stop()


def _ask_anew(service: Service, method: str, path: str, expected: set[int], times: int = 1) -> None:
    """Ask over connections of their own, since the kernel spreads connections over workers."""
    body = ROW if path == "/predict/" else None
    for _ in range(times):
        url = service.client.base_url.join(path)
        answer = httpx.request(method, url, json=body, timeout=30, trust_env=False)
        assert answer.status_code in expected, answer.text
