"""How training values and answers were distributed; the service compares served ones with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from inference.model.contract import AnswerDistribution, Histogram

if TYPE_CHECKING:
    from exporter.data.answers.answers import Answers
    from exporter.data.estimator import FittedEstimator
    from exporter.data.table import Array

_BINS = 10
_MAX_TARGETS = 100


def summarize(values: Array) -> Histogram:
    """Count values in bins: one for each of a few distinct values, else of about equally many rows.

    Args:
        values: Numbers, none missing; shape ``[rows]``, at least one.

    Returns:
        Up to ten bins; fewer where quantiles coincide.
    """
    numbers = values.astype(np.float64)
    distinct = np.unique(numbers)
    if len(distinct) == 1:
        return Histogram(edges=[float(distinct[0])] * 2, counts=[len(values)])
    if len(distinct) <= _BINS:
        middles = distinct[:-1] / 2 + distinct[1:] / 2
        edges = np.unique([distinct[0], *middles, distinct[-1]])
    else:
        edges = np.unique(np.quantile(numbers, np.linspace(0, 1, _BINS + 1)))
    counts, _ = np.histogram(numbers, bins=edges)
    return Histogram(edges=edges.tolist(), counts=counts.tolist())


def summarize_answers(
    original: FittedEstimator, answers: Answers
) -> list[AnswerDistribution] | None:
    """Count the labels or values that the original answered with.

    Returns:
        One entry for each target; ``None`` for vectors, for more targets than are worth comparing,
        and where a value is not finite.
    """
    columns = answers.labels.reshape(len(answers.labels), -1).T
    if original.task == "transformation" or len(columns) > _MAX_TARGETS:
        return None
    if original.labels:
        sizes = [len(known.labels) for known in original.labels]
        return [
            AnswerDistribution(counts=np.bincount(column[column >= 0], minlength=size).tolist())
            for column, size in zip(columns.astype(np.int64), sizes, strict=True)
        ]
    if not np.isfinite(columns).all():
        return None
    return [AnswerDistribution(histogram=summarize(column)) for column in columns]
