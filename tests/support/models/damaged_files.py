"""ONNX files that chance has spoilt, the same ones for the same number. Needs ``onnx``."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import onnx
from onnx import TensorProto, helper

from inference.model.contract_codec import METADATA_KEY
from support.models import artifacts, hostile_models
from support.models.mutation import Mutator
from support.project import FIXTURES

if TYPE_CHECKING:
    from collections.abc import Callable

_ORIGINALS: list[bytes] = [
    artifacts.penguins(),
    artifacts.mixed(),
    artifacts.regressor(["a", "b"]),
    *((FIXTURES / f"{name}.onnx").read_bytes() for name in
      ("penguins-logistic", "mixed-columns", "zipmap", "regressor", "foreign")),
]  # fmt: skip
_DIMENSIONS = (0, -1, 1, 3, 2**31, 2**40, 2**62, -(2**63))
_NUMBERS = (0, 1, -1, 2**31, 2**63 - 1, -(2**63))
_FLOATS = (float("nan"), float("inf"), -1.0, 3e38, 0.0)
_PLACES = ("../secret", "/etc/passwd", "../../../../proc/self/environ", "model.onnx", "", "\x00")
_OPERATORS = ("Identity", "If", "Loop", "Scan", "Gather", "Reshape", "Concat", "Nothing", "ZipMap",
              "TreeEnsembleClassifier", "MatMul", "StringNormalizer", "")  # fmt: skip


def make_mutant(number: int) -> tuple[str, bytes]:
    """Make one file.

    Returns:
        What was done to it, and its content.
    """
    chance = random.Random(number)
    names = list(_KINDS)
    # One in forty hangs, since each takes all the time that an examination may take.
    kind = "endless loop" if number % 40 == 7 else names[number % len(names)]
    make: Callable[..., bytes] = _endless if kind == "endless loop" else _KINDS[kind]
    content = make(chance, chance.choice(_ORIGINALS))
    if kind == "truncation":
        return kind, content
    # A content that was examined once is not examined again.
    return kind, content + artifacts.message((14, artifacts.message((1, "n"), (2, str(number)))))


def _as_bytes(*changes: Callable[[Mutator, bytes], bytes]) -> Callable[..., bytes]:
    def make(chance: random.Random, content: bytes) -> bytes:
        mutator = Mutator(_ORIGINALS, seed=chance.randrange(2**32))
        for _ in range(chance.choice((1, 2, 8))):
            content = chance.choice(changes)(mutator, content)
        return content

    return make


def _as_model(change: Callable[[random.Random, Any], None]) -> Callable[..., bytes]:
    def make(chance: random.Random, content: bytes) -> bytes:
        model = onnx.load_from_string(content)
        change(chance, model)
        encoded: bytes = model.SerializeToString()
        return encoded

    return make


def _types(chance: random.Random, model: Any) -> None:
    kinds = list(TensorProto.DataType.values())
    for value in chance.sample([*model.graph.input, *model.graph.output], 1):
        value.type.tensor_type.elem_type = chance.choice(kinds)
    for tensor in model.graph.initializer:
        if chance.random() < 0.5:
            tensor.data_type = chance.choice(kinds)


def _dimensions(chance: random.Random, model: Any) -> None:
    shapes = [v.type.tensor_type.shape for v in (*model.graph.input, *model.graph.output)]
    shape = chance.choice(shapes)
    if chance.random() < 0.3:
        shape.dim.add(dim_value=chance.choice(_DIMENSIONS))
    for dim in shape.dim:
        if chance.random() < 0.6:
            dim.dim_value = chance.choice(_DIMENSIONS)
    for tensor in model.graph.initializer:
        tensor.dims[:] = [chance.choice((d, *_DIMENSIONS)) for d in tensor.dims]


def _attributes(chance: random.Random, model: Any) -> None:
    found = [a for node in model.graph.node for a in node.attribute]
    for attribute in chance.choices(found, k=3) if found else ():
        if attribute.floats:
            attribute.floats[chance.randrange(len(attribute.floats))] = chance.choice(_FLOATS)
        elif attribute.ints:
            attribute.ints[chance.randrange(len(attribute.ints))] = chance.choice(_NUMBERS)
        elif attribute.strings:
            del attribute.strings[chance.randrange(len(attribute.strings)) :]
        else:
            attribute.i = chance.choice(_NUMBERS)


def _nodes(chance: random.Random, model: Any) -> None:
    node = chance.choice(model.graph.node)
    match chance.randrange(4):
        case 0:
            node.op_type = chance.choice(_OPERATORS)
        case 1:
            node.input[:] = node.output[:1] * len(node.input)
        case 2:
            node.output[:] = ["nowhere"] * len(node.output)
        case _:
            model.graph.node.extend([node] * chance.choice((1, 50)))


def _nested(chance: random.Random, model: Any) -> None:
    inner = helper.make_graph([], "g", [], [])
    for _ in range(chance.choice((3, 30, 90))):
        node = helper.make_node("If", ["c"], ["o"], then_branch=inner, else_branch=inner)
        if node.ByteSize() > 1_000_000:
            break
        inner = helper.make_graph([node], "g", [], [])
    model.graph.node.extend(inner.node)


def _very_nested(chance: random.Random, content: bytes) -> bytes:
    inner = b""
    for _ in range(chance.choice((50, 98, 500, 3000))):
        inner = artifacts.graph([artifacts.message((4, "If"), (5, artifacts.attribute(
            "then_branch", ("graph", inner))))], [], [])  # fmt: skip
    return content + artifacts.message((7, inner))


def _external(chance: random.Random, model: Any) -> None:
    tensor = model.graph.initializer.add(name="stolen", data_type=1, dims=[4])
    if chance.random() < 0.7:
        tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=chance.choice(_PLACES).replace("\x00", "%00"))
    tensor.external_data.add(key="length", value=str(chance.choice(_NUMBERS)))


def _versions(chance: random.Random, model: Any) -> None:
    if chance.random() < 0.5:
        model.ir_version = chance.choice((*_NUMBERS, 3, 9))
    for opset in model.opset_import:
        opset.version = chance.choice((*_NUMBERS, opset.version))


def _contract(chance: random.Random, model: Any) -> None:
    """Change what the file says of itself, under a graph that is as it was."""
    for entry in model.metadata_props:
        if entry.key == METADATA_KEY:
            mutator = Mutator([entry.value.encode()], seed=chance.randrange(2**32))
            document = mutator._change_document(entry.value.encode())
            for _ in range(chance.choice((0, 0, 1))):
                document = mutator.renumber(document)
            entry.value = document.decode("utf-8", "replace")


def _metadata(chance: random.Random, model: Any) -> None:
    key = chance.choice((METADATA_KEY, "a", ""))
    model.metadata_props.add(key=key, value=chance.choice(("", "{}", "null", "[" * 9000, "\x00")))


def _greedy(*_: object) -> bytes:
    return hostile_models.greedy()


def _endless(*_: object) -> bytes:
    return hostile_models.endless()


_KINDS: dict[str, Callable[..., bytes]] = {
    "bits": _as_bytes(Mutator.flip),
    "truncation": _as_bytes(Mutator.truncate),
    "pieces": _as_bytes(Mutator.cut, Mutator.repeat, Mutator.replace, Mutator.splice),
    "types": _as_model(_types),
    "dimensions": _as_model(_dimensions),
    "attributes": _as_model(_attributes),
    "nodes": _as_model(_nodes),
    "nesting": _as_model(_nested),
    "deep nesting": _very_nested,
    "external data": _as_model(_external),
    "versions": _as_model(_versions),
    "contract": _as_model(_contract),
    "contract again": _as_model(_contract),
    "metadata": _as_model(_metadata),
    "memory": _greedy,
}
