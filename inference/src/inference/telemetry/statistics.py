"""Statistics of each servable, in the Open Inference Protocol's terms.

Requests and their phases are what :mod:`inference.telemetry.request_latency` counts anyway; this
adds the runs: how many, with how many rows, and when the last one was.

Source: Triton's statistics extension,
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_statistics.md
"""

from __future__ import annotations

from dataclasses import dataclass, field
from time import time
from typing import TYPE_CHECKING

from inference.telemetry.latency_histogram import SUM

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from inference.model.servable import Servable
    from inference.telemetry.counters import Counters
    from inference.telemetry.timing import Timing

    Series = Iterable[tuple[tuple[str, ...], Sequence[float]]]

STRIDE = 4  # runs, their seconds, rows, when the last one ended (seconds since the epoch)
_EXACT_SIZES = 128  # larger batches are counted under the next power of two, callers choose them


class RunCounts:
    """Counts the runs of servables.

    Args:
        counters: Where the numbers are; of stride :data:`STRIDE`.

    Attributes:
        counters: The same.
    """

    def __init__(self, counters: Counters) -> None:
        self.counters = counters

    def count(self, servable: Servable, timings: Iterable[Timing]) -> None:
        """Count each of some requests' part of the run that answered it."""
        values = self.counters.values
        alike: dict[tuple[int, int], list[float]] = {}
        for timing in timings:
            lasted = timing.ended - timing.began
            alike.setdefault((timing.rows, timing.run_rows), []).append(lasted)
        for (rows, run_rows), seconds in alike.items():
            most = max(rows, run_rows)
            size = most if most <= _EXACT_SIZES else 1 << (most - 1).bit_length()
            index = self.counters.find((servable.name, str(servable.version), str(size)))
            share = rows / most if most else 1.0
            values[index] += share * len(seconds)
            values[index + 1] += share * sum(seconds)
            values[index + 2] += rows * len(seconds)
            values[index + 3] = time()


@dataclass(slots=True)
class Duration:
    """How often something happened, and how long that took in total.

    Attributes:
        count: Times.
        seconds: Summed up.
    """

    count: float = 0
    seconds: float = 0

    def add(self, count: float, seconds: float) -> None:
        """Count more."""
        self.count += count
        self.seconds += seconds


@dataclass(slots=True)
class ModelStatistics:
    """The numbers of one version of a model.

    Attributes:
        success: Requests that were answered.
        fail: Requests that were refused or failed.
        phases: What the answered ones spent decoding, waiting, running and encoding.
        runs: By rows in the run.
        rows: Rows answered.
        last: When a request was last answered, seconds since the epoch; 0 for never.
    """

    success: Duration = field(default_factory=Duration)
    fail: Duration = field(default_factory=Duration)
    phases: tuple[Duration, ...] = field(
        default_factory=lambda: tuple(Duration() for _ in range(4))
    )
    runs: dict[int, Duration] = field(default_factory=dict)
    rows: float = 0
    last: float = 0

    @property
    def executions(self) -> float:
        """How many runs there were; fewer than requests where requests shared them."""
        return sum(run.count for run in self.runs.values())


def collect_statistics(requests: Series, runs: Series) -> dict[tuple[str, int], ModelStatistics]:
    """Add up what meters and runs have counted, over all routes and processes.

    Args:
        requests: Series of :class:`inference.telemetry.request_latency.RequestLatency`.
        runs: Series of :class:`RunCounts`.

    Returns:
        The numbers by name and version; of every version that was ever asked.
    """
    found: dict[tuple[str, int], ModelStatistics] = {}

    def of(name: str, version: str) -> ModelStatistics:
        return found.setdefault((name, int(version)), ModelStatistics())

    for (_, name, version, status), values in requests:
        if not name:
            continue
        statistics = of(name, version)
        count, sums = sum(values[:SUM]), values[SUM:]
        if status != "200":
            statistics.fail.add(count, sums[0])
            continue
        statistics.success.add(count, sums[0])
        for phase, seconds in zip(statistics.phases, sums[1:], strict=True):
            phase.add(count, seconds)
    for (name, version, size), (count, seconds, rows, last) in runs:
        statistics = of(name, version)
        statistics.runs.setdefault(int(size), Duration()).add(count, seconds)
        statistics.rows += rows
        statistics.last = max(statistics.last, last)
    return found
