"""Exact interventional Shapley values: every coalition of features, against every background row.

Source: Lundberg and Lee, A Unified Approach to Interpreting Model Predictions, 2017, equation 4;
the value of a coalition is the mean answer where the features outside it come from the background
(Janzing et al., Feature relevance quantification in explainable AI, 2020).
"""

from __future__ import annotations

from functools import lru_cache
from math import comb
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    Evaluate = Callable[[int, Callable[[slice], tuple["Array", "Array"]]], "Array"]

Array = np.ndarray[Any, Any]

_CACHED_ROWS = 4096  # larger tables are made again, which takes less than their runs


class Contrast(NamedTuple):
    """A record beside the background.

    Attributes:
        differs: Whether each feature differs from each background row, shape
            ``[background rows, features]``; each feature differs from one at least.
        base: Answers to the background rows, shape ``[background rows, outputs]``.
        answer: The answer to the record, shape ``[outputs]``.
    """

    differs: Array
    base: Array
    answer: Array


class _Table(NamedTuple):
    """The rows to run for all coalitions of some features.

    Attributes:
        own: Which features each row takes from the record, shape ``[rows, features]``.
        rows: Its background row.
        source: Where the answer of each coalition against each background row is found: background
            rows first, then the record, then the rows; shape ``[coalitions, background rows]``.
    """

    own: Array
    rows: Array
    source: Array


def exact_values(contrast: Contrast, evaluate: Evaluate) -> tuple[Array, int]:
    """Compute the contribution of each feature to one answer.

    Coalitions that make the same row are run once: where a record and a background row have a
    value in common, it does not matter from which of the two it comes.

    Args:
        contrast: The record and the background.
        evaluate: Runs rows: takes how many there are and what makes them, returns their answers.

    Returns:
        Contributions, shape ``[features, outputs]``, and the number of rows that were run.
    """
    differs, base, answer = contrast
    features = differs.shape[1]
    if differs.all() and differs.shape[0] << features <= _CACHED_ROWS:
        table = _common_table(*differs.shape)
    else:
        table = _make_table(differs)
    count = len(table.rows)
    answers = evaluate(count, lambda part: (table.own[part], table.rows[part]))
    weights = _weights(features)
    contributions = np.empty((features, len(answer)))
    for output in range(len(answer)):
        known = np.concatenate((base[:, output], answer[output : output + 1], answers[:, output]))
        contributions[:, output] = weights @ known[table.source].mean(axis=1)
    return contributions, count


@lru_cache(maxsize=16)
def _common_table(rows: int, features: int) -> _Table:
    return _make_table(np.ones((rows, features), dtype=bool))


def _make_table(differs: Array) -> _Table:
    rows, features = differs.shape
    bits = 1 << np.arange(features)
    coalitions = np.arange(1 << features)[:, None]
    everything = differs @ bits
    reduced = coalitions & everything
    is_row = (reduced == coalitions) & (coalitions != 0) & (coalitions != everything)
    place = np.cumsum(is_row).reshape(is_row.shape) + rows
    columns = np.arange(rows)[None, :]
    source = place[reduced, columns]
    source[reduced == everything] = rows
    source = np.where(reduced == 0, columns, source)
    chosen, index = np.nonzero(is_row)
    return _Table((chosen[:, None] & bits) != 0, index, source)


@lru_cache(maxsize=8)
def _weights(features: int) -> Array:
    """Return each coalition's factor in each feature's value, shape ``[features, 2^features]``.

    Joined by a feature, a coalition of ``s`` others counts ``1 / (n * binomial(n - 1, s))``.
    """
    share = np.array([1 / (features * comb(features - 1, s)) for s in range(features)] + [0.0])
    coalitions = np.arange(1 << features)
    contains = ((coalitions[None, :] >> np.arange(features)[:, None]) & 1).astype(bool)
    sizes = contains.sum(axis=0)
    return np.asarray(np.where(contains, share[sizes - 1], -share[sizes]))
