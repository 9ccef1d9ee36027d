"""Several labels, outliers, clusters and vectors on every route that lists models."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from inference.serving.tensors.binary import from_binary
from support.answers import kinds as models
from support.answers.asking import RECORDS, assert_nearly, predict
from support.models.oip_models import ELEMENTS, pack, unpack

if TYPE_CHECKING:
    from support.service.process import Service

KINDS = list(models.kinds())
# In the training range, so that answers carry no warnings.
TENSOR: dict[str, Any] = {"name": "X", "shape": [2, 4], "datatype": "FP32", "data": models.ROWS}


@pytest.mark.parametrize("kind", KINDS)
def test_record_list_and_rows_are_answered_alike(service: Service, kind: str) -> None:
    head = {"model": kind, "version": 1}
    wanted = models.predictions()[kind]
    for record, prediction in zip(RECORDS, wanted, strict=True):
        assert_nearly(predict(service, kind, record), head | prediction)
    for body in (RECORDS, models.ROWS):
        answer = predict(service, kind, body)
        assert list(answer) == ["model", "version", "predictions"]
        for found, prediction in zip(answer["predictions"], wanted, strict=True):
            assert_nearly(found, prediction)


@pytest.mark.parametrize("kind", KINDS)
def test_selected_model_answers_as_by_its_name(service: Service, kind: str) -> None:
    service.client.post("/select-model/", params={"model": kind}).raise_for_status()
    answer = service.client.post("/predict/", json=RECORDS)
    assert answer.json() == predict(service, kind, RECORDS)


@pytest.mark.parametrize("kind", [*KINDS, "wide"])
@pytest.mark.parametrize("rows", [1, 2, 31, 32, 33, 3000])
def test_many_rows_are_answered_as_each_alone(service: Service, kind: str, rows: int) -> None:
    """Answers above some thousand values are encoded in pieces."""
    if kind == "wide" and rows > 100:
        rows = 100
    body = (models.ROWS * rows)[:rows]
    alone = [predict(service, kind, [row])["predictions"][0] for row in models.ROWS]
    assert predict(service, kind, body)["predictions"] == (alone * rows)[:rows]


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_rows_are_refused_by_name(service: Service, kind: str) -> None:
    bodies: list[Any] = [[], {}, [RECORDS[0] | {"body_mass_g": "heavy"}]]
    for body in bodies:
        answer = service.client.post(f"/models/{kind}/predict", json=body)
        assert answer.status_code in {400, 422}, answer.text


@pytest.mark.parametrize("kind", KINDS)
def test_requests_of_many_threads_are_not_mixed_up(service: Service, kind: str) -> None:
    expected = [predict(service, kind, record) for record in RECORDS]
    begin = threading.Barrier(8)

    def ask(number: int) -> None:
        begin.wait()
        for turn in range(20):
            place = (number + turn) % 2
            assert predict(service, kind, RECORDS[place]) == expected[place]

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(ask, range(8)))


def test_metadata_list_every_output(service: Service) -> None:
    described = service.client.get("/v2/models/labels").json()
    outputs = {o["name"]: (o["datatype"], o["shape"]) for o in described["outputs"]}
    assert outputs == {
        "species_label": ("BYTES", [-1]),
        "species_probabilities": ("FP32", [-1, 3]),
        "heavy_label": ("INT64", [-1]),
        "heavy_probabilities": ("FP32", [-1, 2]),
        "count_label": ("INT64", [-1]),
    }
    contract = described["parameters"]["contract"]
    assert [label["name"] for label in contract["labels"]] == ["species", "is heavy", "count"]


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        (
            "labels",
            {"species_label": ["Adelie", "Gentoo"], "heavy_label": [0, 1], "count_label": [1, 0]},
        ),
        ("outliers", {"label": [1, -1], "score": [1.25, -0.7]}),
        ("clusters", {"label": [0, 1]}),
        ("vectors", {"vector": [0, 3988.8, 7977.6, 0, 5996.3, 11992.6]}),
    ],
)
def test_inference_gives_the_tensors_as_json_and_as_bytes(
    service: Service, kind: str, wanted: dict[str, list[Any]]
) -> None:
    path = f"/v2/models/{kind}/infer"
    answer = service.client.post(path, json={"inputs": [TENSOR]})
    assert answer.status_code == 200, answer.text
    by_name = {output["name"]: output["data"] for output in answer.json()["outputs"]}
    for name, values in wanted.items():
        assert by_name[name] == (
            values if isinstance(values[0], str) else pytest.approx(values, rel=1e-5)
        )
    asked = {"inputs": [TENSOR], "parameters": {"binary_data_output": True}}
    body, lengths = pack(asked, ())
    binary = service.client.post(path, content=body, headers=lengths)
    assert binary.status_code == 200, binary.text
    given, buffers = unpack(binary)
    for output in given["outputs"]:
        dtype = np.dtype(ELEMENTS[output["datatype"]][1])
        array = from_binary(buffers[output["name"]], dtype, tuple(output["shape"]))
        assert array.ravel().tolist() == by_name[output["name"]]


@pytest.mark.parametrize(
    ("kind", "output", "best"),
    [
        ("labels", "species_probabilities", ["0:Adelie", "2:Gentoo"]),
        ("labels", "heavy_probabilities", ["0:false", "1:true"]),
        ("clusters", "distances", ["1:1", "0:0"]),
        ("mixture", "probabilities", ["0:0", "1:1"]),
    ],
)
def test_classification_extension_names_the_classes_of_each_output(
    service: Service, kind: str, output: str, best: list[str]
) -> None:
    asked = {"name": output, "parameters": {"classification": 1}}
    document = {"inputs": [TENSOR], "outputs": [asked]}
    answer = service.client.post(f"/v2/models/{kind}/infer", json=document)
    assert answer.status_code == 200, answer.text
    [given] = answer.json()["outputs"]
    assert [text.partition(":")[2] for text in given["data"]] == best
