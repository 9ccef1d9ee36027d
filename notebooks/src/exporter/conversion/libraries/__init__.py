"""Estimators of other libraries than scikit-learn and the boosting ones, one module each.

And transformers of the caller's own.
A library is imported only if an estimator of it is here, which means that it is imported already.
"""

from __future__ import annotations

import importlib
from typing import Any

from exporter.data.sparse_rows import is_own

LIBRARIES = ("category_encoders", "imblearn")
ESTIMATORS = (
    "category_encoders.BackwardDifferenceEncoder",
    "category_encoders.BaseNEncoder",
    "category_encoders.BinaryEncoder",
    "category_encoders.CatBoostEncoder",
    "category_encoders.CountEncoder",
    "category_encoders.CountTargetEncoder",
    "category_encoders.GrayEncoder",
    "category_encoders.HelmertEncoder",
    "category_encoders.JamesSteinEncoder",
    "category_encoders.LeaveOneOutEncoder",
    "category_encoders.MEstimateEncoder",
    "category_encoders.OneHotEncoder",
    "category_encoders.OrdinalEncoder",
    "category_encoders.PolynomialEncoder",
    "category_encoders.QuantileEncoder",
    "category_encoders.RankHotEncoder",
    "category_encoders.SumEncoder",
    "category_encoders.SummaryEncoder",
    "category_encoders.TargetEncoder",
    "category_encoders.WOEEncoder",
    "imblearn.ensemble.BalancedBaggingClassifier",
    "imblearn.ensemble.BalancedRandomForestClassifier",
    "imblearn.ensemble.EasyEnsembleClassifier",
    "imblearn.ensemble.RUSBoostClassifier",
    "imblearn.pipeline.Pipeline",
)


def register(estimator: Any) -> None:
    """Register the writers of the library that an estimator comes from, or of the caller's own."""
    if is_own(estimator):
        importlib.import_module(f"{__name__}.own").register(type(estimator))
        return
    for kind in type(estimator).__mro__:
        root = kind.__module__.partition(".")[0]
        if root in LIBRARIES:
            importlib.import_module(f"{__name__}.{root}")
            return
