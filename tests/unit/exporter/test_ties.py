"""Nearest neighbours: exact where they are determined, and any right answer where they are not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import pytest
from scipy.spatial.distance import cdist
from sklearn.datasets import load_diabetes, load_iris, load_wine
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from exporter import publish
from exporter.conversion.parity import compare
from exporter.conversion.ties import accept_ties
from exporter.original import Answers, Original
from exporter.reading import read_table

if TYPE_CHECKING:
    from pathlib import Path

IRIS = load_iris(return_X_y=True)
CHANCE = np.random.default_rng(0)
COUNTS = CHANCE.integers(0, 6, (300, 4))


def _publish(model: Any, data: Any, folder: Path) -> tuple[Any, Any]:
    publication = publish(model, "m", data, models_dir=folder, progress=False)
    return publication, onnxruntime.InferenceSession(publication.path)


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("algorithm", ["kd_tree", "ball_tree", "brute"])
def test_whole_iris_is_published_and_its_ties_are_counted(
    algorithm: str, weights: str, tmp_path: Path
) -> None:
    model = KNeighborsClassifier(algorithm=algorithm, weights=weights).fit(*IRIS)
    publication, session = _publish(model, IRIS[0], tmp_path)
    parity = publication.contract.parity
    assert parity.label_agreement == 1.0
    assert parity.max_difference < 1e-9
    assert 0 < parity.ties < 100
    labels, shares = session.run(None, {"X": IRIS[0]})
    apart = np.abs(shares - model.predict_proba(IRIS[0])).max(axis=1)
    distances = np.sort(cdist(IRIS[0], IRIS[0]), axis=1)
    tied = distances[:, 5] - distances[:, 4] < 1e-12
    assert apart[~tied].max() < 1e-9
    assert (labels == model.predict(IRIS[0]))[~tied].all()


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("width", [1, 2, 13, 40])
def test_determined_neighbours_are_exactly_the_originals(
    weights: str, width: int, tmp_path: Path
) -> None:
    """Also rows of the training data, at distance 0, and far from the origin.

    With more columns scikit-learn uses no tree, and rounds itself far from the origin.
    """
    data = CHANCE.normal(size=(400, width)) + (2000 if width <= 15 else 0)
    held_out = np.vstack([data[:50], data[:300] + CHANCE.normal(size=(300, width)) / 10])
    for model in (
        KNeighborsClassifier(weights=weights).fit(data, data[:, 0] > data[0, 0]),
        KNeighborsRegressor(weights=weights).fit(data, data[:, 0] ** 2),
        make_pipeline(StandardScaler(), KNeighborsRegressor(3, weights=weights)).fit(
            data, data[:, :1] @ [[1.0, 2.0]]
        ),
    ):
        _, session = _publish(model, data, tmp_path)
        got = session.run(None, {"X": held_out})
        expected = model.predict(held_out)
        assert np.allclose(np.asarray(got[0]).reshape(expected.shape), expected, rtol=1e-6, atol=0)


def test_integers_tie_all_the_time_and_are_published(tmp_path: Path) -> None:
    labels = COUNTS.sum(axis=1) > 10
    search = GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [3, 4]}, cv=2)
    for model in (KNeighborsClassifier(3), search):
        publication, _ = _publish(model.fit(COUNTS, labels), COUNTS, tmp_path)
        assert publication.contract.parity.ties > 10
        assert publication.contract.parity.label_agreement == 1.0
        assert "several right answers" in str(publication)


@pytest.mark.parametrize("data", [load_wine, load_diabetes])
def test_public_data_sets_are_published(data: Any, tmp_path: Path) -> None:
    rows, answers = data(return_X_y=True)
    kind = KNeighborsClassifier if data is load_wine else KNeighborsRegressor
    for weights in ("uniform", "distance"):
        _publish(kind(weights=weights).fit(rows, answers), rows, tmp_path)


def _accepted(model: Any, data: Any, given: Answers) -> Any:
    original = Original(model)
    table = read_table(data, original)
    compared = compare(original.answer(data), given, 1e-5, original.task)
    return accept_ties(compared, original, table, given)


def test_no_other_difference_is_accepted() -> None:
    """Rows 1 and 2 are equally far from the asked 0; row 3 is beyond them."""
    fitted = np.array([[0.0], [1.0], [-1.0], [2.0]])
    model = KNeighborsClassifier(2, algorithm="brute").fit(fitted, [0, 1, 2, 3])
    asked = np.array([[0.0]])
    right = [[0.5, 0.5, 0, 0], [0.5, 0, 0.5, 0]]
    wrong = [[0.5, 0, 0, 0.5], [0, 0.5, 0.5, 0], [1.0, 0, 0, 0], [0.5, 0.3, 0.2, 0]]
    for shares in right:
        assert _accepted(model, asked, Answers(np.array([0]), np.array([shares]))).holds
    for shares in wrong:
        assert not _accepted(model, asked, Answers(np.array([0]), np.array([shares]))).holds
    mislabelled = Answers(np.array([3]), np.array([right[0]]))
    assert not _accepted(model, asked, mislabelled).holds
    determined = Answers(np.array([0]), np.array([right[0]]))
    assert not _accepted(model, np.array([[-0.1]]), determined).holds


def test_value_that_no_choice_gives_is_not_accepted() -> None:
    fitted = np.array([[0.0], [1.0], [-1.0], [2.0]])
    model = KNeighborsRegressor(2).fit(fitted, [0.0, 10.0, 30.0, 20.0])
    asked = np.array([[0.0]])
    assert _accepted(model, asked, Answers(np.array([5.0]))).holds
    assert _accepted(model, asked, Answers(np.array([15.0]))).holds
    for value in (10.0, 20.0, 5.1, np.nan):
        assert not _accepted(model, asked, Answers(np.array([value]))).holds
