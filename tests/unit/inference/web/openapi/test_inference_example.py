"""The examples of inference requests can be executed unchanged."""

from __future__ import annotations

import json
from typing import Any

import pytest

from inference.model.servable import Servable
from inference.serving.tensors.request import read_request
from inference.web.openapi.inference_example import example_request
from support.answers.kinds import kinds
from support.models.artifacts import FLOAT, graph, images, mixed, model, node, value
from support.models.oip_models import ELEMENTS, identity, several

_FLOAT16 = ELEMENTS["FP16"][0]


def _example(content: bytes) -> dict[str, Any] | None:
    servable = Servable.load("m", 1, content)
    example = example_request(servable)
    if example is not None:
        body = json.dumps(example).encode()
        query = read_request(servable.signature, body, None, max_rows=1)
        servable.run(query.names, query.feeds)
    return example


@pytest.mark.parametrize("datatype", [datatype for datatype in ELEMENTS if datatype != "FP16"])
def test_each_datatype_with_a_form_in_json_has_an_example(datatype: str) -> None:
    assert _example(identity(datatype)) is not None


@pytest.mark.parametrize("content", [*kinds().values(), mixed(), images(), several()], ids=range(8))
def test_each_kind_of_model_has_an_example(content: bytes) -> None:
    assert _example(content) is not None


def _cast() -> bytes:
    encoded = graph(
        [node("Cast", ["x"], ["y"], to=_FLOAT16)],
        [value("x", FLOAT, "n", 2)],
        [value("y", _FLOAT16, "n", 2)],
    )
    return model(encoded)


@pytest.mark.parametrize("content", [identity("FP16"), _cast()], ids=["input", "output"])
def test_a_model_whose_tensors_have_no_form_in_json_has_none(content: bytes) -> None:
    assert _example(content) is None
