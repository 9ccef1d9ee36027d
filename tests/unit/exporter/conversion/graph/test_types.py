"""A tensor is not cast to the type that it has."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime as rt
import pytest
from onnx import TensorProto

from exporter.conversion.graph.builder import Graph, Output
from exporter.conversion.graph.column import Column


@pytest.mark.parametrize("real", ["float32", "float64"])
def test_casts_only_to_other_types(real: Any) -> None:
    """Followed through operators that keep the type, but not through comparisons."""
    graph = Graph([Column("x", "real", 2), Column("n", "int64", 1)], real)
    other = np.float64 if real == "float32" else np.float32
    chain = graph.op("Softmax", graph.op("Add", "x", graph.constant(1.0)), axis=1)
    assert graph.to_real(chain) == chain
    assert graph.cast("x", real) == "x"
    assert graph.to_real("n") != "n"
    compared = graph.op("Less", chain, 0.5)
    assert graph.to_real(compared) != compared
    changed = graph.cast(chain, other)
    assert changed != chain
    assert graph.cast(graph.op("Neg", changed), other).startswith("_neg")
    exact = graph.exact([1], np.int32)
    assert graph.cast(exact, np.int32) == exact


def test_one_tensor_may_be_several_outputs() -> None:
    """And an input may be an output."""
    graph = Graph([Column("x", "real", 1)], "float32")
    made = graph.op("Neg", "x")
    pairs = {"a": made, "b": made, "c": "x"}
    outputs = [Output(stem, name, TensorProto.FLOAT) for stem, name in pairs.items()]
    session = rt.InferenceSession(graph.build(outputs).SerializeToString())
    found = session.run(["a", "b", "c"], {"x": np.ones((1, 1), dtype=np.float32)})
    assert [each.tolist() for each in found] == [[[-1]], [[-1]], [[1]]]
