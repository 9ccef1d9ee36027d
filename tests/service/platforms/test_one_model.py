"""INFERENCE_MODEL_NAME: the models folder is one model, which is selected and must answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.models.artifacts import MEASUREMENTS, penguins
from support.service.process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.long

RECORD = dict(zip(MEASUREMENTS, (39.1, 18.7, 181.0, 3750.0), strict=True))


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Service]:
    """A service of the model ``m``, which has not been started."""
    with Service(tmp_path, model_name="m", rescan_seconds=0.2, settle_ms=50) as service:
        yield service


def ready(service: Service) -> tuple[int, Any]:
    answer = service.client.get("/v2/health/ready")
    return answer.status_code, answer.json().get("error", "")


def run(service: Service) -> Service:
    """Start it, and wait until it listens."""
    service.run()
    address = eventually(service._address, within=30, what="the address in the log")
    service.client.base_url, service.client.timeout = address, 30
    return service


def test_the_model_is_selected_and_follows_its_file(one: Service) -> None:
    one.put("penguins-final.onnx", penguins())
    one.start()
    answer = one.client.post("/predict/", json=RECORD)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["model"], answer.json()["version"]) == ("m", 1)
    assert one.client.get("/models").json()["selected"]["model"] == "m"
    before = answer.json()["probabilities"]
    one.put("penguins-final.onnx", penguins(seed=2))
    eventually(
        lambda: one.client.post("/predict/", json=RECORD).json()["probabilities"] != before,
        what="the new file answers",
    )


def test_selection_and_pins_concern_its_versions(one: Service) -> None:
    one.put("1/model.onnx", penguins())
    one.put("2/model.onnx", penguins(seed=2))
    one.start()

    def version() -> int:
        return one.client.post("/predict/", json=RECORD).json()["version"]

    assert version() == 2
    assert one.client.put("/models/m/active", json={"version": 1}).status_code == 200
    assert version() == 1
    assert one.client.post("/select-model/?model=m&version=2").status_code == 200
    assert version() == 2
    assert one.client.post("/select-model/?model=m").status_code == 200
    assert version() == 1
    refused = one.client.post("/select-model/?model=other")
    assert refused.status_code == 404
    assert "Ready models: m" in refused.json()["detail"]
    one.stop()
    one.start()
    assert version() == 1, "the pin survives a restart"


def test_a_selection_of_many_models_does_not_hide_the_only_one(one: Service) -> None:
    (one.root / "state").mkdir()
    (one.root / "state" / "state.json").write_text('{"selection":{"model":"other"}}')
    one.put("model.onnx", penguins())
    one.start()
    assert one.client.post("/predict/", json=RECORD).json()["model"] == "m"


def test_is_unready_with_the_reason_until_the_model_answers(one: Service) -> None:
    run(one)
    eventually(lambda: "there is no file of model 'm'" in ready(one)[1])
    said = "model.onnx, a single file *.onnx, or VERSION/model.onnx; it is empty"
    eventually(lambda: said in one.log, what=said)
    assert one.client.get("/readyz").json() == {"status": "unavailable", "models": 0}
    one.put("model.onnx", b"text")
    eventually(lambda: "does not answer: version 1" in ready(one)[1])
    one.put("model.onnx", penguins())
    eventually(lambda: ready(one)[0] == 200)
    one.put("model.onnx", b"text")
    eventually(lambda: one.model("m").get("quarantined"))
    assert ready(one)[0] == 200, "the file before goes on answering"


def test_several_files_are_named_in_the_log_and_in_the_list(one: Service) -> None:
    one.put("a.onnx", penguins())
    one.put("b.onnx", penguins())
    run(one)
    eventually(lambda: ready(one)[0] == 503 and "several files *.onnx (a.onnx, b.onnx)" in one.log)
    eventually(
        lambda: (
            {each["path"] for each in one.client.get("/models").json()["ignored"]}
            == {"a.onnx", "b.onnx"}
        )
    )


def test_a_wrong_name_stops_the_start(tmp_path: Path) -> None:
    service = Service(tmp_path, model_name="My Model")
    assert service.run().wait(60) == 2
    assert "INFERENCE_MODEL_NAME='My Model' is wrong" in service.log
    assert "'my-model' would do" in service.log
