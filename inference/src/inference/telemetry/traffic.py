"""The traffic of the last minutes by model, from the counters of all workers.

Every few seconds one sample of the counters is taken; the figures are the difference between the
latest and the oldest that is kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from inference.runtime.documents import run_aside
from inference.telemetry.latency_histogram import BOUNDS, BUCKETS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from inference.telemetry.counters import Counters

SAMPLE_SECONDS = 5.0
_SAMPLES = 37  # three minutes

# Requests of people; each takes many runs, and would hide how fast predictions are.
_LEFT_OUT = frozenset({"explain", "whatif", "v1-explain"})

_Counts = np.ndarray[tuple[int], np.dtype[np.float64]]


class Figures(NamedTuple):
    """The traffic of one model.

    Attributes:
        rate: Answered requests a second, whatever the answer.
        p99_ms: 99 % of the requests took at most this many milliseconds, estimated from the
            buckets; ``None`` without requests.
    """

    rate: float
    p99_ms: float | None


class RecentTraffic:
    """Samples of the counters.

    Args:
        requests: By route, model, version and status, see
            :mod:`inference.telemetry.request_latency`.

    Attributes:
        figures: By model; models without requests are left out.
        encoded: The same as JSON, replaced when it changes.
    """

    def __init__(self, requests: Counters) -> None:
        self._requests = requests
        self._samples: deque[tuple[float, dict[str, _Counts]]] = deque(maxlen=_SAMPLES)
        self.figures: dict[str, Figures] = {}
        self.encoded = b"{}"

    def sample(self, now: float) -> None:
        """Take a sample.

        Args:
            now: The time in seconds; only differences count.
        """
        totals: dict[str, _Counts] = {}
        for (route, model, *_), series in self._requests.items():
            if model and route not in _LEFT_OUT:
                counts = np.array(series[:BUCKETS])
                totals[model] = totals[model] + counts if model in totals else counts
        self._samples.append((now, totals))
        begin, before = self._samples[0]
        figures = {}
        for model, counts in totals.items():
            recent = counts - before.get(model, np.zeros(BUCKETS))
            if recent.sum() > 0 and now > begin:
                rate = float(recent.sum()) / (now - begin)
                figures[model] = Figures(round(rate, 3), _estimate_p99_ms(recent))
        if figures != self.figures:
            self.figures, self.encoded = figures, msgspec.json.encode(figures)

    @contextlib.asynccontextmanager
    async def sampling(self) -> AsyncIterator[None]:
        """Take samples while the context is open."""
        task = asyncio.create_task(self._sample_forever())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _sample_forever(self) -> None:
        while True:
            await run_aside(self.sample, time.monotonic())
            await asyncio.sleep(SAMPLE_SECONDS)


def _estimate_p99_ms(counts: _Counts) -> float:
    """Estimate the percentile as Prometheus' ``histogram_quantile`` does: linear in its bucket."""
    rank = 0.99 * counts.sum()
    ends = np.cumsum(counts)
    bucket = int(np.searchsorted(ends, rank))
    if bucket >= len(BOUNDS):
        return 1000 * BOUNDS[-1]
    lower = BOUNDS[bucket - 1] if bucket else 0.0
    inside = (rank - (ends[bucket] - counts[bucket])) / counts[bucket]
    return float(f"{1000 * (lower + (BOUNDS[bucket] - lower) * inside):.3g}")
