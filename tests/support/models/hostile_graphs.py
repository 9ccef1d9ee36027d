"""Graphs of which one number says how much work, memory or answer they make.

Each takes ``X`` of shape ``[n, 1]`` and costs next to nothing for zeros, which is what its
examination tries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.models.artifacts import BOOL, FLOAT, INT64, graph, message, model, node, tensor, value

if TYPE_CHECKING:
    from collections.abc import Sequence

X = value("X", FLOAT, "n", 1)
COLUMN = value("Y", FLOAT, "n", 1)
LAST = tensor("last", [-1], INT64)
# The number that was sent, as a vector ``size`` and as a scalar ``count``.
NUMBER = [
    node("ReduceMax", ["X"], ["most"], keepdims=0),
    node("Cast", ["most"], ["count"], to=INT64),
    node("Reshape", ["count", "last"], ["size"]),
]
CONSTANTS = [
    LAST,
    tensor("zero", [0.0]),
    tensor("nought", 0.0),
    tensor("one", 1.0),
    tensor("first", [0], INT64),
    tensor("unit", [1], INT64),
    tensor("pair", [0.0, 1.0]),
]


def _sized(*nodes: bytes, y: bytes | None = None) -> bytes:
    onnx_graph = graph([*NUMBER, *nodes], [X], [y or value("Y", FLOAT, "m")], CONSTANTS)
    return model(onnx_graph)


def _body(*nodes: bytes) -> tuple[str, bytes]:
    onnx_graph = graph(
        [node("Identity", ["go"], ["go_on"]), *nodes],
        [value("i", INT64), value("go", BOOL), value("x", FLOAT, "n", 1)],
        [value("go_on", BOOL), value("y", FLOAT, "n", 1)],
    )
    return ("graph", onnx_graph)


def _function(nodes: Sequence[bytes]) -> bytes:
    """Hide nodes in a function that the file brings along under an operator's name."""
    opset = message((1, ""), (2, 21))
    body = [node("Constant", [], ["last"], value=("tensor", LAST)), *nodes]
    function = message(
        (1, "Relu"), (4, "X"), (5, "Y"), *((7, item) for item in body), (9, opset), (10, "own")
    )
    onnx_graph = graph([node("Relu", ["X"], ["Y"], "own")], [X], [value("Y", FLOAT, "m")])
    return model(onnx_graph) + message((8, message((1, "own"), (2, 1))), (25, function))


LOOP = _sized(
    node("Loop", ["count", "", "X"], ["Y"], body=_body(node("Identity", ["x"], ["y"]))), y=COLUMN
)
ZEROS = _sized(node("ConstantOfShape", ["size"], ["Y"]))
# As many zeros squared, multiplied: one operator that goes on for minutes and cannot be ended.
PRODUCT = _sized(
    node("Concat", ["size", "size"], ["square"], axis=0),
    node("ConstantOfShape", ["square"], ["zeros"]),
    node("MatMul", ["zeros", "zeros"], ["product"]),
    node("ReduceSum", ["product"], ["sum"], keepdims=0),
    node("Add", ["X", "sum"], ["Y"]),
    y=COLUMN,
)
# As many zeros twenty times: a run that holds its memory for long, and gives a number.
_STEPS = [node("Sin", [f"zeros{n}"], [f"zeros{n + 1}"]) for n in range(20)]
SINES = _sized(
    node("ConstantOfShape", ["size"], ["zeros0"]),
    *_STEPS,
    node("ReduceMax", [f"zeros{len(_STEPS)}"], ["most_of_all"], keepdims=0),
    node("Add", ["X", "most_of_all"], ["Y"]),
    y=COLUMN,
)
_LONG = node("ConstantOfShape", ["size"], ["long"])

GRAPHS: dict[str, bytes] = {
    "Loop": LOOP,
    "ConstantOfShape": ZEROS,
    "Expand": _sized(node("Expand", ["zero", "size"], ["Y"])),
    "Range": _sized(node("Range", ["nought", "most", "one"], ["Y"])),
    "Tile": _sized(node("Tile", ["zero", "size"], ["Y"])),
    "Pad": _sized(
        node("Concat", ["first", "size"], ["pads"], axis=0), node("Pad", ["zero", "pads"], ["Y"])
    ),
    "Resize": _sized(
        node("Max", ["size", "unit"], ["sizes"]),
        node("Resize", ["zero", "", "", "sizes"], ["Y"], mode="nearest"),
    ),
    "OneHot": _sized(
        node("Max", ["size", "unit"], ["depth"]),
        node("OneHot", ["first", "depth", "pair"], ["hot"]),
        node("Reshape", ["hot", "last"], ["Y"]),
    ),
    "NonZero": _sized(
        _LONG, node("NonZero", ["long"], ["found"]), node("Cast", ["long"], ["Y"], to=FLOAT)
    ),
    "Unique": _sized(
        _LONG, node("Unique", ["long"], ["unique"]), node("Identity", ["long"], ["Y"])
    ),
    "TopK": _sized(_LONG, node("TopK", ["long", "size"], ["Y", "places"])),
    "If": _sized(
        node("Cast", ["most"], ["large"], to=BOOL),
        node("If", ["large"], ["Y"],
             then_branch=("graph", graph([_LONG, node("Identity", ["long"], ["y"])], [],
                                         [value("y", FLOAT, "m")])),
             else_branch=("graph", graph([node("Identity", ["zero"], ["y"])], [],
                                         [value("y", FLOAT, "m")]))),
    ),
    "Scan": _sized(
        node("Scan", ["zero", "pair"], ["last_state", "Y"], num_scan_inputs=1,
             body=("graph", graph([_LONG, node("ReduceSum", ["long"], ["sum"], keepdims=0),
                                   node("Add", ["s", "sum"], ["t"]),
                                   node("Add", ["e", "sum"], ["y"])],
                                  [value("s", FLOAT, 1), value("e", FLOAT)],
                                  [value("t", FLOAT, 1), value("y", FLOAT)]))),
    ),
    "function": _function([*NUMBER, node("ConstantOfShape", ["size"], ["Y"])]),
    "product": PRODUCT,
}  # fmt: skip
