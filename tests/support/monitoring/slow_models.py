"""Classifiers that take a known time, and ones that fail on some rows."""

from __future__ import annotations

from support.models.artifacts import (
    BOOL,
    FLOAT,
    INT64,
    SPECIES,
    contract,
    graph,
    measurements,
    node,
    tensor,
    value,
    with_contract,
)

_ML = "ai.onnx.ml"


def slow_penguins(turns: int = 10_000) -> bytes:
    """Make a classifier that takes about as many microseconds for a run."""
    body = graph(
        [node("Identity", ["go"], ["go_on"]), node("Identity", ["x"], ["y"])],
        [value("i", INT64), value("go", BOOL), value("x", FLOAT, "n", 4)],
        [value("go_on", BOOL), value("y", FLOAT, "n", 4)],
    )
    nodes = [node("Loop", ["turns", "", "X"], ["Z"], body=("graph", body)), _classify("Z")]
    return _finish(nodes, [tensor("turns", turns, INT64)])


def failing_penguins() -> bytes:
    """Make a classifier that fails on every row above 6,000 g, and on no other."""
    nodes = [
        node("Cast", ["X"], ["whole"], to=INT64),
        node("Div", ["whole", "limit"], ["ones"]),  # 1 from the limit on
        node("ReduceMax", ["ones"], ["place"], keepdims=0),
        node("Gather", ["known", "place"], ["zero"]),  # has the place 0 only
        node("Add", ["X", "zero"], ["Z"]),
        _classify("Z"),
    ]
    return _finish(nodes, [tensor("limit", [6000], INT64), tensor("known", [0.0])])


def _classify(name: str) -> bytes:
    return node(
        "LinearClassifier",
        [name],
        ["label", "probabilities"],
        _ML,
        coefficients=[0.01, -0.02, 0.003, 0.0001, 0.02, 0.01, 0.0, 0.0, 0.0, 0.0, 0.001, 0.0002],
        intercepts=[0.0, 0.0, 0.0],
        multi_class=0,
        post_transform="SOFTMAX",
        classlabels_strings=list(SPECIES),
    )


def _finish(nodes: list[bytes], initializers: list[bytes]) -> bytes:
    outputs = [value("label", 8, "n"), value("probabilities", FLOAT, "n", 3)]
    onnx_graph = graph(nodes, [value("X", FLOAT, "n", 4)], outputs, initializers)
    return with_contract(onnx_graph, contract(measurements(), SPECIES))
