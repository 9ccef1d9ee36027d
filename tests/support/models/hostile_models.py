"""Models that load, and take too long, too much memory, or another file."""

from __future__ import annotations

from support.models.artifacts import (
    BOOL,
    FLOAT,
    INT64,
    graph,
    message,
    model,
    node,
    penguins,
    tensor,
    value,
)


def external_tensor(name: str, location: str = "/etc/passwd") -> bytes:
    """Spell a TensorProto that keeps its data in another file."""
    where = message((1, "location"), (2, location))
    return message((1, 1), (2, FLOAT), (8, name), (13, where), (14, 1))


def endless() -> bytes:
    """Make a model that loads and never comes to an end."""
    body = graph(
        [node("Identity", ["go"], ["go_on"]), node("Identity", ["x"], ["y"])],
        [value("i", INT64), value("go", BOOL), value("x", FLOAT, "n", 1)],
        [value("go_on", BOOL), value("y", FLOAT, "n", 1)],
    )
    onnx_graph = graph(
        [node("Loop", ["turns", "", "X"], ["Y"], body=("graph", body))],
        [value("X", FLOAT, "n", 1)],
        [value("Y", FLOAT, "n", 1)],
        [tensor("turns", 2**62, INT64)],
    )
    return model(onnx_graph)


def busy() -> bytes:
    """Make a model that takes about as many microseconds as its input says, and gives it back."""
    body = graph(
        [node("Identity", ["go"], ["go_on"]), node("Identity", ["x"], ["y"])],
        [value("i", INT64), value("go", BOOL), value("x", FLOAT, "n", 1)],
        [value("go_on", BOOL), value("y", FLOAT, "n", 1)],
    )
    nodes = [
        node("ReduceMax", ["X"], ["most"], keepdims=0),
        node("Cast", ["most"], ["turns"], to=INT64),
        node("Loop", ["turns", "", "X"], ["Y"], body=("graph", body)),
    ]
    return model(graph(nodes, [value("X", FLOAT, "n", 1)], [value("Y", FLOAT, "n", 1)]))


def greedy() -> bytes:
    """Make a model that loads and takes 2 TiB to run."""
    onnx_graph = graph(
        [
            node("Shape", ["X"], ["shape"]),
            node("Mul", ["shape", "many"], ["sizes"]),
            node("ConstantOfShape", ["sizes"], ["Y"]),
        ],
        [value("X", FLOAT, "n", 1)],
        [value("Y", FLOAT, "n", "m")],
        [tensor("many", [1, 2**39], INT64)],
    )
    return model(onnx_graph)


def with_external_data() -> bytes:
    """Make a model that reads another file when it is loaded."""
    return penguins() + message((7, message((5, external_tensor("stolen")))))
