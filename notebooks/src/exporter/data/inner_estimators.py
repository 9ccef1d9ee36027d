"""The estimators inside an estimator, such as the steps of a pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator

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
