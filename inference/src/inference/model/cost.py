"""What one run costs, by row count: the curve from which the plan follows."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from inference.model.servable import Servable
    from inference.model.signature import TensorSpec

ROW_COUNTS = (1, 8, 32, 128)
_RUNS = 15
_BUDGET_SECONDS = 0.15  # per row count, so that a costly model does not hold up its own admission


def measure_cost(servable: Servable) -> dict[int, float]:
    """Time the graph at 1, 8, 32 and 128 rows.

    Returns:
        Median microseconds of a run, by row count.

    Raises:
        InferenceError: The graph fails on rows of the right type.
    """
    return {rows: _time_run(servable, _feeds(servable, rows)) for rows in ROW_COUNTS}


def _time_run(servable: Servable, feeds: dict[str, Any]) -> float:
    servable.run(None, feeds)  # the first run allocates
    deadline = time.perf_counter() + _BUDGET_SECONDS
    times: list[float] = []
    while len(times) < _RUNS and (not times or time.perf_counter() < deadline):
        begin = time.perf_counter()
        servable.run(None, feeds)
        times.append(time.perf_counter() - begin)
    return round(statistics.median(times) * 1e6, 1)


def _feeds(servable: Servable, rows: int) -> dict[str, Any]:
    samples = servable.contract.samples if servable.contract else []
    if samples:
        tiled = [samples[i % len(samples)].row for i in range(rows)]
        return servable.to_feeds(tiled)
    return {spec.name: _zeros(spec, rows) for spec in servable.signature.inputs}


def _zeros(spec: TensorSpec, rows: int) -> Any:
    variable = [rows, *[1] * max(0, len(spec.shape) - 1)]
    shape = [v if d == -1 else d for d, v in zip(spec.shape, variable, strict=True)]
    array = np.zeros(shape, dtype=spec.dtype or np.float32)
    if spec.dtype == np.object_:
        array[...] = ""
    return array
