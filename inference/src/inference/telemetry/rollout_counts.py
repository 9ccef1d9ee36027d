"""What is counted of the versions that share or shadow the traffic of a model.

A series belongs to one version in one traffic, since a change of the traffic begins anew. All
workers add to their own; :func:`add_up` reads those of all. The histogram is finer than that of
requests, because the p99 of two versions are divided by each other.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.telemetry.counters import Counters

Kind = Literal["split", "shadow"]

# Bounds in seconds: 24 in each decade, so that a p99 is within 10 % of the true one.
BOUNDS = [1e-5 * 10 ** (step / 24) for step in range(6 * 24 + 1)]
BUCKETS = len(BOUNDS) + 1
SHOWN_STEP = 6
SHOWN_BOUNDS = [float(f"{bound:.3g}") for bound in BOUNDS[::SHOWN_STEP]]  # in the metrics
ROWS, FAILED, DROPPED, DIFFERENT, DIFFERENCE, SIZE_OF_OLD, REQUESTS, SECONDS = range(8)
_NUMBERS = 8  # in front of the buckets
STRIDE = _NUMBERS + BUCKETS
_QUANTILE = 0.99


class Key(NamedTuple):
    """What a series is of.

    Attributes:
        model: The model.
        version: The version, as text.
        traffic: The id of the traffic.
        kind: Whether it answers requests, or is run beside them.
    """

    model: str
    version: str
    traffic: str
    kind: Kind


class Tally:
    """The numbers of one version.

    Args:
        values: A series, or several added up.

    Attributes:
        rows: Rows answered.
        failed: Of a shadow, rows that it failed on; of a version that answers, failed requests.
        dropped: Rows that a shadow did not get, because it could not keep up.
        different: Rows that a shadow answered with another label.
        difference: The largest difference of a number in each row, added up.
        size_of_old: The mean absolute value of the other version's answer, added up over the rows.
        requests: Requests answered, or runs of a shadow that were measured.
        seconds: Their durations, added up.
        buckets: How many took how long, see :data:`BOUNDS`.
    """

    def __init__(self, values: Sequence[float] = (0.0,) * STRIDE) -> None:
        self.values = list(values)
        self.rows, self.failed, self.dropped, self.different = values[:4]
        self.difference, self.size_of_old, self.requests, self.seconds = values[4:_NUMBERS]
        self.buckets = values[_NUMBERS:]

    def __add__(self, other: Tally) -> Tally:
        return Tally([a + b for a, b in zip(self.values, other.values, strict=True)])

    @property
    def p99_seconds(self) -> float | None:
        """99 % took at most this long; ``None`` if nothing was measured."""
        rank, passed = _QUANTILE * sum(self.buckets), 0.0
        for bound, count in zip([*BOUNDS, BOUNDS[-1]], self.buckets, strict=True):
            passed += count
            if count and passed >= rank:
                return bound
        return None


class RolloutCounts:
    """The numbers of one process; several of its threads may add to them.

    Args:
        counters: Of stride :data:`STRIDE`.
    """

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._lock = threading.Lock()

    def add(self, key: Key, **numbers: float) -> None:
        """Add to numbers of a series, by the names of :class:`Tally`."""
        with self._lock:
            begin = self._counters.find(key)
            for name, number in numbers.items():
                self._counters.values[begin + _INDICES[name]] += number

    def observe(self, key: Key, durations: Sequence[float]) -> None:
        """Count durations in seconds."""
        with self._lock:
            begin, values = self._counters.find(key), self._counters.values
            for seconds in durations:
                values[begin + _NUMBERS + bisect_left(BOUNDS, seconds)] += 1.0
            values[begin + REQUESTS] += len(durations)
            values[begin + SECONDS] += sum(durations)

    def add_up(self) -> dict[Key, Tally]:
        """Return the numbers of all processes."""
        found: dict[Key, Tally] = {}
        for (model, version, traffic, kind), values in self._counters.items():
            key = Key(model, version, traffic, "shadow" if kind == "shadow" else "split")
            found[key] = found[key] + Tally(values) if key in found else Tally(values)
        return found


_INDICES = {
    "rows": ROWS,
    "failed": FAILED,
    "dropped": DROPPED,
    "different": DIFFERENT,
    "difference": DIFFERENCE,
    "size_of_old": SIZE_OF_OLD,
}
