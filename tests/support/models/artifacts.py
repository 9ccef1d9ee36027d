"""Artifacts for the tests, written without the ``onnx`` package.

ONNX is protobuf, and a test needs little of it: this spells the messages by hand, so that the lean
suite can make any file it needs, the malicious ones included. Field numbers are onnx.proto's.

``FIXTURES`` holds files that scikit-learn's converter has really written; ``fixtures/make.py``
remakes them.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.model.contract import Contract, Feature, Label, Outputs, Parity, Sample, Training
from inference.model.contract_codec import METADATA_KEY, encode_contract

if TYPE_CHECKING:
    from collections.abc import Sequence

MEASUREMENTS = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")
SPECIES = ("Adelie", "Chinstrap", "Gentoo")

FLOAT, INT32, INT64, STRING, BOOL, DOUBLE = 1, 6, 7, 8, 9, 11
_ML = "ai.onnx.ml"

# -- protobuf --------------------------------------------------------------------------------------


def message(*fields: tuple[int, Any]) -> bytes:
    """Spell a message: a field's value is an int, a float, a string, or bytes (a message too)."""
    return b"".join(_field(number, value) for number, value in fields)


def _field(number: int, value: Any) -> bytes:
    if isinstance(value, float):
        return _varint(number << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value % 2**64)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    onnx_graph = bytearray()
    while value > 127:
        onnx_graph.append(value & 127 | 128)
        value >>= 7
    return bytes([*onnx_graph, value])


# -- ONNX ------------------------------------------------------------------------------------------


def tensor(name: str, values: Any, element: int = FLOAT) -> bytes:
    """Spell a TensorProto."""
    kinds = {FLOAT: "<f4", INT64: "<i8", BOOL: "?"}
    array = np.asarray(values, dtype=kinds[element])
    return message(
        *((1, int(d)) for d in array.shape), (2, element), (8, name), (9, array.tobytes())
    )


def attribute(name: str, value: Any) -> bytes:
    """Spell an AttributeProto; a graph or tensor comes as ``(kind, bytes)``."""
    match value:
        case ("graph", bytes()):
            return message((1, name), (6, value[1]), (20, 5))
        case ("tensor", bytes()):
            return message((1, name), (5, value[1]), (20, 4))
        case str():
            return message((1, name), (4, value), (20, 3))
        case float():
            return message((1, name), (2, value), (20, 1))
        case int():
            return message((1, name), (3, value), (20, 2))
        case _:
            number, kind = {float: (7, 6), int: (8, 7), str: (9, 8)}[type(value[0])]
            return message((1, name), *((number, item) for item in value), (20, kind))


def node(
    op: str, inputs: Sequence[str], outputs: Sequence[str], domain: str = "", **more: Any
) -> bytes:
    """Spell a NodeProto."""
    return message(
        *((1, name) for name in inputs),
        *((2, name) for name in outputs),
        (4, op),
        *((5, attribute(name, value)) for name, value in more.items()),
        (7, domain),
    )


def value(name: str, element: int, *dims: int | str) -> bytes:
    """Spell a ValueInfoProto of a tensor; a string is a variable dimension."""
    shape = message(*((1, message((1 if isinstance(d, int) else 2, d))) for d in dims))
    return message((1, name), (2, message((1, message((1, element), (2, shape))))))


def maps(name: str) -> bytes:
    """Spell ZipMap's output: a sequence of maps from strings to floats."""
    number = message((1, message((1, FLOAT), (2, b""))))
    table = message((1, STRING), (2, number))
    return message((1, name), (2, message((4, message((1, message((5, table))))))))


def graph(
    nodes: Sequence[bytes],
    inputs: Sequence[bytes],
    outputs: Sequence[bytes],
    initializers: Sequence[bytes] = (),
) -> bytes:
    """Spell a GraphProto."""
    return message(
        *((1, item) for item in nodes),
        (2, "g"),
        *((5, item) for item in initializers),
        *((11, item) for item in inputs),
        *((12, item) for item in outputs),
    )


