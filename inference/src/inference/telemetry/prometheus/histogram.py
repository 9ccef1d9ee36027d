"""Counts by bucket to a histogram as Prometheus wants it."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from inference.telemetry.request_latency import BOUNDS, SUM

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAMES = [*(f"{bound:g}" for bound in BOUNDS), "+Inf"]


def cumulate(series: Sequence[float]) -> tuple[list[tuple[str, float]], float]:
    """Give the cumulated buckets and the sum of a series of the meter."""
    return list(zip(_NAMES, accumulate(series[:SUM]), strict=True)), series[SUM]
