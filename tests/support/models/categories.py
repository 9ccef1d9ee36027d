"""Frames of two real columns and two of categories, each of another type."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

_ROWS = 300
_RNG = np.random.default_rng(11)
_NUMBERS = pd.DataFrame({"size": _RNG.normal(size=_ROWS), "count": _RNG.integers(0, 9, _ROWS)})
_KINDS = _RNG.integers(0, 8, _ROWS)
_PLACES = _RNG.integers(0, 4, _ROWS)
ANSWERS = (np.isin(_KINDS, [0, 2, 5]) ^ (_NUMBERS["size"] > 0.2) ^ (_PLACES == 1)).astype(int)


def _frame(kinds: list[Any], places: list[Any]) -> pd.DataFrame:
    return _NUMBERS.assign(
        kind=pd.Categorical(np.array(kinds, dtype=object)[_KINDS], categories=kinds),
        place=pd.Categorical(np.array(places, dtype=object)[_PLACES], categories=places),
    )


def with_gaps(frame: pd.DataFrame) -> pd.DataFrame:
    """Make some values of each column missing."""
    rng = np.random.default_rng(12)
    return frame.mask(rng.random(frame.shape) < 0.15)


_TEXTS = _frame(["n-1", "b", "a", "z z", "A", " ", "f", "g"], ["n", "s", "w", "e"])
_INTEGERS = _frame([7, 3, 40, 1, 0, -5, 1000000, 11], [1, 2, 3, 4])
CATEGORIES = {
    "texts": _TEXTS,
    "texts with gaps": with_gaps(_TEXTS),
    "integers": _INTEGERS,
    "integers with gaps": with_gaps(_INTEGERS),
    "reals": _frame([0.5, 1.1, -0.1, 1e300, 2.0, 3.25, 1e-9, 7.0], [0.1, 0.2, 0.3, 0.7]),
    "categories alone": _TEXTS[["kind", "place"]],
    "a category that no row has": _TEXTS.assign(kind=_TEXTS["kind"].cat.add_categories("none")),
    "categories first": _TEXTS[["place", "count", "kind", "size"]],
    "letters beyond ASCII": _frame(
        ["é", "", "ab", "ßß", "日本", "c", "d", "e"], ["a", "b", "c", "Ω"]
    ),
    "both types": _TEXTS.assign(place=_INTEGERS["place"]),
}
