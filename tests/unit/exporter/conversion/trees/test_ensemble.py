"""Trees answer like the original just below, at and above every one of their thresholds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier
from threadpoolctl import threadpool_limits

from exporter.conversion.trees import structure
from support.models.asked_trees import around, ask


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Threads that wait for each other take seconds where other tests run beside them."""
    with threadpool_limits(1):
        yield


if TYPE_CHECKING:
    from collections.abc import Iterator

IRIS, SPECIES = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[SPECIES]
DIABETES, PROGRESS = load_diabetes(return_X_y=True)
Array = np.ndarray[Any, Any]


CLASSIFIERS = {
    "tree": DecisionTreeClassifier(random_state=0),
    "extra tree": ExtraTreeClassifier(random_state=0),
    "forest": RandomForestClassifier(20, random_state=0),
    "forest of shares": RandomForestClassifier(20, max_depth=2, random_state=0),
    "extra trees": ExtraTreesClassifier(20, min_samples_leaf=3, random_state=0),
    "boosting": GradientBoostingClassifier(n_estimators=20),
    "boosting from nothing": GradientBoostingClassifier(n_estimators=20, init="zero"),
    "boosting from a model": GradientBoostingClassifier(n_estimators=9, init=LogisticRegression()),
    "boosting from a forest": GradientBoostingClassifier(
        n_estimators=9, init=RandomForestClassifier(9, random_state=0)
    ),
    "histograms": HistGradientBoostingClassifier(max_iter=20),
    "adaboost": AdaBoostClassifier(n_estimators=20, random_state=0),
    "adaboost of trees": AdaBoostClassifier(
        DecisionTreeClassifier(max_depth=3), n_estimators=20, random_state=0
    ),
    "adaboost of lines": AdaBoostClassifier(LogisticRegression(), n_estimators=5, random_state=0),
}
REGRESSORS = {
    "tree": DecisionTreeRegressor(random_state=0),
    "forest": RandomForestRegressor(20, random_state=0),
    "extra trees": ExtraTreesRegressor(20, random_state=0),
    "boosting": GradientBoostingRegressor(n_estimators=20),
    "boosting of a quantile": GradientBoostingRegressor(n_estimators=20, loss="quantile"),
    "boosting by huber": GradientBoostingRegressor(n_estimators=20, loss="huber"),
    "boosting of absolutes": GradientBoostingRegressor(n_estimators=20, loss="absolute_error"),
    "boosting from a model": GradientBoostingRegressor(n_estimators=20, init=Ridge()),
    "histograms": HistGradientBoostingRegressor(max_iter=20),
    "histograms of counts": HistGradientBoostingRegressor(max_iter=20, loss="poisson"),
    "histograms of gammas": HistGradientBoostingRegressor(max_iter=20, loss="gamma"),
    "histograms of a quantile": HistGradientBoostingRegressor(
        max_iter=20, loss="quantile", quantile=0.3
    ),
    "adaboost": AdaBoostRegressor(n_estimators=20, random_state=0),
    "adaboost of lines": AdaBoostRegressor(Ridge(), n_estimators=5, random_state=0),
}


@pytest.mark.parametrize("scaled", [False, True], ids=["plain", "scaled"])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifies_rows_around_thresholds_like_the_original(name: str, scaled: bool) -> None:
    """For three classes of texts, behind a scaler as without."""
    model = CLASSIFIERS[name]
    fitted = (make_pipeline(StandardScaler(), model) if scaled else model).fit(IRIS, NAMES)
    assert ask(fitted, around(IRIS)).holds


@pytest.mark.parametrize(
    "model",
    [
        GradientBoostingClassifier(n_estimators=20),
        GradientBoostingClassifier(n_estimators=20, loss="exponential"),
        GradientBoostingClassifier(n_estimators=9, loss="exponential", init=LogisticRegression()),
        HistGradientBoostingClassifier(max_iter=20),
        AdaBoostClassifier(n_estimators=20, random_state=0),
        RandomForestClassifier(2, max_depth=1, random_state=0),
    ],
)
def test_classifies_two_classes_like_the_original(model: Any) -> None:
    """Two classes have one score, and rules of their own for a tie."""
    assert ask(model.fit(IRIS, SPECIES > 0), around(IRIS)).holds


@pytest.mark.parametrize("scaled", [False, True], ids=["plain", "scaled"])
@pytest.mark.parametrize("name", REGRESSORS)
def test_values_of_rows_around_thresholds_are_the_originals(name: str, scaled: bool) -> None:
    model = REGRESSORS[name]
    fitted = (make_pipeline(StandardScaler(), model) if scaled else model).fit(DIABETES, PROGRESS)
    assert ask(fitted, around(DIABETES)).holds


def test_several_values_are_the_originals() -> None:
    forest = RandomForestRegressor(5, random_state=0)
    assert ask(forest.fit(DIABETES, np.c_[PROGRESS, -PROGRESS]), around(DIABETES)).holds


@pytest.mark.parametrize(
    "model",
    [
        DecisionTreeClassifier(random_state=0),
        RandomForestClassifier(10, random_state=0),
        ExtraTreesClassifier(10, random_state=0),
        HistGradientBoostingClassifier(max_iter=20),
    ],
)
def test_missing_values_take_the_originals_branch(model: Any) -> None:
    rng = np.random.default_rng(0)
    holed = np.where(rng.random(IRIS.shape) < 0.1, np.nan, IRIS)
    rows = around(IRIS)
    rows[rng.random(rows.shape) < 0.2] = np.nan
    assert ask(model.fit(holed, SPECIES), rows).holds


