"""Counts and latencies of every request, cheap enough for the fast path.

A series is a run of doubles in one array: five histograms (the whole, and each phase), each its
buckets and its sum. The array may be shared memory, so that workers' numbers add up
(:mod:`inference.serving.ledger`); what is made of them is :mod:`inference.web.metrics`' affair.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from inference.serving.timing import PHASES

if TYPE_CHECKING:
    from inference.model.servable import Servable
    from inference.serving.ledger import Ledger
    from inference.serving.statistics import Runs
    from inference.serving.timing import Timing

# Seconds; the smallest models answer in some 20 microseconds.
BOUNDS = (
    0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
HISTOGRAMS = ("total", *PHASES)
_BUCKETS = len(BOUNDS) + 1
WIDTH = _BUCKETS + 1
SIZE = WIDTH * len(HISTOGRAMS)


class Meter:
    """Observes requests.

    Args:
        ledger: Where the numbers are.
        runs: Told of the runs behind what was answered.
    """

    def __init__(self, ledger: Ledger, runs: Runs | None = None) -> None:
        self._ledger = ledger
        self._runs = runs
        self._values = ledger.values

    def observe(self, route: str, servable: Servable | None, status: int, timing: Timing) -> None:
        """Count one answered request; ``servable`` is ``None`` when none was found."""
        name, version = (servable.name, str(servable.version)) if servable else ("", "")
        if servable is not None and status == 200 and self._runs is not None:
            self._runs.observe(servable, timing)
        place = self._ledger.find((route, name, version, str(status)))
        values = self._values
        parse, queue, infer, encode = timing.seconds
        for seconds in (timing.done - timing.started, parse, queue, infer, encode):
            values[place + bisect_left(BOUNDS, seconds)] += 1.0
            values[place + _BUCKETS] += seconds
            place += WIDTH
