from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from exporter.conversion.graph.cleanup import (
    keep_outputs,
    make_portable,
)
from inference.model.session import Session

FLOAT, DOUBLE = TensorProto.FLOAT, TensorProto.DOUBLE


def _value(name: str, kind: int = FLOAT, shape: tuple[Any, ...] = ("N", 2)) -> Any:
    return helper.make_tensor_value_info(name, kind, list(shape))


def _model(nodes: list[Any], inputs: list[Any], outputs: list[Any], **constants: Any) -> Any:
    initializers = [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()]
    graph = helper.make_graph(nodes, "g", inputs, outputs, initializers)
    opsets = [
        helper.make_opsetid(d, v) for d, v in (("", 21), ("ai.onnx.ml", 3), ("com.microsoft", 1))
    ]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def _run(model: Any, **feeds: Any) -> list[Any]:
    return Session(model.SerializeToString()).run(None, feeds)


def test_drops_what_only_dropped_outputs_needed() -> None:
    """Nodes, constants and inputs go with the output; what another one reads stays."""
    model = _model(
        [
            helper.make_node("Add", ["a", "one"], ["sum"]),
            helper.make_node("Mul", ["sum", "b"], ["product"]),
            helper.make_node("Sub", ["product", "two"], ["rest"]),
        ],
        [_value("a"), _value("b")],
        [_value("sum"), _value("rest")],
        one=np.float32(1),
        two=np.float32(2),
    )
    keep_outputs(model, ["sum"])
    assert [n.op_type for n in model.graph.node] == ["Add"]
    assert [i.name for i in model.graph.input] == ["a"]
    assert [i.name for i in model.graph.initializer] == ["one"]
    (result,) = _run(model, a=np.zeros((1, 2), np.float32))
    assert result.tolist() == [[1, 1]]


def test_keeps_what_a_subgraph_reads() -> None:
    """Names of the outer graph that stand in a branch only are in use."""
    branch = helper.make_graph(
        [helper.make_node("Add", ["outer", "outer"], ["twice"])], "b", [], [_value("twice")]
    )
    plain = helper.make_graph(
        [helper.make_node("Identity", ["outer"], ["same"])], "p", [], [_value("same")]
    )
    model = _model(
        [
            helper.make_node("Neg", ["a"], ["outer"]),
            helper.make_node("If", ["yes"], ["y"], then_branch=branch, else_branch=plain),
        ],
        [_value("a")],
        [_value("y")],
        yes=np.array(True),
    )
    keep_outputs(model, ["y"])
    (result,) = _run(model, a=np.ones((1, 2), np.float32))
    assert result.tolist() == [[-2, -2]]


def test_lowers_strings_in_a_locale_that_slim_images_have() -> None:
    """ONNX's default, en_US, is not there in a slim image: the file would not load."""
    node = helper.make_node(
        "StringNormalizer", ["a"], ["y"], case_change_action="LOWER", is_case_sensitive=1
    )
    string = TensorProto.STRING
    model = _model([node], [_value("a", string, ("N",))], [_value("y", string, ("N",))])
    make_portable(model)
    (result,) = _run(model, a=np.array(["GENTOO"], dtype=object))
    assert result.tolist() == ["gentoo"]
