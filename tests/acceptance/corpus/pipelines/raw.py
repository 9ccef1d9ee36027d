"""Raw boosters, and rankers, which need more than ``fit(X, y)``."""

from __future__ import annotations

from typing import Any

import catboost
import lightgbm
import numpy as np
import xgboost
from sklearn.base import BaseEstimator

from acceptance.corpus.case import cases

_ROUNDS = 8
_GROUP = 10  # rows that are ranked together


class Trained(BaseEstimator):
    """Trains a booster by the library's own interface.

    Args:
        library: The library.
        objective: What it is trained for.
    """

    def __init__(self, library: str, objective: str) -> None:
        self.library = library
        self.objective = objective

    def fit(self, x: Any, y: Any) -> Any:
        """Return the booster."""
        train: Any = {"xgboost": _train_xgboost, "lightgbm": _train_lightgbm}
        return train.get(self.library, _train_catboost)(self.objective, x, y)


class Ranker(BaseEstimator):
    """Fits a ranker on groups of rows, whose target becomes four degrees of relevance.

    Args:
        ranker: The ranker, not fitted.
    """

    def __init__(self, ranker: Any) -> None:
        self.ranker = ranker

    def fit(self, x: Any, y: Any) -> Any:
        """Return the fitted ranker."""
        degrees = np.searchsorted(np.quantile(y, [0.25, 0.5, 0.75]), y)
        groups = np.arange(len(x)) // _GROUP
        if type(self.ranker).__name__ == "LGBMRanker":
            return self.ranker.fit(x, degrees, group=np.bincount(groups))
        named = "group_id" if type(self.ranker).__name__ == "CatBoostRanker" else "qid"
        return self.ranker.fit(x, degrees, **{named: groups})


def _train_xgboost(objective: str, x: Any, y: Any) -> Any:
    options = {"objective": objective, "max_depth": 3, "nthread": 1}
    if objective.startswith("multi"):
        options["num_class"] = int(np.max(y)) + 1
    return xgboost.train(options, xgboost.DMatrix(x, y), _ROUNDS)


def _train_lightgbm(objective: str, x: Any, y: Any) -> Any:
    options = {"objective": objective, "min_data_in_leaf": 5, "verbose": -1, "num_threads": 1}
    if objective.startswith("multi"):
        options["num_class"] = int(np.max(y)) + 1
    return lightgbm.train(options, lightgbm.Dataset(x, y), _ROUNDS)


def _train_catboost(objective: str, x: Any, y: Any) -> Any:
    options = {"loss_function": objective, "iterations": _ROUNDS, "depth": 3, "thread_count": 1}
    model = catboost.CatBoost({**options, "verbose": 0, "allow_writing_files": False})
    return model.fit(x, y)


_QUIET = {"verbose": 0, "allow_writing_files": False, "thread_count": 1}
RAW = [
    *cases(
        "cancer",
        Trained("xgboost", "binary:logistic"),
        Trained("lightgbm", "binary"),
        Trained("catboost", "Logloss"),
    ),
    *cases(
        "iris",
        Trained("xgboost", "multi:softprob"),
        Trained("lightgbm", "multiclass"),
        Trained("catboost", "MultiClass"),
    ),
    *cases(
        "diabetes",
        Trained("xgboost", "reg:squarederror"),
        Trained("lightgbm", "regression"),
        Trained("catboost", "RMSE"),
        Ranker(xgboost.XGBRanker(n_estimators=_ROUNDS, n_jobs=1)),
        Ranker(lightgbm.LGBMRanker(n_estimators=_ROUNDS, n_jobs=1, verbose=-1)),
        Ranker(catboost.CatBoostRanker(iterations=_ROUNDS, depth=3, **_QUIET)),
    ),
]