def model(spelt_graph: bytes, metadata: dict[str, str] | None = None) -> bytes:
    """Spell a ModelProto."""
    return message(
        (1, 10),
        (7, spelt_graph),
        (8, message((1, ""), (2, 21))),
        (8, message((1, _ML), (2, 3))),
        *((14, message((1, k), (2, v))) for k, v in (metadata or {}).items()),
    )


# -- models ----------------------------------------------------------------------------------------


def classifier_graph(classes: Sequence[str | int], seed: int = 0, *, zipmap: bool = False) -> bytes:
    """Make a linear classifier on four numbers, input ``X``, outputs ``label`` and a table."""
    weights = np.random.default_rng(seed).normal(size=(len(classes), 4)) / [45, 17, 200, 4200]
    names = "classlabels_strings" if isinstance(classes[0], str) else "classlabels_ints"
    table = "scores" if zipmap else "probabilities"
    linear = node(
        "LinearClassifier",
        ["X"],
        ["label", table],
        _ML,
        coefficients=[float(w) for w in weights.ravel()],
        intercepts=[0.0] * len(classes),
        multi_class=0,
        post_transform="SOFTMAX",
        **{names: list(classes)},
    )
    nodes = [linear]
    tables = [value("probabilities", FLOAT, "n", len(classes))]
    if zipmap:
        nodes.append(node("ZipMap", ["scores"], ["probabilities"], _ML, **{names: list(classes)}))
        tables = [maps("probabilities")]
    label = value("label", STRING if isinstance(classes[0], str) else INT64, "n")
    return graph(nodes, [value("X", FLOAT, "n", 4)], [label, *tables])


def measurements() -> list[Feature]:
    """Describe four measurements of penguins, all columns of the input ``X``."""
    lows, highs = (32.0, 13.0, 172.0, 2700.0), (60.0, 22.0, 231.0, 6300.0)
    return [
        Feature(name, "number", "X", example=(low + high) / 2, unit=name.rsplit("_", 1)[1],
                minimum=low, maximum=high)
        for name, low, high in zip(MEASUREMENTS, lows, highs, strict=True)
    ]  # fmt: skip


def contract(
    features: Sequence[Feature],
    classes: Sequence[Label] | None,
    samples: Sequence[Sample] = (),
    **more: Any,
) -> Contract:
    """Make a contract; a regression where there are no classes."""
    task = {"task": "regression"} if classes is None else {"task": "classification"}
    outputs = Outputs("label", None if classes is None else "probabilities")
    parts: dict[str, Any] = {
        "contract_version": 1,
        **task,
        "features": list(features),
        "outputs": outputs,
        "training": Training(333, "0" * 64, "2026-01-01T00:00:00+00:00", {}, "Linear()"),
        "parity": Parity(333, 1.0, 0.0, 1e-5),
        "samples": list(samples),
        "classes": None if classes is None else list(classes),
    }
    return Contract(**{**parts, **more})


def with_contract(spelt_graph: bytes, described: Contract) -> bytes:
    """Spell a model that carries a contract."""
    return model(spelt_graph, {METADATA_KEY: encode_contract(described)})


_ROWS = ([39.1, 18.7, 181.0, 3750.0], [46.5, 17.9, 192.0, 3500.0], [50.0, 16.3, 230.0, 5700.0])


def penguins(seed: int = 0, *, wrong: bool = False, note: str | None = None, **more: Any) -> bytes:
    """Make a classifier of penguins with a contract.

    Args:
        seed: Other weights, and so other answers.
        wrong: Whether the golden samples are those of another model.
        note: A description; another one makes another file that answers alike.
        more: Further fields of the contract.
    """
    weights = np.random.default_rng(seed + 1000 * wrong).normal(size=(3, 4))
    scores = np.array(_ROWS, dtype=np.float32) @ (weights / [45, 17, 200, 4200]).astype("f4").T
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    samples = [
        Sample(list(row), SPECIES[int(share.argmax())], share.tolist())
        for row, share in zip(_ROWS, shares, strict=True)
    ]
    training = Training(333, "0" * 64, "2026-01-01T00:00:00+00:00", {}, "Linear()", None, note)
    described = contract(measurements(), SPECIES, samples, training=training, **more)
    return with_contract(classifier_graph(SPECIES, seed), described)


