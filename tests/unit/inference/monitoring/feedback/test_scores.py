"""Accuracy, F1 and errors of rows with a truth are those that scikit-learn computes."""

from __future__ import annotations

import math
import random
from typing import Any, Literal

import pytest

from inference.monitoring.feedback.records import Record
from inference.monitoring.feedback.scores import Scores, macro_f1, score


def record(truth: Any, answer: Any, kind: Literal["label", "value"] = "label") -> Record:
    return Record(0.0, "an-id", 0, 0.0, kind, truth, answer)


def test_without_rows_there_are_no_scores() -> None:
    assert score([]) is None


# By scikit-learn 1.7: f1_score(truths, answers, average="macro"), accuracy_score.
@pytest.mark.parametrize(
    ("pairs", "accuracy", "f1"),
    [
        ([("a", "a")], 1.0, 1.0),
        ([("a", "b")], 0.0, 0.0),
        ([("a", "a"), ("a", "b"), ("b", "b"), ("c", "b")], 0.5, 0.38888888888888890),
        ([(1, 1), (2, 2), (3, 1), (3, 3)], 0.75, 0.7777777777777778),
        ([(True, True), (False, True), (True, True)], 2 / 3, 0.4),
    ],
)
def test_labels_are_scored_as_by_scikit_learn(
    pairs: list[tuple[Any, Any]], accuracy: float, f1: float
) -> None:
    found = score([record(truth, answer) for truth, answer in pairs])
    assert found is not None
    assert (found.rows, found.mean_absolute_error) == (len(pairs), None)
    assert found.accuracy == pytest.approx(accuracy)
    assert found.macro_f1 == pytest.approx(f1)


def test_the_f1_score_does_not_depend_on_the_order_of_rows() -> None:
    chance = random.Random(3)
    pairs = [(f"class {chance.randrange(30)}", f"class {chance.randrange(30)}") for _ in range(999)]
    first = macro_f1(pairs)
    for _ in range(5):
        chance.shuffle(pairs)
        assert macro_f1(pairs) == first, "all workers show the same number"


def test_an_answer_that_is_no_label_is_wrong() -> None:
    found = score([record("a", "a"), record("a", None)])
    assert found is not None
    assert found.accuracy == 0.5


def test_a_label_and_its_text_are_different() -> None:
    found = score([record(1, "1"), record(True, "true")])
    assert found is not None
    assert found.accuracy == 0.0


def test_of_several_labels_all_must_be_right() -> None:
    both, one = {"x": "a", "y": 1}, {"x": "a", "y": 2}
    found = score([record(both, both), record(both, one)])
    # f1_score of "x" is 1; that of "y" is (2/3 + 0) / 2.
    assert found == Scores(2, accuracy=0.5, macro_f1=(1 + 1 / 3) / 2)


def test_values_are_scored_as_by_scikit_learn() -> None:
    pairs = [(3.0, 2.5), (-0.5, 0.0), (2.0, 2.0), (7.0, 8.0)]
    found = score([record(truth, answer, "value") for truth, answer in pairs])
    # mean_absolute_error and root_mean_squared_error of scikit-learn 1.7.
    expected = Scores(4, mean_absolute_error=0.5, root_mean_squared_error=0.6123724356957945)
    assert found == expected


def test_several_values_are_one_row() -> None:
    found = score([record({"x": 1.0, "y": 0.0}, {"x": 3.0, "y": 0.0}, "value")])
    assert found == Scores(1, mean_absolute_error=1.0, root_mean_squared_error=2**0.5)


@pytest.mark.parametrize("answer", [None, float("nan"), float("inf")])
def test_an_answer_that_is_no_number_is_left_out(answer: float | None) -> None:
    rows = [record(1.0, 2.0, "value"), record(1.0, answer, "value")]
    found = score(rows)
    assert found == Scores(1, mean_absolute_error=1.0, root_mean_squared_error=1.0)
    assert score(rows[1:]) is None


def test_rows_of_another_kind_than_the_latest_are_left_out() -> None:
    rows = [record("a", "a"), record(1.0, 1.0, "value"), record({"x": 1}, {"x": 1}), record(1, 1)]
    found = score(rows)
    assert found is not None
    assert (found.rows, found.accuracy) == (2, 1.0)


def test_an_error_that_is_out_of_the_range_of_numbers_is_infinite() -> None:
    found = score([record(truth, 0.0, "value") for truth in (1.7e308, -1.7e308, 1.7e308)])
    assert found == Scores(3, mean_absolute_error=math.inf, root_mean_squared_error=math.inf)


@pytest.mark.parametrize("value", [None, "x", math.nan, math.inf])
def test_a_row_whose_truth_or_answer_is_no_number_is_left_out(value: Any) -> None:
    rows = [record(value, 1.0, "value"), record(1.0, value, "value"), record(3.0, 1.0, "value")]
    found = score(rows)
    assert found == Scores(1, mean_absolute_error=2.0, root_mean_squared_error=2.0)
