"""What Swagger shows: the live models, with their features, and examples that run as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from artefacts import FIXTURES, booleans, images, integers, mixed, penguins, regressor
from service_process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

MODELS = {"booleans": booleans, "integers": integers, "mixed": mixed, "regressor": regressor}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("openapi")) as service:
        for name, make in MODELS.items():
            service.put(f"{name}/1/model.onnx", make())
        for path in FIXTURES.glob("*.onnx"):
            service.put(f"fixture-{path.name}", path.read_bytes())
        service.put("images.onnx", images())
        service.put("corrupt.onnx", b"text")
        yield service.start()


def document(service: Service) -> dict[str, Any]:
    answer = service.client.get("/openapi.json")
    assert answer.status_code == 200
    described: dict[str, Any] = answer.json()
    return described


def offered(described: dict[str, Any], path: str, method: str, name: str) -> list[str]:
    parameters = described["paths"][path][method]["parameters"]
    [found] = [p["schema"].get("enum", []) for p in parameters if p["name"] == name]
    return list(found)


def test_the_drop_down_lists_the_models_that_answer(service: Service) -> None:
    names = offered(document(service), "/select-model/", "post", "model")
    assert "corrupt" not in names
    assert {*MODELS, "images"} <= set(names)
    assert len(names) == len(MODELS) + 1 + len(list(FIXTURES.glob("*.onnx")))
    assert names == sorted(names)


def test_every_example_of_every_model_runs_as_it_is(service: Service) -> None:
    described = document(service)
    paths = [p for p in described["paths"] if p.startswith("/models/") and p.endswith("/predict")]
    paths.remove("/models/{name}/versions/{version}/predict")
    assert len(paths) == len(MODELS) + len(list(FIXTURES.glob("*.onnx")))
    for path in paths:
        body = described["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        assert len(body["examples"]) == 3
        for example in body["examples"].values():
            answer = service.client.post(path, json=example["value"])
            assert answer.status_code == 200, (path, answer.text)


def test_a_model_has_a_typed_entry_with_its_own_features(service: Service) -> None:
    record = document(service)["components"]["schemas"]["Record-mixed"]
    assert list(record["properties"]) == ["mass", "age", "wild", "island", "sex"]
    assert record["required"] == ["age", "wild", "island"]
    assert record["additionalProperties"] is False
    kinds = {name: shown["type"] for name, shown in record["properties"].items()}
    assert kinds == {
        "mass": ["number", "null"],
        "age": "integer",
        "wild": "boolean",
        "island": "string",
        "sex": ["string", "null"],
    }
    assert record["properties"]["island"]["enum"] == ["Biscoe", "Dream"]
    assert "enum" not in record["properties"]["sex"], "the model takes unseen values, too"
    assert "seen in training: 2 to 7" in record["properties"]["mass"]["description"]
    assert "maximum" not in record["properties"]["mass"], "values outside are answered"


def test_labels_are_described_with_their_types(service: Service) -> None:
    paths = document(service)["paths"]
    for name, classes in (("booleans", [False, True]), ("integers", [0, 1, 2])):
        answer = paths[f"/models/{name}/predict"]["post"]["responses"]["200"]
        one = answer["content"]["application/json"]["schema"]["anyOf"][0]
        assert one["properties"]["label"]["enum"] == classes


def test_predict_describes_the_selected_model(service: Service) -> None:
    def told() -> str:
        return str(document(service)["paths"]["/predict/"]["post"]["description"])

    assert "no model is selected" in told()
    for name in ("mixed", "integers"):
        service.client.post(f"/select-model/?model={name}")
        assert f"Selected is **{name}**, version 1" in told()


def test_the_document_follows_what_comes_and_goes(service: Service) -> None:
    def names() -> list[str]:
        return offered(document(service), "/select-model/", "post", "model")

    path = service.put("comes.onnx", penguins())
    eventually(lambda: "comes" in names())
    assert "/models/comes/predict" in document(service)["paths"]
    path.unlink()
    eventually(lambda: "comes" not in names())
    assert "/models/comes/predict" not in document(service)["paths"]


def test_swagger_needs_nothing_from_elsewhere(service: Service) -> None:
    page = service.client.get("/docs").text
    assert "https://" not in page
    for asset in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert asset in page
        assert service.client.get(f"/static-offline-docs/{asset}").status_code == 200


def test_every_operation_has_its_own_id(service: Service) -> None:
    found = [
        operation["operationId"]
        for path in document(service)["paths"].values()
        for operation in path.values()
    ]
    assert len(set(found)) == len(found)
