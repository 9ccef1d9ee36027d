"""All that one service counts: requests, runs, events of the repository, and what waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.repository.events import Events
from inference.telemetry.answer_counts import Answers
from inference.telemetry.counters import Ledger, ledger_bytes
from inference.telemetry.request_latency import SIZE, Meter
from inference.telemetry.statistics import STRIDE, Runs

if TYPE_CHECKING:
    from inference.runtime.shared_memory import Place
    from inference.telemetry.request_latency import Later

EVENT_STRIDE = 2  # how often, and how many seconds in all
_MANY = 16384  # series where each model has several: sizes of runs, kinds of events, classes

# What each worker's ledgers take, by name.
LEDGER_BYTES = {
    "requests": ledger_bytes(SIZE),
    "runs": ledger_bytes(STRIDE, _MANY),
    "happened": ledger_bytes(EVENT_STRIDE, _MANY),
    "waiting": ledger_bytes(1),
    "callers": ledger_bytes(1),
    "answers": ledger_bytes(1, _MANY),
}


class CountedEvents(Events):
    """Counts what happens in the repository.

    Args:
        ledger: Where the numbers are; of stride :data:`EVENT_STRIDE`.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def examined(self, seconds: float, *, admitted: bool) -> None:
        """Count an examination."""
        self._count(("examined", "admitted" if admitted else "refused"), seconds)

    def loaded(self, model: str, seconds: float) -> None:
        """Count a load."""
        self._count(("loaded", model), seconds)

    def swapped(self, model: str) -> None:
        """Count a swap."""
        self._count(("swapped", model))

    def quarantined(self, model: str) -> None:
        """Count a refused file."""
        self._count(("quarantined", model))

    def chosen(self, choice: str) -> None:
        """Count a change of the operator's choices."""
        self._count(("chosen", choice))

    def _count(self, key: tuple[str, ...], seconds: float = 0.0) -> None:
        place = self._ledger.find(key)
        self._ledger.values[place] += 1.0
        self._ledger.values[place + 1] += seconds


class Book:
    """The ledgers of one process, which read those of all.

    Args:
        place: Where the workers' ledgers are; ``None`` for the only process.
        later: Calls a function after so many seconds, see
            :class:`inference.telemetry.request_latency.Meter`.

    Attributes:
        requests: By route, model, version and status, see
            :mod:`inference.telemetry.request_latency`.
        runs: By model, version and size, see :mod:`inference.telemetry.statistics`.
        happened: Events of the repository.
        waiting: Requests that wait now, by model.
        callers: Requests by key and outcome: ``admitted``, or the status they were denied with.
        answers: Predicted classes and values out of range, see
            :mod:`inference.telemetry.answer_counts`.
        meter: Counts requests and runs.
        events: Counts events.
    """

    def __init__(self, place: Place | None = None, later: Later | None = None) -> None:
        self.requests = Ledger("requests", SIZE, place)
        self.runs = Ledger("runs", STRIDE, place)
        self.happened = Ledger("happened", EVENT_STRIDE, place)
        self.waiting = Ledger("waiting", 1, place, volatile=True)
        self.callers = Ledger("callers", 1, place)
        self.answers = Ledger("answers", 1, place)
        self.meter = Meter(self.requests, Runs(self.runs), Answers(self.answers), later)
        self.events = CountedEvents(self.happened)
