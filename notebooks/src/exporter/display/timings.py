"""Speed of the original and of the ONNX file on this machine."""

from __future__ import annotations

import statistics
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.conversion.converter import Conversion
    from exporter.data.estimator import FittedEstimator
    from exporter.data.table import Table

_ROW_COUNTS = (1, 1000)
_RUNS = 7
_BUDGET_SECONDS = 0.15


@dataclass(frozen=True)
class Timing:
    """Median time of a call.

    Attributes:
        rows: Rows per call.
        original_us: Microseconds of the original, for all that it answers.
        onnx_us: Microseconds of the ONNX file.
    """

    rows: int
    original_us: float
    onnx_us: float

    @property
    def factor(self) -> float:
        """The ratio of both times."""
        return self.original_us / self.onnx_us if self.onnx_us else float("inf")


def measure(original: FittedEstimator, conversion: Conversion, table: Table) -> list[Timing]:
    """Measure both with 1 and with 1,000 rows of the table, repeated if it has fewer.

    If the original refuses a number of rows, that measurement is left out.
    """
    names = conversion.outputs.all
    timings = []
    for rows in _ROW_COUNTS:
        chosen = table.take(np.arange(rows) % len(table))
        feeds: dict[str, Any] = conversion.to_feeds(chosen)
        with suppress(Exception):  # some transformers refuse a single row
            restored = original.form.restore(chosen.native)
            original_us = _median_us(lambda rows=restored: original.answer_restored(rows))  # type: ignore[misc]
            onnx_us = _median_us(lambda feeds=feeds: conversion.session.run(names, feeds))  # type: ignore[misc]
            timings.append(Timing(rows, original_us, onnx_us))
    return timings


def _median_us(call: Callable[[], object]) -> float:
    call()
    times: list[float] = []
    deadline = time.perf_counter() + _BUDGET_SECONDS
    while len(times) < _RUNS and (not times or time.perf_counter() < deadline):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return statistics.median(times) * 1e6
