"""Nearest neighbors: exact where they are determined, and any right answer where they are not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import onnxruntime
import pytest
from scipy.spatial.distance import cdist  # type: ignore[import-untyped]
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.datasets import load_diabetes, load_iris, load_wine
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.impute import KNNImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, Normalizer, OneHotEncoder, StandardScaler

from exporter import publish
from exporter.conversion import ties
from exporter.conversion.parity import choose_tolerance, run
from exporter.conversion.probes import generate
from exporter.conversion.search import find_conversion
from exporter.conversion.ties import compare_with_ties
from exporter.data.answers.answers import Answers
from exporter.data.dataset import Rows
from exporter.data.estimator import FittedEstimator
from exporter.data.reader import read_table

if TYPE_CHECKING:
    from pathlib import Path

    from exporter.conversion.parity import Comparison

pytestmark = pytest.mark.long

IRIS = load_iris(return_X_y=True)
CHANCE = np.random.default_rng(0)
COUNTS = CHANCE.integers(0, 6, (300, 4))


@pytest.fixture(autouse=True)
def _enough_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a busy machine make as many rows as an idle one."""
    monkeypatch.setattr(generate, "_SECONDS", 20.0)


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


@pytest.mark.long
@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("width", [1, 2, 13, 40])
def test_determined_neighbors_are_exactly_the_originals(
    weights: str, width: int, tmp_path: Path
) -> None:
    """Also rows of the training data, at distance 0, and far from the origin.

    With more columns scikit-learn uses no tree, and rounds itself: far from the origin, and where
    the distance is 0, by which both divide.
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
        given, least = np.asarray(got[0]).reshape(expected.shape), 0 if width <= 15 else 1e-6
        assert np.allclose(given, expected, rtol=1e-6, atol=least)


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


def _accepted(model: Any, data: Any, given: Answers, chosen: Any, monkeypatch: Any) -> Any:
    """Compare answers of a file that has chosen these neighbors."""
    monkeypatch.setattr(ties, "read_choices", lambda *_: [(model, np.array(chosen))])
    original = FittedEstimator(model)
    rows = read_table(data, original), original.answer(data)
    layout = SimpleNamespace(layout=None)
    return compare_with_ties(original, cast("Any", layout), rows, given, 1e-5)


def test_no_other_difference_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows 1 and 2 are equally far from the asked 0; row 3 is beyond them."""
    fitted = np.array([[0.0], [1.0], [-1.0], [2.0]])
    model = KNeighborsClassifier(2, algorithm="brute").fit(fitted, [0, 1, 2, 3])
    asked = np.array([[0.0]])
    right = {(0, 1): [0.5, 0.5, 0, 0], (2, 0): [0.5, 0, 0.5, 0]}
    wrong = {(0, 3): [0.5, 0, 0, 0.5], (1, 2): [0, 0.5, 0.5, 0], (0, 0): [1.0, 0, 0, 0]}
    for chosen, shares in right.items():
        given = Answers(np.array([0]), np.array([shares]))
        assert _accepted(model, asked, given, [chosen], monkeypatch).holds
    for chosen, shares in wrong.items():
        given = Answers(np.array([np.argmax(shares)]), np.array([shares]))
        assert not _accepted(model, asked, given, [chosen], monkeypatch).holds
    odd = Answers(np.array([0]), np.array([[0.5, 0.3, 0.2, 0]]))
    mislabelled = Answers(np.array([3]), np.array([[0.5, 0.5, 0, 0]]))
    for given in (odd, mislabelled):
        assert not _accepted(model, asked, given, [(0, 1)], monkeypatch).holds
    determined = Answers(np.array([0]), np.array([[0.5, 0.5, 0, 0]]))
    assert not _accepted(model, np.array([[-0.1]]), determined, [(0, 1)], monkeypatch).holds


def test_value_that_no_choice_gives_is_not_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = np.array([[0.0], [1.0], [-1.0], [2.0]])
    model = KNeighborsRegressor(2).fit(fitted, [0.0, 10.0, 30.0, 20.0])
    asked = np.array([[0.0]])
    for chosen, value in (((0, 1), 5.0), ((0, 2), 15.0)):
        given = Answers(np.array([value]))
        assert _accepted(model, asked, given, [chosen], monkeypatch).holds
    for chosen in ((0, 1), (0, 3), (1, 2)):
        for value in (10.0, 20.0, 5.1, np.nan):
            given = Answers(np.array([value]))
            assert not _accepted(model, asked, given, [chosen], monkeypatch).holds


def _convert(model: Any, data: Any) -> tuple[Any, Comparison]:
    """Convert without publishing; gives what answers rows as the file does."""
    original = FittedEstimator(model)
    table = read_table(data, original)
    answers = original.answer(table.native)
    tolerance = choose_tolerance(original, answers, None)
    conversion, comparison = find_conversion(
        original, Rows(table, answers), tolerance, lambda _: None
    )
    return lambda rows: run(conversion, original, read_table(rows, original)), comparison


def _knn(count: int = 5, **options: Any) -> KNeighborsClassifier:
    return KNeighborsClassifier(count, **options)


