"""Isolation forests answer like scikit-learn at their trees' thresholds and at their own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest

from support.conversion.asked_models import ask_both
from support.models.asked_trees import around

X = np.round(np.random.default_rng(2).lognormal(size=(101, 3)), 2)
GAPS = np.where(np.random.default_rng(3).random(X.shape) < 0.1, np.nan, X)


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"contamination": 0.1},
        {"contamination": 0.25, "max_features": 0.6, "bootstrap": True},
        {"max_samples": 2},
        {"max_samples": 1},
        {"max_samples": 1, "contamination": 0.2},
    ],
    ids=str,
)
def test_labels_are_equal_at_each_threshold(options: dict[str, Any], precision: str) -> None:
    """A tenth of 101 rows puts the threshold on the score of a row, which is no outlier."""
    model = IsolationForest(n_estimators=15, random_state=0, **options).fit(X)
    rows = np.concatenate([X, around(X).astype(np.float32), [[1e9] * 3, [-1e9] * 3]])
    _, expected, given = ask_both(model, rows, precision)
    assert (expected.labels == given.labels).all()
    assert expected.scores is not None
    assert given.scores is not None
    np.testing.assert_allclose(given.scores, expected.scores, rtol=0, atol=1e-7)


def test_missing_values_take_the_same_branches() -> None:
    model = IsolationForest(n_estimators=15, random_state=0).fit(GAPS)
    _, expected, given = ask_both(model, GAPS)
    assert (expected.labels == given.labels).all()
