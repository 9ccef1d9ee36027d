"""Models, columns and classes with names that differ by little, or that mean something in code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.model.contract import Feature
from support.models.artifacts import (
    classifier_graph,
    contract,
    measurements,
    penguins,
    regressor,
    with_contract,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from support.service.process import Service

MODELS = (
    *("a-b", "a_b", "a.b", "ab", "ab2", "a-1", "a1", "3d", "model3d", "model-3d"),
    *("active", "selected", "any", "by-name", "by_version", "class", "list", "import", "version"),
    *("penguins", "penguins-label", "problem", "record", "x-record", "row", "answer", "model"),
)
CLASSES: tuple[Sequence[str | int | bool], ...] = (
    ("Yes", "yes", "YES"),
    ("a b", "a-b"),
    ("", "x"),
    ("1", "2", "-1"),
    ("None", "null", "True"),
    ("self", "class", "mro"),
    ('"', "\\", " "),
    ("é", "ß", "ss", "日本"),
    ("value_0", "1"),
    (-1, 1),
)
COLUMNS = (
    ("bill length (mm)", "a b", "a-b", "class"),
    ("self", "Größe", "1st", "Body Mass g"),
    ("additional_properties", "model_config", "to_dict", "from_dict"),
    ("x", "X", "x_", "_x"),
    ("a", "A", "a1", "a_1"),
    ("type", "None", "True", "def"),
    ("日本", "$ref", "a/b", "a~b"),
    ("body", "client", "json", "data"),
)


def put_odd_models(service: Service) -> None:
    """Place all of them."""
    for name in MODELS:
        service.put(f"{name}/1/model.onnx", penguins())
    for number, classes in enumerate(CLASSES):
        described = contract(measurements(), list(classes))
        content = with_contract(classifier_graph(list(classes)), described)
        service.put(f"classes-{number}/1/model.onnx", content)
    for number, columns in enumerate(COLUMNS):
        features = [
            Feature(name, "number", "X", example=1.0, minimum=0.0, maximum=9.0) for name in columns
        ]
        described = contract(features, ["p", "q"])
        service.put(
            f"columns-{number}/1/model.onnx", with_contract(classifier_graph(["p", "q"]), described)
        )
    service.put("several/1/model.onnx", regressor(["a b", "a-b", "class"]))
