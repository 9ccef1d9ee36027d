"""Graphs that a foreign file may have: every kind of input and output that onnxruntime knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Sequence

FLOAT = TensorProto.FLOAT
tensor = helper.make_tensor_value_info


def _model(
    nodes: Sequence[Any],
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    constants: dict[str, Any] | None = None,
) -> bytes:
    graph = helper.make_graph(
        list(nodes),
        "odd",
        list(inputs),
        list(outputs),
        [numpy_helper.from_array(np.asarray(v), k) for k, v in (constants or {}).items()],
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 3)]
    made: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()
    return made


def identity(shape: Sequence[Any], element: int = FLOAT) -> bytes:
    node = helper.make_node("Identity", ["x"], ["y"])
    return _model([node], [tensor("x", element, shape)], [tensor("y", element, shape)])


def cast(element: int, shape: Sequence[Any] = ("n", 2), out: Sequence[Any] = ("n", 2)) -> bytes:
    node = helper.make_node("Cast", ["x"], ["y"], to=element)
    return _model([node], [tensor("x", FLOAT, shape)], [tensor("y", element, out)])


def cast_from(element: int) -> bytes:
    node = helper.make_node("Cast", ["x"], ["y"], to=FLOAT)
    return _model([node], [tensor("x", element, ("n", 2))], [tensor("y", FLOAT, ("n", 2))])


def scalar(*, also_rows: bool = False) -> bytes:
    nodes = [helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0)]
    outputs = [tensor("sum", FLOAT, ())]
    if also_rows:
        nodes.append(helper.make_node("Identity", ["x"], ["rows"]))
        outputs.append(tensor("rows", FLOAT, ("n", 2)))
    return _model(nodes, [tensor("x", FLOAT, ("n", 2))], outputs)


def transposed() -> bytes:
    node = helper.make_node("Transpose", ["x"], ["y"])
    return _model([node], [tensor("x", FLOAT, ("n", 2))], [tensor("y", FLOAT, (2, "n"))])


def constant() -> bytes:
    nodes = [
        helper.make_node("Identity", ["c"], ["y"]),
        helper.make_node("Identity", ["x"], ["unused"]),
    ]
    inputs, outputs = [tensor("x", FLOAT, ("n", 2))], [tensor("y", FLOAT, (3,))]
    return _model(nodes, inputs, outputs, {"c": np.arange(3, dtype=np.float32)})


def sequence(element: int = FLOAT) -> bytes:
    """Give two tensors of a row each, as skl2onnx writes MultiOutputClassifier."""
    nodes = [
        helper.make_node("Cast", ["x"], ["a"], to=element),
        helper.make_node("SequenceConstruct", ["a", "a"], ["y"]),
    ]
    made = helper.make_tensor_sequence_value_info("y", element, ("n", 2))
    return _model(nodes, [tensor("x", FLOAT, ("n", 2))], [made])


def split_rows() -> bytes:
    node = helper.make_node("SplitToSequence", ["x"], ["y"], axis=0)
    made = helper.make_tensor_sequence_value_info("y", FLOAT, None)
    return _model([node], [tensor("x", FLOAT, ("n", 2))], [made])


def sequence_input() -> bytes:
    nodes = [helper.make_node("SequenceAt", ["x", "i"], ["y"])]
    given = helper.make_tensor_sequence_value_info("x", FLOAT, ("n", 2))
    outputs = [tensor("y", FLOAT, ("n", 2))]
    return _model(nodes, [given], outputs, {"i": np.array(0, np.int64)})


def optional(*, empty: bool = False) -> bytes:
    kind = helper.make_optional_type_proto(helper.make_tensor_type_proto(FLOAT, ("n", 2)))
    node = (
        helper.make_node("Optional", [], ["y"], type=helper.make_tensor_type_proto(FLOAT, None))
        if empty
        else helper.make_node("Optional", ["x"], ["y"])
    )
    nodes = [node, helper.make_node("Identity", ["x"], ["z"])]
    outputs = [helper.make_value_info("y", kind), tensor("z", FLOAT, ("n", 2))]
    return _model(nodes, [tensor("x", FLOAT, ("n", 2))], outputs)


def parsed() -> bytes:
    """Make numbers of strings: no empty string is one."""
    node = helper.make_node("Cast", ["x"], ["y"], to=FLOAT)
    inputs = [tensor("x", TensorProto.STRING, ("n", 1))]
    return _model([node], inputs, [tensor("y", FLOAT, ("n", 1))])


def encoded() -> bytes:
    node = helper.make_node("Cast", ["x"], ["y"], to=TensorProto.STRING)
    outputs = [tensor("y", TensorProto.STRING, ("n", 2))]
    return _model([node], [tensor("x", FLOAT, ("n", 2))], outputs)


def not_utf8() -> bytes:
    node = helper.make_node(
        "LabelEncoder",
        ["x"],
        ["y"],
        domain="ai.onnx.ml",
        keys_int64s=[0],
        values_strings=["a"],
        default_string=b"\xff\xfe",
    )
    inputs = [tensor("x", TensorProto.INT64, ("n", 1))]
    return _model([node], inputs, [tensor("y", TensorProto.STRING, ("n", 1))])


def maps(keys: str) -> bytes:
    known = {"classlabels_int64s": [3, 4]} if keys == "int" else {"classlabels_strings": ["a", "b"]}
    node = helper.make_node("ZipMap", ["x"], ["y"], domain="ai.onnx.ml", **known)
    kind = TensorProto.INT64 if keys == "int" else TensorProto.STRING
    made = helper.make_sequence_type_proto(
        helper.make_map_type_proto(kind, helper.make_tensor_type_proto(FLOAT, ()))
    )
    inputs = [tensor("x", FLOAT, ("n", 2))]
    return _model([node], inputs, [helper.make_value_info("y", made)])


def map_input() -> bytes:
    node = helper.make_node(
        "DictVectorizer", ["x"], ["y"], domain="ai.onnx.ml", string_vocabulary=["a", "b"]
    )
    kind = helper.make_map_type_proto(TensorProto.STRING, helper.make_tensor_type_proto(FLOAT, ()))
    given = helper.make_value_info("x", kind)
    return _model([node], [given], [tensor("y", FLOAT, (1, 2))])


def non_zero() -> bytes:
    node = helper.make_node("NonZero", ["x"], ["y"])
    outputs = [tensor("y", TensorProto.INT64, (2, "k"))]
    return _model([node], [tensor("x", FLOAT, ("n", 2))], outputs)


def never() -> bytes:
    """Fail for whatever rows: the constant has another width."""
    node = helper.make_node("MatMul", ["x", "c"], ["y"])
    inputs = [tensor("x", FLOAT, ("n", "k"))]
    outputs = [tensor("y", FLOAT, ("n", 1))]
    return _model([node], inputs, outputs, {"c": np.ones((7, 1), np.float32)})


def gathered() -> bytes:
    """Fail for a row whose number is no index."""
    node = helper.make_node("Gather", ["c", "x"], ["y"])
    inputs = [tensor("x", TensorProto.INT64, ("n",))]
    outputs = [tensor("y", FLOAT, ("n",))]
    return _model([node], inputs, outputs, {"c": np.ones(3, np.float32)})


def sized() -> bytes:
    """Give as many values as the number says that is given."""
    node = helper.make_node("ConstantOfShape", ["x"], ["y"])
    return _model([node], [tensor("x", TensorProto.INT64, (1,))], [tensor("y", FLOAT, ("k",))])


GRAPHS = {
    "batch-1": identity((1, 2)),
    "batch-1-vector": identity((1,)),
    "batch-8": identity((8, 2)),
    "no-rows": identity((0, 2)),
    "scalar-input": identity(()),
    "image": identity(("n", 3, 4)),
    "vector": identity(("n",)),
    "scalar": scalar(),
    "scalar-and-rows": scalar(also_rows=True),
    "transposed": transposed(),
    "constant": constant(),
    "sequence": sequence(),
    "sequence-int": sequence(TensorProto.INT64),
    "sequence-string": sequence(TensorProto.STRING),
    "sequence-float16": sequence(TensorProto.FLOAT16),
    "split-rows": split_rows(),
    "sequence-input": sequence_input(),
    "optional": optional(),
    "optional-empty": optional(empty=True),
    "parsed": parsed(),
    "encoded": encoded(),
    "not-utf8": not_utf8(),
    "maps-int": maps("int"),
    "maps-string": maps("string"),
    "map-input": map_input(),
    "non-zero": non_zero(),
    "never": never(),
    "gathered": gathered(),
    "sized": sized(),
    "strings": identity(("n", 2), TensorProto.STRING),
    "bools": identity(("n", 2), TensorProto.BOOL),
    **{
        f"to-{name.lower()}": cast(getattr(TensorProto, name))
        for name in (
            "FLOAT16",
            "BFLOAT16",
            "DOUBLE",
            "INT8",
            "UINT8",
            "UINT16",
            "UINT64",
            "INT4",
            "UINT4",
            "FLOAT8E4M3FN",
            "BOOL",
            "COMPLEX64",
        )
    },
    **{
        f"from-{name.lower()}": cast_from(getattr(TensorProto, name))
        for name in (
            "FLOAT16",
            "BFLOAT16",
            "DOUBLE",
            "INT8",
            "UINT64",
            "INT4",
            "FLOAT8E4M3FN",
            "STRING",
        )
    },
}
