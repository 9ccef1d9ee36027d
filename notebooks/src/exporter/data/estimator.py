"""The original: the fitted scikit-learn model and its answers.

It covers scikit-learn's conventions (fitted attributes, names, shapes), and nothing of ONNX.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.exceptions import NotFittedError
from sklearn.multioutput import ClassifierChain
from sklearn.utils.validation import check_is_fitted

from exporter.data.answers.answers import Answers
from exporter.data.answers.kinds import find_classes, find_task, last_step
from exporter.data.boosters import as_estimator, count_columns, library_of
from exporter.data.forests import find_forest
from exporter.data.forms import PlainForm, copy_rows
from exporter.data.logged_model import LoggedModel
from exporter.data.sparse_rows import GivenRows
from exporter.errors import DataError, ModelError

if TYPE_CHECKING:
    from exporter.data.answers.kinds import Classes
    from exporter.data.forms import Form
    from inference.model.contract import Label, Source

    Array = np.ndarray[Any, Any]


class FittedEstimator:
    """A fitted model that answers about new rows.

    Args:
        model: A scikit-learn estimator or Pipeline, an object with their interface, or what was
            loaded from MLflow.
        form: The form of the rows that it was fitted on; by default as scikit-learn has them.

    Attributes:
        model: That model.
        source: Where it was stored, if that is known.
        form: That form.
        task: What it answers with.
        labels: The classes of each label that it answers with; none if it answers with numbers.
        has_probabilities: Whether it gives probabilities of the classes or clusters.
        has_scores: Whether it gives a decision function of outliers, or distances to clusters.
        feature_names: The columns it was fitted on, when it knows them.
        width: How many columns it was fitted on, when it knows.
        given: The rows of its parts, see :func:`exporter.data.sparse_rows.find_given`.

    Raises:
        ModelError: It is not fitted, or answers nothing about rows it was not fitted on.
    """

    def __init__(self, model: Any, form: Form | None = None) -> None:
        self.source: Source | None = None
        if isinstance(model, LoggedModel):
            self.source, model = model.source, model.model
        model = as_estimator(model)
        self.model = model
        self.form: Form = form or PlainForm()
        self.given = GivenRows()
        self.task = find_task(model)
        _require_fitted(model)
        self.labels: list[Classes] = find_classes(model, self.task)
        labeled = bool(self.labels) and self.task != "outlier_detection"
        self.has_probabilities = labeled and _has_probabilities(model, self.labels)
        self.has_scores = self.task == "outlier_detection" or (
            self.task == "clustering" and _has_distances(model, self.labels)
        )
        names = _feature_names(model)
        self.feature_names: list[str] | None = None if names is None else [str(n) for n in names]
        self.width = count_columns(model)
        if self.width is None and self.feature_names is not None:
            self.width = len(self.feature_names)

    @property
    def has_several_labels(self) -> bool:
        """Whether it answers with several labels per row."""
        return self.task == "multioutput_classification"

    @property
    def classes(self) -> list[Label] | None:
        """The classes of its only label; ``None`` for numbers and for several labels."""
        return None if len(self.labels) != 1 or self.has_several_labels else self.labels[0].labels

    @property
    def encoded_classes(self) -> list[str | int] | None:
        """What an ONNX file holds in their place; ``None`` where it can hold them."""
        return None if self.classes is None else self.labels[0].encoded

    @property
    def vector_names(self) -> list[str] | None:
        """The names that a transformer gives to its columns; ``None`` if it has none."""
        try:
            return [str(name) for name in self.model.get_feature_names_out()]
        except Exception:  # noqa: BLE001 - any step may lack the method, or need other arguments
            return None

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
            if self.task == "transformation":
                return Answers(_vectors(self.model.transform(copy_rows(native)), self.model))
            predicted, probabilities = self._ask(native)
            scores = self._score(native) if self.has_scores else None
        if not self.labels:
            values = predicted.astype(np.float64)
            single = values.ndim > 1 and values.shape[1] == 1
            return Answers(values[:, 0] if single else values)
        return Answers(self._read_labels(predicted), self._read_shares(probabilities), scores)

    def _ask(self, native: Any) -> tuple[Any, Any]:
        forest = find_forest(self.model)
        if forest is not None:
            return forest.answer(native)
        predicted = _dense(self.model.predict(copy_rows(native)))
        if not self.has_probabilities:
            return predicted, None
        return predicted, self.model.predict_proba(copy_rows(native))

    def _score(self, native: Any) -> Array:
        ask = self.model.transform if self.task == "clustering" else self.model.decision_function
        scores: Array = np.asarray(_dense(ask(copy_rows(native))), dtype=np.float64)
        return scores.reshape(len(scores), -1)

    def _read_labels(self, predicted: Array) -> Array:
        if self.has_several_labels:
            if predicted.ndim != 2 or predicted.shape[1] != len(self.labels):
                raise ModelError(
                    f"the model has the classes of {len(self.labels)} labels, but predict() "
                    f"returns the shape {predicted.shape}: return one column for each label"
                )
            pairs = zip(self.labels, predicted.T, strict=True)
            return np.column_stack([classes.to_indices(column) for classes, column in pairs])
        if predicted.ndim == 2 and predicted.shape[1] == 1:
            predicted = predicted[:, 0]  # CatBoost's several classes
        if predicted.ndim != 1:
            raise ModelError(
                f"{type(self.model).__name__} answers with several labels per row, of which it has "
                "no list of classes: fit one classifier per label, for example with "
                "MultiOutputClassifier"
            )
        return self.labels[0].to_indices(predicted)

    def _read_shares(self, probabilities: Any) -> Array | None:
        if probabilities is None:
            return None
        if not self.has_several_labels:
            table = np.asarray(probabilities, dtype=np.float64)
        elif isinstance(probabilities, list):  # for each label, those of its classes
            table = np.column_stack(probabilities).astype(np.float64)
        else:  # for each label, that of its second class
            each = np.asarray(_dense(probabilities), dtype=np.float64).T
            table = np.column_stack([part for share in each for part in (1 - share, share)])
        count = sum(len(classes.labels) for classes in self.labels)
        if table.shape[1] != count:
            raise ModelError(
                f"the model gives {table.shape[1]} probabilities per row, but has seen "
                f"{count} class{'' if count == 1 else 'es'}: fit it on two classes or more"
            )
        return table


def explain_failure(error: Exception) -> str:
    """Put a model's complaint about its rows into one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines)[:400].rstrip(".") or type(error).__name__


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
    except Exception as error:  # noqa: BLE001 - any error of the model refuses the rows
        return explain_failure(error)
    numbers = answers.numbers
    return [answers.labels.tolist(), None if numbers is None else numbers.tolist()]


