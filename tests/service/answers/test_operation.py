"""Lists, documents, metrics, quarantine and swaps of models of each kind of answer."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from inference.model.contract import LabelOutput
from support.answers import kinds as models
from support.answers.asking import RECORDS, assert_nearly, predict
from support.service.process import Service

pytestmark = pytest.mark.long

KINDS = list(models.kinds())
# In the training range, so that answers carry no warnings.
TENSOR: dict[str, Any] = {"name": "X", "shape": [2, 4], "datatype": "FP32", "data": models.ROWS}


def test_models_are_listed_with_their_task_and_targets(service: Service) -> None:
    listed = {model["name"]: model for model in service.client.get("/models").json()["models"]}
    shown = {name: (m["task"], m["classes"], m["targets"]) for name, m in listed.items()}
    assert shown["labels"] == (
        "multioutput_classification",
        None,
        ["species", "is heavy", "count"],
    )
    assert shown["outliers"] == ("outlier_detection", [-1, 1], None)
    assert shown["clusters"] == ("clustering", [0, 1], None)
    assert shown["vectors"] == ("transformation", None, ["pca0", "pca1", "pca2"])


@pytest.mark.parametrize("kind", KINDS)
def test_examples_of_the_document_are_the_answers(service: Service, kind: str) -> None:
    document = service.client.get("/openapi.json").json()
    operation = document["paths"][f"/models/{kind}/predict"]["post"]
    asked = operation["requestBody"]["content"]["application/json"]["examples"]
    answered = operation["responses"]["200"]["content"]["application/json"]["examples"]
    assert list(asked) == list(answered) == list(asked)
    assert len(asked) == 3
    for name, example in asked.items():
        answer = service.client.post(f"/models/{kind}/predict", json=example["value"]).json()
        wanted = answered[name]["value"]
        assert list(answer) == list(wanted)
        pairs = zip(
            answer.get("predictions", [answer]), wanted.get("predictions", [wanted]), strict=True
        )
        for found, prediction in pairs:
            assert_nearly(found, prediction)


def test_document_explains_outliers_and_scores(service: Service) -> None:
    schemas = service.client.get("/openapi.json").json()["components"]["schemas"]
    assert schemas["OutliersLabel"]["enum"] == [-1, 1]
    assert schemas["OutliersLabel"]["description"] == "1 for an inlier, -1 for an outlier."
    score = schemas["OutliersPrediction"]["properties"]["score"]
    assert "decision_function: below 0 for an outlier" in score["description"]
    assert schemas["VectorsPrediction"]["properties"]["vector"]["minItems"] == 3


def test_labels_are_counted_per_target(service: Service) -> None:
    before = counted(service)
    predict(service, "labels", RECORDS)
    document = {"inputs": [TENSOR], "outputs": [{"name": "heavy_label"}]}
    service.client.post("/v2/models/labels/infer", json=document).raise_for_status()
    predict(service, "outliers", RECORDS[1])
    after = counted(service)
    more = {key: after[key] - before.get(key, 0) for key in after if after[key] != before.get(key)}
    assert more == {
        ("labels", "species=Adelie"): 1,
        ("labels", "species=Gentoo"): 1,
        ("labels", "is heavy=false"): 2,
        ("labels", "is heavy=true"): 2,
        ("labels", "count=0"): 1,
        ("labels", "count=1"): 1,
        ("outliers", "-1"): 1,
    }


def counted(service: Service) -> dict[tuple[str, str], float]:
    families = text_string_to_metric_families(service.client.get("/metrics").text)
    [family] = [f for f in families if f.name == "inference_predicted_labels"]
    return {
        (sample.labels["model"], sample.labels["label"]): sample.value
        for sample in family.samples
        if sample.name.endswith("_total")
    }


def test_series_of_labels_are_bounded(tmp_path: Any) -> None:
    targets = [LabelOutput(f"t{i}", f"t{i}", [0, 1]) for i in range(40)]
    with Service(tmp_path) as service:
        service.put("many/1/model.onnx", models.indicators(targets))
        service.start()
        service.wait_for("many", state="ready", within=60)
        predict(service, "many", RECORDS)
        series = [label for model, label in counted(service) if model == "many"]
    assert len(series) <= 21
    assert "(other)" in series
    assert {"t0=1", "t9=0", "t9=1"} & set(series)
    assert "t10=1" not in series


HOSTILE = {
    "missing": (
        models.labels(
            targets=[
                LabelOutput("species", "species_label", ["Adelie", "Chinstrap", "Gentoo"]),
                LabelOutput("b", "nothing", [0, 1]),
            ]
        ),
        "the contract names the output 'nothing', which the graph lacks",
    ),
    "narrow": (
        models.labels(
            targets=[
                LabelOutput("species", "species_label", ["Adelie"], "species_probabilities"),
            ]
        ),
        "of target 'species', has the shape [-1, 3] and not [rows, 1]",
    ),
    "unscored": (
        models.outliers(score="other"),
        "the contract names the output 'other', which the graph lacks",
    ),
    "clusters": (
        models.clusters(classes=[0, 1, 2]),
        "output 'distances', which holds the distances, has the shape [-1, 2] and not [rows, 3]",
    ),
    "wrong": (
        models.outliers([models.Sample(models.ROW, -1)]),
        "golden sample 0 is answered 1, the original answered -1",
    ),
    "later": (
        models.vectors().replace(b'"transformation"', b'"conversational"'),
        "the task of the contract is 'conversational', this service serves",
    ),
}


def test_hostile_contracts_are_quarantined_with_a_reason(tmp_path: Any) -> None:
    with Service(tmp_path) as service:
        for name, (content, _) in HOSTILE.items():
            service.put(f"{name}/1/model.onnx", content)
        service.put("good/1/model.onnx", models.outliers())
        service.start()
        service.wait_for("good", state="ready", within=60)
        for name, (_, reason) in HOSTILE.items():
            shown = service.wait_for(name, state="quarantined", within=60)
            assert reason in shown["reason"], name


def test_swap_to_another_kind_changes_whole_answers(tmp_path: Any) -> None:
    """A version of another kind takes over while requests are under way."""
    with Service(tmp_path) as service:
        service.put("m/1/model.onnx", models.outliers())
        service.start()
        service.wait_for("m", state="ready", within=60)
        seen: list[dict[str, Any]] = []
        is_over = threading.Event()

        def ask() -> None:
            while not is_over.is_set():
                answer = service.client.post("/models/m/predict", json=RECORDS[0])
                assert answer.status_code == 200, answer.text
                seen.append(answer.json())

        with ThreadPoolExecutor(2) as threads:
            asking = [threads.submit(ask) for _ in range(2)]
            service.put("m/2/model.onnx", models.vectors())
            service.wait_for("m", active_version=2, within=60)
            is_over.set()
            for one in asking:
                one.result()
        members = {1: {"model", "version", "label", "score"}, 2: {"model", "version", "vector"}}
        assert all(set(answer) == members[answer["version"]] for answer in seen)
        assert json.loads(service.client.post("/models/m/predict", json=RECORDS[0]).text)[
            "vector"
        ] == pytest.approx(models.vectors_sample(models.ROW).label, rel=1e-5)
