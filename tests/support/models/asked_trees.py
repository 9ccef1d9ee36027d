"""Rows around the thresholds of trees, and how a converted model answers them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from exporter.conversion.converter import convert
from exporter.conversion.inputs import choose_layout
from exporter.conversion.parity import Comparison, compare, run
from exporter.conversion.precision import needs_doubles
from exporter.data.estimator import FittedEstimator
from exporter.data.reader import read_table

Array = np.ndarray[Any, Any]


def around(X: Array, count: int = 600, seed: int = 0) -> Array:  # noqa: N803
    """Make rows at the middles between values, where trees split, and one step beside them."""
    rng = np.random.default_rng(seed)
    rows = X[rng.integers(len(X), size=count)].astype(float)
    for column in range(X.shape[1]):
        values = np.unique(X[:, column][~np.isnan(X[:, column])])
        at = np.concatenate([(values[:-1] + values[1:]) / 2, values])
        single = at.astype(np.float32)
        near = [
            at,
            np.nextafter(at, np.inf),
            np.nextafter(at, -np.inf),
            np.nextafter(single, np.float32(np.inf)).astype(float),
            np.nextafter(single, np.float32(-np.inf)).astype(float),
        ]
        moved = rng.random(count) < 0.6
        rows[moved, column] = rng.choice(np.concatenate(near), moved.sum())
    return rows


def ask(model: Any, rows: Any, precision: str | None = None) -> Comparison:
    """Compare the converted model with the original."""
    original = FittedEstimator(model)
    table = read_table(rows, original, None)
    chosen: Any = precision or ("float64" if needs_doubles(model) else "float32")
    layout = replace(choose_layout(table), precision=chosen)
    conversion = convert(original, layout, table.take(range(3)))
    expected = original.answer(table.native)
    scale = 1.0 if original.task == "classification" else float(np.abs(expected.labels).max())
    given = run(conversion, original, table)
    return compare(expected, given, 1e-6 * scale, original.task)
