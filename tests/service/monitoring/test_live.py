"""``GET /models/{name}/live``: each version's traffic, and its answers against the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from inference.model.contract import Training
from inference.model.schema.provenance import Metrics
from support.models.artifacts import (
    SPECIES,
    classifier_graph,
    contract,
    measurements,
    with_contract,
)
from support.service.process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ROW = [39.1, 18.7, 181.0, 3750.0]


def measured_model(accuracy: float) -> bytes:
    """Make a classifier that was measured on held-out rows."""
    metrics = Metrics(rows=67, accuracy=accuracy, macro_f1=0.9, log_loss=0.1)
    time = "2026-01-01T00:00:00+00:00"
    training = Training(333, "0" * 64, time, {}, "Linear()", metrics=metrics)
    described = contract(measurements(), SPECIES, training=training)
    return with_contract(classifier_graph(SPECIES), described)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    with Service(folder, prediction_log=folder / "log") as service:
        for number in (1, 2):
            service.put(f"m/{number}/model.onnx", measured_model(0.97 + number / 100))
            service.put(f"quiet/{number}/model.onnx", measured_model(0.5))
        yield service.start()


def live(service: Service, name: str = "m") -> dict[str, Any]:
    answer = service.client.get(f"/models/{name}/live")
    assert answer.status_code == 200, answer.text
    return answer.json()


def by_version(service: Service) -> dict[int, dict[str, Any]]:
    return {one["version"]: one for one in live(service)["versions"]}


def test_truth_stands_beside_the_held_out_figures_of_its_version(service: Service) -> None:
    sent = []
    for version, wrong in ((1, 1), (2, 3)):
        for at in range(10):
            answer = service.client.post(f"/models/m/versions/{version}/predict", json=ROW)
            label = answer.json()["label"]
            other = next(name for name in SPECIES if name != label)
            truth = other if at < wrong else label
            sent.append({"request_id": answer.headers["x-request-id"], "truth": truth})
    assert service.client.post("/feedback", json=sent).json()["accepted"] == 20

    def are_read() -> bool:
        read = [one["windows"] for one in by_version(service).values()]
        return len(read) == 2 and all(w and w[0]["rows"] == w[1]["rows"] == 10 for w in read)

    eventually(are_read, what="the truths of both versions")
    for version, accuracy in ((1, 0.9), (2, 0.7)):
        found = by_version(service)[version]
        assert [one["latest"] for one in found["windows"]] == [1000, 10000]
        assert [one["rows"] for one in found["windows"]] == [10, 10]
        assert [one["accuracy"] for one in found["windows"]] == [accuracy, accuracy]
        assert found["windows"][0]["mean_absolute_error"] is None
        assert found["held_out"]["accuracy"] == pytest.approx(0.97 + version / 100)
        assert found["held_out"]["rows"] == 67


def test_requests_count_for_the_version_that_answered(service: Service) -> None:
    def rates() -> dict[int, float]:
        return {v: one["requests_per_second"] for v, one in by_version(service).items()}

    for version, times in ((1, 30), (2, 10)):
        for _ in range(times):
            path = f"/models/m/versions/{version}/predict"
            assert service.client.post(path, json=ROW).status_code == 200
    eventually(lambda: len(rates()) == 2 and min(rates().values()) > 0, what="a sample is taken")
    eventually(lambda: rates()[1] > rates()[2], what="all are sampled")
    assert all(0 < one["p99_seconds"] < 10 for one in by_version(service).values())


def test_model_without_requests_has_its_active_version(service: Service) -> None:
    (only,) = live(service, "quiet")["versions"]
    assert only["version"] == 2
    assert (only["requests_per_second"], only["p99_seconds"], only["windows"]) == (0, None, [])


def test_versions_of_a_traffic_are_there_before_their_first_request(service: Service) -> None:
    change = {"split": {"2": 100}, "shadow": 1}
    assert service.client.put("/models/quiet/traffic", json=change).status_code == 200
    assert [one["version"] for one in live(service, "quiet")["versions"]] == [2, 1]
    assert service.client.delete("/models/quiet/traffic").status_code == 200


def test_unknown_model_is_404(service: Service) -> None:
    assert service.client.get("/models/none/live").status_code == 404


def test_says_that_nothing_is_logged(make_service: Callable[..., Service]) -> None:
    service = make_service()
    service.put("m/1/model.onnx", measured_model(0.9))
    service.start()
    assert live(service)["logged"] is False


def test_vanished_log_is_no_truth(make_service: Callable[..., Service], tmp_path: Path) -> None:
    service = make_service(prediction_log=tmp_path / "log")
    service.put("m/1/model.onnx", measured_model(0.9))
    service.start()
    (tmp_path / "log").rename(tmp_path / "elsewhere")
    assert live(service)["versions"][0]["windows"] == []
