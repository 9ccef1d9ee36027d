"""LightGBM's models answer like the library around every threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, QuantileTransformer, StandardScaler

from exporter.errors import ConversionError
from support.models.asked_trees import around, ask
from support.models.categories import ANSWERS, CATEGORIES

if TYPE_CHECKING:
    from collections.abc import Callable

IRIS, SPECIES = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[SPECIES]
CANCER, MALIGNANT = load_breast_cancer(return_X_y=True)
CANCER = CANCER[:, :8]
DIABETES, PROGRESS = load_diabetes(return_X_y=True)
GAPS = np.where(np.random.default_rng(0).random(DIABETES.shape) < 0.2, np.nan, DIABETES)
ZEROS = np.nan_to_num(GAPS)
FEW: dict[str, Any] = {"n_estimators": 6, "verbose": -1, "min_child_samples": 5, "n_jobs": 1}
RANDOM: dict[str, Any] = {"boosting_type": "rf", "subsample": 0.5, "subsample_freq": 1}

pytestmark = pytest.mark.filterwarnings("ignore:X does not have valid feature names")


def _classifier(**options: Any) -> Any:
    return lgb.LGBMClassifier(**FEW | options)


def _regressor(**options: Any) -> Any:
    return lgb.LGBMRegressor(**FEW | options)


CLASSIFIERS: dict[str, tuple[Any, Any, Any]] = {
    "two classes": (_classifier(), CANCER, MALIGNANT),
    "two classes of text": (_classifier(), CANCER, np.where(MALIGNANT, "yes", "no")),
    "sigmoid": (_classifier(objective="binary", sigmoid=2.5), CANCER, MALIGNANT),
    "not balanced": (_classifier(is_unbalance=True), CANCER, MALIGNANT),
    "three classes": (_classifier(), IRIS, SPECIES),
    "three classes of text": (_classifier(), IRIS, NAMES),
    "one against all": (_classifier(objective="multiclassova"), IRIS, NAMES),
    "random forest": (_classifier(**RANDOM), IRIS, SPECIES),
    "random forest of two classes": (_classifier(**RANDOM), CANCER, MALIGNANT),
    "dart": (_classifier(boosting_type="dart"), CANCER, MALIGNANT),
    "goss": (_classifier(data_sample_strategy="goss"), CANCER, MALIGNANT),
    "scaled": (make_pipeline(StandardScaler(), _classifier()), CANCER, MALIGNANT),
    "quantiles": (make_pipeline(QuantileTransformer(n_quantiles=50), _classifier()), IRIS, NAMES),
    "vote": (
        VotingClassifier(
            [("x", _classifier()), ("l", LogisticRegression(max_iter=5000))], voting="soft"
        ),
        IRIS,
        NAMES,
    ),
    "stack": (
        StackingClassifier([("x", _classifier())], LogisticRegression(max_iter=5000), cv=2),
        CANCER,
        MALIGNANT,
    ),
    "calibrated": (
        CalibratedClassifierCV(_classifier(), cv=2, method="isotonic"),
        CANCER,
        MALIGNANT,
    ),
    "search": (GridSearchCV(_classifier(), {"max_depth": [2]}, cv=2), IRIS, NAMES),
}
REGRESSORS: dict[str, tuple[Any, Any, Any]] = {
    "plain": (_regressor(), DIABETES, PROGRESS),
    "gaps": (_regressor(), GAPS, PROGRESS),
    "gaps as zero": (_regressor(use_missing=False), GAPS, PROGRESS),
    "zero as missing": (_regressor(zero_as_missing=True), ZEROS, PROGRESS),
    "zero as missing, with gaps": (
        _regressor(zero_as_missing=True),
        np.where(np.arange(10) % 2, ZEROS, GAPS),
        PROGRESS,
    ),
    "scaled, zero as missing": (
        make_pipeline(StandardScaler(), _regressor(zero_as_missing=True)),
        ZEROS,
        PROGRESS,
    ),
    "zeros": (_regressor(), ZEROS, PROGRESS),
    "random forest": (
        _regressor(boosting_type="rf", subsample=0.5, subsample_freq=1),
        DIABETES,
        PROGRESS,
    ),
    "dart": (_regressor(boosting_type="dart", drop_rate=0.5), DIABETES, PROGRESS),
    "extra trees": (_regressor(extra_trees=True), DIABETES, PROGRESS),
    "roots": (_regressor(reg_sqrt=True), DIABETES, PROGRESS - 150),
    "constant": (_regressor(), DIABETES * 0, PROGRESS),
    "constraints": (_regressor(monotone_constraints=[1] * 10), DIABETES, PROGRESS),
    "a model for each target": (
        MultiOutputRegressor(_regressor()),
        DIABETES,
        np.c_[PROGRESS, PROGRESS**0.5],
    ),
    "narrow": (_regressor(), DIABETES.astype(np.float32), PROGRESS),
    "tiny": (_regressor(), DIABETES * 1e-36, PROGRESS),
    "huge": (_regressor(), DIABETES * 1e30, PROGRESS),
    "offset": (_regressor(), DIABETES + 1e6, PROGRESS),
}
OBJECTIVES = (
    "poisson",
    "gamma",
    "tweedie",
    "cross_entropy",
    "cross_entropy_lambda",
    "huber",
    "fair",
    "quantile",
    "mape",
    "regression_l1",
)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifier_answers_like_the_library(name: str) -> None:
    model, x, y = CLASSIFIERS[name]
    found = ask(model.fit(x, y), around(x))
    assert found.holds, found


@pytest.mark.parametrize("name", REGRESSORS)
def test_regressor_answers_like_the_library(name: str) -> None:
    model, x, y = REGRESSORS[name]
    found = ask(model.fit(x, y), around(x).astype(x.dtype))
    assert found.holds, found


@pytest.mark.parametrize("name", ["plain", "zeros", "zero as missing"])
def test_missing_values_that_it_was_not_fitted_on_answer_like_the_library(name: str) -> None:
    model, x, y = REGRESSORS[name]
    rows = around(x)
    rows[np.random.default_rng(1).random(rows.shape) < 0.3] = np.nan
    found = ask(model.fit(x, y), rows)
    assert found.holds, found


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_objective_answers_like_the_library(objective: str) -> None:
    found = ask(_regressor(objective=objective).fit(DIABETES, PROGRESS / 400), around(DIABETES))
    assert found.holds, found


@pytest.mark.parametrize("kind", [_classifier, _regressor])
def test_leaves_out_rounds_after_the_best(kind: Any) -> None:
    rng = np.random.default_rng(0)
    model = kind(n_estimators=100)
    held_out = (CANCER[1::2], MALIGNANT[1::2] ^ (rng.random(284) < 0.1))
    model.fit(
        CANCER[::2],
        MALIGNANT[::2],
        eval_X=held_out[0],
        eval_y=held_out[1],
        callbacks=[lgb.early_stopping(2, verbose=False)],
    )
    assert 0 < model.best_iteration_ < 100
    found = ask(model, around(CANCER))
    assert found.holds, found


@pytest.mark.parametrize("objective", ["lambdarank", "rank_xendcg"])
def test_ranker_answers_like_the_library(objective: str) -> None:
    model = lgb.LGBMRanker(objective=objective, **FEW)
    model.fit(DIABETES, (PROGRESS > 150).astype(int), group=[221, 221])
    found = ask(model, around(DIABETES))
    assert found.holds, found


@pytest.mark.parametrize("onehot", [1, 99])
@pytest.mark.parametrize("name", CATEGORIES)
def test_categories_answer_like_the_library(name: str, onehot: int) -> None:
    frame = CATEGORIES[name]
    model = _classifier(max_cat_to_onehot=onehot, cat_smooth=1, min_data_per_group=2)
    model.fit(frame, ANSWERS)
    found = ask(model, frame)
    assert found.holds, found


@pytest.mark.parametrize("gaps", [False, True])
def test_numbers_as_categories_answer_like_the_library(gaps: bool) -> None:
    """Whole numbers, unseen ones, negative ones and others."""
    rng = np.random.default_rng(0)
    rows = np.c_[rng.integers(0, 12, 300), rng.normal(size=300)].astype(float)
    y = (rows[:, 0] % 3 == 0) ^ (rows[:, 1] > 0)
    if gaps:
        rows[::9, 0] = np.nan
    model = _classifier(cat_smooth=1, min_data_per_group=2)
    model.fit(rows, y, categorical_feature=[0])
    asked = np.c_[rng.choice([*range(14), np.nan, 3.5, -1, -0.5, 300], 600), rng.normal(size=600)]
    found = ask(model, asked)
    assert found.holds, found


def test_column_transformer_answers_like_the_library() -> None:
    frame = CATEGORIES["texts"][["kind", "size", "count"]].astype({"kind": str})
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["kind"]),
        remainder="passthrough",
        sparse_threshold=0,
    )
    found = ask(make_pipeline(columns, _classifier()).fit(frame, ANSWERS), frame)
    assert found.holds, found


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, bool, np.float32])
def test_narrow_columns_answer_like_the_library(dtype: Any) -> None:
    rows = np.maximum(DIABETES * 60, 0).astype(dtype)
    frame = pd.DataFrame(rows, columns=[f"c{i}" for i in range(10)])
    found = ask(_regressor().fit(frame, PROGRESS), frame)
    assert found.holds, found


@pytest.mark.parametrize(
    "model", [_classifier(), GridSearchCV(_classifier(), {"max_depth": [2]}, cv=2)]
)
def test_names_with_spaces_are_those_that_it_has_replaced(model: Any) -> None:
    frame = pd.DataFrame(IRIS, columns=["sepal length", "sepal width", "petal length", "d"])
    found = ask(model.fit(frame, NAMES), frame)
    assert found.holds, found


RAW: dict[str, tuple[dict[str, Any], Any, Any]] = {
    "two classes": ({"objective": "binary"}, CANCER, MALIGNANT),
    "three classes": ({"objective": "multiclass", "num_class": 3}, IRIS, SPECIES),
    "values": ({}, DIABETES, PROGRESS),
    "counts": ({"objective": "poisson"}, DIABETES, PROGRESS),
}


@pytest.mark.parametrize("name", RAW)
def test_raw_booster_answers_like_the_library(name: str) -> None:
    options, x, y = RAW[name]
    model = lgb.train({"verbose": -1, "num_threads": 1, **options}, lgb.Dataset(x, y), 6)
    found = ask(model, around(x))
    assert found.holds, found


def test_raw_booster_from_a_file_answers_like_the_library() -> None:
    model = lgb.train({"verbose": -1, "num_threads": 1}, lgb.Dataset(DIABETES, PROGRESS), 6)
    found = ask(lgb.Booster(model_str=model.model_to_string()), around(DIABETES))
    assert found.holds, found


def _own_objective(truth: Any, score: Any) -> tuple[Any, Any]:
    return score - truth, np.ones_like(score)


def test_regressor_with_an_objective_of_its_own_answers_like_the_library() -> None:
    model = _regressor(objective=_own_objective).fit(DIABETES, PROGRESS)
    found = ask(model, around(DIABETES))
    assert found.holds, found


def _single_category() -> Any:
    frame = CATEGORIES["texts"]
    frame = frame.assign(one=pd.Categorical(["same"] * len(frame)))
    return _classifier(cat_smooth=1, min_data_per_group=2).fit(frame, ANSWERS), frame


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "lines in the leaves": (
        lambda: (_regressor(linear_tree=True).fit(DIABETES, PROGRESS), DIABETES),
        "linear models in the leaves .* linear_tree=False",
    ),
    "a classifier's own objective": (
        lambda: (_classifier(objective=_own_objective).fit(CANCER, MALIGNANT), CANCER),
        "an objective of your own, .* use a built-in one",
    ),
    "a single category": (_single_category, "a single category, .* drop a constant column"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_by_name(name: str) -> None:
    make, message = REFUSED[name]
    model, rows = make()
    with pytest.raises(ConversionError, match=message):
        ask(model, rows)
