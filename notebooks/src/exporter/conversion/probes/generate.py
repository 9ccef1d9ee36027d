"""Some thousand generated rows around those of X, and the original's answers."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from exporter.conversion.precision import has_steps
from exporter.conversion.probes import values
from exporter.conversion.probes.edges import find_jumps, thresholds
from exporter.conversion.probes.rows import replace_columns
from exporter.data.answers.answers import join
from exporter.data.inner_estimators import guesses_categories
from exporter.data.table import stack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.data.answers.answers import Answers
    from exporter.data.estimator import FittedEstimator
    from exporter.data.table import Array, Column, Table

_SEED = 20
_ROWS = 3000
_MOST_VALUES = 600_000
_MOST_BASE = 20_000
_TRIAL_ROWS = 100
_SECONDS = 1.0
_SMALLEST = 4
_BLOCKS = 16
_LEAST_SHARE = (
    0.05  # of a call's time that depends on its rows, even if a noisy clock measures less
)


def generate(
    original: FittedEstimator, table: Table, tolerance: float
) -> tuple[Table, Answers] | None:
    """Generate rows that are not in X, with the original's answers.

    The same data results in the same rows, but a slow machine generates fewer.

    Args:
        original: The model.
        table: The rows in X.
        tolerance: The accepted difference between answers.

    Returns:
        The rows that the original accepts, with its answers; ``None`` if it accepts none.
    """
    rng = np.random.default_rng(_SEED)
    if len(table) > _MOST_BASE:
        table = table.take(np.sort(rng.choice(len(table), _MOST_BASE, replace=False)))
    # With few rows per call, threads cost more time than they save.
    with threadpool_limits(1, user_api="openmp"):
        count = _affordable(original, table)
        blocks = list(_blocks(original, table, count, rng))
        if has_steps(original.model):
            jumps = None
            with contextlib.suppress(Exception):  # it may refuse numbers between those of X
                jumps = find_jumps(original, table, tolerance, rng)
            blocks += [] if jumps is None else [jumps]
        deadline = time.monotonic() + _SECONDS
        answered = [
            pair for group in _alike(blocks) for pair in _answer_all(original, group, deadline)
        ]
    if not answered:
        return None
    tables, answers = zip(*answered, strict=True)
    return stack(list(tables)), join(answers)


def _affordable(original: FittedEstimator, table: Table) -> int:
    trial = table.take(np.arange(min(_TRIAL_ROWS, len(table))))
    # Two rows, because some transformers refuse a single one.
    many, one = _time(original, trial), _time(original, trial.take([0, 0]))
    # Each call has a fixed cost, which its rows share.
    seconds_a_row = max(many - one, many * _LEAST_SHARE) / len(trial)
    left = max(_SECONDS - one, 0.0)
    bound = min(_ROWS, _MOST_VALUES // len(table.columns), int(left / seconds_a_row))
    return max(bound, _TRIAL_ROWS)


def _time(original: FittedEstimator, table: Table) -> float:
    begin = time.perf_counter()
    original.answer(table.native)
    return time.perf_counter() - begin


def _blocks(
    original: FittedEstimator, table: Table, count: int, rng: np.random.Generator
) -> Iterator[Table]:
    splits = thresholds(original.model, len(table.columns))
    odd = not guesses_categories(original.model)
    pools = [_pool(c, splits[index], rng, odd=odd) for index, c in enumerate(table.columns)]
    usable = [index for index, pool in enumerate(pools) if len(pool)]
    if not usable:
        return
    # Each column by itself, because the original may refuse new values of one column.
    for chosen in np.array_split(
        np.sort(rng.choice(usable, count // 2)), min(len(usable), _BLOCKS)
    ):
        if len(chosen):
            rows = table.take(rng.integers(len(table), size=len(chosen)))
            moved = {}
            for index in np.unique(chosen).tolist():
                new = rng.choice(pools[index], len(chosen))
                moved[index] = np.where(chosen == index, new, rows.columns[index].values)
            yield from _replaced(rows, moved)
    # All columns at once: from the values in X, then from all generated values.
    shown = table.take(rng.integers(len(table), size=count // 4))
    mixed = {
        index: column.values[rng.integers(len(table), size=len(shown))]
        for index, column in enumerate(table.columns)
    }
    yield from _replaced(shown, mixed)
    drawn = {index: rng.choice(pools[index], len(shown)) for index in usable}
    yield from _replaced(shown, drawn)


def _replaced(rows: Table, moved: dict[int, Array]) -> Iterator[Table]:
    try:
        yield replace_columns(rows, moved)
    except (TypeError, ValueError, OverflowError):
        return  # the column's type cannot hold the values, so no caller can send them


def _pool(column: Column, splits: Array, rng: np.random.Generator, *, odd: bool) -> Array:
    if column.is_boolean:
        return values.booleans(column)
    if column.kind == "number":
        return values.numbers(column, splits, rng)
    if column.kind == "integer":
        return values.integers(column, splits, rng)
    if column.kind == "unread":
        return np.array([])
    return values.texts(column, rng) if odd else column.present


def _alike(blocks: list[Table]) -> Iterator[list[Table]]:
    """Group blocks of equal types, because concatenation must not change types."""
    groups: dict[Any, list[Table]] = {}
    for block in blocks:
        native = block.native
        types = tuple(native.dtypes) if hasattr(native, "dtypes") else native.dtype
        kinds = tuple(column.kind for column in block.columns)
        groups.setdefault((types, kinds), []).append(block)
    yield from groups.values()


def _answer_all(
    original: FittedEstimator, blocks: list[Table], deadline: float
) -> Iterator[tuple[Table, Answers]]:
    # All rows at once, because calls are slow; block by block if the original refuses a row.
    together = stack(blocks)
    try:
        answers = original.answer(together.native)
    except Exception:  # noqa: BLE001 - any failure means that it refuses the rows
        for block in blocks:
            yield from _answer(original, block, deadline)
    else:
        yield together, answers


def _answer(
    original: FittedEstimator, block: Table, deadline: float
) -> Iterator[tuple[Table, Answers]]:
    # Find the rows that the original refuses by bisection, and leave them out.
    try:
        answers = original.answer(block.native)
    except Exception:  # noqa: BLE001 - any failure means that it refuses the rows
        if len(block) > _SMALLEST and time.monotonic() < deadline:
            half = len(block) // 2
            for part in (range(half), range(half, len(block))):
                yield from _answer(original, block.take(part), deadline)
    else:
        yield block, answers
