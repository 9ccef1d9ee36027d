from __future__ import annotations

from typing import Any, cast

import numpy as np

from exporter.contract.samples import MAX_SAMPLES, choose_rows, make_samples, ordinary_row
from exporter.data.answers.answers import Answers
from exporter.data.table import Column, Table
from support.conversion.originals import classifier, regressor


def _table(values: Any, kind: str = "number") -> Table:
    array = np.asarray(values)
    return Table((Column("x", cast("Any", kind), array),), array.reshape(-1, 1))


def test_takes_rows_of_every_class_and_both_extremes() -> None:
    """A rare class and the ends of a feature's range are among the samples."""
    values = np.linspace(0, 1, 500)
    labels = np.zeros(500, dtype=int)
    labels[250] = 1
    rows = choose_rows(_table(values), Answers(labels), classifier("a", "b"))
    assert {0, 250, 499} <= set(rows)
    assert len(rows) == len(set(rows)) == MAX_SAMPLES
    assert rows == sorted(rows)


def test_takes_all_rows_where_there_are_few() -> None:
    """Five rows make five samples."""
    rows = choose_rows(_table(np.arange(5.0)), Answers(np.zeros(5, dtype=int)), classifier("a"))
    assert rows == [0, 1, 2, 3, 4]


def test_leaves_out_rows_that_are_all_but_tied() -> None:
    """Another processor's rounding could turn such a label, and quarantine a good model."""
    probabilities = np.tile([0.9, 0.1], (100, 1))
    probabilities[::2] = [0.5000001, 0.4999999]
    rows = choose_rows(
        _table(np.arange(100.0)), Answers(np.zeros(100, int), probabilities), classifier("a", "b")
    )
    assert rows
    assert all(row % 2 for row in rows)


def test_includes_a_row_with_a_missing_value() -> None:
    """What a null does is worth replaying, too; the example is a row without one."""
    values = np.arange(100.0)
    values[40] = np.nan
    table = _table(values)
    rows = choose_rows(table, Answers(np.zeros(100, dtype=int)), classifier("a"))
    assert 40 in rows
    assert ordinary_row(table, rows) != 40


def test_writes_the_originals_answers_with_their_python_types() -> None:
    """Labels are the classes themselves, probabilities plain floats."""
    answers = Answers(np.array([1, 0]), np.array([[0.25, 0.75], [1.0, 0.0]]))
    original = classifier(False, True)
    first, second = make_samples(_table([1, 2], "integer"), answers, original, [0, 1])
    assert (first.row, first.label, first.probabilities) == ([1], True, [0.25, 0.75])
    assert second.label is False


def test_spreads_over_the_values_of_a_regression() -> None:
    """Low, middle and high predictions are all replayed."""
    values = np.random.default_rng(0).permutation(1000.0 * np.arange(200))
    rows = choose_rows(_table(values), Answers(values), regressor())
    assert len(rows) == MAX_SAMPLES
    assert np.histogram(values[rows], bins=8)[0].min() >= 2
