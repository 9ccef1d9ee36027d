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
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.model_selection._search import BaseSearchCV
from sklearn.naive_bayes import BernoulliNB, CategoricalNB
from sklearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    NearestCentroid,
    RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
)
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import Binarizer, KBinsDiscretizer, OneHotEncoder, OrdinalEncoder
from sklearn.tree import BaseDecisionTree

from exporter.data.boosters import library_of

if TYPE_CHECKING:
    from collections.abc import Iterator

# They compare what they are given, in double, with bounds of their own.
_STEPS = (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    KBinsDiscretizer,
    Binarizer,
    BernoulliNB,
    CategoricalNB,
    KNeighborsClassifier,
    KNeighborsRegressor,
    KNNImputer,
    NearestCentroid,
    RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
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
# Whole numbers up to here are the same in float32.
_MOST_EXACT = 2**24
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
    """Return whether a model has steps that rounding before or within them could turn.

    Those are steps that tell numbers apart, and trees unless they see the numbers that the caller
    sends, and answer by themselves.
    """
    held = list(parts(model))
    if any(_is_step(part) or _tells_apart(part) for part in held):
        return True
    others = [part for part in held if not _is_rounding_tree(part)]
    return len(others) < len(held) and not all(isinstance(part, _EXACT) for part in others)


def _is_step(part: Any) -> bool:
    return isinstance(part, _STEPS) or library_of(part) == "lightgbm"


def _is_rounding_tree(part: Any) -> bool:
    return isinstance(part, _TREES) or library_of(part) in ("xgboost", "catboost")


def _tells_apart(part: Any) -> bool:
    # A number close to a category, or to what stands for a missing one, is another number.
    marker = getattr(part, "missing_values", None)
    if isinstance(marker, (int, float)) and marker == marker:  # noqa: PLR0124 - not NaN
        return True
    return any(
        array.dtype.kind == "f" or (array.dtype.kind in "iu" and np.abs(array).max() >= _MOST_EXACT)
        for array in getattr(part, "categories_", [])
    )


def parts(value: Any) -> Iterator[Any]:
    """Walk through an estimator and those that it holds; a forest's own trees are left out."""
    if isinstance(value, BaseEstimator):
        yield value
        if not isinstance(value, (BaseForest, GradientBoostingClassifier)):
            for held in vars(value).values():
                yield from parts(held)
    elif library_of(value) is not None:
        yield value  # CatBoost's estimators are none of scikit-learn's
    elif isinstance(value, dict):
        for held in value.values():
            yield from parts(held)
    elif isinstance(value, (list, tuple)) or (
        isinstance(value, np.ndarray) and value.dtype.kind == "O"
    ):
        for held in np.ravel(value) if isinstance(value, np.ndarray) else value:
            if library_of(held) or isinstance(held, (BaseEstimator, dict, list, tuple, np.ndarray)):
                yield from parts(held)
