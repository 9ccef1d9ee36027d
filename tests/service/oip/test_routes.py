from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.models.oip_models import ELEMENTS
from support.openapi_answers import statuses

if TYPE_CHECKING:
    from support.service.process import Service


def get(service: Service, path: str) -> Any:
    answer = service.client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def test_names_itself_and_what_it_implements(filled: Service) -> None:
    metadata = get(filled, "/v2")
    assert set(metadata) == {"name", "version", "extensions"}
    assert set(metadata["extensions"]) == {
        "binary_tensor_data",
        "classification",
        "model_repository",
        "model_configuration",
        "statistics",
    }
    assert get(filled, "/v2/") == metadata


def test_says_that_it_lives_and_is_ready(filled: Service) -> None:
    assert get(filled, "/v2/health/live") == {"live": True}
    assert get(filled, "/v2/health/ready") == {"live": True, "ready": True}


def test_names_the_models_that_answer(filled: Service) -> None:
    names = {f"id-{datatype.lower()}" for datatype in ELEMENTS} | {"penguins", "several", "zipmap"}
    assert set(get(filled, "/v2/models")["models"]) == names


def test_describes_a_model_with_its_contract(filled: Service) -> None:
    metadata = get(filled, "/v2/models/penguins")
    contract = metadata.pop("parameters")["contract"]
    assert metadata == {
        "name": "penguins",
        "versions": ["1", "2"],
        "platform": "onnx_onnxv1",
        "inputs": [{"name": "X", "datatype": "FP32", "shape": [-1, 4]}],
        "outputs": [
            {"name": "label", "datatype": "BYTES", "shape": [-1]},
            {"name": "probabilities", "datatype": "FP32", "shape": [-1, 3]},
        ],
    }
    assert contract["features"][0]["name"] == "bill_length_mm"


def test_lists_only_the_version_that_was_asked_for(filled: Service) -> None:
    assert get(filled, "/v2/models/penguins/versions/1")["versions"] == ["1"]


@pytest.mark.parametrize("datatype", ELEMENTS)
def test_describes_every_datatype(filled: Service, datatype: str) -> None:
    metadata = get(filled, f"/v2/models/id-{datatype.lower()}")
    assert metadata["inputs"] == [{"name": "x", "datatype": datatype, "shape": [-1, -1]}]


def test_leaves_maps_out_of_the_outputs_and_says_so(filled: Service) -> None:
    metadata = get(filled, "/v2/models/zipmap")
    assert [output["name"] for output in metadata["outputs"]] == ["label"]
    left_out = {"probabilities": "seq(map(string,tensor(float)))"}
    assert metadata["parameters"] == {"left_out_outputs": left_out}


def test_says_whether_a_model_is_ready(filled: Service) -> None:
    assert get(filled, "/v2/models/penguins/ready") == {"name": "penguins", "ready": True}
    assert get(filled, "/v2/models/penguins/versions/2/ready")["ready"] is True
    answer = filled.client.get("/v2/models/bad/ready")
    assert answer.status_code == 503
    assert answer.json()["ready"] is False
    assert "not an ONNX model" in answer.json()["error"]


def test_describes_a_model_in_tritons_words(filled: Service) -> None:
    config = get(filled, "/v2/models/several/config")
    assert config["name"] == "several"
    assert config["backend"] == "onnxruntime"
    assert config["max_batch_size"] == 0
    assert config["input"] == [
        {"name": "scalar", "data_type": "TYPE_INT64", "dims": []},
        {"name": "words", "data_type": "TYPE_STRING", "dims": [-1]},
        {"name": "cube", "data_type": "TYPE_FP32", "dims": [2, -1, 3]},
    ]
    assert get(filled, "/v2/models/penguins/versions/1/config")["name"] == "penguins"


def test_describes_inference_for_swagger(filled: Service) -> None:
    paths = get(filled, "/openapi.json")["paths"]
    responses = paths["/v2/models/{model_name}/infer"]["post"]["responses"]
    assert set(responses) == {"200", "4XX", "5XX"}
    reported = statuses(paths["/v2/models/{model_name}/infer"]["post"])
    assert reported == {200, 400, 404, 413, 415, 500, 503, 504}
    described = [op for path, item in paths.items() if path[:3] == "/v2" for op in item.values()]
    assert not any("422" in operation["responses"] for operation in described)