def integers(seed: int = 0) -> bytes:
    """Make a classifier whose classes are the integers 0, 1 and 2."""
    return with_contract(classifier_graph([0, 1, 2], seed), contract(measurements(), [0, 1, 2]))


def booleans(seed: int = 0) -> bytes:
    """Make a classifier whose classes are ``False`` and ``True``."""
    outputs = Outputs("label", "probabilities", encoded_classes=[0, 1])
    described = contract(measurements(), [False, True], outputs=outputs)
    return with_contract(classifier_graph([0, 1], seed), described)


def regressor(targets: Sequence[str] | None = None, **more: Any) -> bytes:
    """Make a linear regressor: the sum of four numbers, or one such sum per target."""
    width = len(targets) if targets else 1
    onnx_graph = graph(
        [node("MatMul", ["X", "W"], ["label"])],
        [value("X", FLOAT, "n", 4)],
        [value("label", FLOAT, "n", width)],
        [tensor("W", np.ones((4, width)))],
    )
    named = None if targets is None else list(targets)
    return with_contract(onnx_graph, contract(measurements(), None, targets=named, **more))


MIXED = (
    Feature("mass", "number", "mass", example=3.5, minimum=2.0, maximum=7.0, nullable=True),
    Feature("age", "integer", "age", example=4),
    Feature("wild", "boolean", "wild", example=True),
    Feature("island", "category", "island", example="Dream", categories=["Biscoe", "Dream"]),
    Feature("sex", "category", "sex", example="male", categories=["female", "male"],
            open_categories=True, nullable=True),
)  # fmt: skip


def mixed(features: Sequence[Feature] = MIXED, **more: Any) -> bytes:
    """Make a classifier on columns of every kind, one input each, int32 for the integer."""
    columns = ["mass", "age", "wild", "island", "sex"]
    elements = [FLOAT, INT32, BOOL, STRING, STRING]
    nodes = [
        node("IsNaN", ["mass"], ["unknown"]),
        node("Where", ["unknown", "zero", "mass"], ["mass_f"]),
        node("Cast", ["age"], ["age_f"], to=FLOAT),
        node("Cast", ["wild"], ["wild_f"], to=FLOAT),
        *(
            node("LabelEncoder", [name], [f"{name}_f"], _ML, keys_strings=["Dream", "male"],
                 values_floats=[1.0, 1.0], default_float=0.0)
            for name in ("island", "sex")
        ),
        node("Concat", [f"{name}_f" for name in columns], ["all"], axis=1),
        node("LinearClassifier", ["all"], ["label", "probabilities"], _ML,
             coefficients=[1.0, 0.1, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
             intercepts=[-3.0, 0.0], multi_class=0, post_transform="SOFTMAX",
             classlabels_strings=["big", "small"]),
    ]  # fmt: skip
    onnx_graph = graph(
        nodes,
        [value(name, e, "n", 1) for name, e in zip(columns, elements, strict=True)],
        [value("label", STRING, "n"), value("probabilities", FLOAT, "n", 2)],
        [tensor("zero", [[0.0]])],
    )
    return with_contract(onnx_graph, contract(features, ["big", "small"], **more))


def images() -> bytes:
    """Make a model whose input is no row of columns."""
    onnx_graph = graph(
        [node("Identity", ["image"], ["out"])],
        [value("image", FLOAT, "n", 3, 8, 8)],
        [value("out", FLOAT, "n", 3, 8, 8)],
    )
    return model(onnx_graph)
