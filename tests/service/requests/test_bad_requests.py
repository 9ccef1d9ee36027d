"""Each kind of bad request gets its status and a problem document that names what is wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from support.models.artifacts import (
    MEASUREMENTS,
    graph,
    images,
    mixed,
    model,
    node,
    penguins,
    value,
)
from support.models.hostile_models import endless
from support.openapi_answers import statuses
from support.service.process import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

pytestmark = pytest.mark.long

MIXED = {"mass": 3.5, "age": 4, "wild": True, "island": "Dream", "sex": "male"}
GOOD = dict(zip(MEASUREMENTS, (39.1, 18.7, 181.0, 3750.0), strict=True))
TO_MIXED = "/models/mixed/predict"
TO_PENGUINS = "/models/penguins/predict"


def _failing() -> bytes:
    """Make a model that fails for some inputs: an index that a row brings is out of range."""
    inputs, outputs = [value("X", 7, "n")], [value("Y", 7, "n")]
    return model(graph([node("Gather", ["X", "X"], ["Y"], axis=0)], inputs, outputs))


@pytest.fixture(scope="module", params=[True, False], ids=["direct", "asgi"])
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    with Service(
        tmp_path_factory.mktemp("bad-requests"),
        direct=request.param,
        max_rows=50,
        max_body_bytes=20_000,
        admission_timeout_seconds=600,  # longer than all tests of this module take
    ) as service:
        service.put("mixed/1/model.onnx", mixed())
        service.put("penguins/1/model.onnx", penguins())
        service.put("images.onnx", images())
        service.put("failing.onnx", _failing())
        service.put("corrupt.onnx", b"text")
        service.start()
        service.wait_for("corrupt", state="quarantined")
        service.put("hanging.onnx", endless())
        service.wait_for("hanging", state="loading")
        yield service


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """Check that an answer is a problem document of this status."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["status"] == status
    assert document.keys() >= {"type", "title", "detail"}
    assert document["detail"]
    return document


def test_the_good_requests_are_answered(service: Service) -> None:
    """What the tests below change, one thing at a time, is right to begin with."""
    for path, record in ((TO_MIXED, MIXED), (TO_PENGUINS, GOOD)):
        one = service.client.post(path, json=record)
        assert one.status_code == 200, one.text
        many = service.client.post(path, json=[record, list(record.values())])
        answers = many.json()["predictions"]
        assert answers[0] == answers[1]
        assert answers[0]["label"] == one.json()["label"]
        assert sum(one.json()["probabilities"].values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not JSON"),
        (b"hello", "not JSON"),
        (b'{"bill_length_mm": 39.1,', "not JSON"),
        (b'{"wrong": 1, ', "not JSON"),
        (b"\x1f\x8b\x08\x00", "not JSON"),
        (b'["\xff", 1, 2, 3]', "not JSON"),
        (b"[]", "empty"),
        (b"null", "the body is null"),
        (b'"text"', "the body is the string 'text'"),
        (b"[" * 9000 + b"]" * 9000, "too deep"),
    ],
)
def test_what_is_no_json_or_no_rows_is_400(service: Service, body: bytes, said: str) -> None:
    assert said in problem(service.client.post(TO_PENGUINS, content=body), 400)["detail"]


