"""Pipelines with XGBoost, LightGBM and CatBoost, on clean, missing and categorical data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from catboost import CatBoostClassifier, CatBoostRegressor
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import BaggingRegressor, StackingRegressor, VotingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    StandardScaler,
    TargetEncoder,
)
from xgboost import XGBClassifier, XGBRegressor, XGBRFClassifier

from acceptance.corpus.case import Case, cases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_TEXTS = ["island", "sex"]


def _xgb(**options: Any) -> Any:
    return XGBClassifier(n_estimators=12, max_depth=4, n_jobs=1, **options)


def _xgb_value(**options: Any) -> Any:
    return XGBRegressor(n_estimators=12, max_depth=4, n_jobs=1, **options)


def _lgbm(**options: Any) -> Any:
    return LGBMClassifier(n_estimators=12, min_child_samples=5, n_jobs=1, verbose=-1, **options)


def _lgbm_value(**options: Any) -> Any:
    return LGBMRegressor(n_estimators=12, min_child_samples=5, n_jobs=1, verbose=-1, **options)


def _cat(**options: Any) -> Any:
    plain = {"verbose": 0, "allow_writing_files": False, "thread_count": 1}
    return CatBoostClassifier(iterations=12, depth=4, **plain, **options)


def _cat_value(**options: Any) -> Any:
    plain = {"verbose": 0, "allow_writing_files": False, "thread_count": 1}
    return CatBoostRegressor(iterations=12, depth=4, **plain, **options)


def _clean(classifier: Callable[..., Any], value: Callable[..., Any]) -> Iterator[Case]:
    """Yield what each library is asked on data without gaps."""
    yield from cases("cancer", classifier(), make_pipeline(StandardScaler(), classifier()))
    yield from cases(
        "iris frame",
        classifier(),
        make_pipeline(QuantileTransformer(n_quantiles=40), classifier()),
        # CatBoost's labels are a column, with which scikit-learn cannot count votes.
        VotingClassifier(
            [("a", classifier()), ("b", LogisticRegression(max_iter=500))], voting="soft"
        ),
        GridSearchCV(classifier(), {"learning_rate": [0.1, 0.3]}, cv=2),
    )
    yield from cases(
        "moons",
        CalibratedClassifierCV(classifier(), cv=2),
        FixedThresholdClassifier(classifier(), threshold=0.3),
        make_pipeline(PolynomialFeatures(2), classifier()),
    )
    yield from cases(
        "diabetes frame",
        value(),
        make_pipeline(PowerTransformer(), value()),
        StackingRegressor([("a", value()), ("b", Ridge())], cv=2),
        TransformedTargetRegressor(value(), transformer=StandardScaler()),
    )
    yield from cases("friedman", value(), BaggingRegressor(value(), 3, random_state=0))
    yield from cases("several", MultiOutputRegressor(value()))


def _with_gaps(classifier: Callable[..., Any]) -> Iterator[Case]:
    yield from cases("jittered gaps", classifier(), make_pipeline(MinMaxScaler(), classifier()))
    yield from cases("gaps", make_pipeline(SimpleImputer(strategy="median"), classifier()))


def _with_texts(classifier: Callable[..., Any], value: Callable[..., Any]) -> Iterator[Case]:
    """Yield pipelines that encode the columns of texts before the trees."""
    penguins = "coded penguins" if classifier is _xgb else "penguins"
    for encoder in (
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    ):
        columns = make_column_transformer((encoder, _TEXTS), remainder="passthrough")
        yield from cases(f"{penguins} with gaps", make_pipeline(columns, classifier()))
        yield from cases("body mass", make_pipeline(columns, value()))
    columns = make_column_transformer((TargetEncoder(random_state=0), _TEXTS))
    yield from cases(penguins, make_pipeline(columns, classifier()))


BOOSTED = [
    *(
        case
        for each in ((_xgb, _xgb_value), (_lgbm, _lgbm_value), (_cat, _cat_value))
        for case in (*_clean(*each), *_with_gaps(each[0]), *_with_texts(*each))
    ),
    *cases(
        "penguin categories",
        _xgb(enable_categorical=True),
        _xgb(enable_categorical=True, max_cat_to_onehot=1),
        _lgbm(min_data_per_group=5, cat_smooth=1),
    ),
    *cases(
        "penguin categories with gaps",
        _xgb(enable_categorical=True),
        _lgbm(min_data_per_group=5, cat_smooth=1),
    ),
    *cases("counts", _xgb_value(objective="count:poisson"), _lgbm_value(objective="tweedie")),
    *cases("counts", _cat_value(loss_function="Poisson"), _xgb_value(booster="gblinear")),
    *cases("iris", XGBRFClassifier(n_estimators=12, n_jobs=1), _lgbm(boosting_type="dart")),
    *cases("diabetes", _xgb_value(booster="dart"), _lgbm_value(objective="quantile")),
    *cases("several", _xgb_value(), _xgb_value(multi_strategy="multi_output_tree")),
    *cases("several", _cat_value(loss_function="MultiRMSE")),
    *cases("gaps", _cat(nan_mode="Max"), _cat(grow_policy="Lossguide")),
    *cases("large", _xgb(), _lgbm(), _cat()),
    Case("diabetes", _lgbm_value(linear_tree=True), refused="linear_tree=False"),
]
