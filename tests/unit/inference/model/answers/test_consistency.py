"""Each task needs its own fields in the contract, and samples that are such answers."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from inference.errors import ContractError
from inference.model.contract import Contract, LabelOutput, Outputs, Sample
from inference.model.contract_codec import check_contract, decode_contract, encode_contract
from support.answers.kinds import ROW, TARGETS, described
from support.models.artifacts import contract, measurements

LABELS = described("multioutput_classification", Outputs("species_label"), labels=TARGETS)
OUTLIERS = described("outlier_detection", Outputs("label", score="score"), classes=[-1, 1])
CLUSTERS = described("clustering", Outputs("label", distances="distances"), classes=[0, 1, 2])
MIXTURE = described("clustering", Outputs("label", "probabilities"), classes=[0, 1])
VECTOR = described("transformation", Outputs("vector"), targets=["a", "b"])
CLASSES = contract(measurements(), ["a", "b"])
VALUE = contract(measurements(), None)


def replaced(described: Contract, **changes: Any) -> Contract:
    return msgspec.structs.replace(described, **changes)


@pytest.mark.parametrize(
    ("described", "sample"),
    [
        (LABELS, Sample(ROW, ["Adelie", True, 0], [[1.0, 0.0, 0.0], [0.5, 0.5], None])),
        (LABELS, Sample(ROW, ["Gentoo", False, 1])),
        (OUTLIERS, Sample(ROW, -1, score=-0.25)),
        (OUTLIERS, Sample(ROW, 1)),
        (CLUSTERS, Sample(ROW, 2, distances=[3.5, 1.0, 0.0])),
        (MIXTURE, Sample(ROW, 0, [0.75, 0.25])),
        (VECTOR, Sample(ROW, [0.5, -2.0])),
        (VECTOR, Sample(ROW, [1, 2])),
    ],
)
def test_answer_of_each_kind_is_read_back(described: Contract, sample: Sample) -> None:
    written = replaced(described, samples=[sample])
    assert decode_contract(encode_contract(written)) == written


def test_labels_keep_the_types_of_their_classes() -> None:
    mixed = LabelOutput("mixed", "m", [1, "1 ", True, 1.5], encoded_classes=[0, 1, 2, 3])
    written = replaced(LABELS, labels=[mixed], outputs=Outputs("m"))
    (read,) = decode_contract(encode_contract(written)).labels or []
    assert [(type(c), c) for c in read.classes] == [(type(c), c) for c in mixed.classes]


@pytest.mark.parametrize(
    ("described", "changes", "complaint"),
    [
        (LABELS, {"labels": None}, "a multioutput classification lists no labels"),
        (LABELS, {"labels": []}, "a multioutput classification lists no labels"),
        (LABELS, {"classes": ["a"]}, "the task 'multioutput_classification' has no classes"),
        (LABELS, {"targets": ["a"]}, "has no targets"),
        (LABELS, {"outputs": Outputs("heavy_label")}, "outputs.label is not 'species_label'"),
        (LABELS, {"outputs": Outputs("species_label", "p")}, "has no outputs.probabilities"),
        (LABELS, {"labels": [TARGETS[0], TARGETS[0]]}, "two of its targets have the same name"),
        (
            LABELS,
            {"labels": [TARGETS[0], LabelOutput("b", "species_label", [0])]},
            "it names the output 'species_label' twice",
        ),
        (LABELS, {"labels": [LabelOutput("", "species_label", [0])]}, "has an empty name"),
        (
            LABELS,
            {"labels": [LabelOutput("a", "species_label", [])]},
            "target 'a' lists no classes",
        ),
        (
            LABELS,
            {"labels": [LabelOutput("a", "species_label", [1, "1"])]},
            "two classes have the same name",
        ),
        (
            LABELS,
            {"labels": [LabelOutput("a", "species_label", [0, 1], None, [0])]},
            "1 encoded classes stand for 2 classes",
        ),
        (OUTLIERS, {"classes": None}, r"the classes of an outlier detection are \[-1, 1\]"),
        (OUTLIERS, {"classes": [1, -1]}, r"the classes of an outlier detection are \[-1, 1\]"),
        (OUTLIERS, {"classes": [-1, True]}, r"the classes of an outlier detection are \[-1, 1\]"),
        (OUTLIERS, {"outputs": Outputs("label", score="label")}, "the output 'label' twice"),
        (CLUSTERS, {"outputs": Outputs("label", distances="label")}, "the output 'label' twice"),
        (OUTLIERS, {"outputs": Outputs("label", "p")}, "has no outputs.probabilities"),
        (CLUSTERS, {"classes": None}, "a clustering lists no classes"),
        (CLUSTERS, {"classes": ["a", "b"]}, "the numbers of its clusters"),
        (CLUSTERS, {"classes": [2**63]}, "the numbers of its clusters"),
        (CLUSTERS, {"outputs": Outputs("label", score="s")}, "'clustering' has no outputs.score"),
        (
            CLUSTERS,
            {"outputs": Outputs("label", "p", distances="d")},
            "probabilities or distances, not both",
        ),
        (VECTOR, {"targets": None}, "a transformation lists no targets"),
        (VECTOR, {"targets": ["a", "a"]}, "two of its targets have the same name"),
        (VECTOR, {"targets": ["a"] * 10_001}, "it has over 10,000 targets"),
        (VECTOR, {"classes": [1]}, "the task 'transformation' has no classes"),
        (VECTOR, {"outputs": Outputs("v", None, [1])}, "has no outputs.encoded_classes"),
        (CLASSES, {"labels": TARGETS}, "the task 'classification' has no labels"),
        (CLASSES, {"outputs": Outputs("l", score="s")}, "has no outputs.score"),
        (VALUE, {"outputs": Outputs("l", distances="s")}, "has no outputs.distances"),
    ],
)
def test_fields_that_do_not_fit_the_task_are_refused(
    described: Contract, changes: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ContractError, match=complaint):
        check_contract(replaced(described, **changes))


@pytest.mark.parametrize(
    ("described", "sample", "complaint"),
    [
        (LABELS, Sample(ROW, "Adelie"), "sample 0 has 1 of 3 labels"),
        (LABELS, Sample(ROW, ["Adelie", True]), "sample 0 has 2 of 3 labels"),
        (LABELS, Sample(ROW, ["Adelie", 1, 0]), "has the label 1, which is not a class"),
        (LABELS, Sample(ROW, ["Adelie", True, False]), "has the label False, which is not a class"),
        (
            LABELS,
            Sample(ROW, ["Adelie", True, 0], [[1.0, 0.0, 0.0]]),
            "probabilities for 1 of 3 targets",
        ),
        (
            LABELS,
            Sample(ROW, ["Adelie", True, 0], [1.0, 0.0, 0.0]),
            "sample 0 has 1 probabilities",
        ),
        (
            LABELS,
            Sample(ROW, ["Adelie", True, 0], [[1.0], None, None]),
            "sample 0 has 1 probabilities",
        ),
        (OUTLIERS, Sample(ROW, 0), "has the label 0, which is not a class"),
        (OUTLIERS, Sample(ROW, [1]), r"has the label \[1\], which is not a class"),
        (OUTLIERS, Sample(ROW, 1, score=float("nan")), "a score that is not finite"),
        (CLUSTERS, Sample(ROW, 3), "has the label 3, which is not a class"),
        (CLUSTERS, Sample(ROW, 0, distances=[1.0]), "sample 0 has 1 distances"),
        (CLUSTERS, Sample(ROW, 0, score=1.0), "sample 0 has score, outputs.score is missing"),
        (MIXTURE, Sample(ROW, 0, [[0.5], [0.5]]), "has probabilities that are lists"),
        (MIXTURE, Sample(ROW, 0, distances=[1.0, 2.0]), "outputs.distances is missing"),
        (VECTOR, Sample(ROW, 0.5), "sample 0 is not a vector of 2 numbers"),
        (VECTOR, Sample(ROW, [0.5, "x"]), "sample 0 is not a vector of 2 numbers"),
        (VECTOR, Sample(ROW, [0.5, True]), "sample 0 is not a vector of 2 numbers"),
        (VECTOR, Sample(ROW, [0.5, float("inf")]), "a number that is not finite"),
        (CLASSES, Sample(ROW, "a", [[0.5], [0.5]]), "has probabilities that are lists"),
        (CLASSES, Sample(ROW, "a", score=1.0), "sample 0 has score, outputs.score is missing"),
    ],
)
def test_samples_that_are_no_answer_of_the_task_are_refused(
    described: Contract, sample: Sample, complaint: str
) -> None:
    with pytest.raises(ContractError, match=complaint):
        check_contract(replaced(described, samples=[sample]))


def test_task_of_a_later_release_is_named_with_what_to_do() -> None:
    document = json.loads(encode_contract(VALUE))
    document["task"] = "ranking"
    with pytest.raises(ContractError) as caught:
        decode_contract(json.dumps(document))
    assert str(caught.value) == (
        "the task of the contract is 'ranking', this service serves classification, regression, "
        "multioutput_classification, outlier_detection, clustering, transformation: update the "
        "service to the release of the exporter"
    )


@pytest.mark.parametrize("task", [None, 1, [], {}])
def test_task_that_is_no_text_does_not_fit_the_schema(task: object) -> None:
    document = json.loads(encode_contract(VALUE))
    document["task"] = task
    with pytest.raises(ContractError, match="does not fit its schema"):
        decode_contract(json.dumps(document))
