"""Counts served values and answers, of every version with a contract.

At a moderate rate every row is counted. Above it a random sample is, and each sampled row counts
for as many as it stands for: the window of a busy model would else be renewed every few seconds, at
a price that its requests would pay.
"""

from __future__ import annotations

import time
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.monitoring.columns import ServedTable
from inference.monitoring.drift.layout import MAX_FEATURES, Layout
from inference.monitoring.served import ServedBatch
from inference.telemetry.timing import Timing

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference.model.servable import Servable
    from inference.monitoring.drift.window import Key, Windows
    from inference.monitoring.served import Handed, Served

# Of one version in one worker. While rows are counted, the event loop waits for the interpreter's
# lock for half a millisecond at a time: more values would be seen in its 99th percentile.
VALUES_PER_SECOND = 1_500
_LEAST_ROWS_PER_SECOND = 100
_SAMPLE_ROWS = 64  # smaller samples would have weights that differ too much
_BURST_ROWS = 1_000  # all of which are counted after a pause


def key_of(servable: Servable) -> Key:
    """Return the key of a version; a version that was published anew has another."""
    return servable.name, servable.version, servable.digest[:16]


class DriftCounter:
    """Counts served requests into the windows.

    Args:
        windows: Where they are counted.
        clock: Returns seconds.
        seed: Of the sample; random if it is ``None``.
    """

    needs_ids = False

    def __init__(
        self,
        windows: Windows,
        clock: Callable[[], float] = time.monotonic,
        seed: int | None = None,
    ) -> None:
        self._windows = windows
        self._clock = clock
        self._random = np.random.default_rng(seed)
        self._known: weakref.WeakKeyDictionary[Servable, _Version] = weakref.WeakKeyDictionary()

    def consume(self, servable: Servable, batch: ServedBatch) -> None:
        """Count requests."""
        if servable.contract is None:
            return
        version = self._known.get(servable)
        if version is None:
            layout = Layout(servable, servable.contract)
            version = self._known[servable] = _Version(layout, self.rate(servable), self._clock())
        for weight, alike in batch.by_weight().items():
            version.count(servable, alike, weight, self)

    def layout(self, servable: Servable) -> Layout | None:
        """Return what is counted of a version; ``None`` without a contract."""
        version = self._known.get(servable)
        if version is not None:
            return version.layout
        return None if servable.contract is None else Layout(servable, servable.contract)

    def now(self) -> float:
        """Return the time in seconds."""
        return self._clock()

    def choose(self, rows: int, wanted: int) -> np.ndarray[Any, Any]:
        """Choose so many rows at random, ascending."""
        return np.sort(self._random.choice(rows, wanted, replace=False, shuffle=False))

    def rate(self, servable: Servable) -> float:
        """Return how many rows of a version are counted in a second, about."""
        contract = servable.contract
        values = 1 if contract is None else min(len(contract.features), MAX_FEATURES) + 1
        return max(VALUES_PER_SECOND / values, _LEAST_ROWS_PER_SECOND)

    def add(self, servable: Servable, counts: np.ndarray[Any, Any], rows: int, of: float) -> None:
        """Add the counts of some rows, which stand for ``of`` rows."""
        self._windows.add(key_of(servable), counts * (of / rows), of, rows)


class _Version:
    """Chooses the rows of one version that are counted."""

    def __init__(self, layout: Layout, rate: float, now: float) -> None:
        self.layout = layout
        self._rate = rate
        self._allowed = float(_BURST_ROWS)
        self._then = now
        self._skipped = 0.0  # rows since the last that were counted

    def count(
        self, servable: Servable, requests: ServedBatch, weight: float, counter: DriftCounter
    ) -> None:
        now = counter.now()
        earned = self._rate * max(now - self._then, 0.0)
        self._allowed = min(self._allowed + earned, max(_BURST_ROWS, self._rate))
        self._then = now
        rows = requests.rows
        total = sum(rows)
        wanted = min(total, int(self._allowed))
        if wanted < min(total, _SAMPLE_ROWS):
            self._skipped += weight * total  # the next sample stands for these, too
            return
        self._allowed -= wanted
        if wanted == total:
            chosen = requests
        elif len(rows) == total:
            chosen = requests.choose(counter.choose(total, wanted).tolist())
        else:
            chosen = _pick(requests, counter.choose(total, wanted))
        table = ServedTable(servable, chosen)
        if table.rows:
            of = (weight * total + self._skipped) * table.rows / wanted
            counter.add(servable, self.layout.count(table), table.rows, of)
            self._skipped = 0.0


def _pick(requests: ServedBatch, chosen: np.ndarray[Any, Any]) -> ServedBatch:
    """Return the requests with the chosen rows only, which are numbered over all requests."""
    ends = np.cumsum(requests.rows)
    owners = np.searchsorted(ends, chosen, side="right")
    picked: list[Handed] = []
    for owner in np.unique(owners).tolist():
        served = requests[owner]
        picked.append(_take(served, chosen[owners == owner] - (ends[owner] - served.rows)))
    return ServedBatch(picked)


def _take(served: Served, rows: np.ndarray[Any, Any]) -> Handed:
    """Return a request with some of its rows."""
    timing = Timing()
    timing.rows = served.rows
    timing.served = served.row, served.feeds, served.outputs, served.results or (), 0
    feeds = served.feeds
    if feeds is not None and all(len(array) == served.rows for array in feeds.values()):
        timing.rows = len(rows)
        results = [
            result[rows]
            if isinstance(result, np.ndarray) and result.shape[:1] == (served.rows,)
            else None
            for result in served.results or ()
        ]
        timing.answer({name: array[rows] for name, array in feeds.items()}, served.outputs, results)
    return served.servable, timing, None, None, served.stands_for
