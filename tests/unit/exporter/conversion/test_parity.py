from __future__ import annotations

import numpy as np
import pytest

from exporter.conversion.parity import choose_tolerance, compare, explain
from exporter.data.answers.answers import Answers
from exporter.data.table import Column, Table
from support.conversion.originals import classifier, regressor

CLASSIFIER = classifier("a", "b")
REGRESSOR = regressor()


def _answers(labels: list[int], first: list[float]) -> Answers:
    return Answers(np.array(labels), np.column_stack([first, 1 - np.array(first)]))


def test_holds_within_the_tolerance() -> None:
    """Equal labels and a difference of no more than is accepted."""
    comparison = compare(_answers([0], [0.9]), _answers([0], [0.900001]), 1e-5, "classification")
    assert comparison.holds
    assert comparison.max_difference == pytest.approx(1e-6, rel=1e-3)


def test_fails_on_one_label_in_many() -> None:
    """No tolerance covers a wrong label, and the share says that one is wrong."""
    labels = [0] * 1000
    wrong = [*labels[:-1], 1]
    comparison = compare(
        _answers(labels, [0.5] * 1000), _answers(wrong, [0.5] * 1000), 1.0, "classification"
    )
    assert not comparison.holds
    assert comparison.agreement == 0.999
    assert comparison.worst() == [999]


@pytest.mark.parametrize("given", [np.nan, np.inf])
def test_takes_no_number_for_a_difference(given: float) -> None:
    """A file that answers NaN does not agree, however large the tolerance."""
    comparison = compare(_answers([0], [0.9]), _answers([0], [given]), 1.0, "classification")
    assert not comparison.holds
    assert comparison.max_difference == np.inf


def test_fails_when_probabilities_have_another_shape() -> None:
    """Too few columns are a failure rather than a broadcast."""
    given = Answers(np.array([0]), np.array([[0.9]]))
    assert not compare(_answers([0], [0.9]), given, 1.0, "classification").holds


def test_puts_wrong_labels_before_large_differences() -> None:
    """The table of worst rows begins with what hurts most."""
    expected, given = _answers([0, 0, 0], [0.9, 0.9, 0.9]), _answers([0, 1, 0], [0.5, 0.9, 0.9])
    comparison = compare(expected, given, 1e-5, "classification")
    assert comparison.worst() == [1, 0]
    table = Table((Column("x", "number", np.array([1.5, 2.5, 3.5])),), None)
    table = Table(table.columns, np.zeros((3, 1)))
    drawn = explain(comparison, CLASSIFIER, expected, given, table)
    assert "1    'a' (p = 0.900000)" in drawn
    assert "row 1 is x=2.5" in drawn


def test_scales_the_tolerance_of_a_regression_with_its_values() -> None:
    """Grams differ by more than kilograms do; probabilities are what they are."""
    assert choose_tolerance(REGRESSOR, Answers(np.array([-6300.0, 10.0])), None) == pytest.approx(
        0.063
    )
    assert choose_tolerance(REGRESSOR, Answers(np.array([0.0])), None) == 1e-5
    assert choose_tolerance(CLASSIFIER, Answers(np.array([0])), None) == 1e-5
    assert choose_tolerance(CLASSIFIER, Answers(np.array([0])), 0.01) == 0.01


def test_compares_every_target_of_a_regression() -> None:
    """The second target counts as much as the first."""
    expected = Answers(np.array([[1.0, 2.0], [1.0, 2.0]]))
    given = Answers(np.array([[1.0, 2.0], [1.0, 2.5]]))
    comparison = compare(expected, given, 0.1, "regression")
    assert comparison.equal.tolist() == [True, False]
    assert comparison.max_difference == 0.5
