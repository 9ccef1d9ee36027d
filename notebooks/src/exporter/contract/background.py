"""Choosing the background: rows of the training data that stand for all of it in explanations.

The rows are divided at medians, again and again along the direction in which they differ most, into
cells of equal size: a balanced clustering. The row in the middle of each cell is taken. Each row of
the background thus stands for equally many rows of X, and its plain mean for the mean over X. The
centers of k-means do not: a cell of a few outliers would count as much as one of many rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from inference.model.contract import MAX_BACKGROUND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.data.table import Array, Column, Table
    from inference.model.contract import Feature, Scalar

_SEED = 0
_MAX_ROWS = 20_000  # to choose from
_MAX_VALUES = 8_000_000  # to choose from
_LARGEST = float(np.finfo(np.float32).max)
_MAX_CATEGORIES = 20  # of a column; rarer ones count as alike
_MAX_COLUMNS = 200  # in which rows are compared
_MAX_BYTES = 256 * 1024  # of the background, about
_LEAST_ROWS = 8
_POWER_STEPS = 8


def choose_background(table: Table, features: Sequence[Feature]) -> list[list[Scalar]] | None:
    """Choose up to 64 rows, the same for the same data.

    Args:
        table: The rows, with the columns of the features only.
        features: What callers send.

    Returns:
        The rows as callers send them; ``None`` where no row can be sent, or where the rows are too
        long to travel in the contract.
    """
    usable = np.flatnonzero(_can_be_sent(table, features))
    if not len(usable):
        return None
    most = max(MAX_BACKGROUND, min(_MAX_ROWS, _MAX_VALUES // len(features)))
    if len(usable) > most:
        random = np.random.default_rng(_SEED)
        usable = np.sort(random.choice(usable, most, replace=False))
    kept = table.take(usable)
    count = _count_that_fits(kept)
    if count is None:
        return None
    places = _coordinates(kept)
    chosen = sorted(_middle(places, cell) for cell in _divide(places, count))
    return [_as_sent(row, features) for row in kept.take(chosen).rows()]


def _can_be_sent(table: Table, features: Sequence[Feature]) -> Array:
    """Tell which rows a caller could send: they lack nothing that may not be null."""
    sendable = np.ones(len(table), dtype=bool)
    for column, feature in zip(table.columns, features, strict=True):
        if not feature.nullable:
            sendable &= ~column.missing
        if column.kind == "number":
            # Beyond it a number is infinite to an input of type float.
            sendable &= ~(np.abs(column.values) > _LARGEST)
    return sendable


def _count_that_fits(table: Table) -> int | None:
    """Return how many rows fit into the contract; ``None`` if too few to stand for the rest."""
    few = table.take(range(min(len(table), MAX_BACKGROUND))).rows()
    longest = max(sum(len(str(value)) + 1 for value in row) for row in few)
    count = min(MAX_BACKGROUND, len(table), _MAX_BYTES // longest)
    return count if count >= min(_LEAST_ROWS, len(table)) else None


def _coordinates(table: Table) -> Array:
    """Place rows in a space where columns count alike: numbers scaled, categories as indicators."""
    columns = [places for column in table.columns for places in _place(column)]
    if not columns:
        return np.zeros((len(table), 1))
    widest = sorted(range(len(columns)), key=lambda i: -float(columns[i].std()))[:_MAX_COLUMNS]
    return np.column_stack([columns[i] for i in sorted(widest)])


def _place(column: Column) -> list[Array]:
    missing = column.missing
    places = [missing.astype(np.float64)] if missing.any() else []
    if column.kind == "text":
        values, counts = np.unique(column.present.astype(str), return_counts=True)
        frequent = values[np.argsort(-counts, kind="stable")][:_MAX_CATEGORIES]
        texts = np.where(missing, "", column.values).astype(str)
        return places + [(texts == value).astype(np.float64) for value in frequent]
    numbers = column.values.astype(np.float64)
    known = numbers[~missing]
    if not len(known):
        return places
    # By ranks, since one extreme value would hide all other differences.
    ranks = np.full(len(numbers), 0.5)
    order, inverse = np.unique(known, return_inverse=True)
    below = np.cumsum(np.bincount(inverse, minlength=len(order)))
    ranks[~missing] = below[inverse] / len(known)
    return [*places, ranks]


def _divide(places: Array, count: int) -> list[Array]:
    """Divide rows into so many cells, whose sizes differ by one at most."""
    cells = [(np.arange(len(places)), count)]
    done: list[Array] = []
    while cells:
        rows, wanted = cells.pop()
        if wanted == 1:
            done.append(rows)
            continue
        left = wanted // 2
        order = np.argsort(_main_direction(places[rows]), kind="stable")
        cut = round(len(rows) * left / wanted)
        cells += [(rows[order[:cut]], left), (rows[order[cut:]], wanted - left)]
    return done


def _middle(places: Array, cell: Array) -> int:
    """Return the row of a cell that is nearest to its mean."""
    members = places[cell]
    return int(cell[int(np.argmin(((members - members.mean(axis=0)) ** 2).sum(axis=1)))])


def _main_direction(places: Array) -> Array:
    """Project rows onto the direction in which they differ most, by power iteration."""
    centered = places - places.mean(axis=0)
    direction = centered[int(np.argmax((centered**2).sum(axis=1)))]
    for _ in range(_POWER_STEPS):
        direction = centered.T @ (centered @ direction)
        length = float(np.linalg.norm(direction))
        if length == 0:
            break
        direction = direction / length
    projected: Array = centered @ direction
    return projected


def _as_sent(row: list[Scalar], features: Sequence[Feature]) -> list[Scalar]:
    """Write whole numbers of a category as integers, as callers do."""
    return [
        int(value) if feature.kind == "category" and isinstance(value, float) else value
        for value, feature in zip(row, features, strict=True)
    ]
