"""What a copy of the model needs before skl2onnx converts it faithfully.

Each adaptation replaces an estimator by one that answers the same, and stands for something that
skl2onnx 1.20 gets wrong or refuses. None is trusted: the comparison with the original on every row
decides (see :mod:`exporter.conversion.parity`).
"""

from __future__ import annotations

import contextlib
import copy
from typing import TYPE_CHECKING, Any

import numpy as np
from skl2onnx.common import tree_ensemble
from skl2onnx.common.utils_sklearn import enumerate_model_names
from skl2onnx.sklapi import CastTransformer
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from exporter.layout import Precision

_TAKING_MISSING = (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
)
_TREES = (*_TAKING_MISSING, GradientBoostingClassifier, GradientBoostingRegressor)
_FLAG = "nodes_missing_value_tracks_true"


def adapt(model: Any, precision: Precision, *, by_position: bool = False) -> Any:
    """Make a copy that skl2onnx converts faithfully; the model itself is not touched.

    Args:
        model: The fitted model.
        precision: Of the graph to be.
        by_position: Whether the columns come as one tensor, in which they have no names.
    """
    adapted = _rewrite(copy.deepcopy(model), _mend)
    if by_position:
        adapted = _rewrite(adapted, _number_columns)
    return _cast_before_trees(adapted) if precision == "float64" else adapted


def low_level_trees(model: Any) -> list[list[Any]]:
    """List the trees of each forest or tree that takes missing values, in its converter's order."""
    found = [estimator for _, estimator in enumerate_model_names(model)]
    return [
        [tree.tree_ for tree in getattr(estimator, "estimators_", [estimator])]
        for estimator in found
        if isinstance(estimator, _TAKING_MISSING) and hasattr(estimator, "n_features_in_")
    ]


@contextlib.contextmanager
def plain_flags() -> Iterator[None]:
    """Let skl2onnx convert histogram gradient boosting while this holds.

    It writes Python booleans into an attribute of integers, which protobuf 7 refuses.
    """
    add_node = tree_ensemble.add_node

    def add_plain_node(*args: Any, **kwargs: Any) -> None:
        if _FLAG in kwargs:
            kwargs[_FLAG] = int(kwargs[_FLAG])
        add_node(*args, **kwargs)

    tree_ensemble.add_node = add_plain_node
    try:
        yield
    finally:
        tree_ensemble.add_node = add_node


def _rewrite(value: Any, change: Callable[[Any], Any]) -> Any:
    # Fitted estimators hold others in attributes, lists, tuples and dicts; a forest's own trees are
    # its converter's business.
    if isinstance(value, BaseEstimator):
        if not isinstance(value, _TREES):
            for name, held in list(vars(value).items()):
                vars(value)[name] = _rewrite(held, change)
        return change(value)
    if type(value) in (list, tuple):
        return type(value)(_rewrite(v, change) for v in value)
    if isinstance(value, dict):
        for key, held in list(value.items()):
            value[key] = _rewrite(held, change)
    return value


def _mend(estimator: Any) -> Any:
    fitted = vars(estimator)  # beside fitted estimators their unfitted templates come by
    if isinstance(estimator, LinearDiscriminantAnalysis) and len(fitted.get("classes_", ())) == 2:
        estimator = _to_logistic(estimator)
    if isinstance(estimator, VotingClassifier):
        estimator.flatten_transform = False  # it shapes transform() only, but the converter refuses
    if isinstance(estimator, BaseSearchCV) and "best_estimator_" in fitted:
        return estimator.best_estimator_
    if isinstance(estimator, SimpleImputer) and _is_textual(fitted.get("statistics_")):
        estimator.missing_values = ""  # how ONNX, and the contract, spell a missing string
    _widen_classes(estimator)
    return estimator


def _is_textual(values: Any) -> bool:
    return values is not None and np.asarray(values).dtype.kind in "OU"


def _number_columns(estimator: Any) -> Any:
    names = vars(estimator).get("feature_names_in_")
    if isinstance(estimator, ColumnTransformer) and names is not None:  # fitted, on a DataFrame
        places = {name: place for place, name in enumerate(names)}
        estimator.transformers_ = [
            (name, transformer, _places(columns, places))
            for name, transformer, columns in estimator.transformers_
        ]
    return estimator


def _places(columns: Any, places: dict[str, int]) -> Any:
    if isinstance(columns, str):
        return [places[columns]]
    if isinstance(columns, (list, np.ndarray)) and all(isinstance(c, str) for c in columns):
        return [places[c] for c in columns]
    return columns


def _to_logistic(lda: LinearDiscriminantAnalysis) -> LogisticRegression:
    # The converter applies a softmax to (-d, d), which is the logistic function of 2d.
    twin = LogisticRegression()
    for name in ("coef_", "intercept_", "classes_", "n_features_in_", "feature_names_in_"):
        if hasattr(lda, name):
            setattr(twin, name, getattr(lda, name))
    twin.n_iter_ = np.array([1])
    return twin


def _widen_classes(estimator: Any) -> None:
    # ONNX has 64-bit labels; some converters copy the narrower type, or trip over booleans.
    classes = vars(estimator).get("classes_")
    if isinstance(classes, np.ndarray) and classes.dtype.kind in "iubf" and classes.ndim == 1:
        estimator.classes_ = classes.astype(np.int64)


def _cast_before_trees(model: Any) -> Any:
    # scikit-learn's trees round their input to float32 whatever they are given. In a graph of
    # doubles the same has to happen at the same place (sklearn-onnx#1183, #1192), and onnxruntime's
    # tree operators give floats only.
    if isinstance(model, Pipeline):
        name, last = model.steps[-1]
        model.steps[-1] = (name, _cast_before_trees(last))
        return model
    if isinstance(model, _TREES):
        return Pipeline([("cast", CastTransformer(dtype=np.float32)), ("trees", model)])
    return model
