"""XGBoost's models answer like the library around every threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb
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
CANCER, MALIGNANT = load_breast_cancer(return_X_y=True)
CANCER = CANCER[:, :8]
DIABETES, PROGRESS = load_diabetes(return_X_y=True)
GAPS = np.where(np.random.default_rng(0).random(DIABETES.shape) < 0.2, np.nan, DIABETES)
FEW: dict[str, Any] = {"n_estimators": 6, "max_depth": 4, "n_jobs": 1}


CLASSIFIERS: dict[str, tuple[Any, Any, Any]] = {
    "two classes": (xgb.XGBClassifier(**FEW), CANCER, MALIGNANT),
    "three classes": (xgb.XGBClassifier(**FEW), IRIS, SPECIES),
    "base score": (xgb.XGBClassifier(base_score=0.2, **FEW), CANCER, MALIGNANT),
    "softmax": (xgb.XGBClassifier(objective="multi:softmax", **FEW), IRIS, SPECIES),
    "random forest": (xgb.XGBRFClassifier(**FEW), IRIS, SPECIES),
    "dart": (xgb.XGBClassifier(booster="dart", rate_drop=0.4, **FEW), CANCER, MALIGNANT),
    "parallel trees": (xgb.XGBClassifier(num_parallel_tree=3, **FEW), IRIS, SPECIES),
    "scaled": (make_pipeline(StandardScaler(), xgb.XGBClassifier(**FEW)), CANCER, MALIGNANT),
    "quantiles": (
        make_pipeline(QuantileTransformer(n_quantiles=50), xgb.XGBClassifier(**FEW)),
        IRIS,
        SPECIES,
    ),
    "vote": (
        VotingClassifier(
            [("x", xgb.XGBClassifier(**FEW)), ("l", LogisticRegression(max_iter=5000))],
            voting="soft",
        ),
        IRIS,
        SPECIES,
    ),
    "stack": (
        StackingClassifier(
            [("x", xgb.XGBClassifier(**FEW))], LogisticRegression(max_iter=5000), cv=2
        ),
        CANCER,
        MALIGNANT,
    ),
    "calibrated": (
        CalibratedClassifierCV(xgb.XGBClassifier(**FEW), cv=2, method="isotonic"),
        CANCER,
        MALIGNANT,
    ),
    "search": (GridSearchCV(xgb.XGBClassifier(**FEW), {"max_depth": [2]}, cv=2), IRIS, SPECIES),
}
REGRESSORS: dict[str, tuple[Any, Any, Any]] = {
    "plain": (xgb.XGBRegressor(**FEW), DIABETES, PROGRESS),
    "gaps": (xgb.XGBRegressor(**FEW), GAPS, PROGRESS),
    "marked gaps": (
        xgb.XGBRegressor(missing=-9.0, **FEW),
        np.where(np.isnan(GAPS), -9, DIABETES),
        PROGRESS,
    ),
    "zero for gaps": (xgb.XGBRegressor(missing=0, **FEW), np.nan_to_num(GAPS), PROGRESS),
    "leaves": (
        xgb.XGBRegressor(grow_policy="lossguide", max_leaves=7, **FEW),
        DIABETES,
        PROGRESS,
    ),
    "random forest": (xgb.XGBRFRegressor(**FEW), DIABETES, PROGRESS),
    "linear": (xgb.XGBRegressor(booster="gblinear", n_estimators=6), DIABETES, PROGRESS),
    "two targets": (xgb.XGBRegressor(**FEW), DIABETES, np.c_[PROGRESS, PROGRESS**0.5]),
    "one tree for two targets": (
        xgb.XGBRegressor(multi_strategy="multi_output_tree", **FEW),
        DIABETES,
        np.c_[PROGRESS, PROGRESS**0.5],
    ),
    "a model for each target": (
        MultiOutputRegressor(xgb.XGBRegressor(**FEW)),
        DIABETES,
        np.c_[PROGRESS, PROGRESS**0.5],
    ),
    "two quantiles": (
        xgb.XGBRegressor(objective="reg:quantileerror", quantile_alpha=[0.1, 0.9], **FEW),
        DIABETES,
        PROGRESS,
    ),
    "constant": (xgb.XGBRegressor(**FEW), DIABETES * 0, PROGRESS),
    "constraints": (
        xgb.XGBRegressor(monotone_constraints=(1,) * 10, **FEW),
        DIABETES,
        PROGRESS,
    ),
    "narrow": (xgb.XGBRegressor(**FEW), DIABETES.astype(np.float32), PROGRESS),
}
POSITIVE = (
    "count:poisson",
    "reg:gamma",
    "reg:tweedie",
    "survival:cox",
    "survival:aft",
    "reg:squaredlogerror",
    "reg:pseudohubererror",
    "reg:absoluteerror",
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


@pytest.mark.parametrize("objective", POSITIVE)
def test_objective_answers_like_the_library(objective: str) -> None:
    y = PROGRESS / 100
    if objective == "survival:aft":
        data = xgb.DMatrix(DIABETES, label_lower_bound=y, label_upper_bound=y)
        model = xgb.train({"objective": objective, "max_depth": 3}, data, 5)
    else:
        model = xgb.XGBRegressor(objective=objective, **FEW).fit(DIABETES, y)
    found = ask(model, around(DIABETES))
    assert found.holds, found


@pytest.mark.parametrize("objective", ["reg:logistic", "binary:logistic", "binary:logitraw"])
def test_logistic_regressor_answers_like_the_library(objective: str) -> None:
    model = xgb.XGBRegressor(objective=objective, **FEW).fit(CANCER, MALIGNANT)
    found = ask(model, around(CANCER))
    assert found.holds, found


@pytest.mark.parametrize("kind", [xgb.XGBRegressor, xgb.XGBClassifier])
def test_leaves_out_rounds_after_the_best(kind: Any) -> None:
    rng = np.random.default_rng(0)
    model = kind(n_estimators=100, max_depth=3, n_jobs=1, early_stopping_rounds=2)
    model.fit(
        CANCER[::2],
        MALIGNANT[::2],
        eval_set=[(CANCER[1::2], MALIGNANT[1::2] ^ (rng.random(284) < 0.1))],
        verbose=False,
    )
    assert model.best_iteration + 1 < model.get_booster().num_boosted_rounds()
    found = ask(model, around(CANCER))
    assert found.holds, found


@pytest.mark.parametrize("objective", ["rank:ndcg", "rank:pairwise", "rank:map"])
def test_ranker_answers_like_the_library(objective: str) -> None:
    model = xgb.XGBRanker(objective=objective, **FEW)
    model.fit(DIABETES, (PROGRESS > 150).astype(int), qid=np.arange(len(PROGRESS)) // 20)
    found = ask(model, around(DIABETES))
    assert found.holds, found


@pytest.mark.parametrize("onehot", [1, 99])
@pytest.mark.parametrize("name", sorted(CATEGORIES.keys() - {"reals", "letters beyond ASCII"}))
def test_categories_answer_like_the_library(name: str, onehot: int) -> None:
    frame = CATEGORIES[name]
    model = xgb.XGBClassifier(enable_categorical=True, max_cat_to_onehot=onehot, **FEW)
    model.fit(frame, ANSWERS)
    found = ask(model, frame)
    assert found.holds, found


def test_column_transformer_answers_like_the_library() -> None:
    frame = CATEGORIES["texts"][["kind", "size", "count"]].astype({"kind": str})
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["kind"]), remainder="passthrough"
    )
    model = make_pipeline(columns, xgb.XGBClassifier(**FEW)).fit(frame, ANSWERS)
    found = ask(model, frame)
    assert found.holds, found


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, bool, np.float32])
def test_narrow_columns_answer_like_the_library(dtype: Any) -> None:
    rows = np.maximum(DIABETES * 60, 0).astype(dtype)
    frame = pd.DataFrame(rows, columns=[f"c{i}" for i in range(10)])
    found = ask(xgb.XGBRegressor(**FEW).fit(frame, PROGRESS), frame)
    assert found.holds, found


RAW: dict[str, tuple[dict[str, Any], Any, Any]] = {
    "two classes": ({"objective": "binary:logistic"}, CANCER, MALIGNANT),
    "three classes": ({"objective": "multi:softprob", "num_class": 3}, IRIS, SPECIES),
    "values": ({}, DIABETES, PROGRESS),
    "dart": ({"booster": "dart", "rate_drop": 0.3}, DIABETES, PROGRESS),
}


@pytest.mark.parametrize("name", RAW)
def test_raw_booster_answers_like_the_library(name: str) -> None:
    options, x, y = RAW[name]
    model = xgb.train({"max_depth": 3, "nthread": 1, **options}, xgb.DMatrix(x, y), 6)
    found = ask(model, around(x))
    assert found.holds, found


def _own_objective(truth: Any, margin: Any) -> tuple[Any, Any]:
    return margin - truth, np.ones_like(margin)


def test_regressor_with_an_objective_of_its_own_answers_like_the_library() -> None:
    model = xgb.XGBRegressor(objective=_own_objective, **FEW).fit(DIABETES, PROGRESS)
    found = ask(model, around(DIABETES))
    assert found.holds, found


def _letters() -> Any:
    frame = CATEGORIES["letters beyond ASCII"]
    return xgb.XGBClassifier(enable_categorical=True, **FEW).fit(frame, ANSWERS), frame


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "hinge": (
        lambda: (
            xgb.XGBClassifier(objective="binary:hinge", **FEW).fit(CANCER, MALIGNANT),
            CANCER,
        ),
        "'binary:hinge' cannot be written as ONNX: use 'binary:logistic'",
    ),
    "letters beyond ASCII": (_letters, "beyond ASCII: rename them before fit"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_by_name(name: str) -> None:
    make, message = REFUSED[name]
    model, rows = make()
    with pytest.raises(ConversionError, match=message):
        ask(model, rows)
