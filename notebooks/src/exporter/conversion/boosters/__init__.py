"""Models of XGBoost, LightGBM and CatBoost, written tree by tree.

Each library compares, adds up and links in its own way, and in its own precision. The trees are
read from the library's own dump, so none of its ONNX exports is needed.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from exporter.data.boosters import library_of

if TYPE_CHECKING:
    from exporter.conversion.trees.structure import Trees


def register(estimator: Any) -> None:
    """Register the writers of the library that an estimator comes from.

    A library is imported only if a model of it is here, which means that it is imported already.
    """
    library = library_of(estimator)
    if library is not None:
        importlib.import_module(f"{__name__}.{library}")


def read_trees(estimator: Any) -> Trees:
    """Read the trees of a boosting library's estimator, as it compares them."""
    module = importlib.import_module(f"{__name__}.{library_of(estimator)}")
    trees: Trees = module.read_trees(estimator)
    return trees
