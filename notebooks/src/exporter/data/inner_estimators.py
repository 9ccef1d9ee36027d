"""The estimators inside an estimator, such as the steps of a pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.calibration import _CalibratedClassifier
from sklearn.exceptions import NotFittedError

from exporter.data.boosters import library_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from inference.model.contract import Scalar

_PLAIN = (str, int, float, np.generic, type(None))  # most values; tested first, to be fast


def encoded_categories(model: Any) -> list[set[Scalar]]:
    """List the categories that the encoders inside a model were fitted on or configured with."""
    found: list[set[Scalar]] = []
    for estimator in estimators_within(model):
        for known in getattr(estimator, "categories_", None) or ():
            values = np.asarray(known).tolist()
            found.append({v for v in values if isinstance(v, (str, int, float)) and v == v})  # noqa: PLR0124 - only NaN differs from itself
    return found


def guesses_categories(model: Any) -> bool:
    """Return whether a part of a model takes categories that it was not fitted on for others.

    XGBoost 3.2 refuses a text only if it comes after all of its categories in the order of letters,
    and takes another one for the category that follows.
    """
    return any(
        library_of(part) == "xgboost" and _has_categories(part) for part in estimators_within(model)
    )


def _has_categories(model: Any) -> bool:
    try:
        return "c" in (model.get_booster().feature_types or ())
    except NotFittedError:  # what a wrapper has made copies of
        return False


def estimators_within(
    model: Any, *, also: tuple[type, ...] = (), closed: tuple[type, ...] = ()
) -> Iterator[Any]:
    """Yield an estimator and all estimators inside it, depth first, each once.

    Estimators of boosting libraries are included, but not searched.

    Args:
        model: The estimator.
        also: Other types to yield.
        closed: Types of estimators that are not searched.
    """
    pending, seen = [model], set[int]()
    while pending:
        value = pending.pop()
        if isinstance(value, _PLAIN):
            continue
        if isinstance(value, _CalibratedClassifier):  # no estimator itself
            value = value.estimator
        if not isinstance(value, BaseEstimator) and (held := _items(value)) is not None:
            pending += reversed(list(held))
            continue
        library = library_of(value)
        if id(value) in seen or not (library or isinstance(value, (BaseEstimator, *also))):
            continue
        seen.add(id(value))
        yield value
        if isinstance(value, BaseEstimator) and not library and not isinstance(value, closed):
            pending += reversed(list(vars(value).values()))


def _items(value: Any) -> Iterable[Any] | None:
    """Return the items of a container; ``None`` for any other value."""
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, (list, tuple)):
        return value
    if isinstance(value, np.ndarray):
        return value.ravel().tolist() if value.dtype.kind == "O" else ()
    return None
