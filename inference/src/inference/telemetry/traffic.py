"""The traffic of the last minutes by model and version, from the counters of all workers.

Every few seconds one sample of the counters is taken. What is kept of it is what was added since
the one before, so that versions without requests cost nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import msgspec
import numpy as np

from inference.runtime.documents import run_aside
from inference.runtime.threads import NoThreadError
from inference.telemetry.latency_histogram import BOUNDS, BUCKETS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from inference.telemetry.counters import Counters

SAMPLE_SECONDS = 5.0
_SAMPLES = 37  # three minutes

# Requests of people; each takes many runs, and would hide how fast predictions are.
LEFT_OUT = frozenset({"explain", "whatif", "v1-explain"})

_Counts = np.ndarray[tuple[int], np.dtype[np.float64]]
_Version = tuple[str, str]
_Key = TypeVar("_Key")


class Figures(NamedTuple):
    """The traffic of one model, or of one of its versions.

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
        by_version: By model and version, as text; the same.
        encoded: Those of models as JSON, replaced when they change.
    """

    def __init__(self, requests: Counters) -> None:
        self._requests = requests
        self._totals: dict[_Version, _Counts] = {}
        self._samples: deque[tuple[float, dict[_Version, _Counts]]] = deque(maxlen=_SAMPLES)
        self.figures: dict[str, Figures] = {}
        self.by_version: dict[_Version, Figures] = {}
        self.encoded = b"{}"

    def sample(self, now: float) -> None:
        """Take a sample.

        Args:
            now: The time in seconds; only differences count.
        """
        totals: dict[_Version, _Counts] = {}
        for (route, model, version, _), series in self._requests.items():
            if model and route not in LEFT_OUT:
                _add(totals, (model, version), np.array(series[:BUCKETS]))
        self._samples.append((now, _subtract(totals, self._totals)))
        self._totals = totals
        self._figure(now - self._samples[0][0])

    def _figure(self, seconds: float) -> None:
        """Make the figures of all samples but the first, which is where the time begins."""
        if seconds <= 0:
            return
        versions: dict[_Version, _Counts] = {}
        for _, added in islice(self._samples, 1, None):
            for version, counts in added.items():
                _add(versions, version, counts)
        models: dict[str, _Counts] = {}
        for (model, _), counts in versions.items():
            _add(models, model, counts)
        self.by_version = {v: _figures(counts, seconds) for v, counts in versions.items()}
        figures = {model: _figures(counts, seconds) for model, counts in models.items()}
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
            with contextlib.suppress(NoThreadError):  # the next sample has all that it missed
                await run_aside(self.sample, time.monotonic())
            await asyncio.sleep(SAMPLE_SECONDS)


def _add(sums: dict[_Key, _Counts], key: _Key, counts: _Counts) -> None:
    sums[key] = sums[key] + counts if key in sums else counts


def _subtract(
    totals: dict[_Version, _Counts], before: dict[_Version, _Counts]
) -> dict[_Version, _Counts]:
    """Return what was added, of the versions to which anything was."""
    steps = {v: counts - before[v] if v in before else counts for v, counts in totals.items()}
    return {version: step for version, step in steps.items() if step.sum() > 0}


def _figures(counts: _Counts, seconds: float) -> Figures:
    return Figures(round(float(counts.sum()) / seconds, 3), _estimate_p99_ms(counts))


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
