from __future__ import annotations

import pytest

from inference.errors import ArtifactError
from inference.model.graph.onnx_file import read_metadata
from support.models.artifacts import attribute, graph, message, model, node, penguins, value
from support.models.hostile_models import external_tensor, with_external_data
from support.project import FIXTURES

STOLEN = external_tensor("stolen")
_ATTRIBUTE = attribute("v", ("tensor", STOLEN))
_GRAPH = graph([node("Identity", ["X"], ["Y"])], [value("X", 1, "n")], [value("Y", 1, "n")])


def _within(*fields: tuple[int, bytes]) -> bytes:
    """Add fields to the attribute of a node."""
    onnx_graph = message((4, "If"), (5, message((1, "a"), *fields)))
    return model(graph([onnx_graph], [], []))


@pytest.mark.parametrize(
    "content",
    [
        with_external_data(),
        model(graph([], [], [], [STOLEN])),
        model(graph([], [], [], [message((8, "stolen"), (14, 1))])),
        model(graph([], [], [], [message((8, "stolen"), (13, message((1, "location"))))])),
        model(message((15, message((1, STOLEN))))),
        model(message((15, message((2, STOLEN))))),
        _within((5, STOLEN)),
        _within((10, STOLEN)),
        _within((22, message((1, STOLEN)))),
        _within((23, message((2, STOLEN)))),
        _within((6, graph([], [], [], [STOLEN]))),
        _within((11, graph([], [], [], [STOLEN]))),
        _within((6, graph([node("Constant", [], ["c"], value=("tensor", STOLEN))], [], []))),
        model(_GRAPH) + message((25, message((7, message((5, _ATTRIBUTE)))))),
        model(_GRAPH) + message((20, message((1, graph([], [], [], [STOLEN]))))),
        model(_GRAPH) + message((20, message((2, graph([], [], [], [STOLEN]))))),
    ],
    ids=["merged", "initializer", "location only", "entries only", "sparse values",
         "sparse indices", "attribute", "attributes", "sparse attribute", "sparse attributes",
         "subgraph", "subgraphs", "constant in subgraph", "function", "initialization",
         "algorithm"],
)  # fmt: skip
def test_external_data_is_refused_wherever_it_hides(content: bytes) -> None:
    with pytest.raises(ArtifactError, match=r"'stolen' keeps its data in another file"):
        read_metadata(content)


def test_external_data_is_found_deep_in_nested_graphs() -> None:
    nested = graph([], [], [], [STOLEN])
    for _ in range(20):
        nested = graph([message((4, "If"), (5, message((1, "a"), (6, nested))))], [], [])
    with pytest.raises(ArtifactError, match="external data is refused"):
        read_metadata(model(nested))


def test_graphs_nested_beyond_reason_are_refused() -> None:
    nested = graph([], [], [], [STOLEN])
    for _ in range(2000):
        nested = graph([message((4, "If"), (5, message((1, "a"), (6, nested))))], [], [])
    with pytest.raises(ArtifactError):
        read_metadata(model(nested))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"hello", "not an ONNX model"),
        (penguins()[:400], "not an ONNX model"),
        (message((1, 10)), "it has no graph"),
        (message((7, _GRAPH)), "it has no graph"),
        (b"\x00" * 100, "not an ONNX model"),
    ],
)
def test_what_is_no_model_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(ArtifactError, match=reason):
        read_metadata(content)


def test_reads_the_metadata_and_of_a_key_that_stands_twice_the_last() -> None:
    content = model(_GRAPH, {"a": "1", "b": "ü"}) + message((14, message((1, "a"), (2, "3"))))
    assert read_metadata(content) == {"a": "3", "b": "ü"}


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.onnx")), ids=lambda path: path.stem)
def test_what_the_converter_writes_is_read(path: object) -> None:
    read_metadata(path.read_bytes())  # type: ignore[attr-defined]


@pytest.mark.parametrize(("count", "taken"), [(9_999, True), (10_000, True), (10_001, False)])
def test_the_number_of_metadata_is_bounded(count: int, taken: bool) -> None:
    content = model(_GRAPH) + message((14, message((1, "k"), (2, "v")))) * count
    if taken:
        assert read_metadata(content) == {"k": "v"}
    else:
        with pytest.raises(ArtifactError, match="10,001 entries of metadata, the limit is 10,000"):
            read_metadata(content)


@pytest.mark.parametrize(("more", "taken"), [(-1, True), (0, True), (1, False)])
def test_the_size_of_metadata_is_bounded(more: int, taken: bool) -> None:
    value = "v" * (16 * 1024 * 1024 - 1 + more)
    content = model(_GRAPH, {"k": value})
    if taken:
        assert read_metadata(content) == {"k": value}
    else:
        with pytest.raises(ArtifactError, match="its metadata have 16,777,217 bytes"):
            read_metadata(content)