@pytest.mark.parametrize(
    ("changed", "feature", "said"),
    [
        ({"mass": "heavy"}, "mass", "expected a number, got the string 'heavy'"),
        ({"mass": float("nan")}, "mass", "NaN is not a finite number; send null"),
        ({"mass": float("inf")}, "mass", "Infinity is not a finite number"),
        ({"mass": 1e300}, "mass", "out of the range of float32"),
        ({"mass": 10**400}, "mass", "not a finite number"),
        ({"age": 4.5}, "age", "expected an integer, got the number 4.5"),
        ({"age": 2**40}, "age", "out of the range of int32"),
        ({"age": None}, "age", "null is not allowed"),
        ({"wild": 1}, "wild", "expected true or false"),
        ({"island": "Dreem"}, "island", "unknown category 'Dreem'. Did you mean 'Dream'?"),
        ({"island": None}, "island", "null is not allowed"),
        ({"island": "\ud800"}, "island", "not Unicode text"),
        ({"sex": "\ud800"}, "sex", "not Unicode text"),
        ({"extra": 1}, "extra", "the model has no such feature. The features are: 'mass'"),
        ({"\ud800": 1}, "\\ud800", "the model has no such feature"),
    ],
)
def test_a_bad_value_is_422_and_names_row_and_feature(
    service: Service, changed: dict[str, Any], feature: str, said: str
) -> None:
    body = json.dumps([MIXED, MIXED, MIXED | changed])
    document = problem(service.client.post(TO_MIXED, content=body), 422)
    assert document["total_errors"] == 1
    [error] = document["errors"]
    assert (error["row"], error["feature"]) == (2, feature)
    assert said in error["reason"]
    assert document["detail"].startswith(f"row 2, feature '{feature}': ")


def test_missing_and_misspelt_features_are_422_and_suggested(service: Service) -> None:
    record = {"iland" if name == "island" else name: v for name, v in MIXED.items()}
    document = problem(service.client.post(TO_MIXED, json=record), 422)
    assert [(e["row"], e["feature"]) for e in document["errors"]] == [(0, "island"), (0, "iland")]
    assert document["errors"][0]["reason"] == "it is missing"
    assert "Did you mean 'island'?" in document["errors"][1]["reason"]


@pytest.mark.parametrize("row", [[], [1, 2, 3], [1, 2, 3, 4, 5]])
def test_a_row_of_wrong_length_is_422(service: Service, row: list[int]) -> None:
    document = problem(service.client.post(TO_PENGUINS, json=[[1, 2, 3, 4], row]), 422)
    [error] = document["errors"]
    assert (error["row"], error["feature"]) == (1, None)
    assert "4 values in the order 'bill_length_mm'" in error["reason"]


def test_too_many_rows_are_413(service: Service) -> None:
    document = problem(service.client.post(TO_PENGUINS, json=[[1, 2, 3, 4]] * 51), 413)
    assert "51 rows, the limit is 50" in document["detail"]
    assert service.client.post(TO_PENGUINS, json=[[1, 2, 3, 4]] * 50).status_code == 200


def test_a_body_over_the_limit_is_413_announced_or_not(service: Service) -> None:
    large = b"[" + b" " * 1_000_000 + b"1,2,3,4]"
    announced = service.client.post(TO_PENGUINS, content=large)
    assert "20,000 bytes" in problem(announced, 413)["detail"]
    parts = iter([large[i : i + 10_000] for i in range(0, len(large), 10_000)])
    problem(service.client.post(TO_PENGUINS, content=parts), 413)
    assert service.client.post(TO_PENGUINS, json=GOOD).status_code == 200


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/models/pengwins/predict", "there is no model 'pengwins'. Did you mean 'penguins'?"),
        ("/models/Penguins/predict", "Did you mean 'penguins'?"),
        ("/models/%ff/predict", "there is no model"),
        ("/models/penguins/versions/2/predict", "has no version 2; it has 1, loaded are 1"),
        ("/models/penguins/versions/0/predict", "has no version 0"),
        ("/models/penguins/versions/x/predict", "a version is a positive integer"),
        ("/models/penguins/versions/" + "9" * 5000 + "/predict", "version"),
        ("/models/penguins/nonsense", ""),
        ("/nonsense", ""),
    ],
)
def test_an_unknown_name_is_404(service: Service, path: str, said: str) -> None:
    assert said in problem(service.client.post(path, json=GOOD), 404)["detail"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/predict/", "POST"),
        ("GET", "/models/penguins/predict", "POST"),
        ("PUT", "/models/penguins/versions/1/predict", "POST"),
        ("GET", "/select-model/", "POST"),
        ("DELETE", "/models", "GET"),
        ("POST", "/models/penguins", "GET"),
        ("POST", "/models/penguins/active", "PUT"),
        ("POST", "/healthz", "GET"),
    ],
)
def test_a_wrong_method_is_405_and_told_the_right_one(
    service: Service, method: str, path: str, allowed: str
) -> None:
    answer = service.client.request(method, path)
    problem(answer, 405)
    assert allowed in answer.headers["allow"].split(", ")


