"""How traces wait for a collector, and what becomes of them."""

from __future__ import annotations

from typing import NamedTuple

EXPORTED, DROPPED, FAILED = OUTCOMES = ("exported", "dropped", "failed")


class QueueLimits(NamedTuple):
    """How traces wait, with OpenTelemetry's defaults.

    Attributes:
        traces: The most that wait (``OTEL_BSP_MAX_QUEUE_SIZE``).
        batch: The most that are sent together (``OTEL_BSP_MAX_EXPORT_BATCH_SIZE``).
        seconds: How long one waits for others (``OTEL_BSP_SCHEDULE_DELAY``).
    """

    traces: int = 2048
    batch: int = 512
    seconds: float = 5.0
