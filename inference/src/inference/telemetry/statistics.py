"""Statistics of each servable, in the Open Inference Protocol's terms.

Requests and their phases are what :mod:`inference.telemetry.request_latency` counts anyway; this
adds the runs: how many, with how many rows, and when the last one was.

Source: Triton's statistics extension,
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_statistics.md
"""

from __future__ import annotations

from time import perf_counter, time
from typing import TYPE_CHECKING

import msgspec

from inference.telemetry.latency_histogram import SUM

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from inference.model.servable import Servable
    from inference.telemetry.counters import Counters
    from inference.telemetry.timing import Timing

    Series = Iterable[tuple[tuple[str, ...], Sequence[float]]]

# Runs, their seconds, rows, and when the last answer was encoded: by time.perf_counter(), which all
# processes of a machine share.
STRIDE = 4
_EXACT_SIZES = 128  # larger batches are counted under the next power of two, callers choose them


class RunCounts:
    """Counts the runs of one servable; does not hold it.

    Args:
        counters: Where the numbers are; of stride :data:`STRIDE`.
        servable: The servable.
    """

    def __init__(self, counters: Counters, servable: Servable) -> None:
        self._counters = counters
        self._values = counters.values
        self._start = servable.name, str(servable.version)
        self._indices: dict[int, int] = {}

    def count(self, timing: Timing) -> None:
        """Count one request's part of the run that answered it."""
        rows, run_rows = timing.rows, timing.run_rows
        most = max(run_rows, rows)
        begin = self._indices.get(most)
        if begin is None:
            begin = self._find(most)
        values, seconds = self._values, timing.ended - timing.began
        if rows == most:
            values[begin] += 1.0
            values[begin + 1] += seconds
        else:
            values[begin] += rows / most
            values[begin + 1] += rows / most * seconds
        values[begin + 2] += rows
        values[begin + 3] = timing.done

    def _find(self, most: int) -> int:
        size = most if most <= _EXACT_SIZES else 1 << (most - 1).bit_length()
        begin = self._counters.find((*self._start, str(size)))
        if size == most:  # callers choose the others, of which there are many
            self._indices[most] = begin
        return begin


class Duration(msgspec.Struct):
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


class ModelStatistics(msgspec.Struct):
    """The numbers of one version of a model.

    Attributes:
        success: Requests that were answered.
        fail: Requests that were refused or failed.
        phases: What the answered ones spent decoding, waiting, running and encoding.
        runs: By rows in the run.
        rows: Rows answered.
        last: When a request was last answered, seconds since the epoch; 0 for never.
    """

    success: Duration = msgspec.field(default_factory=Duration)
    fail: Duration = msgspec.field(default_factory=Duration)
    phases: tuple[Duration, ...] = msgspec.field(
        default_factory=lambda: tuple(Duration() for _ in range(4))
    )
    runs: dict[int, Duration] = msgspec.field(default_factory=dict)
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

    passed = time() - perf_counter()  # the system's clock may have been set meanwhile

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
        statistics.last = max(statistics.last, last and passed + last)
    return found
