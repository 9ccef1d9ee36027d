"""The last recorded trace in each bucket of the latency histogram, for ``/metrics``.

Source: https://prometheus.io/docs/specs/om/open_metrics_spec/#exemplars
"""

from __future__ import annotations

from bisect import bisect_left
from time import time
from typing import TYPE_CHECKING

from prometheus_client.samples import Exemplar

from inference.logs import TRACE
from inference.telemetry.latency_histogram import BOUNDS, BUCKETS
from inference.telemetry.request_latency import RequestLatency

if TYPE_CHECKING:
    from typing import Any

    from inference.model.servable import Servable
    from inference.telemetry.counters import Counters, Key
    from inference.telemetry.timing import Timing

    # An upper bound, a count, and perhaps an exemplar.
    Bucket = tuple[Any, ...]

_MOST_SERIES = 4096


class Exemplars:
    """Exemplars of this process, by series."""

    def __init__(self) -> None:
        # Of each bucket: trace, span, seconds, and when.
        self._series: dict[Key, list[tuple[str, str, float, float] | None]] = {}

    def note(self, series: Key, trace_id: str, span_id: str, seconds: float) -> None:
        """Note the trace of a request that took so many seconds."""
        found = self._series.get(series)
        if found is None:
            if len(self._series) >= _MOST_SERIES:
                self._series.clear()  # versions that are gone
            found = self._series[series] = [None] * BUCKETS
        found[bisect_left(BOUNDS, seconds)] = (trace_id, span_id, seconds, time())

    def add(self, series: Key, buckets: list[tuple[str, float]]) -> list[Bucket]:
        """Return the buckets of a series, as Prometheus' client takes them, with exemplars."""
        found = self._series.get(series)
        if found is None:
            return [*buckets]
        return [
            bucket if one is None else (*bucket, _exemplar(*one))
            for bucket, one in zip(buckets, found, strict=True)
        ]


def _exemplar(trace_id: str, span_id: str, seconds: float, when: float) -> Exemplar:
    return Exemplar({"trace_id": trace_id, "span_id": span_id}, seconds, when)


class TracedLatency(RequestLatency):
    """Counts requests, and tells their traces what is counted.

    Args:
        requests: As for :class:`inference.telemetry.request_latency.RequestLatency`.
        runs: Likewise.
        answers: Likewise.
        exemplars: Where the last traces are noted.
    """

    def __init__(
        self, requests: Counters, runs: Counters, answers: Counters, *, exemplars: Exemplars
    ) -> None:
        super().__init__(requests, runs, answers)
        self._exemplars = exemplars

    def observe(self, route: str, servable: Servable | None, status: int, timing: Timing) -> None:
        """Count one answered request; ``servable`` is ``None`` when none was found."""
        super().observe(route, servable, status, timing)
        trace = TRACE.get()
        if trace is None or not trace.is_sampled:
            return
        trace.route, trace.status, trace.timing = route, status, timing
        name, version = (servable.name, str(servable.version)) if servable else ("", "")
        trace.model = (name, version)
        self._exemplars.note(
            (route, name, version, str(status)),
            trace.trace_id,
            trace.span_id,
            timing.done - timing.started,
        )
