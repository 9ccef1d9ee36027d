"""Consumers of served requests, and requests to hand on to them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from inference.telemetry.timing import Timing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.model.servable import Servable
    from inference.monitoring.hand_off import Consumer
    from inference.monitoring.served import Handed, Served, ServedBatch

_SECONDS = 20


class Recording:
    """A consumer that keeps what it takes.

    Attributes:
        batches: The batches taken.
        handed: What they were made of.
        may_take: Set while it may take batches.
        has_taken: Released for every batch.
    """

    def __init__(self, *, needs_ids: bool = False) -> None:
        self.needs_ids = needs_ids
        self.batches: list[list[Served]] = []
        self.handed: list[Handed] = []
        self.may_take = threading.Event()
        self.may_take.set()
        self.has_taken = threading.Semaphore(0)

    def consume(self, _: Servable, batch: ServedBatch) -> None:
        assert self.may_take.wait(_SECONDS)
        self.handed += batch._handed
        self.batches.append(list(batch))
        self.has_taken.release()

    @property
    def taken(self) -> list[Served]:
        """All requests taken, in order."""
        return [served for batch in self.batches for served in batch]


def give(consumer: Consumer, batch: ServedBatch) -> None:
    """Give the requests of each version to a consumer, as the hand-off does."""
    for servable, requests in batch.by_servable().items():
        consumer.consume(servable, requests)


def answered(
    row: Sequence[Any] | None = (1.0, 2.0),
    *,
    feeds: dict[str, Any] | None = None,
    outputs: Sequence[str] = ("label",),
    results: Sequence[Any] = (0,),
    rows: int = 1,
    values: int = 3,
) -> Timing:
    """Make the clock of an answered request."""
    timing = Timing()
    timing.rows = rows
    timing.served = row, feeds, outputs, results, values
    timing.finish()
    return timing
