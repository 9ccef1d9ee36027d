"""What is said of one model, whatever its file says of itself."""

from __future__ import annotations

from typing import Any

import pytest

from inference.model.contract import Calibration, Feature, Outputs, Sample
from inference.model.servable import Servable
from inference.web.openapi.examples import LIST, ONE, ModelExamples
from inference.web.openapi.identifiers import Identifier
from inference.web.openapi.model_schema import describe_predict
from support.models.artifacts import (
    classifier_graph,
    contract,
    measurements,
    penguins,
    regressor,
    with_contract,
)

NAME = Identifier("M", "m")


def load(classes: Any, features: Any = None, **more: Any) -> Servable:
    described = contract(features or measurements(), classes, **more)
    return Servable.load(
        "m", 1, with_contract(classifier_graph(list(more.get("codes", "ab"))), described)
    )


def describe(servable: Servable) -> tuple[dict[str, Any], dict[str, Any]]:
    schemas: dict[str, Any] = {}
    return describe_predict(servable, NAME, schemas), schemas


@pytest.mark.parametrize(("coverage", "said"), [(0.9, "90%"), (0.995, "99.5%"), (0.9999, "99.99%")])
def test_coverage_is_not_rounded_to_certainty(coverage: float, said: str) -> None:
    calibration = Calibration(coverage, 20_000, half_widths=[1.0])
    _, schemas = describe(Servable.load("m", 1, regressor(calibration=calibration)))
    interval = schemas["MPrediction"]["properties"]["interval"]
    assert f"the true answer of {said} of new rows" in interval["description"]


def test_two_golden_rows_are_shown_with_their_answers() -> None:
    servable = Servable.load("m", 1, penguins())
    examples = ModelExamples(servable)
    first, second = examples.requests[LIST]
    assert examples.requests[ONE] == first != second
    assert servable.contract is not None
    sample = servable.contract.samples[0]
    assert list(first.values()) == sample.row
    assert examples.answers[ONE]["label"] == sample.label


def test_a_golden_row_that_the_model_refuses_or_warns_of_is_not_shown() -> None:
    features = [
        Feature(name, "number", "X", example=1.0, minimum=0.0, maximum=9.0) for name in "abcd"
    ]
    rows: list[Any] = [[None] * 4, [1e9] * 4, [2.0] * 4]
    samples = [Sample(row, "a", [0.5, 0.5]) for row in rows]
    examples = ModelExamples(load(["a", "b"], features, samples=samples))
    assert list(examples.requests[ONE].values()) == [2.0] * 4
    assert examples.answers == {}, "the second row is no golden one"


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (["a", "b"], {"type": "string", "enum": ["a", "b"]}),
        (["a b", "a-b"], {"type": "string", "enum": ["a b", "a-b"]}),
        ([3, -1], {"type": "integer", "enum": [3, -1]}),
        ([False, True], {"type": "boolean"}),
        ([0.5, 1.5], {"type": "number"}),
        (["a", 1], {"type": ["integer", "string"]}),
    ],
)
def test_a_label_has_the_type_of_the_classes(classes: Any, expected: dict[str, Any]) -> None:
    outputs = Outputs("label", "probabilities", encoded_classes=["a", "b"])
    _, schemas = describe(load(classes, outputs=outputs))
    label = schemas["MLabel"]
    assert {key: label[key] for key in expected} == expected


def test_a_list_cannot_be_taken_for_one_answer() -> None:
    _, schemas = describe(Servable.load("m", 1, penguins()))
    one, many = set(schemas["MAnswer"]["required"]), set(schemas["MAnswers"]["required"])
    assert one - set(schemas["MAnswers"]["properties"])
    assert many - set(schemas["MAnswer"]["properties"])


def test_a_model_whose_examples_fail_is_described_without_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ModelExamples, "_choose", lambda _: 1 / 0)
    operation, schemas = describe(Servable.load("m", 1, penguins()))
    assert "examples" not in operation["requestBody"]["content"]["application/json"]
    assert "MRecord" in schemas
