"""The estimators within an estimator, such as the steps of a pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inference.model.contract import Scalar

_MAX_LENGTH = 1000  # of a list that may hold estimators


def encoded_categories(model: Any) -> list[set[Scalar]]:
    """List the categories that the encoders within a model were fitted on or given."""
    found: list[set[Scalar]] = []
    for estimator in estimators_within(model):
        for known in getattr(estimator, "categories_", None) or ():
            values = np.asarray(known).tolist()
            found.append({v for v in values if isinstance(v, (str, int, float)) and v == v})  # noqa: PLR0124 - NaN alone differs
    return found


def estimators_within(model: Any) -> Iterator[Any]:
    """Walk through an estimator and those that it holds, each once."""
    pending, met = [model], set[int]()
    while pending:
        value = pending.pop()
        if isinstance(value, (list, tuple)) and len(value) <= _MAX_LENGTH:
            pending += value
        elif isinstance(value, dict):
            pending += value.values()
        elif isinstance(value, BaseEstimator) and id(value) not in met:
            met.add(id(value))
            yield value
            pending += vars(value).values()
