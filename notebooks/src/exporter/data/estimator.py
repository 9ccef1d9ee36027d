"""The original: the fitted scikit-learn model and its answers.

This module covers scikit-learn's conventions (fitted attributes, feature names, label types); it
does not depend on ONNX.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from sklearn.base import is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.multioutput import MultiOutputClassifier
from sklearn.utils.validation import check_is_fitted

from exporter.data.boosters import as_estimator, library_of
from exporter.data.forests import find_forest
from exporter.data.forms import PlainForm
from exporter.data.logged_model import LoggedModel
from exporter.errors import DataError, ModelError

if TYPE_CHECKING:
    from exporter.data.forms import Form
    from inference.model.contract import Label, Source


@dataclass(frozen=True)
class Answers:
    """A model's answers to some rows.

    Attributes:
        labels: Class indices (classification), shape ``[rows]``; or values (regression), shape
            ``[rows]`` or ``[rows, targets]``.
        probabilities: Shape ``[rows, classes]``, or ``None``.
    """

    labels: np.ndarray[Any, Any]
    probabilities: np.ndarray[Any, Any] | None = None


class FittedEstimator:
    """A fitted classifier or regressor.

    Args:
        model: A scikit-learn estimator or Pipeline, an object with their interface, or what was
            loaded from MLflow.
        form: The form of the rows that it was fitted on; by default as scikit-learn has them.

    Attributes:
        model: That model.
        source: Where it was stored, if that is known.
        form: That form.
        task: What it answers with.
        classes: Its classes as Python values, in its order; ``None`` for a regressor.
        encoded_classes: What an ONNX file holds in their place, where it cannot hold them
            (booleans, floats); ``None`` where it can.
        feature_names: The columns it was fitted on, when it knows them.
        width: How many columns it was fitted on, when it knows.

    Raises:
        ModelError: It is not fitted, or neither a classifier nor a regressor.
    """

    def __init__(self, model: Any, form: Form | None = None) -> None:
        self.source: Source | None = None
        if isinstance(model, LoggedModel):
            self.source, model = model.source, model.model
        model = as_estimator(model)
        self.model = model
        self.form: Form = form or PlainForm()
        self.task: Literal["classification", "regression"] = _task(model)
        _require_fitted(model)
        self.has_probabilities = self.task == "classification" and hasattr(model, "predict_proba")
        self.classes: list[Label] | None = None
        self.encoded_classes: list[str | int] | None = None
        if self.task == "classification":
            self.classes = _classes(model)
            if not all(type(c) in (int, str) for c in self.classes):
                self.encoded_classes = [int(c) for c in self.classes]
        names = _feature_names(model)
        self.feature_names: list[str] | None = None if names is None else [str(n) for n in names]
        width = getattr(model, "n_features_in_", None)
        self.width: int | None = None if width is None else int(width)
        if self.width is None and self.feature_names is not None:
            self.width = len(self.feature_names)

    def answer(self, native: Any) -> Answers:
        """Ask the original.

        Args:
            native: Rows as an array or a DataFrame.

        Raises:
            Exception: Whatever the model raises on rows that it does not take.
        """
        return self.answer_restored(self.form.restore(native))

    def answer_restored(self, native: Any) -> Answers:
        """Ask the original about rows in the form it was fitted on; see :meth:`answer`."""
        with warnings.catch_warnings():
            # Deprecations inside scikit-learn cannot be fixed by the user.
            warnings.simplefilter("ignore", FutureWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            predicted, probabilities = self._ask(native)
        if self.task == "regression":
            values = predicted.astype(np.float64)
            single = values.ndim > 1 and values.shape[1] == 1
            return Answers(values[:, 0] if single else values)
        if predicted.ndim == 2 and predicted.shape[1] == 1:
            predicted = predicted[:, 0]  # CatBoost's several classes
        if predicted.ndim != 1:
            raise ModelError(
                "the classifier answers with several labels per row, which is not supported: "
                + _each(self.model)
            )
        table = None if probabilities is None else np.asarray(probabilities, dtype=np.float64)
        if table is not None and table.shape[1] != len(self.classes or []):
            raise ModelError(
                f"the model gives {table.shape[1]} probabilities per row, but has seen "
                f"{len(self.classes or [])} class: fit it on two classes or more"
            )
        return Answers(self.to_indices(predicted), table)

    def _ask(self, native: Any) -> tuple[Any, Any]:
        forest = find_forest(self.model)
        if forest is not None:
            return forest.answer(native)
        predicted = np.asarray(self.model.predict(native))
        return predicted, self.model.predict_proba(native) if self.has_probabilities else None

    def to_indices(self, labels: Any) -> np.ndarray[Any, Any]:
        """Turn labels into indices of classes; -1 for an unknown label."""
        known = {c: i for i, c in enumerate(self.classes or [])}
        return np.array([known.get(_plain(v), -1) for v in np.asarray(labels).tolist()], dtype=int)


def _each(model: Any) -> str:
    """Advise to publish each of several classifiers by itself."""
    several = isinstance(model, MultiOutputClassifier)
    return "publish one classifier per output" + (", model.estimators_[0] first" if several else "")


def explain_failure(error: Exception) -> str:
    """Put a model's complaint about its rows into one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines)[:400] or type(error).__name__


