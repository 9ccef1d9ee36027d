"""Outlier detectors answer like scikit-learn around their thresholds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.covariance import EllipticEnvelope
from sklearn.linear_model import SGDOneClassSVM
from sklearn.neighbors import LocalOutlierFactor
from sklearn.svm import OneClassSVM

from exporter.conversion.boundaries import on_boundary
from exporter.data.answers.answers import Answers
from support.conversion.asked_models import ask_both

RNG = np.random.default_rng(1)
X = RNG.normal(size=(120, 3))


@pytest.mark.parametrize(
    "model",
    [
        OneClassSVM(nu=0.2),
        OneClassSVM(kernel="linear", nu=0.3),
        OneClassSVM(kernel="poly", gamma=0.5),
        OneClassSVM(kernel="sigmoid"),
        SGDOneClassSVM(random_state=0),
        EllipticEnvelope(random_state=0),
        EllipticEnvelope(contamination=0.2, random_state=0),
        LocalOutlierFactor(7, novelty=True),
        LocalOutlierFactor(novelty=True, contamination=0.1, metric="manhattan"),
        LocalOutlierFactor(200, novelty=True),
    ],
    ids=repr,
)
@pytest.mark.filterwarnings("ignore:n_neighbors")
def test_answers_like_the_original_near_the_threshold(model: Any) -> None:
    """Pairs of rows are moved together until only rounding lies between their labels."""
    model.fit(X)
    inside, outside = np.repeat(X.mean(axis=0)[None], 40, axis=0), RNG.normal(0, 4, (40, 3))
    for _ in range(30):
        middle = (inside + outside) / 2
        is_in = model.predict(middle)[:, None] == model.predict(inside)[:, None]
        inside, outside = np.where(is_in, middle, inside), np.where(is_in, outside, middle)
    rows = np.concatenate([X, RNG.normal(0, 3, (200, 3)), inside, outside])
    original, expected, given = ask_both(model, rows)
    assert original.classes == [-1, 1]
    assert expected.scores is not None
    assert given.scores is not None
    size = max(1.0, np.abs(expected.scores).max())
    np.testing.assert_allclose(given.scores, expected.scores, rtol=0, atol=1e-9 * size)
    differ = expected.labels != given.labels
    assert (on_boundary(original, rows, expected, given) | ~differ).all()


def test_a_score_that_is_not_zero_has_one_right_label() -> None:
    original, expected, _ = ask_both(EllipticEnvelope(random_state=0).fit(X), X)
    wrong = Answers(1 - expected.labels, None, expected.scores)
    assert not on_boundary(original, X, expected, wrong).any()
