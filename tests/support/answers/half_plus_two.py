"""The model of TensorFlow Serving's examples: half of ``x``, plus two."""

from __future__ import annotations

from inference.model.contract import Feature
from support.models.artifacts import FLOAT, contract, graph, node, tensor, value, with_contract


def half_plus_two(feature_name: str = "x") -> bytes:
    """Make a regression on one number."""
    onnx_graph = graph(
        [node("Mul", ["x", "half"], ["halved"]), node("Add", ["halved", "two"], ["label"])],
        [value("x", FLOAT, "n", 1)],
        [value("label", FLOAT, "n", 1)],
        [tensor("half", [[0.5]]), tensor("two", [[2.0]])],
    )
    feature = Feature(feature_name, "number", "x", example=1.0, minimum=0.0, maximum=10.0)
    return with_contract(onnx_graph, contract([feature], None))
