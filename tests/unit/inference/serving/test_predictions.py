from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from inference.model.contract import Sample
from inference.model.servable import Servable
from inference.model.trials.foreign_classifier import examine_table
from inference.serving.predictions import AnswerBuilder
from support.models.artifacts import (
    FLOAT,
    INT64,
    SPECIES,
    STRING,
    booleans,
    classifier_graph,
    contract,
    graph,
    integers,
    measurements,
    mixed,
    model,
    node,
    penguins,
    regressor,
    tensor,
    value,
    with_contract,
)
from support.project import FIXTURES

ROWS = [[39.1, 18.7, 181.0, 3750.0], [50.0, 16.3, 230.0, 5700.0]]


def load(content: bytes) -> Servable:
    """Load a file as the service does, with what its examination says of its table."""
    servable = Servable.load("m", 1, content)
    if servable.contract is not None:
        return servable
    table = examine_table(servable, content, None, 10)
    if table is not None:
        servable = servable.with_table(table)
    return servable


def predictions(content: bytes, rows: list[Any]) -> list[dict[str, Any]]:
    servable = load(content)
    builder = AnswerBuilder(servable)
    results = servable.run(builder.outputs, servable.to_feeds(rows))
    return builder.predictions(results)


@pytest.mark.parametrize(
    ("content", "classes", "keys"),
    [
        (penguins(), SPECIES, SPECIES),
        (integers(), (0, 1, 2), ("0", "1", "2")),
        (booleans(), (False, True), ("false", "true")),
    ],
)
def test_a_label_has_the_type_of_its_class_and_every_class_a_probability(
    content: bytes, classes: tuple[Any, ...], keys: tuple[str, ...]
) -> None:
    found = predictions(content, ROWS)
    assert len(found) == 2
    for prediction in found:
        assert any(prediction["label"] is c or prediction["label"] == c for c in classes)
        assert type(prediction["label"]) is type(classes[0])
        assert tuple(prediction["probabilities"]) == keys
        assert sum(prediction["probabilities"].values()) == pytest.approx(1)
        best = max(prediction["probabilities"], key=prediction["probabilities"].get)
        assert keys.index(best) == classes.index(prediction["label"])
        assert msgspec.json.encode(prediction)


def test_columns_of_every_kind_are_answered() -> None:
    rows = [[3.5, 4, True, "Dream", "male"], [None, 4, False, "Biscoe", None]]
    assert [p["label"] for p in predictions(mixed(), rows)] == ["big", "small"]


def test_a_regression_answers_a_value() -> None:
    assert predictions(regressor(), [[1, 2, 3, 4]]) == [{"value": 10.0}]


def test_a_regression_on_several_targets_answers_each_by_name() -> None:
    found = predictions(regressor(["a", "b"]), [[1, 2, 3, 4], [0, 0, 0, 0]])
    assert found == [{"values": {"a": 10.0, "b": 10.0}}, {"values": {"a": 0.0, "b": 0.0}}]


def test_zipmap_answers_as_a_matrix_does() -> None:
    zipped = predictions(model(classifier_graph(SPECIES, zipmap=True)), ROWS)
    for found, expected in zip(zipped, predictions(penguins(), ROWS), strict=True):
        assert found["label"] == expected["label"]
        assert found["probabilities"] == pytest.approx(expected["probabilities"])


def test_a_file_without_contract_says_so_in_every_answer() -> None:
    builder = AnswerBuilder(Servable.load("m", 1, model(classifier_graph(SPECIES))))
    assert "no contract" in builder.notes[0]["reason"]


@pytest.mark.parametrize("classes", [("no", "yes", "maybe"), (7, 8)])
def test_classes_of_a_file_without_contract_are_named_by_its_graph(
    classes: tuple[str | int, ...],
) -> None:
    [prediction] = predictions(model(classifier_graph(classes)), ROWS[:1])
    assert prediction["label"] in classes
    assert list(prediction["probabilities"]) == [str(c) for c in classes]


def linear(transform: str, classes: tuple[str, ...] = SPECIES, *, scale: float = 1.0) -> bytes:
    """Make a classifier whose table is what a transformation makes of three margins."""
    weights = [float(w) for w in np.random.default_rng(3).normal(size=3 * 4) * scale]
    onnx_graph = node(
        "LinearClassifier",
        ["X"],
        ["label", "table"],
        "ai.onnx.ml",
        coefficients=weights,
        intercepts=[0.3, 0.3, 0.4],
        multi_class=0,
        post_transform=transform,
        classlabels_strings=list(classes),
    )
    return model(
        graph(
            [onnx_graph],
            [value("X", FLOAT, "n", 4)],
            [value("label", STRING, "n"), value("table", FLOAT, "n", 3)],
        )
    )


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (linear("SOFTMAX"), "probabilities"),
        (linear("NONE"), "scores"),
        (linear("LOGISTIC"), "scores"),
        # Margins that are a distribution whatever the row is, by chance: a margin all the same.
        (linear("NONE", scale=0.0), "scores"),
    ],
)
def test_only_a_distribution_is_called_probabilities(content: bytes, name: str) -> None:
    for prediction in predictions(content, ROWS):
        assert list(prediction) == ["label", name]
        assert list(prediction[name]) == list(SPECIES)


