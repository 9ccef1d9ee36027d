"""Choosing rows: golden samples for the contract, and ordinary rows to probe with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from inference.model.contract import Sample

if TYPE_CHECKING:
    from exporter.data.answers.answers import Answers
    from exporter.data.estimator import FittedEstimator
    from exporter.data.table import Array, Table
    from inference.model.contract import Label

MAX_SAMPLES = 32
_EXTREME_SHARE = 3  # at most a third of the samples are extremes of features
_MIN_MARGIN = 1e-3
_PROBED_VALUES = 8192
_WIDE = 64
_WIDE_ROWS = 8


def choose_rows(
    table: Table, answers: Answers, original: FittedEstimator, avoided: Array | None = None
) -> list[int]:
    """Choose up to 32 rows: some of each class, extremes of features, and missing values.

    Rows where two classes are all but tied are left out while there are others: another processor's
    rounding could turn them.

    Args:
        table: The rows.
        answers: The original's.
        original: The model.
        avoided: Rows with several right answers, as booleans.

    Returns:
        Indices, ascending; the same for the same data.
    """
    firm = _firm_rows(answers, original)
    if avoided is not None:
        firm = firm[~avoided[firm]] if not avoided[firm].all() else np.flatnonzero(~avoided)
    chosen: list[int] = []
    missing = [row for row in _with_missing(table) if original.labels or row in firm]
    for row in [*missing, *_extremes(table, firm)]:
        if avoided is not None and avoided[row]:
            continue
        if row not in chosen and len(chosen) < MAX_SAMPLES // _EXTREME_SHARE:
            chosen.append(row)
    for row in _interleave(_strata(answers, original, firm)):
        if len(chosen) >= MAX_SAMPLES:
            break
        if row not in chosen:
            chosen.append(row)
    return sorted(chosen)


def ordinary_row(table: Table, rows: list[int]) -> int:
    """Find a row with no missing value, or with the fewest."""
    missing = np.sum([c.missing[rows] for c in table.columns], axis=0)
    return rows[int(np.argmin(missing))]


def probe_rows(table: Table, golden: list[int]) -> list[int]:
    """Choose rows to ask odd questions about: the golden ones and others, fewer for wide tables."""
    count = min(max(_PROBED_VALUES // len(table.columns), len(golden)), 256, len(table))
    spread = np.linspace(0, len(table) - 1, count).round().astype(int).tolist()
    return sorted({*golden, *spread}) if len(table.columns) <= _WIDE else golden[:_WIDE_ROWS]


def make_samples(
    table: Table, answers: Answers, original: FittedEstimator, rows: list[int]
) -> list[Sample]:
    """Write rows down with the original's answers."""
    values = table.take(rows).rows()
    return [
        Sample(
            row=row,
            label=_label(original, answers, index),
            probabilities=_probabilities(original, answers, index),
            score=_score(original, answers, index),
            distances=_distances(original, answers, index),
        )
        for index, row in zip(rows, values, strict=True)
    ]


def _label(original: FittedEstimator, answers: Answers, row: int) -> Label | list[Label]:
    if not original.labels:
        value: Label | list[Label] = answers.labels[row].tolist()
        return value
    indices = np.atleast_1d(answers.labels[row]).tolist()
    labels = [known.labels[i] for known, i in zip(original.labels, indices, strict=True)]
    return labels if original.has_several_labels else labels[0]


def _probabilities(original: FittedEstimator, answers: Answers, row: int) -> Any:
    if answers.probabilities is None:
        return None
    shares = answers.probabilities[row]
    if not original.has_several_labels:
        return shares.tolist()
    return [part.tolist() for part in np.split(shares, _ends(original))]


def _score(original: FittedEstimator, answers: Answers, row: int) -> float | None:
    if answers.scores is None or original.task != "outlier_detection":
        return None
    return float(answers.scores[row, 0])


def _distances(original: FittedEstimator, answers: Answers, row: int) -> list[float] | None:
    if answers.scores is None or original.task != "clustering":
        return None
    distances: list[float] = answers.scores[row].tolist()
    return distances


def _ends(original: FittedEstimator) -> Array:
    """Return where the probabilities of each label but the last one end."""
    return np.cumsum([len(known.labels) for known in original.labels])[:-1]


def _firm_rows(answers: Answers, original: FittedEstimator) -> Array:
    """Find the rows whose labels do not change with the rounding of another processor."""
    count = len(answers.labels)
    firm = np.ones(count, dtype=bool)
    if answers.scores is not None:
        size = np.abs(answers.scores).max(initial=0.0)
        alone = original.task == "outlier_detection"
        margin = np.abs(answers.scores[:, 0]) if alone else _margin(-answers.scores)
        firm &= margin > _MIN_MARGIN * size
    elif answers.probabilities is not None:
        for shares in np.split(answers.probabilities, _ends(original), axis=1):
            firm &= _margin(shares) > _MIN_MARGIN
    elif not original.labels:
        values = answers.labels.reshape(count, -1)
        firm &= np.isfinite(values).all(axis=1)
    return np.flatnonzero(firm) if firm.any() else np.arange(count)


def _margin(table: Array) -> Array:
    """Return by how much the largest value of each row exceeds the second; infinite if alone."""
    if table.shape[1] < 2:
        return np.full(len(table), np.inf)
    top = np.partition(table, -2, axis=1)[:, -2:]
    margin: Array = top[:, 1] - top[:, 0]
    return margin


def _with_missing(table: Table) -> list[int]:
    rows = [np.flatnonzero(column.missing)[:1] for column in table.columns]
    return [int(r[0]) for r in rows if len(r)]


def _extremes(table: Table, firm: Array) -> list[int]:
    rows: list[int] = []
    for column in table.columns:
        if column.kind not in ("number", "integer"):
            continue
        values = column.values[firm]
        present = firm[~column.missing[firm]]
        if len(present):
            kept = values[~column.missing[firm]]
            rows += [int(present[kept.argmin()]), int(present[kept.argmax()])]
    return rows


def _strata(answers: Answers, original: FittedEstimator, firm: Array) -> list[list[int]]:
    if original.labels:
        labels = answers.labels[firm].reshape(len(firm), -1)
        groups = [
            firm[column == i]
            for column, known in zip(labels.T, original.labels, strict=True)
            for i in range(len(known.labels))
        ]
    else:
        first = answers.labels if answers.labels.ndim == 1 else answers.labels[:, 0]
        groups = np.array_split(firm[np.argsort(first[firm], kind="stable")], 8)
    return [_spread(group) for group in groups if len(group)]


def _spread(rows: Array) -> list[int]:
    picked = np.linspace(0, len(rows) - 1, min(len(rows), MAX_SAMPLES)).round().astype(int)
    return [int(r) for r in rows[picked]]


def _interleave(groups: list[list[int]]) -> list[int]:
    longest = max((len(g) for g in groups), default=0)
    return [g[i] for i in range(longest) for g in groups if i < len(g)]
