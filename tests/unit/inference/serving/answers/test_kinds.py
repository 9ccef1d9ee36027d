"""Each kind of answer: the numbers of NumPy, the types of the classes, and odd shapes and names."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import numpy as np
import pytest

from inference.model.contract import LabelOutput, Outputs
from inference.model.servable import Servable
from inference.serving.predictions import AnswerBuilder
from support.answers.kinds import (
    OTHER_ROW,
    ROW,
    ROWS,
    clusters,
    described,
    kinds,
    outliers,
    predictions,
    vectors,
)
from support.models.artifacts import FLOAT, INT64, graph, node, tensor, value, with_contract

KINDS = list(kinds())


def builder_of(content: bytes) -> tuple[Servable, AnswerBuilder]:
    servable = Servable.load("m", 1, content)
    return servable, AnswerBuilder(servable)


def answer(content: bytes, rows: list[Any]) -> list[dict[str, Any]]:
    servable, builder = builder_of(content)
    return builder.predictions(servable.run(builder.outputs, servable.to_feeds(rows)), len(rows))


@pytest.mark.parametrize("kind", KINDS)
def test_answers_are_those_of_numpy(kind: str) -> None:
    for found, wanted in zip(answer(kinds()[kind], ROWS), predictions()[kind], strict=True):
        assert_alike(found, wanted)


def assert_alike(found: Any, wanted: Any) -> None:
    """Compare nested answers: labels and their types exactly, numbers nearly."""
    if isinstance(wanted, dict):
        assert list(found) == list(wanted)
        for key, item in wanted.items():
            assert_alike(found[key], item)
    elif isinstance(wanted, (float, list)):
        assert found == pytest.approx(wanted, rel=1e-5)
    else:
        assert type(found) is type(wanted)
        assert found == wanted


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [0, 1, 2, 300])
def test_records_are_encoded_as_predictions(kind: str, rows: int) -> None:
    servable, builder = builder_of(kinds()[kind])
    given = {"X": np.array([ROW, OTHER_ROW] * rows, dtype=np.float32)[:rows].reshape(rows, 4)}
    results = servable.run(builder.outputs, given)
    records, whole = builder.records(results, rows), builder.predictions(results, rows)
    assert len(records) == len(whole) == rows
    assert msgspec.json.encode(records) == msgspec.json.encode(whole)
    assert all(type(record) is not dict for record in records), "the faster way was not taken"


@pytest.mark.parametrize("kind", KINDS)
def test_results_of_another_number_of_rows_are_refused(kind: str) -> None:
    servable, builder = builder_of(kinds()[kind])
    results = servable.run(builder.outputs, servable.to_feeds(ROWS))
    for build in (builder.predictions, builder.records):
        with pytest.raises(ValueError, match=r"values for 3 rows|argument 3 is longer"):
            build(results, 3)


@pytest.mark.parametrize("kind", ["labels", "outliers", "clusters", "mixture"])
def test_outputs_of_different_lengths_are_refused(kind: str) -> None:
    servable, builder = builder_of(kinds()[kind])
    results = servable.run(builder.outputs, servable.to_feeds(ROWS))
    for place in range(len(results)):
        shorter = [r[:1] if at == place else r for at, r in enumerate(results)]
        for build in (builder.predictions, builder.records):
            with pytest.raises(ValueError, match=r"argument|values for|labels and"):
                build(shorter, 2)


ODD_NAMES = [
    'a"b',
    "back\\slash",
    "new\nline",
    "ü ☃",
    "labels",
    "probabilities",
    "0",
    "a.b",
    "é" * 99,
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_of_targets_and_classes_are_encoded_right(name: str) -> None:
    content = several([LabelOutput(name, "l0", [name, "other"], "p0", [0, 1])])
    [prediction] = answer(content, [ROW])
    servable, builder = builder_of(content)
    results = servable.run(builder.outputs, servable.to_feeds([ROW]))
    [decoded] = json.loads(msgspec.json.encode(builder.records(results)))
    assert prediction == decoded
    assert decoded["labels"] == {name: name}
    assert decoded["probabilities"] == {name: {name: 1.0, "other": 0.0}}


@pytest.mark.parametrize(
    ("classes", "keys"),
    [
        ([False, True], ["false", "true"]),
        ([0, 1], ["0", "1"]),
        (["no", "yes"], ["no", "yes"]),
        ([False, 1], ["false", "1"]),
        (["1", True], ["1", "true"]),
        ([1.5, "x"], ["1.5", "x"]),
    ],
)
def test_labels_have_the_types_of_their_classes(classes: list[Any], keys: list[str]) -> None:
    [prediction] = answer(several([LabelOutput("t", "l0", classes, "p0", [0, 1])]), [ROW])
    assert type(prediction["labels"]["t"]) is type(classes[0])
    assert prediction["labels"]["t"] == classes[0]
    assert list(prediction["probabilities"]["t"]) == keys


def test_target_of_one_class_has_one_probability() -> None:
    [prediction] = answer(several([LabelOutput("t", "l0", ["only"], "p1", [0])]), [ROW])
    assert prediction == {"labels": {"t": "only"}, "probabilities": {"t": {"only": 1.0}}}


def test_targets_without_any_probabilities_have_null() -> None:
    content = several([LabelOutput("t", "l0", [0, 1])])
    assert answer(content, [ROW]) == [{"labels": {"t": 0}, "probabilities": None}]
    servable, builder = builder_of(content)
    results = servable.run(builder.outputs, servable.to_feeds([ROW]))
    assert msgspec.json.encode(builder.records(results)) == (
        b'[{"labels":{"t":0},"probabilities":null}]'
    )


def test_one_hundred_targets_are_answered_in_their_order() -> None:
    targets = [LabelOutput(f"t{i}", f"l{i}", [0, 1]) for i in range(100)]
    [prediction] = answer(several(targets), [ROW])
    assert list(prediction["labels"]) == [f"t{i}" for i in range(100)]


def several(targets: list[LabelOutput]) -> bytes:
    """Make a model whose labels are all 0; ``p0`` is [1, 0], and ``p1`` is [1]."""
    labels, zero = [target.label for target in targets], tensor("zero", [0], INT64)
    nodes = [
        node("Shape", ["X"], ["count"], start=0, end=1),
        *(node("ConstantOfShape", ["count"], [n], value=("tensor", zero)) for n in labels),
        node("ArgMin", ["X"], ["code"], axis=1, keepdims=0),
        node("Sub", ["code", "code"], ["zeros"]),
        node("OneHot", ["zeros", "two", "values"], ["p0"]),
        node("OneHot", ["zeros", "one", "values"], ["p1"]),
    ]
    given = [value(name, INT64, "n") for name in labels]
    given += [value("p0", FLOAT, "n", 2), value("p1", FLOAT, "n", 1)]
    initializers = [
        tensor("two", 2, INT64),
        tensor("one", 1, INT64),
        tensor("values", [0.0, 1.0]),
    ]
    onnx_graph = graph(nodes, [value("X", FLOAT, "n", 4)], given, initializers)
    outputs = Outputs(targets[0].label)
    return with_contract(
        onnx_graph, described("multioutput_classification", outputs, labels=targets)
    )


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize(
    ("content", "place"),
    [(outliers(), 1), (clusters(), 1), (vectors(), 0)],
    ids=["outliers", "clusters", "vectors"],
)
def test_number_that_json_cannot_hold_is_null(content: bytes, place: int, number: float) -> None:
    servable, builder = builder_of(content)
    results = [r.copy() for r in servable.run(builder.outputs, servable.to_feeds([ROW]))]
    results[place][0, 0] = number
    for built in (builder.predictions(results), builder.records(results)):
        [decoded] = json.loads(msgspec.json.encode(built))
        [found] = [v for k, v in decoded.items() if k != "label"]
        first = found if found is None else found["0"] if isinstance(found, dict) else found[0]
        assert first is None


def test_outlier_without_score_has_null() -> None:
    assert answer(outliers(score=None), [ROW]) == [{"label": 1, "score": None}]


def test_vector_of_a_thousand_numbers_is_a_list() -> None:
    [prediction] = answer(vectors(1000), [ROW])
    assert prediction["vector"] == pytest.approx([sum(ROW) * i for i in range(1000)], rel=1e-5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("content", "results"),
    [
        (outliers(), [np.ones((2, 2)), np.ones(2)]),
        (outliers(), [np.ones(2), np.ones((2, 2))]),
        (vectors(), [np.ones((2, 4))]),
        (vectors(), [np.ones(2)]),
        (vectors(), [np.ones((2, 3, 1))]),
    ],
)
def test_results_of_another_shape_are_refused(content: bytes, results: list[Any]) -> None:
    _, builder = builder_of(content)
    for build in (builder.predictions, builder.records):
        with pytest.raises(ValueError, match="has the shape"):
            build(results, 2)


def test_labels_are_counted_per_target() -> None:
    servable, builder = builder_of(kinds()["labels"])
    results = servable.run(builder.outputs, servable.to_feeds([ROW, ROW, OTHER_ROW]))
    assert builder.count_labels(results) == {
        "species=Adelie": 2,
        "species=Gentoo": 1,
        "is heavy=false": 2,
        "is heavy=true": 1,
        "count=1": 2,
        "count=0": 1,
    }


@pytest.mark.parametrize(
    ("kind", "counts"),
    [("outliers", {1: 1, -1: 1}), ("clusters", {0: 1, 1: 1}), ("vectors", None)],
)
def test_labels_of_other_kinds_are_counted(kind: str, counts: Any) -> None:
    servable, builder = builder_of(kinds()[kind])
    assert builder.count_labels(servable.run(builder.outputs, servable.to_feeds(ROWS))) == counts