def test_network_that_decides_by_its_own_softmax_has_probabilities() -> None:
    """Its graph names no classes, so they are numbered."""
    onnx_graph = graph(
        [
            node("MatMul", ["X", "W"], ["margins"]),
            node("Softmax", ["margins"], ["shares"], axis=1),
            node("ArgMax", ["shares"], ["label"], axis=1, keepdims=0),
        ],
        [value("X", FLOAT, "n", 2)],
        [value("label", INT64, "n"), value("shares", FLOAT, "n", 2)],
        [tensor("W", [[1, 0], [0, 1]])],
    )
    [prediction] = predictions(model(onnx_graph), [[3.0, 1.0]])
    assert prediction["label"] == 0
    assert list(prediction["probabilities"]) == ["0", "1"]


def test_distances_are_scores() -> None:
    """As of a clustering: the label is the number of the nearest center."""
    onnx_graph = graph(
        [
            node("CDist", ["X", "centers"], ["distances"], "com.microsoft", metric="euclidean"),
            node("ArgMin", ["distances"], ["label"], axis=1, keepdims=0),
        ],
        [value("X", FLOAT, "n", 4)],
        [value("label", INT64, "n"), value("distances", FLOAT, "n", 2)],
        [tensor("centers", [[0, 0, 0, 0], [9, 9, 9, 9]])],
    )
    [prediction] = predictions(model(onnx_graph), [[0.0, 0.0, 0.0, 1.0]])
    assert prediction == {"label": 0, "scores": {"0": 1.0, "1": pytest.approx(18.0, abs=1)}}


def test_golden_samples_that_are_no_distribution_make_scores() -> None:
    row: list[Any] = [39.1, 18.7, 181.0, 3750.0]
    samples = [Sample(row, "Adelie", [0.9, 0.4, -0.2])]
    described = contract(measurements(), SPECIES, samples)
    content = with_contract(classifier_graph(SPECIES), described)
    [prediction] = predictions(content, [row])
    assert list(prediction) == ["label", "scores"]
    many = AnswerBuilder(Servable.load("m", 1, content))
    results = Servable.load("m", 1, content).run(many.outputs, {"X": np.array([row], dtype="f4")})
    assert list(msgspec.to_builtins(many.records(results)[0])) == ["label", "scores"]


def test_a_foreign_graph_answers_its_outputs_by_name() -> None:
    onnx_graph = graph(
        [node("Identity", ["X"], ["twin"]), node("Neg", ["X"], ["minus"])],
        [value("X", 1, "n", 2)],
        [value("twin", 1, "n", 2), value("minus", 1, "n", 2)],
    )
    found = predictions(model(onnx_graph), [[1.0, 2.0]])
    assert found == [{"outputs": {"twin": [1.0, 2.0], "minus": [-1.0, -2.0]}}]


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.onnx")), ids=lambda path: path.stem)
def test_the_golden_samples_of_what_the_converter_writes_are_answered(path: Any) -> None:
    content = path.read_bytes()
    contract = Servable.load("m", 1, content).contract
    if contract is None:
        return
    found = predictions(content, [sample.row for sample in contract.samples])
    for sample, prediction in zip(contract.samples, found, strict=True):
        if contract.task == "classification":
            assert prediction["label"] == sample.label
            assert type(prediction["label"]) is type(sample.label)
            assert list(prediction["probabilities"].values()) == pytest.approx(
                sample.probabilities, abs=contract.parity.tolerance + 1e-6
            )
        else:
            assert prediction["value"] == pytest.approx(sample.label, rel=1e-5)


@pytest.mark.parametrize(
    "content",
    [
        penguins(),
        integers(),
        booleans(),
        mixed(),
        regressor(),
        (FIXTURES / "zipmap.onnx").read_bytes(),
        (FIXTURES / "foreign.onnx").read_bytes(),
    ],
)
def test_records_encode_as_predictions_do(content: bytes) -> None:
    servable = Servable.load("m", 1, content)
    builder = AnswerBuilder(servable)
    samples = servable.contract.samples if servable.contract else []
    rows: list[Any] = [sample.row for sample in samples] or ROWS
    if servable.features and len(servable.features) != len(rows[0]):
        rows = [[feature.example for feature in servable.features]] * 2
    results = servable.run(builder.outputs, servable.to_feeds(rows))
    onnx_graph = msgspec.json.encode(builder.records(results))
    assert onnx_graph == msgspec.json.encode(builder.predictions(results))
