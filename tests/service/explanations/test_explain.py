"""Explanations over HTTP."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

from inference.model.contract import Calibration
from support.models.artifacts import MEASUREMENTS, MIXED, mixed, penguins, regressor
from support.service.process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

BACKGROUND = [[39.1, 18.7, 181.0, 3750.0], [46.5, 17.9, 192.0, 3500.0], [50.0, 16.3, 230.0, 5700.0]]
ROW = [45.0, 15.0, 200.0, 4000.0]
RECORD = dict(zip(MEASUREMENTS, ROW, strict=True))
ODD: list[list[Any]] = [
    [3.0, 4, True, "Dream", "male"],
    [None, 4, False, "Biscoe", None],
    [7.0, 1, False, "Biscoe", "other"],
]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Start one service with all models for the tests of this module."""
    folder = tmp_path_factory.mktemp("explanations")
    with Service(folder, max_explained_rows=5, log_requests=True) as made:
        made.put("penguins/1/model.onnx", penguins(background=BACKGROUND))
        made.put("penguins/2/model.onnx", penguins(1, background=BACKGROUND))
        made.put("plain/1/model.onnx", penguins())
        made.put("sum/1/model.onnx", regressor(background=BACKGROUND))
        made.put("sums/1/model.onnx", regressor(["a", "b"], background=BACKGROUND))
        made.put("mixed/1/model.onnx", mixed(background=ODD))
        sure = Calibration(0.9, 100, threshold=0.3)
        made.put("sure/1/model.onnx", penguins(background=BACKGROUND, calibration=sure))
        wide = Calibration(0.9, 100, half_widths=[2.5])
        made.put("wide/1/model.onnx", regressor(calibration=wide))
        each = Calibration(0.9, 100, half_widths=[1.0, 2.0])
        made.put("each/1/model.onnx", regressor(["a", "b"], calibration=each))
        made.start()
        for name in ("penguins", "plain", "sum", "sums", "mixed", "sure", "wide", "each"):
            made.wait_for(name, state="ready", within=60)
        yield made


def ask(service: Service, path: str, body: Any) -> Any:
    response = service.client.post(path, json=body)
    assert response.status_code == 200, response.text
    return response.json()


def total(explanation: Any, key: str | None = None) -> float:
    base = explanation["base"] if key is None else explanation["base"][key]
    parts = explanation["contributions"].values()
    return base + sum(part if key is None else part[key] for part in parts)


def test_answers_are_those_of_predict_with_an_explanation_beside(service: Service) -> None:
    for path, body in [
        ("penguins", RECORD), ("penguins", [ROW, ROW]), ("penguins/versions/1", [RECORD]),
        ("sum", ROW), ("sums", [RECORD]),
    ]:  # fmt: skip
        predicted = ask(service, f"/models/{path}/predict", body)
        explained = ask(service, f"/models/{path}/explain", body)
        each = explained.get("predictions", [explained])
        assert [set(p.pop("explanation")) for p in each] == [
            {"method", "output", "base", "contributions", "model_rows"}
        ] * len(each)
        assert explained == predicted


def test_base_and_contributions_add_up(service: Service) -> None:
    answer = ask(service, "/models/penguins/explain", RECORD)
    explanation = answer["explanation"]
    assert list(explanation["contributions"]) == list(MEASUREMENTS)
    assert (explanation["method"], explanation["output"]) == ("exact", "probabilities")
    for key, probability in answer["probabilities"].items():
        assert total(explanation, key) == pytest.approx(probability, abs=1e-9)
    value = ask(service, "/models/sum/explain", ROW)
    assert total(value["explanation"]) == pytest.approx(value["value"], abs=1e-6)
    # Of a sum, a feature contributes its distance to the background's mean.
    means = [sum(column) / 3 for column in zip(*BACKGROUND, strict=True)]
    found = list(value["explanation"]["contributions"].values())
    assert found == pytest.approx([a - b for a, b in zip(ROW, means, strict=True)], abs=1e-3)
    values = ask(service, "/models/sums/explain", ROW)
    for key in ("a", "b"):
        assert total(values["explanation"], key) == pytest.approx(values["values"][key], abs=1e-6)


def test_columns_of_every_kind_and_missing_values_are_explained(service: Service) -> None:
    rows = [*ODD, [2.5, 9, True, "Dream", None], [None, 0, True, "Biscoe", "male"]]
    predictions = ask(service, "/models/mixed/explain", rows)["predictions"]
    for prediction in predictions:
        explanation = prediction["explanation"]
        assert list(explanation["contributions"]) == [feature.name for feature in MIXED]
        for key, probability in prediction["probabilities"].items():
            assert total(explanation, key) == pytest.approx(probability, abs=1e-9)


