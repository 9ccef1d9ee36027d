"""Asking forests, which take long, once for label and probabilities, and many rows in threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.pipeline import Pipeline

from exporter.data.forms import copy_rows
from inference.model.plan import granted_cpus

if TYPE_CHECKING:
    from collections.abc import Callable

    Array = np.ndarray[Any, Any]

_CLASSIFIERS = (RandomForestClassifier, ExtraTreesClassifier)
_REGRESSORS = (RandomForestRegressor, ExtraTreesRegressor)
_LEAST_ROWS = 2000  # for which a thread of their own is worth it


@dataclass(frozen=True)
class Forest:
    """A forest, and what stands before it.

    Attributes:
        steps: The pipeline before it; ``None`` without any.
        model: The forest.
    """

    steps: Any
    model: Any

    def answer(self, native: Any) -> tuple[Array, Array | None]:
        """Return labels and probabilities, or values, as the model's own methods do.

        A forest's ``predict`` takes the most probable class, and each row is answered by itself.
        """
        rows = native if self.steps is None else self.steps.transform(copy_rows(native))
        if isinstance(self.model, _REGRESSORS):
            return _ask_in_parts(self.model.predict, rows, self.model.n_jobs), None
        shares = _ask_in_parts(self.model.predict_proba, rows, self.model.n_jobs)
        return self.model.classes_.take(np.argmax(shares, axis=1), axis=0), shares


def find_forest(model: Any) -> Forest | None:
    """Find the forest that a model is or a pipeline ends in; ``None`` where there is none."""
    steps = None
    if type(model) is Pipeline:
        steps, model = model[:-1] if len(model) > 1 else None, model[-1]
    if type(model) not in (*_CLASSIFIERS, *_REGRESSORS) or model.n_outputs_ > 1:
        return None
    return Forest(steps, model)


def _ask_in_parts(ask: Callable[[Any], Array], rows: Any, n_jobs: int | None) -> Array:
    count = rows.shape[0] if hasattr(rows, "shape") else len(rows)
    threads = 1 if n_jobs not in (None, 1) else min(granted_cpus(), count // _LEAST_ROWS)
    if threads < 2:
        return np.asarray(ask(rows))
    bounds = np.linspace(0, count, threads + 1).astype(int)
    chosen = rows.iloc if hasattr(rows, "iloc") else rows
    parts = [chosen[first:last] for first, last in pairwise(bounds)]
    with ThreadPoolExecutor(threads) as pool:
        return np.concatenate(list(pool.map(ask, parts)))
