"""The truth of an answer counts for the version that answered, once, in every worker."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from support.answers.kinds import OTHER_ROW, ROW, kinds
from support.models.artifacts import SPECIES, penguins, regressor
from support.monitoring.logged import filed, journaled
from support.service.process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.long


@pytest.fixture
def service(make_service: Callable[..., Service], tmp_path: Path) -> Service:
    """Start two workers that log."""
    return begin(make_service, tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Start two workers that log, for the tests that do not disturb each other."""
    folder = tmp_path_factory.mktemp("service")
    with Service(folder, prediction_log=folder / "log", workers=2) as service:
        yield begin(lambda **_: service, folder)
        service.stop()


def begin(make_service: Callable[..., Service], tmp_path: Path, **settings: object) -> Service:
    service = make_service(prediction_log=tmp_path / "log", workers=2, **settings)
    service.put("penguins/1/model.onnx", penguins())
    service.put("sums/3/model.onnx", regressor())
    for name in ("labels", "clusters"):
        service.put(f"{name}/1/model.onnx", kinds()[name])
    service.start()
    for name in ("penguins", "sums", "labels", "clusters"):
        service.wait_for(name, state="ready")
    return service


def post(service: Service, path: str, body: Any) -> httpx.Response:
    """Ask over a connection of its own, which any worker may take."""
    return httpx.post(f"{service.client.base_url}{path}", json=body, trust_env=False, timeout=30)


def predict(service: Service, name: str = "penguins", rows: Any = ROW) -> tuple[str, Any]:
    """Predict, and wait until the answer is in the log: a busy machine may need a while."""
    answer = post(service, f"/models/{name}/predict", rows)
    assert answer.status_code == 200, answer.text
    request_id = answer.headers["x-request-id"]
    log = Path(str(service.settings["prediction_log"]))
    eventually(lambda: any(r["request_id"] == request_id for r in journaled(log) + filed(log)))
    return request_id, answer.json()


