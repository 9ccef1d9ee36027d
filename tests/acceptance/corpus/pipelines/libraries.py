"""Pipelines of imbalanced-learn and category_encoders."""

from __future__ import annotations

from typing import Any

import category_encoders as ce
from imblearn.combine import SMOTEENN
from imblearn.ensemble import (
    BalancedBaggingClassifier,
    BalancedRandomForestClassifier,
    EasyEnsembleClassifier,
    RUSBoostClassifier,
)
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.pipeline import make_pipeline as make_balanced
from imblearn.under_sampling import RandomUnderSampler, TomekLinks
from lightgbm import LGBMClassifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from acceptance.corpus.case import Case, cases

_CATEGORIES = ["island", "sex"]
_WITH_GAPS = "penguins with gaps"


def _log() -> LogisticRegression:
    return LogisticRegression(max_iter=500)


def _encoded(encoder: Any, model: Any = None) -> Any:
    last = _log() if model is None else model
    return make_pipeline(encoder, SimpleImputer(), StandardScaler(), last)


def _columns(encoder: Any) -> Any:
    return make_column_transformer((encoder, _CATEGORIES), remainder="passthrough")


def _forest() -> RandomForestClassifier:
    return RandomForestClassifier(10, random_state=0)


LIBRARIES = [
    *cases(
        "penguins",
        make_balanced(_columns(OneHotEncoder()), SMOTE(random_state=0), _forest()),
        make_balanced(_columns(OneHotEncoder()), RandomOverSampler(random_state=0), _log()),
        make_balanced(
            _columns(ce.OneHotEncoder()), StandardScaler(), SMOTEENN(random_state=0), _log()
        ),
        make_balanced(
            _columns(OneHotEncoder()),
            RandomUnderSampler(random_state=0),
            LGBMClassifier(n_estimators=10, verbose=-1, random_state=0),
        ),
    ),
    *cases(
        "cancer",
        make_balanced(StandardScaler(), TomekLinks(), _log()),
        CalibratedClassifierCV(make_balanced(SMOTE(random_state=0), _forest()), cv=3),
        BalancedRandomForestClassifier(20, random_state=0),
        BalancedBaggingClassifier(n_estimators=5, random_state=0),
        EasyEnsembleClassifier(3, random_state=0),
        RUSBoostClassifier(n_estimators=10, random_state=0),
    ),
    *cases("wine", BalancedRandomForestClassifier(20, random_state=0)),
    *cases(
        _WITH_GAPS,
        _encoded(ce.OrdinalEncoder()),
        _encoded(ce.OneHotEncoder(use_cat_names=True)),
        _encoded(ce.BinaryEncoder(), _forest()),
        _encoded(ce.BaseNEncoder(base=3)),
        _encoded(ce.CountEncoder()),
        _encoded(ce.HelmertEncoder()),
        _encoded(ce.SumEncoder()),
        _encoded(ce.BackwardDifferenceEncoder()),
        _encoded(ce.OrdinalEncoder(handle_unknown="return_nan", handle_missing="return_nan")),
    ),
    *cases(
        "coded penguins with gaps",
        _encoded(ce.TargetEncoder()),
        _encoded(ce.LeaveOneOutEncoder(), _forest()),
        _encoded(ce.CatBoostEncoder(random_state=0)),
        _encoded(ce.JamesSteinEncoder()),
        _encoded(ce.MEstimateEncoder(m=2.0)),
    ),
    *cases("body mass", _encoded(ce.TargetEncoder(), RandomForestRegressor(5, random_state=0))),
    Case(
        "penguins",
        make_pipeline(ce.HashingEncoder(cols=_CATEGORIES), _log()),
        refused="HashingEncoder cannot be written as ONNX",
    ),
]
