"""Boosting libraries, none of which is imported unless a model of it is given."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from exporter.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

LIBRARIES = ("xgboost", "lightgbm", "catboost")
_CLASSIFIES = ("binary", "multi")  # how the names of objectives begin


def library_of(estimator: Any) -> str | None:
    """Return the name of the boosting library that an estimator's class comes from."""
    if isinstance(estimator, RawBooster):
        return estimator.library
    for kind in type(estimator).__mro__:
        root = kind.__module__.partition(".")[0]
        if root in LIBRARIES:
            return root
    return None


def count_columns(model: Any) -> int | None:
    """Return how many columns a model was fitted on; ``None`` if it does not know.

    CatBoost's own number is 0 once a model was loaded from a file.
    """
    if library_of(model) == "catboost":
        return len(model.feature_names_)
    width = getattr(model, "n_features_in_", None)
    if width == 0 and hasattr(model, "estimators_"):  # which has that of its first estimator
        return count_columns(model.estimators_[0])
    return int(width) if width else None


def as_estimator(model: Any) -> Any:
    """Give a raw booster scikit-learn's interface; return any other model as it is."""
    library = library_of(model)
    if library == "catboost" and type(model).__name__ == "CatBoost":
        return _typed_catboost(model)
    if library is None or type(model).__name__ != "Booster":
        return model
    kinds: tuple[type[Any], type[Any]]
    if library == "xgboost":
        objective = _xgboost_objective(model)
        kinds = XGBoostClassifier, XGBoostRegressor
    else:
        objective = model.dump_model(num_iteration=1).get("objective", "")
        kinds = LightGBMClassifier, LightGBMRegressor
    classifies = objective.startswith(_CLASSIFIES) and not objective.startswith("binary:hinge")
    return kinds[0 if classifies else 1](model)


def _typed_catboost(model: Any) -> Any:
    from catboost import CatBoostError, to_classifier, to_regressor  # noqa: PLC0415 - likewise

    try:
        loss = model.get_all_params()["loss_function"]
    except (CatBoostError, KeyError):
        raise ModelError(
            "this CatBoost does not say its loss function, like one that sum_models() has made: "
            "pass a model as fit() has made it"
        ) from None
    classifies = loss.startswith(("Logloss", "CrossEntropy", "MultiClass"))
    return to_classifier(model) if classifies else to_regressor(model)


def _xgboost_objective(booster: Any) -> str:
    config = json.loads(booster.save_config())
    name: str = config["learner"]["objective"]["name"]
    return name


class RawBooster(BaseEstimator):  # type: ignore[misc]
    """A raw booster with scikit-learn's interface.

    Args:
        booster: The booster; it is fitted already.
    """

    library: ClassVar[str]

    def __init__(self, booster: Any) -> None:
        self.booster = booster

    def fit(self, *_: Any) -> Any:
        """Raise: only the library's ``train()`` fits a raw booster."""
        raise TypeError("a raw booster is fitted by its library's train()")

    def __sklearn_is_fitted__(self) -> bool:
        return True


class _XGBoost(RawBooster):
    """XGBoost's ``Booster``."""

    library = "xgboost"
    missing = np.nan

    @property
    def n_features_in_(self) -> int:
        """How many columns it was fitted on."""
        return int(self.booster.num_features())

    @property
    def feature_names_in_(self) -> Any:
        """The columns it was fitted on."""
        names = self.booster.feature_names
        if names is None:
            raise AttributeError("it was fitted without names")
        return np.array(names, dtype=object)

    def get_booster(self) -> Any:
        """Return the booster."""
        return self.booster

    def _scores(self, rows: Any) -> Any:
        from xgboost import DMatrix  # noqa: PLC0415 - imported already, by who made the booster

        names = None if hasattr(rows, "columns") else self.booster.feature_names
        return self.booster.predict(DMatrix(rows, feature_names=names, enable_categorical=True))


class _LightGBM(RawBooster):
    """LightGBM's ``Booster``."""

    library = "lightgbm"

    @property
    def n_features_in_(self) -> int:
        """How many columns it was fitted on."""
        return int(self.booster.num_feature())

    @property
    def feature_names_in_(self) -> Any:
        """The columns it was fitted on."""
        names = self.booster.feature_name()
        if names == [f"Column_{place}" for place in range(len(names))]:
            raise AttributeError("it was fitted without names")
        return np.array(names, dtype=object)

    @property
    def booster_(self) -> Any:
        """The booster."""
        return self.booster

    def _scores(self, rows: Any) -> Any:
        return self.booster.predict(rows)


class _Classifier(ClassifierMixin):  # type: ignore[misc]
    """Labels and probabilities from what a raw booster predicts; classes are 0, 1, 2 and on."""

    _scores: Callable[[Any], Any]
    _outputs: Callable[[], int]

    @property
    def classes_(self) -> Any:
        """The classes."""
        return np.arange(max(2, self._outputs()))

    def predict_proba(self, rows: Any) -> Any:
        """Return the probabilities, ``[rows, classes]``."""
        scores = self._scores(rows)
        return scores if scores.ndim > 1 else np.column_stack([1 - scores, scores])

    def predict(self, rows: Any) -> Any:
        """Return the most probable class of each row."""
        return self.predict_proba(rows).argmax(axis=1)


class XGBoostClassifier(_Classifier, _XGBoost):
    """A raw booster of XGBoost that classifies."""

    def _outputs(self) -> int:
        learner = json.loads(self.booster.save_config())["learner"]
        return int(learner["learner_model_param"]["num_class"])


class LightGBMClassifier(_Classifier, _LightGBM):
    """A raw booster of LightGBM that classifies."""

    def _outputs(self) -> int:
        return int(self.booster.num_model_per_iteration())


class _Regressor(RegressorMixin):  # type: ignore[misc]
    _scores: Callable[[Any], Any]

    def predict(self, rows: Any) -> Any:
        """Return what the booster predicts."""
        return self._scores(rows)


class XGBoostRegressor(_Regressor, _XGBoost):
    """A raw booster of XGBoost that predicts values."""


class LightGBMRegressor(_Regressor, _LightGBM):
    """A raw booster of LightGBM that predicts values."""
