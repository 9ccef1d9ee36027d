"""Small data sets, and the comparison of a converted model with the original."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    StandardScaler,
)

from exporter.conversion.converter import convert
from exporter.conversion.inputs import InputLayout, choose_layout
from exporter.conversion.parity import compare, run
from exporter.data.estimator import FittedEstimator
from exporter.data.reader import read_table

if TYPE_CHECKING:
    from exporter.conversion.parity import Comparison


IRIS, SPECIES = load_iris(return_X_y=True)
CELLS, MALIGNANT = load_breast_cancer(return_X_y=True)
CELLS, MALIGNANT = CELLS[:200, :8], MALIGNANT[:200]


def between(x: Any, count: int = 300) -> Any:
    """Return rows between random pairs of rows of X."""
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, len(x), (2, count))
    return x[first] + (x[second] - x[first]) * rng.random((count, 1))


def check(model: Any, x: Any, rows: Any, precision: str = "float64") -> Comparison:
    """Convert a fitted model and compare its answers to rows it has not seen."""
    original = FittedEstimator(model)
    table, asked = read_table(x, original), read_table(rows, original)
    found = choose_layout(table)
    layout = InputLayout(found.names, found.elements, precision)  # type: ignore[arg-type]
    conversion = convert(original, layout, table.take(range(3)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some encoders warn of categories they do not know
        expected = original.answer(asked.native)
    comparison = compare(expected, run(conversion, original, asked), 1e-9, original.task)
    wrong = comparison.worst(3)
    assert comparison.equal.all(), asked.take(wrong).rows()
    assert comparison.max_difference < (1e-7 if precision == "float64" else 1e-4)
    return comparison


def fit(model: Any, x: Any, y: Any) -> Any:
    """Fit a model without warnings about few iterations."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(x, y)


def scaled(model: Any) -> Any:
    """Return a pipeline that scales before the model."""
    return make_pipeline(StandardScaler(), model)


def log() -> LogisticRegression:
    """Return an unfitted logistic regression."""
    return LogisticRegression(max_iter=300)
