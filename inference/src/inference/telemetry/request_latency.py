"""Counts and latencies of every request, cheap enough for the fast path.

A series is a run of doubles in one array: the histogram of whole requests, as its buckets and its
sum, then the sum of each phase. The array may be shared memory, so that workers' numbers add up
(:mod:`inference.telemetry.counters`); what is made of them is
:mod:`inference.telemetry.prometheus`' affair.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.telemetry.timing import PHASES

if TYPE_CHECKING:
    from inference.model.servable import Servable
    from inference.telemetry.answer_counts import Answers
    from inference.telemetry.counters import Ledger
    from inference.telemetry.statistics import Runs
    from inference.telemetry.timing import Timing

Later = Callable[[float, Callable[[], Any]], Any]

# Seconds, half a decade each: from the smallest model's run to the longest that anybody waits for.
BOUNDS = (0.00003, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
BUCKETS = len(BOUNDS) + 1
SUM = BUCKETS  # where the histogram has its sum
SIZE = BUCKETS + 1 + len(PHASES)

# What is observed is counted together: one by one would cost as much as a small model's run.
FOLD_SECONDS = 0.05
_MOST_PENDING = 256
_EDGES = np.array(BOUNDS)

# Route, servable and status.
Kind = tuple[str, "Servable | None", int]


class Meter:
    """Observes requests.

    Args:
        ledger: Where the numbers are; they are complete whenever its items are read in the thread
            that observes, and elsewhere ``FOLD_SECONDS`` later.
        runs: Told of the runs behind what was answered.
        answers: Told of what was answered.
        later: Calls a function after so many seconds; by default there and then.
    """

    def __init__(
        self, ledger: Ledger, runs: Runs, answers: Answers, later: Later | None = None
    ) -> None:
        self._ledger = ledger
        self._runs = runs
        self._answers = answers
        self._values = np.asarray(ledger.values)
        self._later = later or (lambda _, fold: fold())
        self._pending: list[tuple[Kind, Timing]] = []
        self._thread = threading.get_ident()
        for read in (ledger, runs.ledger, answers.ledger):
            read.on_read = self._fold_on_read

    def observe(self, route: str, servable: Servable | None, status: int, timing: Timing) -> None:
        """Count one answered request; ``servable`` is ``None`` when none was found."""
        pending = self._pending
        pending.append(((route, servable, status), timing))
        if len(pending) == 1:
            self._thread = threading.get_ident()
            self._later(FOLD_SECONDS, self.fold)
        elif len(pending) >= _MOST_PENDING:
            self.fold()

    def _fold_on_read(self) -> None:
        if threading.get_ident() == self._thread:  # other threads would lose what is observed now
            self.fold()

    def fold(self) -> None:
        """Count what is pending; only in the thread that observes."""
        pending, self._pending = self._pending, []
        kinds: dict[Kind, list[Timing]] = {}
        for kind, timing in pending:
            kinds.setdefault(kind, []).append(timing)
        for (route, servable, status), timings in kinds.items():
            name, version = (servable.name, str(servable.version)) if servable else ("", "")
            place = self._ledger.find((route, name, version, str(status)))
            phases = np.array([timing.seconds for timing in timings])
            seconds = phases.sum(axis=1)
            series = self._values[place : place + SIZE]
            series[:SUM] += np.bincount(np.searchsorted(_EDGES, seconds), minlength=BUCKETS)
            series[SUM] += seconds.sum()
            series[SUM + 1 :] += phases.sum(axis=0)
            if servable is not None and status == 200:
                self._runs.count(servable, timings)
                self._answers.count(servable, timings)