def send(service: Service, body: Any) -> dict[str, Any]:
    answer = post(service, "/feedback", body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def live(service: Service, metric: str, model: str = "penguins") -> float | None:
    """Return a metric of the window of 1,000 rows."""
    url = f"{service.client.base_url}/metrics"
    metrics = httpx.get(url, trust_env=False, timeout=30).text
    for line in metrics.splitlines():
        if line.startswith(f'inference_live_{metric}{{model="{model}"') and '"1000"' in line:
            return float(line.split()[-1])
    return None


def becomes(service: Service, metric: str, value: float, model: str = "penguins") -> None:
    """Wait until a metric has a value; each worker reads the truths every two seconds."""
    expected = pytest.approx(value, abs=1e-3)
    eventually(lambda: live(service, metric, model) == expected, what=f"{metric} {value}")


def test_truths_become_live_metrics_of_all_workers(service: Service) -> None:
    answers = [predict(service) for _ in range(6)]
    label = answers[0][1]["label"]
    wrong = next(one for one in SPECIES if one != label)
    truths = [label] * 4 + [wrong] * 2
    sent = [
        {"request_id": one, "truth": truth} for (one, _), truth in zip(answers, truths, strict=True)
    ]

    assert send(service, sent[0]) == {"accepted": 1, "unknown": []}
    assert send(service, sent[1:]) == {"accepted": 5, "unknown": []}
    for _ in range(6):
        becomes(service, "rows", 6)
    becomes(service, "accuracy", 4 / 6)
    # Precision 4/6 and recall 1 of one class, nothing of the other.
    becomes(service, "macro_f1", 0.8 / 2)
    counted = service.client.get("/metrics").text
    assert 'inference_feedback_rows_total{model="penguins",version="1"} 6.0' in counted


def test_the_last_truth_of_a_row_counts(service: Service) -> None:
    one, answer = predict(service)
    wrong = next(label for label in SPECIES if label != answer["label"])

    send(service, [{"request_id": one, "truth": answer["label"]}])
    send(service, [{"request_id": one, "truth": wrong}])
    becomes(service, "accuracy", 0)
    send(service, [{"request_id": one, "truth": t} for t in (wrong, answer["label"])])
    becomes(service, "accuracy", 1)
    becomes(service, "rows", 1)


def test_each_row_of_a_request_has_its_truth(shared: Service) -> None:
    one, answer = predict(shared, "sums", [ROW, OTHER_ROW])
    values = [prediction["value"] for prediction in answer["predictions"]]

    send(shared, {"request_id": one, "row": 1, "truth": values[1] + 3})
    send(shared, {"request_id": one, "row": 0, "truth": values[0] - 1})
    becomes(shared, "rows", 2, "sums")
    becomes(shared, "mean_absolute_error", 2, "sums")
    becomes(shared, "root_mean_squared_error", math.sqrt(5), "sums")
    assert send(shared, {"request_id": one, "row": 2, "truth": 1})["accepted"] == 0


def test_several_labels_are_an_object(shared: Service) -> None:
    one, answer = predict(shared, "labels")
    truth = answer["labels"] | {"count": 0 if answer["labels"]["count"] else 1}

    send(shared, {"request_id": one, "truth": truth})
    becomes(shared, "rows", 1, "labels")
    becomes(shared, "accuracy", 0, "labels")
    becomes(shared, "macro_f1", 2 / 3, "labels")


def test_unknown_requests_are_named_and_the_others_count(shared: Service) -> None:
    one, answer = predict(shared)
    known = {"request_id": one, "truth": answer["label"]}
    unknown = [{"request_id": r, "truth": "Gentoo"} for r in ("never-asked", "ü", "x" * 500, "")]

    assert send(shared, [unknown[0], known, *unknown[1:]]) == {
        "accepted": 1,
        "unknown": [{"request_id": u["request_id"], "row": 0} for u in unknown],
    }


def test_truth_that_comes_after_a_restart_counts_for_the_version_that_answered(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    service = begin(make_service, tmp_path)
    one, answer = predict(service)
    other, _ = predict(service)
    send(service, {"request_id": other, "truth": answer["label"]})
    service.stop()
    (tmp_path / "models" / "penguins" / "1" / "model.onnx").unlink()

    service = make_service(prediction_log=tmp_path / "log", workers=2)
    service.put("penguins/2/model.onnx", penguins(1))
    service.start()
    service.wait_for("penguins", state="ready", active_version=2)
    becomes(service, "rows", 1)  # as before the restart
    assert send(service, {"request_id": one, "truth": answer["label"]})["accepted"] == 1
    becomes(service, "rows", 2)
    becomes(service, "accuracy", 1)
    assert '{model="penguins",version="1"} 1.0' in service.client.get("/metrics").text


@pytest.mark.parametrize(
    ("truth", "said"),
    [
        ("gentoo", "expected a class ('Adelie', 'Chinstrap', 'Gentoo'), got 'gentoo'"),
        (1, "got 1"),
        (None, "got null"),
        ({"label": "Adelie"}, "got {"),
        ([], "got []"),
    ],
)
def test_a_truth_that_is_no_label_is_refused_with_the_labels(
    shared: Service, truth: Any, said: str
) -> None:
    one, answer = predict(shared)
    good = {"request_id": one, "truth": answer["label"]}
    refused = post(shared, "/feedback", [good, {"request_id": one, "truth": truth}])

    assert refused.status_code == 422
    (fault,) = refused.json()["errors"]
    assert fault["row"] == 1
    assert said in fault["reason"]
    folder = shared.root / "log" / "penguins" / "1" / "feedback"
    stored = b"".join(path.read_bytes() for path in folder.rglob("*.jsonl"))
    assert one.encode() not in stored, "nor was the good one"


@pytest.mark.parametrize("name", ["sums", "labels", "clusters"])
def test_a_truth_of_another_kind_is_refused(shared: Service, name: str) -> None:
    one, _ = predict(shared, name)
    refused = post(shared, "/feedback", {"request_id": one, "truth": "Gentoo"})

    assert refused.status_code == 422
    said = {"sums": "expected a number", "labels": "'is heavy'", "clusters": "have no truth"}
    assert said[name] in refused.text


def test_a_huge_truth_breaks_neither_the_metrics_nor_the_scores(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    service = make_service(prediction_log=tmp_path / "log")
    service.put("sums/1/model.onnx", regressor())
    service.start().wait_for("sums", state="ready")
    one, _ = predict(service, "sums", [ROW, OTHER_ROW])

    refused = service.client.post(
        "/feedback", content=b'{"request_id": "%s", "truth": 1%s}' % (one.encode(), b"0" * 400)
    )
    assert refused.status_code == 422
    assert "expected a number, got 1000" in refused.text
    send(service, [{"request_id": one, "row": row, "truth": 1.7e308} for row in (0, 1)])
    becomes(service, "mean_absolute_error", math.inf, "sums")
    found = service.client.get("/models/sums/live").json()["versions"][0]["windows"][0]
    assert (found["rows"], found["mean_absolute_error"]) == (2, None)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"7", b'"x"', b"{}", b'{"request_id": "a"}', b'{"request_id": 1, "truth": 1}',
     b'{"request_id": "a", "truth": 1, "rows": 0}', b'{"request_id": "a", "truth": 1, "row": -1}',
     b'{"request_id": "a", "truth": 1, "row": 4294967296}', b"[[1]]", b"\xff", b"[" * 10_000],
)  # fmt: skip
def test_a_body_of_another_form_is_refused_with_the_right_one(shared: Service, body: bytes) -> None:
    refused = shared.client.post("/feedback", content=body)

    assert refused.status_code == 400, refused.text
    assert '"request_id"' in refused.json()["detail"]


def test_without_the_log_feedback_is_a_conflict(make_service: Callable[..., Service]) -> None:
    service = make_service().start()
    refused = service.client.post("/feedback", json={"request_id": "a", "truth": 1})

    assert refused.status_code == 409
    assert "INFERENCE_PREDICTION_LOG" in refused.json()["detail"]


def test_feedback_that_cannot_be_stored_is_not_accepted(service: Service, tmp_path: Path) -> None:
    one, answer = predict(service)
    eventually(lambda: send(service, {"request_id": one, "truth": answer["label"]})["accepted"])
    folder = tmp_path / "log" / "penguins" / "1" / "feedback"
    folder.rename(folder.with_name("elsewhere"))
    folder.write_bytes(b"")

    refused = post(service, "/feedback", {"request_id": one, "truth": answer["label"]})
    assert refused.status_code == 503
    assert "send it again" in json.loads(refused.text)["detail"]