TWO = [("near", _knn()), ("log", LogisticRegression(max_iter=500))]
AROUND = [
    VotingClassifier(TWO, voting="soft"),
    VotingClassifier([*TWO, ("wide", _knn(7, weights="distance"))]),
    StackingClassifier(TWO, cv=3),
    CalibratedClassifierCV(_knn(), cv=3),
    CalibratedClassifierCV(make_pipeline(StandardScaler(), _knn()), method="isotonic", cv=3),
    BaggingClassifier(_knn(), 4, random_state=0),
    BaggingClassifier(make_pipeline(MinMaxScaler(), _knn()), 4, random_state=0),
    OneVsRestClassifier(_knn()),
    OneVsOneClassifier(_knn()),
    TunedThresholdClassifierCV(_knn(), cv=3),
    make_pipeline(StandardScaler(), _knn()),
    make_pipeline(Normalizer(), _knn()),
    make_pipeline(
        make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore"), [0]), remainder=MinMaxScaler()
        ),
        _knn(),
    ),
]
REGRESSORS = [
    StackingRegressor([("near", KNeighborsRegressor()), ("ridge", Ridge())], cv=3),
    VotingRegressor([("near", KNeighborsRegressor(3)), ("ridge", Ridge())]),
    BaggingRegressor(KNeighborsRegressor(), 4, random_state=0),
    MultiOutputRegressor(KNeighborsRegressor()),
    TransformedTargetRegressor(KNeighborsRegressor(), transformer=StandardScaler()),
]


@pytest.mark.parametrize("model", AROUND, ids=lambda m: type(m).__name__)
def test_ties_are_recognized_wherever_neighbors_stand(model: Any) -> None:
    """Also in rows between those of X, where the file is asked."""
    labels = COUNTS.sum(axis=1) > 10
    ask, comparison = _convert(model.fit(COUNTS, labels), COUNTS)
    assert comparison.holds
    determined = np.random.default_rng(1).uniform(0, 5, (300, 4))
    if type(model).__name__ == "Pipeline" and "one" in str(model).lower():
        determined[:, 0] = np.round(determined[:, 0])
    given = ask(determined)
    assert (given.labels == model.predict(determined)).all()
    if hasattr(model, "predict_proba"):
        assert np.abs(given.probabilities - model.predict_proba(determined)).max() < 1e-9


@pytest.mark.parametrize("model", REGRESSORS, ids=lambda m: type(m).__name__)
def test_ties_of_values_are_recognized_wherever_neighbors_stand(model: Any) -> None:
    values = COUNTS.sum(axis=1) + COUNTS[:, 0] ** 2.0
    if isinstance(model, MultiOutputRegressor):
        values = np.column_stack([values, values**2])
    ask, comparison = _convert(model.fit(COUNTS, values), COUNTS)
    assert comparison.ties.sum() > 10
    determined = np.random.default_rng(1).uniform(0, 5, (300, 4))
    expected = model.predict(determined)
    given = ask(determined).labels
    assert np.allclose(given.reshape(expected.shape), expected, rtol=1e-9)


@pytest.mark.parametrize(
    "options",
    [
        *[{"metric": name} for name in ("manhattan", "chebyshev", "cosine", "hamming")],
        *[{"metric": name} for name in ("canberra", "braycurtis", "l2")],
        {"p": 3, "weights": "distance"},
        {"p": 1.5, "algorithm": "brute"},
    ],
    ids=str,
)
def test_other_metrics_are_written(options: dict[str, Any]) -> None:
    chance = np.random.default_rng(2)
    rows = IRIS[0] + chance.normal(0, 0.01, IRIS[0].shape)
    model = _knn(4, **options).fit(rows, IRIS[1])
    ask, _ = _convert(model, rows)
    asked = rows[chance.integers(0, 150, 300)] + chance.normal(0, 0.01, (300, 4))
    if options.get("metric") == "hamming":
        return  # no value is equal there, so that all rows tie
    given = ask(asked)
    assert (given.labels == model.predict(asked)).all()
    assert np.abs(given.probabilities - model.predict_proba(asked)).max() < 1e-9


@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("indicator", [False, True])
def test_gaps_are_filled_from_the_nearest_rows(weights: str, indicator: bool) -> None:
    chance = np.random.default_rng(3)
    rows = IRIS[0] + chance.normal(0, 0.05, IRIS[0].shape)
    rows[chance.random(rows.shape) < 0.15] = np.nan
    imputer = KNNImputer(n_neighbors=4, weights=weights, add_indicator=indicator)
    model = make_pipeline(imputer, StandardScaler(), LogisticRegression()).fit(rows, IRIS[1])
    ask, _ = _convert(model, rows)
    asked = rows[chance.integers(0, 150, 300)] + chance.normal(0, 0.01, (300, 4))
    asked[:3] = np.nan
    asked[3:7, 1:] = np.nan
    given = ask(asked)
    assert (given.labels == model.predict(asked)).all()
    assert np.abs(given.probabilities - model.predict_proba(asked)).max() < 1e-9


@pytest.mark.long
def test_ties_of_donors_are_recognized(tmp_path: Path) -> None:
    """Whole iris has many rows at the same distance from one with a gap."""
    gaps = IRIS[0].copy()
    gaps[np.random.default_rng(0).random(gaps.shape) < 0.1] = np.nan
    for imputer in (KNNImputer(), KNNImputer(weights="distance", add_indicator=True)):
        model = make_pipeline(imputer, LogisticRegression(max_iter=500)).fit(gaps, IRIS[1])
        publication, _ = _publish(model, gaps, tmp_path)
        assert publication.contract.parity.ties > 0
        assert all(feature.nullable for feature in publication.contract.features)