def test_the_middle_between_two_even_numbers_falls_where_the_original_has_it() -> None:
    """Each of 99 rows between the training rows, behind a scaler."""
    rows = np.arange(0, 200, 2).reshape(-1, 1) / 10
    model = make_pipeline(StandardScaler(), DecisionTreeClassifier())
    model.fit(rows, np.arange(100) % 2)
    assert ask(model, rows[:-1] + 0.1).holds


def test_a_threshold_is_kept_where_float32_cannot_hold_it() -> None:
    """Histogram gradient boosting compares doubles."""
    rows = np.repeat([[0.1], [0.1 + 2e-12]], 50, axis=0)
    model = HistGradientBoostingClassifier(min_samples_leaf=1).fit(rows, np.arange(100) >= 50)
    assert ask(model, rows).holds
    assert model.predict([[0.1 + 2e-12]])[0]


def test_categories_known_unknown_and_missing_fall_where_the_original_has_them() -> None:
    """Of histogram gradient boosting, given as numbers."""
    rng = np.random.default_rng(0)
    rows = np.c_[rng.integers(0, 12, 400), rng.normal(size=400), rng.integers(3, 9, 400)]
    y = (rows[:, 0] % 3 == 0) ^ (rows[:, 1] > 0) ^ (rows[:, 2] == 5)
    model = HistGradientBoostingClassifier(categorical_features=[0, 2], max_iter=30).fit(rows, y)
    asked = np.c_[
        rng.choice([*range(14), np.nan, 3.5, -1], 600),
        rng.normal(size=600),
        rng.choice([*range(12), np.nan, 300], 600),
    ]
    assert ask(model, asked).holds


def test_categories_by_type_fall_where_the_original_has_them() -> None:
    """As texts in a DataFrame, which are inputs of their own."""
    rng = np.random.default_rng(0)
    words = rng.choice(["red", "green", "blue", "naïve", " "], 400)
    frame = pd.DataFrame({"number": rng.normal(size=400), "word": pd.Categorical(words)})
    y = np.isin(words, ["red", "naïve"]) ^ (frame["number"] > 0.3)
    model = HistGradientBoostingClassifier(max_iter=30).fit(frame, y)
    assert ask(model, frame).holds


@pytest.mark.parametrize("nodes", [1, 40, 1 << 18])
@pytest.mark.parametrize(
    "model",
    [
        RandomForestClassifier(20, random_state=0),
        RandomForestClassifier(20, max_depth=2, random_state=0),
        RandomForestRegressor(20, random_state=0),
        GradientBoostingClassifier(n_estimators=20),
        HistGradientBoostingClassifier(max_iter=20),
        AdaBoostClassifier(DecisionTreeClassifier(max_depth=3), n_estimators=20, random_state=0),
    ],
)
def test_trees_in_several_nodes_answer_as_in_one(
    model: Any, nodes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large ensemble is written in parts, which load in less memory."""
    monkeypatch.setattr(structure, "_NODES_AT_ONCE", nodes)
    assert ask(model.fit(IRIS, SPECIES), around(IRIS)).holds


@pytest.mark.parametrize("alone", [0, 1, 2])
def test_trees_of_one_leaf_answer_among_others(alone: int) -> None:
    """Wherever they stand: a root of TreeEnsemble is no leaf."""
    forest = RandomForestClassifier(3, random_state=0).fit(IRIS, SPECIES)
    single = DecisionTreeClassifier(max_depth=1, min_samples_leaf=150).fit(IRIS, SPECIES)
    pure = DecisionTreeClassifier().fit(IRIS, SPECIES)
    assert single.tree_.node_count == 1
    forest.estimators_ = [pure, pure, pure]
    forest.estimators_[alone] = single
    assert ask(forest, around(IRIS)).holds


def test_many_classes_answer_beside_other_trees() -> None:
    """Alone they are added by an operator that is not there beside the one that others need."""
    rng = np.random.default_rng(0)
    rows, y = rng.normal(size=(3000, 3)), np.arange(3000) % 600
    forest = RandomForestClassifier(30, max_depth=8, max_features=1, random_state=0)
    assert ask(forest.fit(rows, y), rows[:300]).holds
    both = VotingClassifier([("forest", forest), ("tree", DecisionTreeClassifier())], voting="soft")
    assert ask(both.fit(rows, y), rows[:300], "float64").holds


def test_a_tree_of_one_leaf_answers() -> None:
    assert ask(
        DecisionTreeRegressor().fit(DIABETES, np.ones(len(DIABETES))), around(DIABETES)
    ).holds


@pytest.mark.parametrize("rows", [IRIS, np.c_[IRIS, np.ones(len(IRIS))]], ids=["plain", "constant"])
def test_quantiles_before_a_tree_are_the_originals_to_the_last_bit(rows: Array) -> None:
    """Iris repeats its values, and so its quantiles."""
    model = make_pipeline(QuantileTransformer(n_quantiles=120), DecisionTreeClassifier())
    model.fit(rows, SPECIES)
    asked = np.vstack([around(rows), rows - 9, rows + 9])
    assert ask(model, asked).holds
    holed = np.where(np.random.default_rng(0).random(rows.shape) < 0.1, np.nan, rows)
    assert ask(model.fit(holed, SPECIES), holed).holds
    model.fit(rows, SPECIES)
    regressor = make_pipeline(model[0], LogisticRegression()).fit(rows, SPECIES)
    assert ask(regressor, asked, "float64").max_difference < 1e-13