def test_nothing_selected_is_409_and_says_what_to_do(service: Service) -> None:
    document = problem(service.client.post("/predict/", json=GOOD), 409)
    assert "no model is selected" in document["detail"]
    assert "POST /select-model/?model=NAME" in document["detail"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("corrupt", "quarantined: version 1: the file is not an ONNX model"),
        ("images", "takes tensors (image tensor(float) [-1, 3, 8, 8]) and returns tensors"),
    ],
)
def test_a_model_that_does_not_answer_is_409_and_says_why(
    service: Service, name: str, said: str
) -> None:
    document = problem(service.client.post(f"/models/{name}/predict", json=[1]), 409)
    assert said in document["detail"]


def test_a_model_that_is_being_examined_is_503_and_says_when_to_come_again(
    service: Service,
) -> None:
    answer = service.client.post("/models/hanging/predict", json=[1])
    assert "being examined" in problem(answer, 503)["detail"]
    assert int(answer.headers["retry-after"]) >= 1


def test_an_input_that_a_foreign_model_fails_on_is_400_and_the_next_is_answered(
    service: Service,
) -> None:
    assert service.client.post("/models/failing/predict", json=[0]).status_code == 200
    document = problem(service.client.post("/models/failing/predict", json=[7]), 400)
    assert "model 'failing' cannot be run on these inputs" in document["detail"]
    assert "indices element out of data bounds" in document["detail"]
    assert service.client.post("/models/failing/predict", json=[0]).status_code == 200


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("", 422, "model"),
        ("?model=", 404, "there is no model ''"),
        ("?model=pengwins", 404, "Did you mean 'penguins'?"),
        ("?model=corrupt", 409, "the file is not an ONNX model"),
        ("?model=hanging", 503, "being examined"),
        ("?model=penguins&version=9", 404, "has no version 9"),
        ("?model=penguins&version=0", 422, "version"),
        ("?model=penguins&version=x", 422, "version"),
    ],
)
def test_a_selection_that_cannot_be_is_refused_and_changes_nothing(
    service: Service, query: str, status: int, said: str
) -> None:
    assert said in problem(service.client.post(f"/select-model/{query}"), status)["detail"]
    assert service.client.get("/models").json()["selected"] is None


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b'{"version": 9}', 404),
        (b'{"version": -1}', 422),
        (b'{"version": true}', 422),
        (b'{"version": "1"}', 422),
        (b'{"version": "newest"}', 422),
        (b'{"version": 1.5}', 422),
        (b"{}", 422),
        (b"[]", 422),
        (b"", 422),
        (b"\xff", 400),
        (b"[" * 15_000, 400),
        (b"[" * 100_000, 413),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_pin_that_cannot_be_is_refused_and_changes_nothing(
    service: Service, content: bytes, status: int
) -> None:
    headers = {"content-type": "application/json"}
    answer = service.client.put("/models/penguins/active", content=content, headers=headers)
    problem(answer, status)
    assert service.model("penguins")["pinned_version"] is None
    paths = service.client.get("/openapi.json").json()["paths"]
    assert status in statuses(paths["/models/{name}/active"]["put"])


def test_no_value_of_a_caller_is_logged(service: Service) -> None:
    service.client.post(TO_MIXED, json=MIXED | {"island": "a secret of a caller"})
    assert "a secret of a caller" not in service.log
    assert "Traceback" not in service.log
