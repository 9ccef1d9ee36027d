"""Rows between the rows that a model was trained on, and around them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

_ODD_TEXTS = [
    "",
    " ",
    "ÜBER Straße",
    "x",
    "good  good\tGOOD",
    "é" * 40,
    "a_b 12 3",
    "naïve,café;don't",
]


def rows_between(x: Any, count: int, seed: int = 0) -> Any:
    """Make rows of the same form as X.

    A row mixes two rows of X column by column, moves its real numbers part of the way between the
    two, or shakes them a little; texts are shuffled word by word.

    Args:
        x: An array, a DataFrame or a list of texts.
        count: How many.
        seed: Of the choice.
    """
    rng = np.random.default_rng(seed)
    if isinstance(x, list):
        return _texts(np.array(x, dtype=object), count, rng).tolist()
    frame = x if isinstance(x, pd.DataFrame) else pd.DataFrame(x)
    first, second = rng.integers(0, len(frame), (2, count))
    way = rng.integers(0, 3, count)
    share = rng.random(count)
    columns = {
        name: _column(frame[name], (first, second, way, share), rng) for name in frame.columns
    }
    made = pd.DataFrame(columns, index=range(count))
    made = made.astype({n: frame[n].dtype for n in frame if made[n].dtype != frame[n].dtype})
    return made if isinstance(x, pd.DataFrame) else made.to_numpy(dtype=np.asarray(x).dtype)


def _column(column: Any, plan: Any, rng: Any) -> Any:
    first, second, way, share = plan
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.to_numpy()[np.where(rng.random(len(first)) < 0.5, first, second)]
    values = column.to_numpy()
    a, b = values[first], values[second]
    if column.dtype.kind == "f":
        spread = np.nanstd(values) or 1.0
        moved = np.where(way == 1, a + (b - a) * share, a + rng.normal(0, 0.02, len(a)) * spread)
        swapped = np.where(rng.random(len(a)) < 0.5, a, b)
        return np.where(way == 0, swapped, moved)
    if column.dtype.kind in "iub" or column.nunique() < len(column) / 4:
        return np.where(rng.random(len(a)) < 0.5, a, b)
    return _texts(values, len(a), rng)


def _texts(texts: Any, count: int, rng: Any) -> Any:
    made = np.empty(count, dtype=object)
    for i in range(count):
        if i < len(_ODD_TEXTS):
            made[i] = _ODD_TEXTS[i]
            continue
        words = " ".join(rng.choice(texts, 2)).split(" ")
        rng.shuffle(words)
        text = " ".join(words[: rng.integers(1, len(words) + 1)])
        made[i] = text.upper() if i % 7 == 0 else text
    return made
