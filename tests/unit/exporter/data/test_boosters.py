"""Raw boosters get scikit-learn's interface."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import catboost as cb
import joblib
import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
import xgboost as xgb
from sklearn.datasets import load_iris
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.validation import check_is_fitted

from exporter import publish
from exporter.data.boosters import as_estimator, count_columns, library_of
from exporter.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

IRIS, SPECIES = load_iris(return_X_y=True)
FRAME = pd.DataFrame(IRIS, columns=["a", "b", "c", "d"])
OPTIONS: dict[str, dict[str, Any]] = {
    "values": {},
    "two classes": {"objective": "binary"},
    "three classes": {"objective": "multiclass", "num_class": 3},
}


def _xgboost(task: str, rows: Any = IRIS) -> Any:
    names = {"binary": "binary:logistic", "multiclass": "multi:softprob"}
    options = dict(OPTIONS[task])
    if options:
        options["objective"] = names[options["objective"]]
    y = SPECIES > 0 if task == "two classes" else SPECIES
    return xgb.train({"nthread": 1, **options}, xgb.DMatrix(rows, y), 2)


def _lightgbm(task: str, rows: Any = IRIS) -> Any:
    y = (SPECIES > 0).astype(int) if task == "two classes" else SPECIES
    options = {"verbose": -1, "num_threads": 1, **OPTIONS[task]}
    return lgb.train(options, lgb.Dataset(rows, y), 2)


def _catboost(loss: str) -> Any:
    y = SPECIES > 0 if loss == "Logloss" else SPECIES
    options = {"loss_function": loss, "verbose": 0, "iterations": 2, "allow_writing_files": False}
    return cb.CatBoost(options).fit(IRIS, y)


@pytest.mark.parametrize("train", [_xgboost, _lightgbm])
@pytest.mark.parametrize(("task", "classes"), [("two classes", 2), ("three classes", 3)])
def test_a_booster_of_classes_is_a_classifier(train: Any, task: str, classes: int) -> None:
    model = as_estimator(train(task))
    assert model.classes_.tolist() == list(range(classes))
    shares = model.predict_proba(IRIS)
    assert shares.shape == (len(IRIS), classes)
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-6)
    assert model.predict(IRIS).tolist() == shares.argmax(axis=1).tolist()


@pytest.mark.parametrize("train", [_xgboost, _lightgbm])
def test_a_booster_of_values_is_a_regressor(train: Any) -> None:
    model = as_estimator(train("values"))
    assert not hasattr(model, "predict_proba")
    assert model.predict(IRIS).shape == (len(IRIS),)


@pytest.mark.parametrize("train", [_xgboost, _lightgbm])
def test_a_booster_has_the_columns_that_it_was_fitted_on(train: Any) -> None:
    named, unnamed = as_estimator(train("values", FRAME)), as_estimator(train("values"))
    assert named.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    assert not hasattr(unnamed, "feature_names_in_")
    assert named.n_features_in_ == unnamed.n_features_in_ == 4
    check_is_fitted(named)


@pytest.mark.parametrize("train", [_xgboost, _lightgbm])
def test_a_booster_cannot_be_fitted_again(train: Any) -> None:
    with pytest.raises(TypeError, match=r"train\(\)"):
        as_estimator(train("values")).fit(IRIS, SPECIES)


@pytest.mark.parametrize(
    ("loss", "kind"),
    [
        ("RMSE", cb.CatBoostRegressor),
        ("Logloss", cb.CatBoostClassifier),
        ("MultiClass", cb.CatBoostClassifier),
    ],
)
def test_catboost_has_types_of_its_own(loss: str, kind: type[Any]) -> None:
    assert type(as_estimator(_catboost(loss))) is kind


def test_a_sum_of_models_has_no_loss_function() -> None:
    model = _catboost("RMSE")
    with pytest.raises(ModelError, match="sum_models"):
        as_estimator(cb.sum_models([model, model]))


def test_any_other_model_stays_as_it_is() -> None:
    for model in (LogisticRegression(), lgb.LGBMRegressor(), xgb.XGBRegressor()):
        assert as_estimator(model) is model


def test_names_the_library_of_a_model() -> None:
    class Own(xgb.XGBClassifier):  # type: ignore[misc,unused-ignore]
        """A subclass."""

    assert library_of(LogisticRegression()) is None
    assert library_of(Own()) == "xgboost"
    assert library_of(lgb.LGBMRanker()) == "lightgbm"
    assert library_of(cb.CatBoostRegressor()) == "catboost"
    assert library_of(as_estimator(_xgboost("values"))) == "xgboost"


def test_exporter_imports_no_boosting_library() -> None:
    code = (
        "import sys; from exporter import supported_estimators as s; found = s(); "
        "assert not {'xgboost', 'lightgbm', 'catboost'} & set(sys.modules); "
        "print(*found)"
    )
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert {"xgboost.XGBRanker", "catboost.CatBoost", "xgboost.Booster"} <= set(run.stdout.split())


def _vote(model: Any) -> Any:
    inner = [("c", model), ("l", LogisticRegression(max_iter=5000))]
    return VotingClassifier(inner, voting="soft")


def _stack(model: Any) -> Any:
    inner = [("c", model), ("l", LogisticRegression(max_iter=5000))]
    return StackingClassifier(inner, passthrough=True, cv=2)


@pytest.mark.parametrize("rows", [IRIS, FRAME], ids=["array", "frame"])
@pytest.mark.parametrize("wrap", [lambda m: m, make_pipeline, _vote, _stack])
def test_catboost_is_published_after_it_was_stored(wrap: Any, rows: Any, tmp_path: Path) -> None:
    """Its number of columns is 0 then."""
    options = {"verbose": 0, "iterations": 2, "allow_writing_files": False}
    fitted = wrap(cb.CatBoostClassifier(**options)).fit(rows, SPECIES)
    joblib.dump(fitted, tmp_path / "m")
    model = joblib.load(tmp_path / "m")
    published = publish(model, "m", rows, models_dir=tmp_path / "models", progress=False)
    assert len(published.contract.features) == 4


def test_counts_the_columns_that_a_model_was_fitted_on(tmp_path: Path) -> None:
    options = {"verbose": 0, "iterations": 2, "allow_writing_files": False}
    model = cb.CatBoostClassifier(**options).fit(IRIS, SPECIES)
    joblib.dump(model, tmp_path / "m")
    models = [model, joblib.load(tmp_path / "m"), _vote(model).fit(IRIS, SPECIES)]
    assert [count_columns(each) for each in models] == [4, 4, 4]
    assert count_columns(LogisticRegression()) is None
