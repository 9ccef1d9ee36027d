"""A contract names outputs that the graph has, of the right type and width."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from inference.errors import ArtifactError
from inference.model.answers.tensors import answer_tensors, check_outputs
from inference.model.contract import Contract, LabelOutput, Outputs
from inference.model.servable import Servable
from inference.model.signature import Signature, TensorSpec
from support.answers.kinds import TARGETS, described, kinds
from support.models.artifacts import contract, measurements

LABELS = described("multioutput_classification", Outputs("species_label"), labels=TARGETS)
OUTLIERS = described("outlier_detection", Outputs("label", score="score"), classes=[-1, 1])
CLUSTERS = described("clustering", Outputs("label", distances="distances"), classes=[0, 1, 2])
VECTOR = described("transformation", Outputs("vector"), targets=["a", "b"])

LABEL = ("label", "int64", [None])
LABEL_OUTPUTS = [
    ("species_label", "string", [None]),
    ("species_probabilities", "float", [None, 3]),
    ("heavy_label", "int64", [None, 1]),
    ("heavy_probabilities", "double", [None, None]),
    ("count_label", "int64", [None]),
]


def signature(outputs: list[tuple[str, str, list[Any]]]) -> Signature:
    specs = [TensorSpec.from_onnx(n, f"tensor({kind})", shape) for n, kind, shape in outputs]
    return Signature((), tuple(specs))


@pytest.mark.parametrize("name", kinds())
def test_model_of_each_kind_is_loaded(name: str) -> None:
    servable = Servable.load(name, 1, kinds()[name])
    assert servable.contract is not None


def test_outputs_are_in_the_order_of_the_answer() -> None:
    assert [t.name for t in answer_tensors(LABELS)] == [
        "species_label",
        "heavy_label",
        "count_label",
        "species_probabilities",
        "heavy_probabilities",
    ]
    assert [t.name for t in answer_tensors(OUTLIERS)] == ["label", "score"]
    assert [t.name for t in answer_tensors(contract(measurements(), ["a"]))] == [
        "label",
        "probabilities",
    ]


@pytest.mark.parametrize(
    ("described", "outputs"),
    [
        (LABELS, LABEL_OUTPUTS),
        (OUTLIERS, [("label", "int64", [None, 1]), ("score", "float", [None])]),
        (OUTLIERS, [LABEL, ("score", "double", [None, None])]),
        (CLUSTERS, [LABEL, ("distances", "float", [None, 3])]),
        (CLUSTERS, [("label", "int32", [1]), ("distances", "float", [1, 3])]),
        (VECTOR, [("vector", "int64", [None, 2])]),
    ],
)
def test_outputs_of_the_right_type_and_width_are_accepted(
    described: Contract, outputs: list[Any]
) -> None:
    check_outputs(described, signature(outputs))


@pytest.mark.parametrize(
    ("described", "outputs", "complaint"),
    [
        (LABELS, LABEL_OUTPUTS[1:], "names the output 'species_label', which the graph lacks"),
        (LABELS, LABEL_OUTPUTS[:3], "the output 'count_label', which the graph lacks"),
        (
            LABELS,
            [*LABEL_OUTPUTS[:2], ("heavy_label", "int64", [None, 2]), *LABEL_OUTPUTS[3:]],
            (r"holds the label of target 'is heavy', has the shape \[-1, 2\] and not \[rows, 1\]"),
        ),
        (
            LABELS,
            [("species_label", "float", [None]), *LABEL_OUTPUTS[1:]],
            r"'species_label' is tensor\(float\), which cannot hold the label of target 'species'",
        ),
        (OUTLIERS, [LABEL], "names the output 'score'"),
        (
            OUTLIERS,
            [LABEL, ("score", "float", [None, 2])],
            r"the score, .* and not \[rows, 1\]",
        ),
        (OUTLIERS, [LABEL, ("score", "float", [])], r"the score, .* and not \[rows, 1\]"),
        (
            OUTLIERS,
            [LABEL, ("score", "float", [None, 1, 1])],
            r"the score, .* and not \[rows, 1\]",
        ),
        (OUTLIERS, [LABEL, ("score", "string", [None])], "cannot hold the score"),
        (OUTLIERS, [("label", "float", [None]), ("score", "float", [None])], "hold the label"),
        (
            CLUSTERS,
            [LABEL, ("distances", "float", [None, 2])],
            r"the distances, .* and not \[rows, 3\]",
        ),
        (
            CLUSTERS,
            [LABEL, ("distances", "float", [None])],
            r"the distances, .* and not \[rows, 3\]",
        ),
        (VECTOR, [("vector", "float", [None, 3])], r"the vector, .* and not \[rows, 2\]"),
        (VECTOR, [("vector", "string", [None, 2])], "cannot hold the vector"),
        (VECTOR, [("vector", "bfloat16", [None, 2])], "cannot hold the vector"),
    ],
)
def test_outputs_of_another_type_or_width_are_refused(
    described: Contract, outputs: list[Any], complaint: str
) -> None:
    with pytest.raises(ArtifactError, match=complaint):
        check_outputs(described, signature(outputs))


def test_sequence_cannot_hold_a_label() -> None:
    spec = TensorSpec.from_onnx("label", "seq(tensor(int64))", None)
    outliers = msgspec.structs.replace(OUTLIERS, outputs=Outputs("label"))
    with pytest.raises(ArtifactError, match=r"is seq\(tensor\(int64\)\), which cannot hold"):
        check_outputs(outliers, Signature((), (spec,)))


def test_target_of_one_class_has_a_table_of_one_column() -> None:
    target = LabelOutput("a", "l", ["only"], "p")
    single = described("multioutput_classification", Outputs("l"), labels=[target])
    check_outputs(single, signature([("l", "string", [None]), ("p", "float", [None, 1])]))
    with pytest.raises(ArtifactError, match=r"has the shape \[-1\] and not \[rows, 1\]"):
        check_outputs(single, signature([("l", "string", [None]), ("p", "float", [None])]))
