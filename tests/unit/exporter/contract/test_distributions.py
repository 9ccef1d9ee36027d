"""What the service compares served values and answers with."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import StandardScaler

from exporter.contract.distributions import summarize, summarize_answers
from exporter.data.answers.answers import Answers
from exporter.data.estimator import FittedEstimator
from inference.model.answers.distributions import is_consistent

X = np.arange(20.0).reshape(-1, 1)


@settings(derandomize=True, database=None, deadline=None)
@given(st.lists(st.integers(-3, 3) | st.floats(-1e300, 1e300), min_size=1, max_size=80))
def test_every_row_is_in_one_bin(values: list[float]) -> None:
    histogram = summarize(np.array(values, dtype=np.float64))
    assert is_consistent(histogram)
    assert sum(histogram.counts) == len(values)
    assert (histogram.edges[0], histogram.edges[-1]) == (min(values), max(values))


@pytest.mark.parametrize("distinct", [2, 9, 10])
def test_each_of_a_few_distinct_values_has_a_bin(distinct: int) -> None:
    values = np.repeat(np.arange(distinct) ** 2, np.arange(1, distinct + 1))
    assert summarize(values).counts == list(range(1, distinct + 1))


def test_more_distinct_values_share_ten_bins() -> None:
    assert len(summarize(np.arange(11)).counts) == 10


def test_labels_are_counted_in_the_order_of_the_classes() -> None:
    original = FittedEstimator(LogisticRegression().fit(X, np.array(["b", "a"] * 10)))
    (answer,) = summarize_answers(original, Answers(np.array([1, 1, 0]))) or []
    assert (answer.counts, answer.histogram) == ([1, 2], None)


def test_values_of_each_target_have_a_histogram() -> None:
    original = FittedEstimator(LinearRegression().fit(X, np.hstack([X, 2 * X])))
    answers = summarize_answers(original, Answers(np.array([[1.0, 5.0], [2.0, 5.0]]))) or []
    assert [answer.counts for answer in answers] == [None, None]
    assert [a.histogram and a.histogram.counts for a in answers] == [[1, 1], [2]]


def test_vectors_and_values_that_are_not_finite_are_left_out() -> None:
    vectors = FittedEstimator(StandardScaler().fit(X))
    assert summarize_answers(vectors, Answers(X)) is None
    values = FittedEstimator(LinearRegression().fit(X, X[:, 0]))
    assert summarize_answers(values, Answers(np.array([1.0, np.inf]))) is None
