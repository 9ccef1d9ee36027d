"""What became of every request."""

from __future__ import annotations

import threading
from array import array
from collections import Counter
from typing import NamedTuple

_SHOWN = 50


class Death(NamedTuple):
    """A worker that was killed.

    Attributes:
        at: When, on the monotonic clock.
        ports: Our ends of the connections that it had accepted.
    """

    at: float
    ports: frozenset[int]


class Tally:
    """Counts answers, and tells what was lost from what could not be helped.

    Attributes:
        latency_ms: Of every right answer, by kind of request.
        lost: Accepted requests that were not answered, or not rightly; what was wrong with each.
        cut: Requests on connections that a killed worker had accepted.
        refused: Connections refused while the service was down on purpose.
        left: Requests that the client itself gave up.
        is_down: Whether the service is down on purpose now, or on its way.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.latency_ms: dict[str, array[float]] = {}
        self.lost: list[str] = []
        self.lost_kinds: Counter[str] = Counter()
        self.cut = self.refused = self.left = 0
        self.is_down = threading.Event()
        self._deaths: list[Death] = []

    @property
    def answered(self) -> int:
        """Requests that were answered rightly."""
        with self._lock:
            return sum(map(len, self.latency_ms.values()))

    def answer(self, kind: str, seconds: float) -> None:
        """Count a right answer."""
        with self._lock:
            self.latency_ms.setdefault(kind, array("d")).append(seconds * 1e3)

    def lose(self, kind: str, what: str) -> None:
        """Count a loss."""
        with self._lock:
            self.lost_kinds[kind] += 1
            if len(self.lost) < _SHOWN:
                self.lost.append(f"{kind}: {what}")

    def leave(self, count: int) -> None:
        """Count requests that were left by their client."""
        with self._lock:
            self.left += count

    def kill(self, death: Death) -> None:
        """Note which connections are about to be cut."""
        with self._lock:
            self._deaths.append(death)

    def has_killed_since(self, at: float) -> bool:
        """Whether a worker was killed since then, on the monotonic clock."""
        with self._lock:
            return any(death.at >= at for death in self._deaths)

    def fail(self, kind: str, error: Exception, *, port: int, begun: float, first: bool) -> None:
        """Judge a request without an answer.

        Args:
            kind: Of the request.
            error: What came instead.
            port: Our end of the connection; 0 when there never was one.
            begun: When it was sent, on the monotonic clock.
            first: Whether it was the connection's first, so that it need not have been accepted.
        """
        with self._lock:
            # A port is used again in time, so only a death since shortly before counts.
            if any(port in death.ports and death.at > begun - 1 for death in self._deaths):
                self.cut += 1
                return
            if self.is_down.is_set() and first and isinstance(error, ConnectionError):
                self.refused += 1
                return
        self.lose(kind, repr(error))
