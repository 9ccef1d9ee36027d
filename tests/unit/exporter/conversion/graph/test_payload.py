"""Large attributes are encoded as protobuf does, and read back by it."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from exporter.conversion.graph.payload import encode, encode_varints, serialize


def _model(*nodes: str) -> ModelProto:
    graph = helper.make_graph(
        [helper.make_node("Trees", [], [name], name=name) for name in nodes],
        "g",
        [],
        [helper.make_tensor_value_info(nodes[-1], TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.arange(3), "kept")],
    )
    return helper.make_model(graph, ir_version=10, producer_name="tests")


@pytest.mark.parametrize("bits", [7, 14, 21, 28, 35, 62])
def test_integers_at_the_limits_of_a_byte_are_read_back(bits: int) -> None:
    """One less, the limit, and one more, beside small and zero."""
    values = np.array([0, 1, (1 << bits) - 1, 1 << bits, (1 << bits) + 1, 5])
    read = ModelProto.FromString(serialize(_model("a"), {"a": encode({"numbers": values})}))
    (attribute,) = read.graph.node[0].attribute
    assert helper.get_attribute_value(attribute) == values.tolist()


def test_no_integers_are_no_bytes() -> None:
    assert encode_varints(np.zeros(0, dtype=np.int32)) == b""
    read = ModelProto.FromString(
        serialize(_model("a"), {"a": encode({"none": np.zeros(0, np.int32)})})
    )
    assert list(read.graph.node[0].attribute[0].ints) == []


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_tensors_are_read_back_with_their_type(dtype: type[np.generic]) -> None:
    values = np.array([0, 1, 200]).astype(dtype)
    read = ModelProto.FromString(serialize(_model("a"), {"a": encode({"t": values})}))
    found = numpy_helper.to_array(read.graph.node[0].attribute[0].t)
    assert found.dtype == dtype
    assert found.tolist() == values.tolist()


def test_texts_are_read_back_by_their_index() -> None:
    texts = np.array([b"BRANCH_LEQ", b"LEAF"], dtype=object)
    payload = encode({"modes": (texts, np.array([1, 0, 1]))})
    read = ModelProto.FromString(serialize(_model("a"), {"a": payload}))
    assert list(read.graph.node[0].attribute[0].strings) == [b"LEAF", b"BRANCH_LEQ", b"LEAF"]


def test_all_else_of_the_model_is_kept() -> None:
    """Nodes in their order, each with its own attributes."""
    payloads = {
        "a": encode({"one": np.array([1]), "two": np.array([2.0])}),
        "c": encode({"three": np.array([3])}),
        "gone": encode({"lost": np.array([4])}),
    }
    read = ModelProto.FromString(serialize(_model("a", "b", "c"), payloads))
    assert [node.name for node in read.graph.node] == ["a", "b", "c"]
    assert [[a.name for a in node.attribute] for node in read.graph.node] == [
        ["one", "two"],
        [],
        ["three"],
    ]
    assert [i.name for i in read.graph.initializer] == ["kept"]
    assert (read.producer_name, read.ir_version) == ("tests", 10)
