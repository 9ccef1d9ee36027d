"""Answers of two versions: labels by type, numbers by class, values in proportion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from inference.model.contract import Outputs
from inference.model.servable import Servable
from inference.monitoring.columns import Column
from inference.monitoring.rollout.comparison import Difference, answer_outputs, compare
from support.models.artifacts import (
    booleans,
    classifier_graph,
    contract,
    images,
    integers,
    measurements,
    model,
    penguins,
    regressor,
    with_contract,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


def columns(servable: Servable, *values: Any) -> dict[str, Column]:
    arrays = [np.array(value) for value in values]
    return {
        name: Column(array, np.zeros(len(array), dtype=bool))
        for name, array in zip(answer_outputs(servable), arrays, strict=True)
    }


def classifier(classes: Sequence[Any], version: int = 2, **more: Any) -> Servable:
    data = with_contract(classifier_graph(classes), contract(measurements(), classes, **more))
    return Servable.load("m", version, data)


OLD = Servable.load("m", 1, penguins())


def test_counts_rows_with_another_label_and_sums_the_largest_difference_of_each() -> None:
    answers = columns(OLD, ["Adelie", "Gentoo"], [[0.5, 0.25, 0.25], [0.0, 0.0, 1.0]])
    results = [np.array(["Adelie", "Adelie"]), np.array([[0.5, 0.4, 0.1], [0.9, 0.1, 0.0]])]
    found = compare(OLD, Servable.load("m", 2, penguins(seed=1)), answers, results, 2)
    assert (found.rows, found.different, found.size_of_old) == (2, 1, 0)
    assert found.difference == pytest.approx(0.15 + 1.0)


def test_classes_are_aligned_by_name_and_a_missing_one_counts_as_0() -> None:
    new = classifier(["Gentoo", "Adelie", "Emperor"])
    answers = columns(OLD, ["Adelie"], [[0.5, 0.2, 0.3]])
    results = [np.array(["Adelie"]), np.array([[0.3, 0.45, 0.25]])]
    found = compare(OLD, new, answers, results, 1)
    assert found.different == 0
    assert found.difference == pytest.approx(0.25)  # of Emperor; Chinstrap's is 0.2


def test_labels_get_their_types_before_they_are_compared() -> None:
    """The same numbers of two graphs may stand for other classes."""
    outputs = Outputs("label", "probabilities", encoded_classes=[0, 1])
    described = contract(measurements(), [True, False], outputs=outputs)
    new = Servable.load("m", 2, with_contract(classifier_graph([0, 1]), described))
    old = Servable.load("m", 1, booleans())
    answers = columns(old, [0, 1], [[0.9, 0.1], [0.2, 0.8]])
    same = [np.array([1, 0]), np.array([[0.1, 0.9], [0.8, 0.2]])]
    assert compare(old, new, answers, same, 2) == (2, 0, pytest.approx(0), 0)
    assert compare(old, new, answers, [np.array([0, 1]), same[1]], 2).different == 2


def test_values_are_compared_in_proportion_to_the_old_ones() -> None:
    old, new = (Servable.load("m", version, regressor()) for version in (1, 2))
    answers = columns(old, [100.0, -300.0])
    found = compare(old, new, answers, [np.array([[110.0], [-300.0]])], 2)
    assert found == (2, 0, pytest.approx(10), pytest.approx(400))


def test_targets_are_aligned_by_name() -> None:
    old = Servable.load("m", 1, regressor(["a", "b"]))
    new = Servable.load("m", 2, regressor(["b", "a"]))
    found = compare(old, new, columns(old, [[1.0, 2.0]]), [np.array([[2.0, 1.5]])], 1)
    assert found.difference == pytest.approx(0.5)


def test_other_tasks_have_nothing_in_common() -> None:
    new = Servable.load("m", 2, regressor())
    answers = columns(OLD, ["Adelie"], [[1.0, 0.0, 0.0]])
    with pytest.raises(ValueError, match="nothing in common with those of version 1"):
        compare(OLD, new, answers, [np.array([[3.0]])], 1)


def test_rows_whose_caller_did_not_ask_for_the_label_are_not_compared() -> None:
    """They would count as rows on which both agree."""
    new = Servable.load("m", 2, penguins(seed=1))
    known = columns(OLD, ["Adelie", "Adelie"], [[1.0, 0, 0], [1.0, 0, 0]])
    known["label"] = Column(known["label"].values, np.array([True, False]))
    results = [np.array(["Gentoo", "Gentoo"]), np.array([[0.0, 0, 1], [0.5, 0, 0.5]])]
    assert compare(OLD, new, known, results, 2) == Difference(1, 1, 0.5)
    del known["label"]
    assert compare(OLD, new, known, results, 2) == Difference(0)


def test_numbers_that_the_caller_did_not_ask_for_are_not_compared() -> None:
    new = Servable.load("m", 2, penguins(seed=1))
    known = columns(OLD, ["Adelie", "Adelie"], [[1.0, 0, 0], [1.0, 0, 0]])
    known["probabilities"] = Column(known["probabilities"].values, np.array([True, False]))
    results = [np.array(["Adelie", "Gentoo"]), np.array([[0.0, 0, 1], [0.5, 0, 0.5]])]
    assert compare(OLD, new, known, results, 2) == Difference(2, 1, 0.5)
    del known["probabilities"]
    assert compare(OLD, new, known, results, 2) == Difference(2, 1)


@pytest.mark.parametrize("rows", [1, 3])
def test_another_number_of_rows_is_a_failure(rows: int) -> None:
    new = Servable.load("m", 2, penguins(seed=1))
    known = columns(OLD, ["Adelie"] * 2, [[1.0, 0, 0]] * 2)
    with pytest.raises(ValueError, match=f"output 'label' has {rows} rows for 2 rows"):
        compare(OLD, new, known, [np.array(["Adelie"] * rows), np.zeros((rows, 3))], 2)


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_counts_as_0(odd: float) -> None:
    """A version that only answers NaN must not look like one that answers the same."""
    old, new = (Servable.load("m", version, regressor()) for version in (1, 2))
    answers = columns(old, [1.0, 2.0])
    found = compare(old, new, answers, [np.array([[odd], [2.5]])], 2)
    assert (found.difference, found.size_of_old) == (pytest.approx(1.5), pytest.approx(3))

    answers = columns(old, [odd, odd, 3.0])
    found = compare(old, new, answers, [np.array([[odd], [1.0], [3.0]])], 3)
    assert (found.difference, found.size_of_old) == (pytest.approx(1), pytest.approx(3))


@pytest.mark.parametrize("data", [images(), model(classifier_graph(["a", "b"]))])
def test_files_without_a_contract_are_compared_by_output(data: bytes) -> None:
    old, new = (Servable.load("m", version, data) for version in (1, 2))
    names = answer_outputs(old)
    results = [np.zeros((1, 3)) if n != "label" else np.array([["a"]], object) for n in names]
    answers = columns(old, *results)
    found = compare(old, new, answers, results, 1)
    assert (found.rows, found.different, found.difference) == (1, 0, 0)


def test_integers_and_the_texts_of_them_are_different_labels() -> None:
    old, new = Servable.load("m", 1, integers()), classifier(["0", "1", "2"])
    answers = columns(old, [1], [[0, 1.0, 0]])
    found = compare(old, new, answers, [np.array(["1"], object), np.array([[0, 1.0, 0]])], 1)
    assert (found.different, found.difference) == (1, 0)
