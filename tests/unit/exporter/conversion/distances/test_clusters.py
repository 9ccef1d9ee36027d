"""Clusterings answer like scikit-learn at, around and between their centers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.cluster import (
    AffinityPropagation,
    Birch,
    BisectingKMeans,
    KMeans,
    MeanShift,
    MiniBatchKMeans,
)
from sklearn.datasets import load_iris
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from exporter.conversion.boundaries import on_boundary
from exporter.conversion.distances.clusters import centers_of
from exporter.data.answers.answers import Answers
from support.conversion.asked_models import ask_both

RNG = np.random.default_rng(0)
X = load_iris(return_X_y=True)[0] + RNG.normal(0, 1e-3, (150, 4))
AROUND = np.concatenate([X, X[::2] + RNG.normal(0, 1, (75, 4)), [[0.0] * 4, [1e3] * 4]])
MIXTURES = [
    GaussianMixture(3, covariance_type=kind, random_state=0)
    for kind in ("full", "tied", "diag", "spherical")
]


@pytest.mark.parametrize(
    "model",
    [
        KMeans(3, n_init=1, random_state=0),
        KMeans(1),
        MiniBatchKMeans(4, n_init=1, random_state=0),
        BisectingKMeans(5, random_state=0),
        BisectingKMeans(1),
        Birch(n_clusters=3),
        Birch(n_clusters=None, threshold=0.8),
        AffinityPropagation(random_state=0),
        MeanShift(bandwidth=1.0),
    ],
    ids=repr,
)
def test_answers_like_the_original_at_and_between_centers(model: Any) -> None:
    model.fit(X)
    centers = np.asarray(centers_of(model))
    middles = (centers[:, None] + centers[None]).reshape(-1, 4) / 2  # equally far from two
    rows = np.concatenate([AROUND, centers, middles, middles + RNG.normal(0, 1e-6, middles.shape)])
    original, expected, given = ask_both(model, rows)
    differ = expected.labels != given.labels
    assert (on_boundary(original, rows, expected, given) | ~differ).all()
    assert not differ[: len(AROUND)].any()
    if original.has_scores:
        assert given.scores is not None
        assert expected.scores is not None
        # scikit-learn's own distances to a center are wrong by the root of the rounding.
        assert np.abs(expected.scores - given.scores).max() < 1e-5
    else:
        assert given.scores is None


@pytest.mark.parametrize(
    "model",
    [*MIXTURES, BayesianGaussianMixture(n_components=2, max_iter=900, random_state=0)],
    ids=repr,
)
def test_mixtures_give_the_probability_of_each_component(model: Any) -> None:
    for fitted, rows in ((model.fit(X), AROUND), (make_pipeline(StandardScaler(), model), X)):
        _, expected, given = ask_both(fitted.fit(X), rows)
        assert (expected.labels == given.labels).all()
        assert expected.probabilities is not None
        assert given.probabilities is not None
        np.testing.assert_allclose(given.probabilities, expected.probabilities, rtol=0, atol=1e-9)


def test_only_rows_between_centers_have_two_right_labels() -> None:
    """The label of another center is wrong wherever that center is farther away."""
    corners = np.array([[0.0, 0.0], [0.0, 2.0], [4.0, 0.0], [4.0, 2.0]])
    model = KMeans(2, init=np.array([[0.0, 1.0], [4.0, 1.0]]), n_init=1).fit(corners)
    rows = np.array([[2.0, 1.0], [2.0, 7.0], [2.0 + 1e-9, 1.0], [1.0, 1.0]])
    original, expected, _ = ask_both(model, rows)
    swapped = Answers(1 - expected.labels, None, expected.scores)
    found = on_boundary(original, rows, expected, swapped)
    assert found.tolist() == [True, True, False, False]


def test_birch_that_unites_centers_has_no_distances() -> None:
    """Its transform gives the distances to more centers than there are clusters."""
    original, _, given = ask_both(Birch(n_clusters=2, threshold=0.5).fit(X), X)
    assert original.classes == [0, 1]
    assert given.scores is None
