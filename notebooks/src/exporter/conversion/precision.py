"""Models whose answers may change when their inputs are rounded to float32."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
)
from sklearn.ensemble._forest import BaseForest
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.kernel_approximation import RBFSampler
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.model_selection._search import BaseSearchCV
from sklearn.naive_bayes import BernoulliNB, CategoricalNB, GaussianNB
from sklearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    LocalOutlierFactor,
    NearestCentroid,
    RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
)
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    OrdinalEncoder,
    SplineTransformer,
)
from sklearn.semi_supervised import LabelPropagation, LabelSpreading
from sklearn.tree import BaseDecisionTree

from exporter.data.boosters import library_of
from exporter.data.inner_estimators import estimators_within
from exporter.data.sparse_rows import is_own

# These compare their input, as float64, with their own bounds.
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
    LocalOutlierFactor,
    NearestCentroid,
    RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
)
# These square distances or take cosines of them: of rows far from those of X, float32 keeps too
# little for the weights or densities of classes to be compared.
_SQUARES = (
    BayesianGaussianMixture,
    GaussianMixture,
    GaussianNB,
    LabelPropagation,
    LabelSpreading,
    QuadraticDiscriminantAnalysis,
    RBFSampler,
)
# Functions without steps: where their argument is rounded, their value is hardly another one.
# A function of the caller's own may have steps, such as a comparison or a remainder.
_SMOOTH = frozenset(
    {
        *(np.abs, np.exp, np.exp2, np.expm1, np.log, np.log10, np.log1p, np.log2, np.negative),
        *(np.reciprocal, np.sqrt, np.square, np.tanh),
    }
)
# These compare their input after rounding it to float32.
_TREES = (
    BaseDecisionTree,
    BaseForest,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    AdaBoostClassifier,
    AdaBoostRegressor,
    IsolationForest,
)
# Their inner trees need not be searched.
_OWN_TREES = (BaseForest, GradientBoostingClassifier, IsolationForest)
# Whole numbers up to here are the same in float32.
_MOST_EXACT = 2**24
# These pass numbers on unchanged, or return whole numbers.
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
    """Return whether rounding to float32 could change an answer of the model.

    This is so for models with steps, functions that may have some, and squares of distances.
    """
    return has_steps(model) or any(map(_may_round, estimators_within(model, closed=_OWN_TREES)))


def has_steps(model: Any) -> bool:
    """Return whether the model compares numbers with bounds that a file has to have exactly.

    This is so for steps that distinguish numbers, and for trees, unless a tree is the last step and
    reads the numbers that the caller sends. It is not for what is compared after a logarithm, a
    sine or a sum of squares: the last digit of these differs between any two libraries.
    """
    held = list(estimators_within(model, closed=_OWN_TREES))
    if any(_is_step(part) or _tells_apart(part) for part in held):
        return True
    others = [part for part in held if not _is_rounding_tree(part)]
    return len(others) < len(held) and not all(map(_is_exact, others))


def _is_exact(part: Any) -> bool:
    return isinstance(part, _EXACT) and not getattr(part, "transformer_weights", None)


def _is_step(part: Any) -> bool:
    return isinstance(part, _STEPS) or library_of(part) == "lightgbm"


def _may_round(part: Any) -> bool:
    if isinstance(part, FunctionTransformer):
        return not (_is_smooth(part.func) and _is_smooth(part.inverse_func))
    if isinstance(part, SplineTransformer):  # periods are cut off, and degree 0 is all steps
        return bool(part.extrapolation == "periodic" or part.degree == 0)
    return isinstance(part, _SQUARES) or is_own(part)


def _is_smooth(function: Any) -> bool:
    return function is None or (isinstance(function, np.ufunc) and function in _SMOOTH)


def _is_rounding_tree(part: Any) -> bool:
    return isinstance(part, _TREES) or library_of(part) in ("xgboost", "catboost")


def _tells_apart(part: Any) -> bool:
    # A number close to a category, or to the marker of a missing value, is a different number.
    marker = getattr(part, "missing_values", None)
    if isinstance(marker, (int, float)) and marker == marker:  # noqa: PLR0124 - not NaN
        return True
    return any(
        array.dtype.kind == "f" or (array.dtype.kind in "iu" and np.abs(array).max() >= _MOST_EXACT)
        for array in getattr(part, "categories_", [])
    )
