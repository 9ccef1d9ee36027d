"""The rows of a publication, with the original's answers and metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from exporter.data import metrics
from exporter.data.estimator import answer_all, reads_column
from exporter.data.forms import to_array, to_plain
from exporter.data.reader import read_table
from exporter.data.sparse_rows import check_zeros
from exporter.errors import DataError, TargetError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.data.answers.answers import Answers
    from exporter.data.estimator import FittedEstimator
    from exporter.data.table import Table
    from inference.model.contract import Calibration, Metrics


@dataclass(frozen=True)
class Rows:
    """Rows, with the original's answers to them."""

    table: Table
    answers: Answers


@dataclass(frozen=True)
class Dataset:
    """The rows of a publication.

    Attributes:
        given: The rows in X.
        all: Those, with the held-out rows behind them: what is compared.
        held_out: Metrics on the held-out rows, ``None`` without any.
        fit: Metrics on the rows in X, ``None`` without y.
        target_names: Names of the columns of y, if it is a table of several labels.
        calibration: Found on rows of their own; ``None`` without any.
    """

    given: Rows
    all: Rows
    held_out: Metrics | None
    fit: Metrics | None
    target_names: list[str] | None = None
    calibration: Calibration | None = None


def gather(
    original: FittedEstimator,
    x: Any,
    y: Any,
    evaluate: tuple[Any, Any] | None,
    names: Sequence[str] | None,
) -> Dataset:
    """Read the rows and ask the original about them.

    Args:
        original: The model.
        x: The rows it was fitted on.
        y: Their true answers, or ``None``.
        evaluate: Held-out rows and their true answers, or ``None``; a clustering or transformation
            has no true answers.
        names: Names for the columns of an array.

    Raises:
        DataError: Rows are not what the model takes.
        TargetError: True answers do not fit the rows or the model.
    """
    check_zeros(original.model, x)
    x = to_plain(x)
    if evaluate is None:
        table = read_table(x, original, names)
        answers = _answer(original, table)
        rows = Rows(table, answers)
        return Dataset(rows, rows, None, _fit(original, rows, y), _name_targets(original, y))
    if not isinstance(evaluate, (tuple, list)) or len(evaluate) != 2:
        raise TargetError(
            "evaluate must be a pair: evaluate=(X_test, y_test), or (X_test, None) for a "
            "clustering or transformation"
        )
    given = read_table(x, original, names)
    x_test = to_plain(evaluate[0])
    held_out_count = len(_read_held_out(x_test, original, names))
    target = metrics.read_target(evaluate[1], held_out_count, original, "evaluate's y")
    # Read as one, so that a column has one kind in both parts.
    table = read_table(_stack(x, x_test), original, names)
    count = len(given)
    answers = _answer_both(original, table, count)
    held = Rows(table.take(range(count, len(table))), answers.take(slice(count, None)))
    kept = Rows(table.take(range(count)), answers.take(slice(0, count)))
    metrics.warn_unless_held_out(kept.table, held.table)
    named = _name_targets(original, y) or _name_targets(original, evaluate[1])
    score = _score(original, held, target)
    return Dataset(kept, Rows(table, answers), score, _fit(original, kept, y), named)


def _read_held_out(data: Any, original: FittedEstimator, names: Sequence[str] | None) -> Table:
    try:
        return read_table(data, original, names)
    except DataError as error:
        raise DataError(f"evaluate's X is not like X: {error}") from None


def _answer_both(original: FittedEstimator, table: Table, count: int) -> Answers:
    """Ask about X and the held-out rows at once, and blame those of the two that are refused."""
    try:
        return _answer(original, table)
    except DataError:
        _answer(original, table.take(range(count)))
        _answer(original, table.take(range(count, len(table))), "evaluate's X")
        raise


def _answer(original: FittedEstimator, table: Table, what: str = "X") -> Answers:
    try:
        return answer_all(original, table.native, what)
    except DataError as error:
        for index, column in enumerate(table.columns):
            if column.problem and reads_column(original, table.native, index):
                raise DataError(f"{column.problem}. {error}") from error
        raise


def _fit(original: FittedEstimator, rows: Rows, y: Any) -> Metrics | None:
    if y is None and original.task not in metrics.WITHOUT_TARGET:
        return None
    return _score(original, rows, metrics.read_target(y, len(rows.table), original))


def _score(original: FittedEstimator, rows: Rows, target: Any) -> Metrics | None:
    if original.task == "clustering":
        return metrics.score_clusters(original, rows.table.native, rows.answers)
    return None if target is None else metrics.score(original, rows.answers, target)


def _name_targets(original: FittedEstimator, y: Any) -> list[str] | None:
    """Return the names of the columns of y; ``None`` if it has no names of several labels."""
    names = getattr(y, "column_names", getattr(y, "columns", None))
    if not original.has_several_labels or names is None:
        return None
    return [str(name) for name in names]


def _stack(first: Any, second: Any) -> Any:
    frames = [isinstance(part, pd.DataFrame) for part in (first, second)]
    if all(frames):
        return _stack_frames(first, second)
    if isinstance(first, pd.Series) and isinstance(second, pd.Series):
        return pd.concat([first, second], ignore_index=True)
    if any(frames):
        raise DataError(
            "X and evaluate's X differ in form: pass both as DataFrames or both as arrays"
        )
    return np.concatenate([to_array(first), to_array(second)])


def _stack_frames(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Put the held-out rows below, with the categories of both where these differ."""
    if set(first.columns) != set(second.columns):
        raise DataError("evaluate's X has other columns than X: give them the same names")
    for name in first.columns:
        one, other = first[name].dtype, second[name].dtype
        pair = isinstance(one, pd.CategoricalDtype) and isinstance(other, pd.CategoricalDtype)
        if pair and one != other:  # concatenated as they are, they would be no categories
            more = other.categories.difference(one.categories, sort=False)
            both = pd.CategoricalDtype(one.categories.append(more), one.ordered)
            first, second = first.astype({name: both}), second.astype({name: both})
    return pd.concat([first, second], ignore_index=True)
