"""Values that are not in X, but that callers may send for a column.

There is one function for each kind of column; all are seeded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from exporter.data.table import Array, Column

_MOST = 2000
_BEYOND = 0.1  # of the range
_JITTER = 1e-3  # of the range
_BETWEEN = 500
_LONG = 200


def numbers(column: Column, thresholds: Array, rng: np.random.Generator) -> Array:
    """Return values between, close to, at the ends of and beyond those in X, and thresholds.

    Args:
        column: A column of numbers.
        thresholds: The thresholds of the model's trees for this column.
        rng: Random generator that chooses values if there are too many.
    """
    seen = np.unique(column.present[np.isfinite(column.present)])
    if not len(seen):
        return np.zeros(0)
    seen = _some(seen, rng)
    span = float(seen[-1] - seen[0]) or max(abs(float(seen[0])), 1.0)
    middles = seen[:-1] + (seen[1:] - seen[:-1]) / 2
    between = rng.uniform(seen[0], seen[-1], _BETWEEN)
    jitter = seen + rng.normal(size=len(seen)) * span * _JITTER
    ends = [seen[0] - span * _BEYOND, seen[0], seen[-1], seen[-1] + span * _BEYOND]
    near = around(_some(np.concatenate([thresholds, middles]), rng))
    return np.concatenate([middles, between, jitter, ends, near])


def integers(column: Column, thresholds: Array, rng: np.random.Generator) -> Array:
    """Return integers between those in X, next to thresholds, at the ends and beyond."""
    seen = _some(np.unique(column.values), rng)
    if not len(seen):
        return np.zeros(0, dtype=np.int64)
    middles = seen[:-1] + (seen[1:] - seen[:-1]) // 2
    splits = _some(np.floor(thresholds[np.abs(thresholds) < 2**62]), rng).astype(np.int64)
    ends = np.array([seen[0] - 1, seen[0], seen[-1], seen[-1] + 1])
    return np.concatenate([middles, splits, splits + 1, ends])


def booleans(column: Column) -> Array:
    """Return both values."""
    both = np.array([False, True]).astype(column.values.dtype)
    return both if len(column.values) else both[:0]


def texts(column: Column, rng: np.random.Generator) -> Array:
    """Return texts from X, and texts with accents, spaces, other cases and other lengths."""
    seen = [str(text) for text in column.present.tolist()]
    found = list(dict.fromkeys(seen))[:_MOST]
    some = [seen[i] for i in rng.integers(len(seen), size=8)] if seen else []
    odd = [
        "CAFÉ Naïve",
        "a  b",
        " ",
        "\tnew\nline ",
        "x" * _LONG,
        "12 3.5, six-seven_eight",
        "日本語 テキスト",
        "it's O'Neil — 50% off!",
    ]
    changed = [
        version
        for text in some
        for version in (text.upper(), text.title(), f"  {text}", f"{text}é", f"{text} {text}")
    ]
    values = np.empty(len(found) + len(odd) + len(changed), dtype=object)
    values[:] = [*found, *odd, *changed]
    return values


def around(values: Array) -> Array:
    """Return values with their neighbors in both precisions, and the middles between float32s."""
    with np.errstate(over="ignore"):
        single = values.astype(np.float32)
        above = np.nextafter(single, np.float32(np.inf)).astype(np.float64)
        below = np.nextafter(single, np.float32(-np.inf)).astype(np.float64)
        middle = single.astype(np.float64)
        turns = [(middle + above) / 2, (middle + below) / 2]  # where rounding to float32 changes
        beside = [np.nextafter(v, end) for v in (values, *turns) for end in (-np.inf, np.inf)]
    found: Array = np.concatenate([values, middle, above, below, *turns, *beside])
    return found[np.isfinite(found)]


def _some(values: Array, rng: np.random.Generator) -> Any:
    if len(values) <= _MOST:
        return values
    return np.sort(rng.choice(values, _MOST, replace=False))
