"""What Swagger shows: the live models, with their features, and examples that run as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from inference.web.openapi.examples import LIST, ONE, ROWS
from support.models.artifacts import booleans, images, integers, mixed, penguins, regressor
from support.project import FIXTURES
from support.service.process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MODELS: dict[str, Callable[..., bytes]] = {
    "booleans": booleans,
    "integers": integers,
    "mixed": mixed,
    "regressor": regressor,
}


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
    [schema] = [p["schema"] for p in parameters if p["name"] == name]
    return list(follow(described, schema).get("enum", []))


def follow(described: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Give the schema that a reference stands for."""
    while "$ref" in schema:
        schema = described["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def test_the_drop_down_lists_the_models_that_answer(service: Service) -> None:
    names = offered(document(service), "/select-model/", "post", "model")
    assert "corrupt" not in names
    assert {*MODELS, "images"} <= set(names)
    assert len(names) == len(MODELS) + 1 + len(list(FIXTURES.glob("*.onnx")))
    assert names == sorted(names)


def typed_paths(described: dict[str, Any]) -> list[str]:
    paths = [p for p in described["paths"] if p.startswith("/models/") and p.endswith("/predict")]
    return [p for p in paths if "{" not in p]


def test_every_example_of_every_model_runs_as_it_is(service: Service) -> None:
    described = document(service)
    paths = typed_paths(described)
    assert len(paths) == len(MODELS) + len(list(FIXTURES.glob("*.onnx")))
    for path in paths:
        body = described["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        assert list(body["examples"]) == [ONE, LIST, ROWS]
        first, second = body["examples"][LIST]["value"]
        assert first != second
        for example in body["examples"].values():
            answer = service.client.post(path, json=example["value"])
            assert answer.status_code == 200, (path, answer.text)
            noted = answer.json().get("warnings", [])
            assert all(warning["row"] is None for warning in noted), "inside the training range"


def test_an_answer_is_shown_as_it_comes(service: Service) -> None:
    described = document(service)
    shown = 0
    for path in typed_paths(described):
        operation = described["paths"][path]["post"]
        bodies = operation["requestBody"]["content"]["application/json"]["examples"]
        answers = operation["responses"]["200"]["content"]["application/json"].get("examples", {})
        for name, example in answers.items():
            answer = service.client.post(path, json=bodies[name]["value"]).json()
            expected = flat(example["value"])
            assert list(flat(answer)) == list(expected)
            for key, value in flat(answer).items():
                close = isinstance(value, float)
                wanted = (
                    pytest.approx(expected[key], abs=1e-4, rel=1e-5) if close else expected[key]
                )
                assert value == wanted, (path, key)
            shown += 1
    assert shown >= 3 * 5


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """Give every number and text of a document by where it stands."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return {k: v for key, item in items for k, v in flat(item, f"{path}/{key}").items()}
    return {path: value}


def test_an_error_is_shown_as_it_comes(service: Service) -> None:
    described = document(service)
    errors = described["paths"]["/models/mixed/predict"]["post"]["responses"]
    assert set(errors) == {"200", "4XX", "5XX"}
    problems = errors["4XX"]["content"]["application/problem+json"]["examples"]
    record = {"mass": "long", "age": 4, "wild": True, "island": "Dream"}
    answer = service.client.post("/models/mixed/predict", json=record)
    assert problems["422 Some rows do not fit the model"]["value"] == answer.json()


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("/models/{name}/predict", ["name"]),
        ("/models/{name}/versions/{version}/predict", ["name", "version"]),
        ("/v2/models/{model_name}/infer", ["model_name"]),
        ("/v2/models/{model_name}/versions/{model_version}/infer", ["model_name", "model_version"]),
    ],
)
def test_a_route_for_any_model_runs_as_it_is_offered(
    service: Service, path: str, parameters: list[str]
) -> None:
    operation = document(service)["paths"][path]["post"]
    chosen = {p["name"]: p.get("example") for p in operation["parameters"]}
    name = chosen[parameters[0]]
    examples = operation["requestBody"]["content"]["application/json"]["examples"]
    assert next(iter(examples)) == name, "what is chosen first fits the body that is shown first"
    for model, example in examples.items():
        if service.model(model)["signature"]["inputs"][0]["shape"][1:] == [3, 8, 8]:
            assert path.startswith("/v2"), "it takes tensors only"
        url = path.format_map({**chosen, parameters[0]: model})
        answer = service.client.post(url, json=example["value"])
        assert answer.status_code == 200, (url, answer.text)


def test_nothing_is_described_by_placeholders(service: Service) -> None:
    """A page makes up "additionalProp1" for a map without an example."""
    described = document(service)

    def maps(schema: Any, *, has_example: bool, where: str) -> list[str]:
        if isinstance(schema, list):
            return [f for s in schema for f in maps(s, has_example=has_example, where=where)]
        if not isinstance(schema, dict):
            return []
        if "$ref" in schema:
            return []
        has_example = has_example or "examples" in schema or "example" in schema
        found = [where] if schema.get("additionalProperties") and not has_example else []
        for key, value in schema.items():
            below = f"{where}/{key}"
            found += maps(value, has_example=has_example, where=below) if key != "examples" else []
        return found

    views = [name for name in described["components"]["schemas"] if name.endswith("View")]
    for name in [*views, "ModelDetail", "ModelConfig", "ModelMetadata", "Problem"]:
        schema = described["components"]["schemas"][name]
        assert maps(schema, has_example=False, where=name) == []


def test_a_model_has_a_typed_entry_with_its_own_features(service: Service) -> None:
    record = document(service)["components"]["schemas"]["MixedRecord"]
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
    described = document(service)
    kinds = (("booleans", "boolean", None), ("integers", "integer", [0, 1, 2]))
    for name, kind, classes in kinds:
        answer = described["paths"][f"/models/{name}/predict"]["post"]["responses"]["200"]
        one, many = answer["content"]["application/json"]["schema"]["anyOf"]
        several = follow(described, many)["properties"]["predictions"]["items"]
        for schema in (one, several):
            members = follow(described, schema)
            assert {"label", "probabilities"} <= set(members["required"])
            label = follow(described, members["properties"]["label"])
            assert (label["type"], label.get("enum")) == (kind, classes)


def test_predict_describes_the_selected_model(service: Service) -> None:
    def reported() -> str:
        return str(document(service)["paths"]["/predict/"]["post"]["description"])

    assert "no model is selected" in reported()
    for name in ("mixed", "integers"):
        service.client.post(f"/select-model/?model={name}")
        assert f"Selected model: **{name}**, version 1" in reported()


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
