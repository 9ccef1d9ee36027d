"""Which graphs cost what was measured, whatever values they are asked with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from inference.model.graph.fixed_sizes import has_fixed_sizes
from inference.model.graph.onnx_file import parse
from inference.model.servable import Servable
from support.models import artifacts
from support.models.artifacts import FLOAT, INT64, STRING, graph, model, node, tensor, value
from support.models.hostile_graphs import GRAPHS, X
from support.project import FIXTURES

if TYPE_CHECKING:
    from pathlib import Path

CONSTANTS = [
    tensor("axis", [1], INT64),
    tensor("first", [0], INT64),
    tensor("shape", [-1, 1], INT64),
    tensor("table", [1.0, 2.0]),
]


def is_fixed(*nodes: bytes, element: int = FLOAT) -> bool:
    onnx_graph = graph(nodes, [value("X", element, "n", 1)], [value("Y", FLOAT, "m")], CONSTANTS)
    return has_fixed_sizes(parse(model(onnx_graph)))


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.onnx")), ids=lambda path: path.stem)
def test_what_the_exporter_writes_is_of_fixed_sizes(path: Path) -> None:
    assert has_fixed_sizes(parse(path.read_bytes()))


@pytest.mark.parametrize("name", ["penguins", "integers", "mixed", "regressor", "images"])
def test_ordinary_graphs_are_of_fixed_sizes(name: str) -> None:
    assert has_fixed_sizes(parse(getattr(artifacts, name)()))


@pytest.mark.parametrize("kind", GRAPHS)
def test_a_graph_sized_by_a_number_is_not(kind: str) -> None:
    Servable.load("m", 1, GRAPHS[kind])  # onnxruntime takes it
    assert not has_fixed_sizes(parse(GRAPHS[kind]))


SHAPE = node("Shape", ["X"], ["dims"])
ZEROS = node("ConstantOfShape", ["size"], ["Y"])


@pytest.mark.parametrize(
    ("nodes", "fixed"),
    [
        # Lengths of axes may be sizes as they are.
        ([SHAPE, node("ConstantOfShape", ["dims"], ["Y"])], True),
        ([SHAPE, node("Gather", ["dims", "first"], ["size"]), ZEROS], True),
        ([SHAPE, node("Concat", ["dims", "dims", "axis"], ["size"], axis=0), ZEROS], True),
        ([node("Size", ["X"], ["length"]), node("Reshape", ["length", "first"], ["size"]), ZEROS],
         True),
        ([SHAPE, node("Reshape", ["X", "dims"], ["Y"])], True),
        # What is computed of them may be small for 1, 8, 32 and 128 rows, and large for 7.
        ([SHAPE, node("Mul", ["dims", "dims"], ["size"]), ZEROS], False),
        ([SHAPE, node("Sub", ["dims", "axis"], ["size"]), ZEROS], False),
        ([SHAPE, node("Gather", ["table", "dims"], ["found"]),
          node("Cast", ["found"], ["size"], to=INT64), ZEROS], False),
        ([SHAPE, node("Cast", ["dims"], ["size"], to=3), ZEROS], False),
        ([SHAPE, node("Slice", ["X", "dims", "dims"], ["Y"])], False),
        ([SHAPE, node("Pad", ["X", "dims"], ["Y"])], False),
        # What is in the file is the same in every run.
        ([node("Reshape", ["X", "shape"], ["Y"])], True),
        ([node("ReduceSum", ["X", "axis"], ["Y"])], True),
        ([node("Slice", ["X", "first", "axis"], ["Y"])], True),
        ([node("Cast", ["X"], ["axes"], to=INT64), node("ReduceSum", ["X", "axes"], ["Y"])], False),
        ([node("Constant", [], ["size"], value=("tensor", tensor("c", [2], INT64))), ZEROS], True),
        # Whatever is not known may be anything.
        ([node("Compress", ["X", "X"], ["Y"])], False),
        ([node("Relu", ["X"], ["Y"], "com.microsoft")], False),
        ([node("Relu", ["X"], ["Y"], "ai.onnx")], True),
        ([node("Add", ["X", "from nowhere"], ["Y"])], False),
        ([node("StringConcat", ["X", "X"], ["Y"])], False),
        ([node("SequenceConstruct", ["X"], ["Y"])], False),
    ],
)  # fmt: skip
def test_a_size_follows_from_shapes_or_it_is_not_fixed(nodes: list[bytes], *, fixed: bool) -> None:
    assert is_fixed(*nodes) is fixed


WORDS = node("Tokenizer", ["X"], ["words"], "com.microsoft", mark=0, separators=[" "])


@pytest.mark.parametrize(
    ("nodes", "fixed"),
    [
        ([WORDS, node("TfIdfVectorizer", ["words"], ["Y"])], True),
        ([WORDS, node("Flatten", ["words"], ["flat"]), node("TfIdfVectorizer", ["flat"], ["Y"])],
         True),
        ([WORDS, node("Shape", ["words"], ["size"]), ZEROS], False),
        ([WORDS, node("Equal", ["words", "words"], ["Y"])], False),
        ([WORDS, node("Expand", ["words", "shape"], ["Y"])], False),
    ],
)  # fmt: skip
def test_words_are_counted_and_not_multiplied(nodes: list[bytes], *, fixed: bool) -> None:
    assert is_fixed(*nodes, element=STRING) is fixed


def test_an_initializer_that_is_an_input_too_is_a_constant() -> None:
    """Files of an old version list initializers among the inputs; callers cannot replace them."""
    onnx_graph = graph(
        [node("Reshape", ["X", "shape"], ["Y"])],
        [X, value("shape", INT64, 2)],
        [value("Y", FLOAT, "n", 1)],
        [tensor("shape", [-1, 1], INT64)],
    )
    assert has_fixed_sizes(parse(model(onnx_graph)))


def scan(
    *nodes: bytes,
    inputs: tuple[str, str] = ("X", "table"),
    state: str = "s",
    scanned: int | None = 1,
) -> bytes:
    """Make a Scan over ``table`` whose state is ``X``."""
    body = graph(
        [*nodes, node("Identity", ["z"], ["y"])],
        [value("s", FLOAT, "n", 1), value("e", FLOAT)],
        [value(state, FLOAT, "n", 1), value("y", FLOAT, "m")],
    )
    numbers: dict[str, Any] = {} if scanned is None else {"num_scan_inputs": scanned}
    return node("Scan", [*inputs], ["state", "Y"], body=("graph", body), **numbers)


DIFFERENCE = node("Sub", ["e", "s"], ["z"])


@pytest.mark.parametrize(
    ("nodes", "fixed"),
    [
        ([scan(DIFFERENCE)], True),
        ([scan(DIFFERENCE, node("Identity", ["s"], ["t"]), state="t")], True),
        # A state that changes may grow, one that is renamed through another may hide it.
        ([scan(DIFFERENCE, node("Add", ["s", "s"], ["t"]), state="t")], False),
        ([scan(DIFFERENCE, node("Concat", ["s", "s"], ["t"], axis=0), state="t")], False),
        ([scan(DIFFERENCE, node("Identity", ["e"], ["t"]), state="t")], False),
        ([scan(DIFFERENCE, state="z")], False),
        # As many steps as a request has rows.
        ([scan(DIFFERENCE, inputs=("X", "X"))], False),
        ([scan(DIFFERENCE, inputs=("table", "X"))], False),
        # A number from the request is a size in the body.
        ([scan(node("Cast", ["s"], ["n"], to=INT64), node("Reshape", ["n", "shape"], ["flat"]),
               node("ConstantOfShape", ["flat"], ["z"]))], False),
        # No step is counted, or no state is left.
        ([scan(DIFFERENCE, scanned=None)], False),
        ([scan(DIFFERENCE, scanned=0)], False),
        ([scan(DIFFERENCE, scanned=-1)], False),
        ([scan(DIFFERENCE, scanned=3)], False),
        ([scan(DIFFERENCE, scanned=2)], False),
        ([node("Scan", ["X", "table"], ["state", "Y"], num_scan_inputs=1)], False),
        # What no Scan may hold either.
        ([scan(node("Loop", ["first", "", "s"], ["z"]))], False),
    ],
)  # fmt: skip
def test_a_scan_over_constants_that_keeps_its_state_is_fixed(
    nodes: list[bytes], *, fixed: bool
) -> None:
    assert is_fixed(*nodes) is fixed
