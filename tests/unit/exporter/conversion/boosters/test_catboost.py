"""CatBoost's models answer like the library around every threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import catboost as cb
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
FEW: dict[str, Any] = {
    "iterations": 6,
    "depth": 4,
    "verbose": 0,
    "allow_writing_files": False,
    "thread_count": 1,
}


def _classifier(**options: Any) -> Any:
    return cb.CatBoostClassifier(**FEW | options)


def _regressor(**options: Any) -> Any:
    return cb.CatBoostRegressor(**FEW | options)


CLASSIFIERS: dict[str, tuple[Any, Any, Any]] = {
    "two classes": (_classifier(), CANCER, MALIGNANT),
    "two classes of text": (_classifier(), CANCER, np.where(MALIGNANT, "yes", "no")),
    "two classes of booleans": (_classifier(), CANCER, MALIGNANT.astype(bool)),
    "cross entropy": (_classifier(loss_function="CrossEntropy"), CANCER, MALIGNANT),
    "weights": (_classifier(auto_class_weights="Balanced"), CANCER, MALIGNANT),
    "three classes": (_classifier(), IRIS, SPECIES),
    "three classes of text": (_classifier(), IRIS, NAMES),
    "one against all": (_classifier(loss_function="MultiClassOneVsAll"), IRIS, NAMES),
    "by depth": (_classifier(grow_policy="Depthwise"), IRIS, NAMES),
    "by leaf": (_classifier(grow_policy="Lossguide", max_leaves=9), CANCER, MALIGNANT),
    "region": (_classifier(grow_policy="SymmetricTree", boosting_type="Ordered"), IRIS, NAMES),
    "scaled": (make_pipeline(StandardScaler(), _classifier()), CANCER, MALIGNANT),
    "quantiles": (make_pipeline(QuantileTransformer(n_quantiles=50), _classifier()), IRIS, NAMES),
    "vote": (
        VotingClassifier(
            [("x", _classifier()), ("l", LogisticRegression(max_iter=5000))], voting="soft"
        ),
        CANCER,
        MALIGNANT,
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
    "search": (GridSearchCV(_classifier(), {"depth": [2]}, cv=2), IRIS, NAMES),
}
REGRESSORS: dict[str, tuple[Any, Any, Any]] = {
    "plain": (_regressor(), DIABETES, PROGRESS),
    "gaps": (_regressor(), GAPS, PROGRESS),
    "gaps at the end": (_regressor(nan_mode="Max"), GAPS, PROGRESS),
    "gaps by depth": (_regressor(grow_policy="Depthwise"), GAPS, PROGRESS),
    "gaps by leaf": (_regressor(grow_policy="Lossguide", nan_mode="Max"), GAPS, PROGRESS),
    "no start": (_regressor(boost_from_average=False), DIABETES, PROGRESS),
    "two targets": (
        _regressor(loss_function="MultiRMSE"),
        DIABETES,
        np.c_[PROGRESS, PROGRESS**0.5],
    ),
    "two quantiles": (_regressor(loss_function="MultiQuantile:alpha=0.1,0.9"), DIABETES, PROGRESS),
    "constraints": (_regressor(monotone_constraints=[1] * 10), DIABETES, PROGRESS),
    "a model for each target": (
        MultiOutputRegressor(_regressor()),
        DIABETES,
        np.c_[PROGRESS, PROGRESS**0.5],
    ),
    "narrow": (_regressor(), DIABETES.astype(np.float32), PROGRESS),
    "offset": (_regressor(), DIABETES + 1e6, PROGRESS),
    "few borders": (_regressor(border_count=3), DIABETES, PROGRESS),
}
LOSSES = (
    "MAE",
    "Quantile:alpha=0.3",
    "LogLinQuantile",
    "Poisson",
    "MAPE",
    "Lq:q=3",
    "Huber:delta=10",
    "Expectile:alpha=0.3",
    "Tweedie:variance_power=1.5",
    "LogCosh",
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


@pytest.mark.parametrize("loss", LOSSES)
def test_loss_answers_like_the_library(loss: str) -> None:
    found = ask(_regressor(loss_function=loss).fit(DIABETES, PROGRESS / 100), around(DIABETES))
    assert found.holds, found


@pytest.mark.parametrize("kind", [_classifier, _regressor])
def test_leaves_out_rounds_after_the_best(kind: Any) -> None:
    rng = np.random.default_rng(0)
    model = kind(iterations=100, early_stopping_rounds=2)
    held_out = (CANCER[1::2], MALIGNANT[1::2] ^ (rng.random(284) < 0.1))
    model.fit(CANCER[::2], MALIGNANT[::2], eval_set=held_out)
    assert 0 < model.tree_count_ < 100
    found = ask(model, around(CANCER))
    assert found.holds, found


@pytest.mark.parametrize("loss", ["YetiRank", "PairLogit", "QueryRMSE"])
def test_ranker_answers_like_the_library(loss: str) -> None:
    model = cb.CatBoostRanker(loss_function=loss, **FEW)
    model.fit(DIABETES, (PROGRESS > 150).astype(int), group_id=np.arange(len(PROGRESS)) // 20)
    found = ask(model, around(DIABETES))
    assert found.holds, found


def test_column_transformer_answers_like_the_library() -> None:
    frame = CATEGORIES["texts"][["kind", "size", "count"]].astype({"kind": str})
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["kind"]), remainder="passthrough"
    )
    found = ask(make_pipeline(columns, _classifier()).fit(frame, ANSWERS), frame)
    assert found.holds, found


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, bool, np.float32])
def test_narrow_columns_answer_like_the_library(dtype: Any) -> None:
    rows = np.maximum(DIABETES * 60, 0).astype(dtype)
    frame = pd.DataFrame(rows, columns=[f"c{i}" for i in range(10)])
    found = ask(_regressor().fit(frame, PROGRESS), frame)
    assert found.holds, found


RAW: dict[str, tuple[str, Any, Any]] = {
    "two classes": ("Logloss", CANCER, MALIGNANT),
    "three classes": ("MultiClass", IRIS, NAMES),
    "values": ("RMSE", DIABETES, PROGRESS),
    "counts": ("Poisson", DIABETES, PROGRESS),
}


@pytest.mark.parametrize("name", RAW)
def test_raw_model_answers_like_the_library(name: str) -> None:
    loss, x, y = RAW[name]
    found = ask(cb.CatBoost({"loss_function": loss, **FEW}).fit(x, y), around(x))
    assert found.holds, found


def test_shrunk_model_answers_like_the_library() -> None:
    model = _regressor().fit(DIABETES, PROGRESS)
    model.shrink(3)
    model.set_scale_and_bias(1.5, [4.0])
    found = ask(model, around(DIABETES))
    assert found.holds, found


def test_own_probability_threshold_answers_like_the_library() -> None:
    model = _classifier().fit(CANCER, MALIGNANT)
    model.set_probability_threshold(0.8)
    found = ask(model, around(CANCER))
    assert found.holds, found


def _encoded() -> Any:
    frame = CATEGORIES["texts"].astype({"kind": str, "place": str})
    return _classifier(cat_features=["kind", "place"]).fit(frame, ANSWERS), frame


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "uncertainty": (
        lambda: (_regressor(loss_function="RMSEWithUncertainty").fit(DIABETES, PROGRESS), DIABETES),
        "'RMSEWithUncertainty' cannot be written as ONNX: use 'RMSE'",
    ),
    "counters of categories": (_encoded, "encode them before it, for example with OneHotEncoder"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_by_name(name: str) -> None:
    make, message = REFUSED[name]
    model, rows = make()
    with pytest.raises(ConversionError, match=message):
        ask(model, rows)