def _first_refused(original: FittedEstimator, native: Any) -> int | None:
    """Find the first row that the model refuses; ``None`` where it refuses each of them."""
    low, high = 0, len(native)
    if not is_answered(original, native[:1]):
        return None
    while high - low > 1:  # rows before low are answered, those up to high are not
        middle = (low + high) // 2
        if is_answered(original, native[low:middle]):
            low = middle
        else:
            high = middle
    return None if is_answered(original, native[low : low + 1]) else low


def is_answered(original: FittedEstimator, native: Any) -> bool:
    """Return whether a model answers rows."""
    try:
        original.answer(native)
    except Exception:  # noqa: BLE001 - any error of the model refuses the rows
        return False
    return True


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


def _has_probabilities(model: Any, labels: list[Classes]) -> bool:
    if not hasattr(model, "predict_proba"):
        return False
    # A chain gives the probability of the second class, and fails where there are more.
    chain = isinstance(last_step(model), ClassifierChain)
    return not chain or all(len(classes.labels) == 2 for classes in labels)


def _has_distances(model: Any, labels: list[Classes]) -> bool:
    centers = getattr(last_step(model), "subcluster_centers_", labels[0].labels)
    # Birch may unite several centers to a cluster.
    return hasattr(model, "transform") and len(centers) == len(labels[0].labels)


def _dense(found: Any) -> Any:
    return found.toarray() if hasattr(found, "toarray") else np.asarray(found)


def _vectors(found: Any, model: Any) -> Array:
    table = _dense(found)
    try:
        table = table.astype(np.float64)
    except (TypeError, ValueError):
        raise ModelError(
            f"{type(last_step(model)).__name__} transforms into strings: end the pipeline with a "
            "transformer that answers with numbers, or with a predictor"
        ) from None
    vectors: Array = table if table.ndim == 2 else table.reshape(len(table), -1)
    return vectors
