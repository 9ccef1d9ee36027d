"""Records the duration of every request, its run and its answer, at little cost per request.

:mod:`inference.telemetry.latency_histogram` has the layout of a series. The counters may be shared
memory, so that the numbers of all workers add up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.telemetry.latency_histogram import BOUNDS, BUCKETS, SIZE, SUM

if TYPE_CHECKING:
    from inference.model.servable import Servable
    from inference.telemetry.answer_counts import AnswerCounts
    from inference.telemetry.counters import Counters
    from inference.telemetry.statistics import RunCounts
    from inference.telemetry.timing import Timing

Later = Callable[[float, Callable[[], Any]], Any]

# Requests are counted together: one by one would cost as much as a small model's run.
FLUSH_SECONDS = 0.05
_MOST_PENDING = 256
_EDGES = np.array(BOUNDS)

# Route, servable and status.
Kind = tuple[str, "Servable | None", int]


class RequestLatency:
    """Records requests.

    Args:
        counters: Where the numbers are; they are complete whenever its items are read in the thread
            that observes, and elsewhere ``FLUSH_SECONDS`` later.
        runs: Counts the runs of the answered requests.
        answers: Counts the answers.
        later: Calls a function after so many seconds; by default there and then.
    """

    def __init__(
        self, counters: Counters, runs: RunCounts, answers: AnswerCounts, later: Later | None = None
    ) -> None:
        self._counters = counters
        self._runs = runs
        self._answers = answers
        self._values = np.asarray(counters.values)
        self._later = later or (lambda _, flush: flush())
        self._pending: list[tuple[Kind, Timing]] = []
        self._thread = threading.get_ident()
        for read in (counters, runs.counters, answers.counters):
            read.on_read = self._flush_on_read

    def observe(self, route: str, servable: Servable | None, status: int, timing: Timing) -> None:
        """Count one answered request; ``servable`` is ``None`` when none was found."""
        pending = self._pending
        pending.append(((route, servable, status), timing))
        if len(pending) == 1:
            self._thread = threading.get_ident()
            self._later(FLUSH_SECONDS, self.flush)
        elif len(pending) >= _MOST_PENDING:
            self.flush()

    def _flush_on_read(self) -> None:
        if threading.get_ident() == self._thread:  # other threads would lose what is observed now
            self.flush()

    def flush(self) -> None:
        """Count what is pending; only in the thread that observes."""
        pending, self._pending = self._pending, []
        kinds: dict[Kind, list[Timing]] = {}
        for kind, timing in pending:
            kinds.setdefault(kind, []).append(timing)
        for (route, servable, status), timings in kinds.items():
            name, version = (servable.name, str(servable.version)) if servable else ("", "")
            index = self._counters.find((route, name, version, str(status)))
            phases = np.array([timing.seconds for timing in timings])
            seconds = phases.sum(axis=1)
            series = self._values[index : index + SIZE]
            series[:SUM] += np.bincount(np.searchsorted(_EDGES, seconds), minlength=BUCKETS)
            series[SUM] += seconds.sum()
            series[SUM + 1 :] += phases.sum(axis=0)
            if servable is not None and status == 200:
                self._runs.count(servable, timings)
                self._answers.count(servable, timings)