def test_top_explains_the_answered_class_only(service: Service) -> None:
    whole = ask(service, "/models/penguins/explain", [ROW])["predictions"][0]
    top = ask(service, "/models/penguins/explain?classes=top", [ROW])["predictions"][0]
    label = top["label"]
    assert top["explanation"]["base"] == {label: whole["explanation"]["base"][label]}
    for name, numbers in top["explanation"]["contributions"].items():
        own = whole["explanation"]["contributions"][name][label]
        assert numbers == {label: pytest.approx(own, abs=1e-12)}
    assert ask(service, "/models/penguins/explain?classes=all", [ROW])["predictions"] == [whole]


@pytest.mark.parametrize(
    ("path", "body", "status", "reason"),
    [
        ("plain/explain", ROW, 409, "has no background rows to compare with. Publish the model"),
        ("absent/explain", ROW, 404, "there is no model 'absent'"),
        ("penguins/versions/9/explain", ROW, 404, "version 9"),
        ("penguins/explain", [], 400, "the list of rows is empty"),
        ("penguins/explain", [ROW] * 6, 413, "the request has 6 rows, the limit is 5"),
        ("penguins/explain", [[1.0, 2.0]], 422, "the row has 2 values"),
        ("penguins/explain?classes=first", ROW, 422, "use 'all' or 'top'"),
        ("penguins/explain?class=top", ROW, 422, "Did you mean 'classes'?"),
        ("sum/explain?classes=top", ROW, 422, "classes=top needs classes"),
        ("penguins/whatif", ROW, 422, "?feature=bill_length_mm"),
        ("penguins/whatif?feature=bill_length", ROW, 422, "Did you mean 'bill_length_mm'?"),
        ("penguins/whatif?feature=body_mass_g", [ROW], 400, "from one record"),
        ("penguins/whatif?feature=body_mass_g", [ROW] * 3, 400, "from one record"),
        ("penguins/whatif?feature=body_mass_g", ["a"], 422, "row 0"),
        ("mixed/whatif?feature=age", ODD[0], 409, "has no range for 'age'"),
    ],
)
def test_requests_that_make_no_sense_are_refused(
    service: Service, path: str, body: Any, status: int, reason: str
) -> None:
    response = service.client.post(f"/models/{path}", json=body)
    assert response.status_code == status, response.text
    assert reason in response.json()["detail"]
    assert response.headers["content-type"] == "application/problem+json"


def test_what_if_varies_one_feature_along_its_range(service: Service) -> None:
    answer = ask(service, "/models/penguins/whatif?feature=body_mass_g", RECORD)
    assert (answer["model"], answer["version"], answer["feature"]) == ("penguins", 2, "body_mass_g")
    assert len(answer["values"]) == 64
    assert (answer["values"][0], answer["values"][-1]) == (2700.0, 6300.0)
    rows = [{**RECORD, "body_mass_g": value} for value in answer["values"]]
    assert answer["predictions"] == ask(service, "/models/penguins/predict", rows)["predictions"]
    names = [feature.name for feature in MIXED]
    varied: dict[str, list[Any]] = {"island": ["Biscoe", "Dream"], "wild": [False, True]}
    for name, expected in varied.items():
        answer = ask(service, f"/models/mixed/versions/1/whatif?feature={name}", ODD[0])
        assert answer["values"] == expected
        record = dict(zip(names, ODD[0], strict=True))
        rows = [{**record, name: value} for value in expected]
        assert answer["predictions"] == ask(service, "/models/mixed/predict", rows)["predictions"]


def test_routes_take_what_fast_routes_take(service: Service) -> None:
    client = service.client
    packed = gzip.compress(json.dumps(RECORD).encode())
    for path in ("/models/penguins/explain", "/models/penguins/whatif?feature=body_mass_g"):
        sent = client.post(path, content=packed, headers={"content-encoding": "gzip"})
        assert sent.status_code == 200, sent.text
        assert "infer;dur=" in sent.headers["server-timing"]
        assert client.get(path).status_code == 405
        assert client.options(path).headers["allow"] == "POST, OPTIONS"
        bare = path.partition("?")[0]
        assert client.post(f"{bare}/{path[len(bare) :]}", json=RECORD).status_code == 200
        eventually(lambda line=f"POST {bare}: 200": line in service.log, what="logged")


def test_costs_are_counted(service: Service) -> None:
    names = ("inference_explained_rows_total", "inference_explanation_model_rows_total")
    before = [counted(service, name) for name in names]
    answer = ask(service, "/models/penguins/explain", [ROW, ROW])
    rows = sum(p["explanation"]["model_rows"] for p in answer["predictions"])
    after = [counted(service, name) for name in names]
    assert [b - a for a, b in zip(before, after, strict=True)] == [2, rows]
    assert rows == 2 * (len(BACKGROUND) * 14)
    assert 'route="explain",status="200"' in service.client.get("/metrics").text


