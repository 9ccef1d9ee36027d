"""Documents and answers as the protocols of other servers describe them."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

from support.answers import kinds as models
from support.models.artifacts import MEASUREMENTS, penguins

if TYPE_CHECKING:
    import httpx

    from support.service.process import Service

pytestmark = pytest.mark.long

RECORD = {"mass": 3.5, "age": 4, "wild": True, "island": "Dream", "sex": "male"}
RECORDS = [dict(zip(MEASUREMENTS, row, strict=True)) for row in models.ROWS]


def ask(service: Service, path: str, document: Any, status: int = 200) -> Any:
    answer = service.client.post(path, json=document)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"]
    return answer.json()


def select(service: Service, name: str) -> None:
    service.client.post("/select-model/", params={"model": name}).raise_for_status()


# -- TensorFlow Serving: https://www.tensorflow.org/tfx/serving/api_rest ---------------------------


@pytest.mark.parametrize("model", ["half-plus-two", "half-plus-two/versions/1"])
def test_examples_of_tensorflow_serving(service: Service, model: str) -> None:
    path = f"/v1/models/{model}:predict"
    wanted = {"predictions": [2.5, 3.0, 4.5]}
    assert ask(service, path, {"instances": [1.0, 2.0, 5.0]}) == wanted
    document = {"signature_name": "serving_default", "instances": [1.0, 2.0, 5.0]}
    assert ask(service, path, document) == wanted
    assert ask(service, path, {"instances": [{"x": 1}, {"x": 2}, {"x": 5}]}) == wanted
    for inputs in ([1.0, 2.0, 5.0], {"x": [1.0, 2.0, 5.0]}, {"x": [[1.0], [2.0], [5.0]]}):
        assert ask(service, path, {"inputs": inputs})["outputs"] == [2.5, 3.0, 4.5]


def test_state_of_a_model_is_that_of_tensorflow_serving_and_of_kserve(service: Service) -> None:
    answer = service.client.get("/v1/models/half-plus-two").json()
    assert (answer["name"], answer["ready"]) == ("half-plus-two", True)
    assert answer["model_version_status"] == [
        {
            "version": "1",
            "state": "AVAILABLE",
            "status": {"error_code": "OK", "error_message": ""},
        }
    ]
    assert service.client.get("/v1/models/half-plus-two/versions/1").json() == answer
    assert "half-plus-two" in service.client.get("/v1/models").json()["models"]


def test_a_model_that_is_not_ready_is_503_with_its_state(service: Service) -> None:
    service.put("broken/1/model.onnx", b"text")
    service.wait_for("broken", state="quarantined")
    answer = service.client.get("/v1/models/broken")
    assert answer.status_code == 503
    shown = answer.json()
    assert "quarantined" in shown["error"]
    assert (shown["ready"], shown["model_version_status"][0]["state"]) == (False, "END")
    assert (
        "quarantined" in ask(service, "/v1/models/broken:predict", {"instances": []}, 503)["error"]
    )


@pytest.mark.parametrize(
    ("path", "document", "status", "reason"),
    [
        ("nope:predict", {"instances": [[1]]}, 404, "there is no model 'nope'"),
        ("penguins/versions/7:predict", {"instances": [[1]]}, 404, "no version 7"),
        ("penguins/versions/x:predict", {"instances": [[1]]}, 404, "not a version"),
        ("penguins:predict", {"instances": [[1, 2]]}, 400, "the row has 2 values"),
        ("penguins:predict", {"instances": [RECORDS[0] | {"x": 1}]}, 400, "no such feature"),
        ("penguins:predict", {"dataframe_records": RECORDS}, 400, "is not a member"),
        ("penguins:predict", {"instances": RECORDS, "signature_name": "transform"}, 400, "it has"),
        ("images:predict", {"instances": [[1]]}, 400, "/v2/models/images/infer"),
        ("mixed:explain", {"instances": [RECORD]}, 400, "cannot be explained"),
    ],
)
def test_errors_under_v1(
    service: Service, path: str, document: Any, status: int, reason: str
) -> None:
    answer = ask(service, f"/v1/models/{path}", document, status)
    assert list(answer) == ["error"]
    assert reason in answer["error"]


def test_explanations_are_those_of_the_explain_route(service: Service) -> None:
    answer = ask(service, "/v1/models/penguins:explain", {"instances": RECORDS})
    own = ask(service, "/models/penguins/explain", RECORDS)["predictions"]
    assert answer["predictions"] == [each["label"] for each in own]
    assert answer["explanations"] == [each["explanation"] for each in own]


# -- MLflow and SageMaker --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document",
    [
        {"dataframe_split": {"index": [0], "columns": [*RECORD], "data": [[*RECORD.values()]]}},
        {"dataframe_records": [RECORD]},
        {"instances": [RECORD]},
        {"inputs": {name: [value] for name, value in RECORD.items()}, "params": {}},
        {"inputs": RECORD, "params": None},
    ],
)
def test_documents_of_mlflow(service: Service, document: Any) -> None:
    select(service, "mixed")
    assert ask(service, "/invocations", document)["predictions"] == ["big"]
    shares = ask(service, "/invocations", document | {"params": {"predict_fn": "predict_proba"}})
    own = ask(service, "/models/mixed/predict", RECORD)["probabilities"]
    assert shares["predictions"] == [list(own.values())]


@pytest.mark.parametrize(
    ("text", "media_type"),
    [
        ("sex,island,wild,age,mass\nmale,Dream,True,4,3.5\n", "text/csv"),
        ("sex,island,wild,age,mass\nmale,Dream,True,4,3.5\n", "Text/CSV; charset=UTF-8"),
        ("3.5,4,true,Dream,male\n", "text/csv; header=absent"),
        (json.dumps({"instances": [RECORD]}), "application/json; charset=utf-8"),
        (json.dumps({"instances": [RECORD]}), ""),
    ],
)
def test_media_types(service: Service, text: str, media_type: str) -> None:
    select(service, "mixed")
    headers = {"content-type": media_type} if media_type else {}
    answer = service.client.post("/invocations", content=text.encode(), headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"predictions": ["big"]})


@pytest.mark.parametrize(
    ("media_type", "reason"),
    [
        ("application/x-www-form-urlencoded", "application/x-www-form-urlencoded"),
        ("application/octet-stream", "send application/json or text/csv"),
        ("text/csv; charset=latin-1", "send UTF-8"),
        ("text/csv; header=maybe", "present or absent"),
        ("application/json; format=pandas-split", "'format' is not a parameter"),
    ],
)
def test_other_media_types_are_refused(service: Service, media_type: str, reason: str) -> None:
    select(service, "mixed")
    answer = service.client.post(
        "/invocations", content=b"{}", headers={"content-type": media_type}
    )
    assert answer.status_code == 415
    assert answer.json()["error_code"] == "BAD_REQUEST"
    assert reason in answer.json()["message"]


@pytest.mark.parametrize(
    ("document", "status", "code", "reason"),
    [
        ({"instances": [RECORD | {"age": "old"}]}, 400, "INVALID_PARAMETER_VALUE", "feature 'age'"),
        ({"instances": [RECORD], "params": {"top_k": 3}}, 400, "BAD_REQUEST", "'top_k'"),
        ({"messages": []}, 400, "BAD_REQUEST", "'messages' is not a member"),
        ([RECORD], 400, "BAD_REQUEST", "the body is not an object"),
    ],
)
def test_errors_of_invocations(
    service: Service, document: Any, status: int, code: str, reason: str
) -> None:
    select(service, "mixed")
    answer = ask(service, "/invocations", document, status)
    assert list(answer) == ["error_code", "message"]
    assert answer["error_code"] == code
    assert reason in answer["message"]


def test_long_and_compressed_bodies_are_answered_as_short_ones(service: Service) -> None:
    rows = (models.ROWS * 3000)[:5001]
    wanted = ask(service, "/v1/models/penguins:predict", {"instances": models.ROWS})["predictions"]
    body = json.dumps({"instances": rows}).encode()
    for content, headers in (
        (body, {}),
        (gzip.compress(body), {"content-encoding": "gzip"}),
    ):
        answer: httpx.Response = service.client.post(
            "/v1/models/penguins:predict", content=content, headers=headers
        )
        assert answer.json()["predictions"] == (wanted * 3000)[:5001]


def test_too_many_rows_are_413(service: Service) -> None:
    answer = ask(service, "/v1/models/half-plus-two:predict", {"instances": [1] * 100_001}, 413)
    assert "100000" in answer["error"]


@pytest.mark.parametrize("path", ["/ping", "/health", "/ping/"])
def test_health_is_an_empty_200(service: Service, path: str) -> None:
    answer = service.client.get(path)
    assert (answer.status_code, answer.content) == (200, b"")
    assert service.client.head(path).status_code == 200
    assert service.client.get("/version").text.count(".") == 2


@pytest.mark.parametrize("path", ["/invocations", "/v1/models/penguins:predict"])
def test_other_methods_are_refused(service: Service, path: str) -> None:
    answer = service.client.get(path)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST, OPTIONS")
    assert service.client.options(path).headers["allow"] == "POST, OPTIONS"


def test_requests_are_counted_by_route_and_labels_by_class(service: Service) -> None:
    def counted() -> list[float]:
        metrics = service.client.get("/metrics").text.splitlines()
        ours = [line for line in metrics if 'model="integers"' in line]
        wanted = (
            ("inference_requests_total", 'route="v1"', 'status="200"'),
            ("inference_requests_total", 'route="invocations"', 'status="200"'),
            ("inference_predicted_labels_total",),
        )
        return [
            sum(float(line.rpartition(" ")[2]) for line in ours if all(p in line for p in parts))
            for parts in wanted
        ]

    select(service, "integers")
    v1, invocations, labels = counted()
    ask(service, "/v1/models/integers:predict", {"instances": RECORDS})
    ask(service, "/invocations", {"instances": RECORDS})
    assert counted() == [v1 + 1, invocations + 1, labels + 2 * len(RECORDS)]


def test_a_model_that_appears_is_waited_for(service: Service) -> None:
    service.put("late/1/model.onnx", penguins(seed=5))
    answer = ask(service, "/v1/models/late:predict", {"instances": RECORDS})
    assert len(answer["predictions"]) == 2


def test_nothing_is_logged_as_a_failure(service: Service) -> None:
    assert "Traceback" not in service.log
