from __future__ import annotations

from typing import Any

import pytest

from inference.model.servable import Servable
from inference.web.openapi.explanations.operations import describe
from inference.web.openapi.identifiers import identify
from inference.web.openapi.model_schema import describe_predict
from support.models.artifacts import MIXED, mixed, penguins, regressor

BACKGROUND = [[39.1, 18.7, 181.0, 3750.0]]


def described(data: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    servable = Servable.load("m", 1, data)
    schemas: dict[str, Any] = {}
    identifier = identify(["m"])["m"]
    predict = describe_predict(servable, identifier, schemas)
    before = str(predict)
    operations = describe(servable, identifier, predict, schemas)
    assert str(predict) == before
    return operations, schemas


@pytest.mark.parametrize(
    ("data", "paths"),
    [
        (penguins(), ["/models/m/whatif"]),
        (penguins(background=BACKGROUND), ["/models/m/explain", "/models/m/whatif"]),
        (regressor(background=BACKGROUND), ["/models/m/explain", "/models/m/whatif"]),
    ],
)
def test_models_without_background_have_no_explanations(data: bytes, paths: list[str]) -> None:
    operations, schemas = described(data)
    assert list(operations) == paths
    assert ("MExplanation" in schemas) == (len(paths) > 1)


def test_classes_can_be_chosen_where_there_are_any() -> None:
    for data, names in ((penguins, ["classes"]), (regressor, [])):
        operations, _ = described(data(background=BACKGROUND))
        parameters = operations["/models/m/explain"]["parameters"]
        assert [parameter["name"] for parameter in parameters] == names


def test_what_if_lists_the_features() -> None:
    operations, schemas = described(mixed())
    (feature,) = operations["/models/m/whatif"]["parameters"]
    names = [each.name for each in MIXED]
    assert feature["schema"]["enum"] == names
    assert feature["example"] in names
    assert schemas["MCurve"]["title"] == "MCurve"


def test_explanations_name_features_and_classes() -> None:
    _, schemas = described(penguins(background=BACKGROUND))
    explanation = schemas["MExplanation"]["properties"]
    assert len(explanation["contributions"]["properties"]) == 4
    assert list(schemas["MShare"]["properties"]) == ["Adelie", "Chinstrap", "Gentoo"]
    assert "standard_error" not in schemas["MExplanation"]["required"]
    assert set(schemas["MExplained"]["required"]) == {"label", "probabilities", "explanation"}
