"""What skl2onnx 1.20 needs to convert trees faithfully.

None of it is trusted: the comparison with the original decides (see
:mod:`exporter.conversion.parity`).
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from skl2onnx.common import tree_ensemble
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from exporter.conversion.registry import is_converted_here

if TYPE_CHECKING:
    from collections.abc import Iterator

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


def takes_float32(estimator: Any) -> bool:
    """Whether the estimator rounds its input to float32, whatever it is given.

    In a graph of doubles the same has to happen at the same place (sklearn-onnx#1183, #1192).
    """
    return isinstance(estimator, _TREES) and not is_converted_here(estimator)


def low_level_trees(estimator: Any) -> list[Any]:
    """List the trees of a forest or tree that takes missing values; of others none."""
    if not isinstance(estimator, _TAKING_MISSING) or is_converted_here(estimator):
        return []
    return [tree.tree_ for tree in getattr(estimator, "estimators_", [estimator])]


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
