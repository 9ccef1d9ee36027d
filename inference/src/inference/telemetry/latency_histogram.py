"""The histogram of request durations: its buckets, and how a series of counters stores it.

A series is ``SIZE`` doubles: the count of each bucket, the sum of the durations, and the sum of
each phase. Percentiles such as p99 are computed from these buckets, as
``inference_request_duration_seconds``.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from inference.telemetry.timing import PHASES

if TYPE_CHECKING:
    from collections.abc import Sequence

# Upper bounds in seconds, two per decade: from a small model's run to the longest wait.
BOUNDS = (0.00003, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
BUCKETS = len(BOUNDS) + 1
SUM = BUCKETS  # the index of the sum in a series; the sums of the phases follow
SIZE = BUCKETS + 1 + len(PHASES)

_NAMES = [*map(repr, BOUNDS), "+Inf"]  # as OpenMetrics demands: 1.0, not 1


def cumulate(series: Sequence[float]) -> tuple[list[tuple[str, float]], float]:
    """Return a series as Prometheus writes a histogram.

    Returns:
        The cumulative count of each bucket by its upper bound, and the sum in seconds.
    """
    return list(zip(_NAMES, accumulate(series[:SUM]), strict=True)), series[SUM]