def counted(service: Service, name: str) -> float:
    series = f'{name}{{method="exact",model="penguins",version="2"}} '
    lines = service.client.get("/metrics").text.splitlines()
    return next((float(line.split()[-1]) for line in lines if line.startswith(series)), 0.0)


def test_calibrated_models_say_how_sure_they_are(service: Service) -> None:
    for body in (RECORD, ROW, [RECORD], [ROW, ROW]):
        answer = ask(service, "/models/sure/predict", body)
        for prediction in answer.get("predictions", [answer]):
            probabilities = prediction["probabilities"]
            likely = [label for label, p in probabilities.items() if p >= 0.3]
            assert prediction["label_set"] == likely
        answer = ask(service, "/models/wide/predict", body)
        for prediction in answer.get("predictions", [answer]):
            value = prediction["value"]
            assert prediction["interval"] == [value - 2.5, value + 2.5]
        answer = ask(service, "/models/each/predict", body)
        for prediction in answer.get("predictions", [answer]):
            a, b = prediction["values"]["a"], prediction["values"]["b"]
            assert prediction["intervals"] == {"a": [a - 1, a + 1], "b": [b - 2, b + 2]}
    explained = ask(service, "/models/sure/explain", RECORD)
    assert explained["label_set"] == ask(service, "/models/sure/predict", RECORD)["label_set"]


def test_calibrated_models_are_described(service: Service) -> None:
    document = service.client.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    assert "label_set" in schemas["SureAnswer"]["required"]
    assert "interval" in schemas["WidePrediction"]["required"]
    assert set(schemas["EachAnswer"]["properties"]["intervals"]["properties"]) == {"a", "b"}
    responses = document["paths"]["/models/sure/predict"]["post"]["responses"]
    examples = responses["200"]["content"]["application/json"]["examples"]
    assert examples["one record"]["value"]["label_set"]
    contract = service.client.get("/models/sure").json()["contract"]
    assert contract["calibration"] == {"coverage": 0.9, "rows": 100, "threshold": 0.3}


def fits(schemas: Any, schema: Any, value: Any) -> bool:
    """Whether a value has the form that a schema describes."""
    if "$ref" in schema:
        return fits(schemas, schemas[schema["$ref"].rpartition("/")[2]], value)
    if "anyOf" in schema:
        return any(fits(schemas, option, value) for option in schema["anyOf"])
    kinds = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
    names = schema.get("type", [])
    types = [
        kinds.get(name, (int, float)) for name in ([names] if isinstance(names, str) else names)
    ]
    if types and not any(isinstance(value, kind) for kind in types):
        return False
    if isinstance(value, list) and "items" in schema:
        return all(fits(schemas, schema["items"], item) for item in value)
    if not isinstance(value, dict):
        return "enum" not in schema or value in schema["enum"]
    known = schema.get("properties", {})
    further = schema.get("additionalProperties", {})
    return set(schema.get("required", [])) <= set(value) and all(
        fits(schemas, known.get(name, further), item) for name, item in value.items()
    ) and (set(value) <= set(known) or not known)  # fmt: skip


@pytest.mark.parametrize("name", ["penguins", "sum", "sums", "mixed", "sure"])
def test_routes_are_described_as_they_answer(service: Service, name: str) -> None:
    document = service.client.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    paths = document["paths"]
    order = list(paths)
    at = order.index(f"/models/{name}/predict")
    assert order[at + 1 : at + 3] == [f"/models/{name}/explain", f"/models/{name}/whatif"]
    for path in order[at + 1 : at + 3]:
        operation = paths[path]["post"]
        content = operation["requestBody"]["content"]["application/json"]
        required = {p["name"]: p["example"] for p in operation["parameters"] if p.get("required")}
        schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
        assert content["examples"] or name == "mixed"
        for example in content["examples"].values():
            response = service.client.post(path, json=example["value"], params=required)
            assert response.status_code in (200, 409), response.text
            if response.status_code == 200:
                assert fits(schemas, schema, response.json()), response.text
                assert not fits(schemas, schema, {**response.json(), "model": 1})


def test_routes_for_any_model_are_described(service: Service) -> None:
    document = service.client.get("/openapi.json").json()
    ids = [o["operationId"] for item in document["paths"].values() for o in item.values()]
    assert len(ids) == len(set(ids))
    for verb in ("explain", "whatif"):
        for path in (f"/models/{{name}}/{verb}", f"/models/{{name}}/versions/{{version}}/{verb}"):
            operation = document["paths"][path]["post"]
            schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
            query = {} if verb == "explain" else {"feature": "body_mass_g"}
            sent = service.client.post(f"/models/penguins/{verb}", json=RECORD, params=query)
            assert fits(document["components"]["schemas"], schema, sent.json()), sent.text
    assert "/models/plain/explain" not in document["paths"]  # it has no background
    assert "/models/plain/whatif" in document["paths"]