def answer_all(original: FittedEstimator, native: Any, what: str = "X") -> Answers:
    """Ask the original about the rows a caller gave.

    Args:
        original: The model.
        native: Rows as an array or a DataFrame.
        what: What the caller calls them.

    Raises:
        DataError: It does not take them; names the first row that it refuses.
    """
    try:
        return original.answer(native)
    except ModelError:
        raise
    except Exception as error:
        row = _first_refused(original, native)
        where = what if row is None else f"{what}, row {row}"
        raise DataError(
            f"the model itself cannot predict on {where}: {explain_failure(error)}. "
            f"Pass {what} as you pass it to model.predict()"
        ) from error


def reads_column(original: FittedEstimator, native: Any, index: int) -> bool:
    """Return whether a model answers differently if a column of a DataFrame holds only zeros."""
    if not isinstance(native, pd.DataFrame):
        return True
    changed = native.copy()
    changed.isetitem(index, np.zeros(len(native)))
    return _outcome(original, native) != _outcome(original, changed)


def _outcome(original: FittedEstimator, native: Any) -> str | list[Any]:
    try:
        answers = original.answer(native)
    except Exception as error:  # noqa: BLE001 - whatever it is, the rows are refused
        return explain_failure(error)
    shares = answers.probabilities
    return [answers.labels.tolist(), None if shares is None else shares.tolist()]


def _first_refused(original: FittedEstimator, native: Any) -> int | None:
    """Find the first row that the model refuses; ``None`` where it refuses each of them."""
    low, high = 0, len(native)
    if not _answers(original, native[:1]):
        return None
    while high - low > 1:  # rows before low are answered, those up to high are not
        middle = (low + high) // 2
        if _answers(original, native[low:middle]):
            low = middle
        else:
            high = middle
    return None if _answers(original, native[low : low + 1]) else low


def _answers(original: FittedEstimator, native: Any) -> bool:
    try:
        original.answer(native)
    except Exception:  # noqa: BLE001 - whatever it is, the rows are refused
        return False
    return True


def _plain(value: Any) -> Any:
    # 1.0 == 1 == True in a dict, which is what is wanted: predict() may return another width.
    return value.item() if isinstance(value, np.generic) else value


def _task(model: Any) -> Literal["classification", "regression"]:
    if isinstance(model, type):
        raise ModelError(
            f"model is the class {model.__name__}, not a fitted instance: "
            f"pass {model.__name__}(...).fit(X, y)"
        )
    if not (hasattr(model, "fit") and hasattr(model, "predict")):
        raise ModelError(
            f"model is a {type(model).__name__}, which has no fit() and predict(): "
            "pass a fitted scikit-learn classifier, regressor or Pipeline"
        )
    try:
        if is_classifier(model):
            return "classification"
        if is_regressor(model) or is_ranker(model):
            return "regression"
    except (AttributeError, TypeError):  # no scikit-learn tags
        pass
    raise ModelError(
        f"{type(model).__name__} is neither a classifier nor a regressor: pass an estimator that "
        "predicts a label or a value, or a Pipeline that ends in one"
    )


def is_ranker(model: Any) -> bool:
    """Whether a model of a boosting library orders rows; scikit-learn has no such kind."""
    return library_of(model) is not None and type(model).__name__.endswith("Ranker")


def _feature_names(model: Any) -> Any:
    """Return the columns that a model was fitted on, ``None`` if it does not have their names."""
    if library_of(model) == "catboost":
        names = model.feature_names_
        return None if names == [str(place) for place in range(len(names))] else names
    return getattr(model, "feature_names_in_", None)


def _require_fitted(model: Any) -> None:
    try:
        check_is_fitted(model)
    except NotFittedError:
        raise ModelError(
            f"the {type(model).__name__} is not fitted yet: call model.fit(X, y) before publish()"
        ) from None
    except TypeError as error:
        raise ModelError(f"model is not an estimator: {error}") from None


def _classes(model: Any) -> list[Label]:
    found = getattr(model, "classes_", None)
    if found is None:
        raise ModelError(f"the {type(model).__name__} has no classes_: is it a fitted classifier?")
    array = None if isinstance(found, list) else np.asarray(found)
    if array is None or array.ndim != 1:
        raise ModelError(
            "the classifier has several outputs, which is not supported: " + _each(model)
        )
    classes = [_plain(c) for c in array.tolist()]
    kinds = {type(c) for c in classes}
    whole = kinds != {float} or all(c.is_integer() for c in classes)
    if len(kinds) != 1 or not kinds <= {int, str, bool, float} or not whole:
        shown = ", ".join(repr(c) for c in classes[:5])
        raise ModelError(
            f"the classes ({shown}) are not all strings, all whole numbers or all booleans: "
            "fit the model on labels of one such type"
        )
    return classes
