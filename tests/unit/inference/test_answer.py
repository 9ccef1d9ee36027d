from __future__ import annotations

from typing import Any

import msgspec
import pytest

from artefacts import (
    FIXTURES,
    SPECIES,
    booleans,
    classifier_graph,
    graph,
    integers,
    mixed,
    model,
    node,
    penguins,
    regressor,
    value,
)
from inference.model.servable import Servable
from inference.serving.answer import AnswerBuilder

ROWS = [[39.1, 18.7, 181.0, 3750.0], [50.0, 16.3, 230.0, 5700.0]]


def predictions(content: bytes, rows: list[Any]) -> list[dict[str, Any]]:
    servable = Servable("m", 1, content)
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
    builder = AnswerBuilder(Servable("m", 1, model(classifier_graph(SPECIES))))
    assert "no contract" in builder.notes[0]["reason"]


def test_classes_that_nobody_named_are_numbered() -> None:
    [prediction] = predictions(model(classifier_graph([7, 8])), ROWS[:1])
    assert prediction["label"] in (7, 8)
    assert list(prediction["probabilities"]) == ["0", "1"]


def test_a_foreign_graph_answers_its_outputs_by_name() -> None:
    spelt = graph(
        [node("Identity", ["X"], ["twin"]), node("Neg", ["X"], ["minus"])],
        [value("X", 1, "n", 2)],
        [value("twin", 1, "n", 2), value("minus", 1, "n", 2)],
    )
    found = predictions(model(spelt), [[1.0, 2.0]])
    assert found == [{"outputs": {"twin": [1.0, 2.0], "minus": [-1.0, -2.0]}}]


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.onnx")), ids=lambda path: path.stem)
def test_the_golden_samples_of_what_the_converter_writes_are_answered(path: Any) -> None:
    content = path.read_bytes()
    contract = Servable("m", 1, content).contract
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
    servable = Servable("m", 1, content)
    builder = AnswerBuilder(servable)
    samples = servable.contract.samples if servable.contract else []
    rows: list[Any] = [sample.row for sample in samples] or ROWS
    if servable.features and len(servable.features) != len(rows[0]):
        rows = [[feature.example for feature in servable.features]] * 2
    results = servable.run(builder.outputs, servable.to_feeds(rows))
    spelt = msgspec.json.encode(builder.records(results))
    assert spelt == msgspec.json.encode(builder.predictions(results))
