"""What one run costs, by row count: the curve from which the plan follows.

A model takes microseconds or seconds a row, and its examination may take some seconds in all. So
each step is taken only where it is likely to fit into the time that is left, and is ended where it
does not after all.
"""

from __future__ import annotations

import statistics
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.errors import InferenceError, RunTimeoutError
from inference.model.plan import ANY_TEXT, ROW_COUNTS
from inference.model.session import Stop
from inference.runtime.threads import INLINE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inference.model.servable import Servable
    from inference.model.signature import TensorSpec

_RUNS = 15
_BUDGET_SECONDS = 0.15  # per row count; one run that takes as long is figure enough
# How much longer than all of it may take one run may last before it is ended.
LONGEST_RUN = 3
# As long as any request may be that is answered on the loop, and as many words as it can hold.
_TEXT = "a b " * (INLINE_BYTES // 4)
_LONGEST_TEXT_US = 1000.0


def measure_cost(servable: Servable, seconds: float) -> dict[int, float]:
    """Time the graph at 1, 8, 32 and 128 rows, as far as time goes.

    Args:
        servable: The artifact, loaded.
        seconds: How long it should take; a single run may last ``LONGEST_RUN`` times as long.

    Returns:
        Median microseconds of a run, by row count; for 1 only where the graph takes nothing else.

    Raises:
        InferenceError: The graph fails on rows of the right type.
        RunTimeoutError: One run of one row takes longer than that.
    """
    until = time.perf_counter() + seconds
    costs: dict[int, float] = {}
    for rows in ROW_COUNTS if servable.signature.has_variable_rows else ROW_COUNTS[:1]:
        if costs and _expect_seconds(costs, rows) > until - time.perf_counter():
            break
        try:
            with ended_after(seconds * LONGEST_RUN) as stop:
                costs[rows] = _time_run(servable, _feeds(servable, rows), stop)
        except RunTimeoutError:
            if not costs:
                raise
            break
    return costs


def _expect_seconds(costs: dict[int, float], rows: int) -> float:
    """Estimate how long the next step takes, from the cost of the last."""
    last = max(costs)
    run = costs[last] * rows / last * 1e-6
    return run if run > _BUDGET_SECONDS else run + _BUDGET_SECONDS


def measure_text(servable: Servable, costs: dict[int, float], seconds: float) -> int:
    """Find out for how much text a run takes no longer than it may on the loop.

    A graph that splits texts into words makes a table of them, as wide as the longest text has
    words, for all rows. So what counts is the length of the longest text times the number of rows.

    Args:
        servable: The artifact, loaded.
        costs: What runs of short texts cost.
        seconds: How long it should take.

    Returns:
        That product, in characters; ``ANY_TEXT`` where text costs next to nothing.
    """
    limit = ANY_TEXT
    if not servable.text_inputs:
        return limit
    for rows in {1, max(costs)}:
        feeds = _feeds(servable, rows)
        for name in servable.text_inputs:
            feeds[name] = feeds[name].copy()
            feeds[name].flat[0] = _TEXT
        characters = len(_TEXT) * len(servable.text_inputs)
        begin = time.perf_counter()
        try:
            with ended_after(seconds * LONGEST_RUN) as stop:
                servable.run(None, feeds, stop)
        except RunTimeoutError:
            return 0
        except InferenceError:
            continue  # it takes no such text, and says so soon
        taken_us = (time.perf_counter() - begin) * 1e6 - costs.get(rows, 0.0)
        if taken_us > _LONGEST_TEXT_US:
            limit = min(limit, int(rows * characters * _LONGEST_TEXT_US / taken_us))
    return limit


@contextmanager
def ended_after(seconds: float) -> Iterator[Stop]:
    """Provide a :class:`Stop` that ends a run after some time."""
    stop = Stop()
    timer = threading.Timer(seconds, stop.end, [seconds])
    timer.daemon = True
    timer.start()
    try:
        yield stop
    finally:
        timer.cancel()


def _time_run(servable: Servable, feeds: dict[str, Any], stop: Stop) -> float:
    begin = time.perf_counter()
    servable.run(None, feeds, stop)
    first = time.perf_counter() - begin
    if first > _BUDGET_SECONDS:  # what the first run allocates is a small part of that
        return round(first * 1e6, 1)
    deadline = time.perf_counter() + _BUDGET_SECONDS
    times: list[float] = []
    while len(times) < _RUNS and (not times or time.perf_counter() < deadline):
        begin = time.perf_counter()
        servable.run(None, feeds, stop)
        times.append(time.perf_counter() - begin)
    return round(statistics.median(times) * 1e6, 1)


def _feeds(servable: Servable, rows: int) -> dict[str, Any]:
    samples = servable.contract.samples if servable.contract else []
    if samples:
        tiled = [samples[i % len(samples)].row for i in range(rows)]
        return servable.to_feeds(tiled)
    return {spec.name: fill(spec, rows, 0) for spec in servable.signature.inputs}


def fill(spec: TensorSpec, rows: int, number: int) -> Any:
    """Make an array for an input: of so many rows, and of a length of 1 where it varies otherwise.

    Args:
        spec: The input.
        rows: As many rows, unless there can be only so many.
        number: What it is filled with; text is empty for 0.
    """
    shape = [rows if i == 0 else 1 for i in range(len(spec.shape))]
    shape = [v if d == -1 else d for d, v in zip(spec.shape, shape, strict=True)]
    if spec.dtype == np.object_:
        return np.full(shape, str(number) if number else "", dtype=np.object_)
    return np.full(shape, number, dtype=spec.dtype or np.float32)
