from __future__ import annotations

import gzip
import json
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from inference.serving.tensors.binary import to_binary
from support.models.oip_models import ELEMENTS, fill, pack, sample, tensor, unpack
from support.service.process import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

ROWS = [[39.1, 18.7, 181.0, 3750.0], [46.5, 17.9, 192.0, 3500.0], [50.0, 16.3, 230.0, 5700.0]]


@pytest.fixture(scope="module", params=[True, False], ids=["direct", "asgi"])
def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """Serve every kind of model, answering from the parser and without it."""
    settings = {"max_rows": 1000, "max_body_bytes": 1_000_000, "direct": request.param}
    with fill(Service(tmp_path_factory.mktemp("infer"), **settings)) as service:
        yield service.start(within=120)


def infer(service: Service, model: str, /, version: int | None = None, **document: Any) -> Any:
    answer = service.client.post(path(model, version), json=document)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def path(model: str, version: int | None = None) -> str:
    return f"/v2/models/{model}" + (f"/versions/{version}" if version else "") + "/infer"


def send(
    service: Service, model: str, document: dict[str, Any], *buffers: bytes, **headers: str
) -> httpx.Response:
    body, lengths = pack(document, buffers)
    answer = service.client.post(path(model), content=body, headers=lengths | headers)
    assert answer.status_code == 200, answer.text
    return answer


def described(name: str, datatype: str, array: Any, size: int) -> dict[str, Any]:
    parts = tensor(name, datatype, array, parameters={"binary_data_size": size})
    del parts["data"]
    return parts


@pytest.mark.parametrize("nested", [True, False])
@pytest.mark.parametrize("datatype", [d for d in ELEMENTS if d != "FP16"])
def test_takes_and_gives_json(filled: Service, datatype: str, nested: bool) -> None:
    array = sample(datatype)
    given = tensor("x", datatype, array, **({"data": array.tolist()} if nested else {}))
    answer = infer(filled, f"id-{datatype.lower()}", id="some id", inputs=[given])
    output = tensor("y", datatype, array)
    assert answer == {
        "model_name": f"id-{datatype.lower()}",
        "model_version": "1",
        "id": "some id",
        "outputs": [output],
    }


@pytest.mark.parametrize("datatype", ELEMENTS)
def test_takes_and_gives_the_very_bytes(filled: Service, datatype: str) -> None:
    array = sample(datatype)
    buffer = bytes(to_binary(array))
    document = {
        "inputs": [described("x", datatype, array, len(buffer))],
        "parameters": {"binary_data_output": True},
    }
    answer, buffers = unpack(send(filled, f"id-{datatype.lower()}", document, buffer))
    assert buffers["y"] == buffer
    assert answer["outputs"][0]["shape"] == [2, 3]
    assert "id" not in answer


@pytest.mark.parametrize("datatype", ["FP32", "FP64", "FP16"])
def test_passes_nan_and_infinity_through_binary(filled: Service, datatype: str) -> None:
    array = np.array([[np.nan, np.inf, -np.inf]], dtype=ELEMENTS[datatype][1])
    document = {
        "inputs": [described("x", datatype, array, array.nbytes)],
        "outputs": [{"name": "y", "parameters": {"binary_data": True}}],
    }
    _, buffers = unpack(send(filled, f"id-{datatype.lower()}", document, array.tobytes()))
    assert buffers["y"] == array.tobytes()


def test_spells_nan_as_null_in_json(filled: Service) -> None:
    array = np.array([[np.nan, np.inf, 1]], dtype=np.float32)
    document = {"inputs": [described("x", "FP32", array, array.nbytes)]}
    answer = send(filled, "id-fp32", document, array.tobytes())
    assert answer.json()["outputs"][0]["data"] == [None, None, 1.0]


def test_takes_several_inputs_of_any_rank_in_any_form(filled: Service) -> None:
    cube = np.arange(30, dtype=np.float32).reshape(2, 5, 3)
    words = np.array(["a", "", "é"], dtype=object)
    buffer = bytes(to_binary(words))
    document = {
        "inputs": [
            tensor("cube", "FP32", cube, data=cube.tolist()),
            described("words", "BYTES", words, len(buffer)),
            {"name": "scalar", "shape": [], "datatype": "INT64", "data": 7},
        ],
        "outputs": [
            {"name": "words_out"},
            {"name": "cube_out", "parameters": {"binary_data": True}},
            {"name": "scalar_out"},
        ],
    }
    answer, buffers = unpack(send(filled, "several", document, buffer))
    assert [output["name"] for output in answer["outputs"]] == [
        "words_out",
        "cube_out",
        "scalar_out",
    ]
    assert answer["outputs"][0]["data"] == words.tolist()
    assert buffers["cube_out"] == cube.tobytes()
    assert answer["outputs"][2] == {
        "name": "scalar_out",
        "datatype": "INT64",
        "shape": [],
        "data": [7],
    }


def test_answers_from_the_version_that_was_asked_for(filled: Service) -> None:
    given = [tensor("X", "FP32", np.array(ROWS))]
    answers = {v: infer(filled, "penguins", v, inputs=given) for v in (None, 1, 2)}
    assert [answers[v]["model_version"] for v in (None, 1, 2)] == ["2", "1", "2"]
    assert answers[None] == answers[2]
    assert answers[1]["outputs"] != answers[2]["outputs"]


