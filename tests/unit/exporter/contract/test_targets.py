"""Names of several labels, values and numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from exporter.contract.targets import check_target_names, name_labels, name_targets
from exporter.conversion.outputs import OutputNames
from exporter.data.answers.answers import Answers
from exporter.data.estimator import FittedEstimator
from exporter.errors import ModelError, OptionError
from support.conversion.originals import answering, classifier, regressor

X = np.random.default_rng(0).normal(size=(10, 3))
TWO = answering("multioutput_classification", ["a", "b"], [False, True])
PAIRS = Answers(np.zeros((4, 2), dtype=int))


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["color", "size"], ["color", "size"]),
        ([1, 2], ["1", "2"]),
        (None, ["output_0", "output_1"]),
        (["only one"], ["output_0", "output_1"]),
        (["twice", "twice"], ["output_0", "output_1"]),
        (["", "empty"], ["output_0", "output_1"]),
    ],
)
def test_labels_have_the_names_of_y_if_they_fit(names: Any, found: list[str]) -> None:
    assert name_targets(TWO, PAIRS, names) == found


def test_a_single_answer_has_no_name() -> None:
    assert name_targets(classifier("a", "b"), Answers(np.zeros(4, dtype=int)), ["y"]) is None
    assert name_targets(regressor(), Answers(np.zeros(4)), None) is None
    assert name_targets(regressor(), Answers(np.zeros((4, 2))), None) == ["y0", "y1"]


def test_a_vector_has_the_names_that_its_transformer_gives() -> None:
    named = FittedEstimator(PCA(2).fit(X))
    assert name_targets(named, named.answer(X), None) == ["pca0", "pca1"]
    assert name_targets(named, named.answer(X), ["u", "v"]) == ["u", "v"]
    nameless = FittedEstimator(make_pipeline(PCA(2), FunctionTransformer(np.abs)).fit(X))
    assert name_targets(nameless, nameless.answer(X), None) == ["output_0", "output_1"]


def test_refuses_a_vector_that_no_answer_can_hold() -> None:
    original = answering("transformation", vector_names=None)
    with pytest.raises(ModelError, match=r"10,001 numbers .* end the pipeline with PCA"):
        name_targets(original, Answers(np.zeros((1, 10_001))), None)


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (["a"], "2 different names for the 2 labels"),
        (["a", "a"], "different"),
        (["a", ""], "diff"),
        ("ab", "different"),
        (5, "different"),
        (iter(["a", "b"]), "different"),
    ],
)
def test_says_what_is_wrong_with_target_names(names: Any, complaint: str) -> None:
    with pytest.raises(OptionError, match=complaint):
        check_target_names(names, TWO, PAIRS)
    with pytest.raises(OptionError, match="leave it out"):
        check_target_names(names, classifier("a", "b"), Answers(np.zeros(4, dtype=int)))


def test_each_label_is_described_with_its_outputs() -> None:
    outputs = OutputNames(("label_0", "label_1"), ("shares_0", "shares_1"))
    first, second = name_labels(TWO, outputs, ["x", "y"]) or []
    assert (first.name, first.label, first.classes) == ("x", "label_0", ["a", "b"])
    assert (second.probabilities, second.classes) == ("shares_1", [False, True])
