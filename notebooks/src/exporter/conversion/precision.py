"""Which models round otherwise in float32 than the original does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.ensemble._forest import BaseForest
from sklearn.impute import SimpleImputer
from sklearn.model_selection._search import BaseSearchCV
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import Binarizer, KBinsDiscretizer, OneHotEncoder, OrdinalEncoder
from sklearn.tree import BaseDecisionTree

if TYPE_CHECKING:
    from collections.abc import Iterator

# They compare what they are given, in double, with bounds of their own.
_STEPS = (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    KBinsDiscretizer,
    Binarizer,
    KNeighborsClassifier,
    KNeighborsRegressor,
)
# They compare what they are given after rounding it to float32.
_TREES = (
    BaseDecisionTree,
    BaseForest,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    AdaBoostClassifier,
    AdaBoostRegressor,
)
# They hand on the numbers that they are given, or whole ones.
_EXACT = (
    Pipeline,
    ColumnTransformer,
    FeatureUnion,
    SimpleImputer,
    OneHotEncoder,
    OrdinalEncoder,
    DummyClassifier,
    DummyRegressor,
    BaseSearchCV,
)


def needs_doubles(model: Any) -> bool:
    """Tell whether a model has steps that rounding before or within them could turn.

    Those are trees, unless they see the numbers that the caller sends, and answer by themselves.
    """
    found = set(_kinds(model))
    if any(issubclass(kind, _STEPS) for kind in found):
        return True
    trees = any(issubclass(kind, _TREES) for kind in found)
    return trees and not all(issubclass(kind, (*_TREES, *_EXACT)) for kind in found)


def _kinds(value: Any) -> Iterator[type[Any]]:
    # Each type of estimator that holds others, or is held; a forest's own trees are not asked.
    if isinstance(value, BaseEstimator):
        yield type(value)
        if not isinstance(value, (BaseForest, GradientBoostingClassifier)):
            for held in vars(value).values():
                yield from _kinds(held)
    elif isinstance(value, dict):
        for held in value.values():
            yield from _kinds(held)
    elif isinstance(value, (list, tuple)) or (
        isinstance(value, np.ndarray) and value.dtype.kind == "O"
    ):
        for held in np.ravel(value) if isinstance(value, np.ndarray) else value:
            if isinstance(held, (BaseEstimator, dict, list, tuple, np.ndarray)):
                yield from _kinds(held)