def test_answers_as_the_predict_routes_do(filled: Service) -> None:
    answer = infer(filled, "penguins", inputs=[tensor("X", "FP32", np.array(ROWS))])
    predicted = filled.client.post("/models/penguins/predict", json=ROWS).json()["predictions"]
    labels, table = answer["outputs"]
    assert labels["data"] == [prediction["label"] for prediction in predicted]
    flat = [p for prediction in predicted for p in prediction["probabilities"].values()]
    assert table["data"] == flat


@pytest.mark.parametrize("binary", [True, False])
def test_ranks_classes_by_their_names(filled: Service, binary: bool) -> None:
    parameters = {"classification": 2, "binary_data": binary}
    document = {
        "inputs": [tensor("X", "FP32", np.array(ROWS))],
        "outputs": [{"name": "probabilities", "parameters": parameters}],
    }
    table = infer(filled, "penguins", inputs=document["inputs"])["outputs"][1]["data"]
    answer = filled.client.post(path("penguins"), json=document)
    if binary:
        parsed, buffers = unpack(answer)
        assert buffers["probabilities"].count(b":") == 12
    else:
        parsed = answer.json()
        ranked = np.array(parsed["outputs"][0]["data"]).reshape(3, 2)
        names = ["Adelie", "Chinstrap", "Gentoo"]
        for row, best in zip(np.array(table).reshape(3, 3), ranked[:, 0], strict=True):
            value, index, label = best.split(":")
            assert float(value) == pytest.approx(row.max())
            assert (int(index), label) == (row.argmax(), names[row.argmax()])
    assert parsed["outputs"][0]["datatype"] == "BYTES"
    assert parsed["outputs"][0]["shape"] == [3, 2]


def test_takes_a_raw_body(filled: Service) -> None:
    rows = np.array(ROWS, dtype=np.float32)
    answer = filled.client.post(
        path("penguins"),
        content=rows.tobytes(),
        headers={"Inference-Header-Content-Length": "0"},
    )
    document, buffers = unpack(answer)
    assert set(buffers) == {"label", "probabilities"}
    expected = infer(filled, "penguins", inputs=[tensor("X", "FP32", rows)])
    assert np.frombuffer(buffers["probabilities"], "<f4").tolist() == expected["outputs"][1]["data"]
    assert document["outputs"][1]["shape"] == [3, 3]


@pytest.mark.parametrize("rows", [1, 900])
@pytest.mark.parametrize("coding", ["gzip", "deflate", "bare deflate"])
def test_takes_compressed_bodies(filled: Service, coding: str, rows: int) -> None:
    array = np.tile(np.array(ROWS[0], dtype=np.float32), (rows, 1))
    document = {
        "inputs": [described("X", "FP32", array, array.nbytes)],
        "outputs": [{"name": "probabilities", "parameters": {"binary_data": True}}],
    }
    body, headers = pack(document, [array.tobytes()])
    squeezed = {
        "gzip": gzip.compress,
        "deflate": zlib.compress,
        "bare deflate": lambda data: zlib.compress(data, wbits=-15),
    }[coding](body)
    headers["Content-Encoding"] = coding.rsplit(maxsplit=1)[-1]
    plain = send(filled, "penguins", document, array.tobytes())
    answer = filled.client.post(path("penguins"), content=squeezed, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.content == plain.content


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_gives_compressed_bodies_where_they_are_asked_for(filled: Service, coding: str) -> None:
    array = np.tile(np.array(ROWS, dtype=np.float32), (100, 1))
    document = {"inputs": [tensor("X", "FP32", array)]}
    answers = [
        filled.client.post(path("penguins"), json=document, headers={"Accept-Encoding": accepted})
        for accepted in (coding, f"br, {coding};q=0.5", "identity", f"{coding};q=0", "br")
    ]
    assert [a.headers.get("content-encoding") for a in answers] == [coding] * 2 + [None] * 3
    assert len({a.content for a in answers}) == 1
    assert int(answers[0].headers["content-length"]) < int(answers[2].headers["content-length"])


def test_the_json_length_counts_what_is_decompressed(filled: Service) -> None:
    array = np.tile(np.array(ROWS, dtype=np.float32), (100, 1))
    document = {
        "inputs": [tensor("X", "FP32", array)],
        "outputs": [{"name": "probabilities", "parameters": {"binary_data": True}}],
    }
    answer = filled.client.post(
        path("penguins"), json=document, headers={"Accept-Encoding": "gzip"}
    )
    assert answer.headers["content-encoding"] == "gzip"
    assert unpack(answer)[0]["outputs"][0]["shape"] == [300, 3]


def test_ignores_content_type_and_parameters_it_has_no_use_for(filled: Service) -> None:
    document = {
        "inputs": [tensor("X", "FP32", np.array(ROWS))],
        "parameters": {"timeout": 1_000_000, "priority": 1, "sequence_id": 0, "own": "x"},
    }
    for content_type in ({}, {"Content-Type": "text/plain"}):
        answer = filled.client.post(
            path("penguins"), content=json.dumps(document), headers=content_type
        )
        assert answer.status_code == 200, answer.text


def test_a_batch_without_rows_is_answered_or_refused_and_never_a_server_error(
    filled: Service,
) -> None:
    for model in ("penguins", "zipmap"):
        given = {"name": "X", "shape": [0, 4], "datatype": "FP32", "data": []}
        answer = filled.client.post(path(model), json={"inputs": [given]})
        assert answer.status_code in {200, 400}, answer.text
