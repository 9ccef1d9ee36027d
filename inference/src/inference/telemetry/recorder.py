"""All that one service counts: requests, runs, events of the repository, and what waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.repository.events import Events
from inference.repository.replicated_state import StateAge
from inference.runtime.shared_memory import SharedArray
from inference.storage.status import SyncStatus
from inference.telemetry.counters import Counters, counters_array
from inference.telemetry.explanation_counts import ExplanationCounts
from inference.telemetry.latency_histogram import SIZE
from inference.telemetry.processes import PROCESS, PROCESS_ARRAY, Processes
from inference.telemetry.request_latency import RequestLatency
from inference.telemetry.rollout_counts import STRIDE as ROLLOUT_STRIDE
from inference.telemetry.rollout_counts import RolloutCounts
from inference.telemetry.statistics import STRIDE

if TYPE_CHECKING:
    from inference.runtime.shared_memory import Section
    from inference.settings import Settings
    from inference.telemetry.exemplars import Exemplars

EVENT_STRIDE = 2  # how often, and how many seconds in all
FEEDBACK = "feedback"  # the first part of the key of a series of answers
_MANY = 16384  # series where each model has several: sizes of runs, kinds of events, classes

# What each worker's counters take, by name.
COUNTER_ARRAYS = {
    "requests": counters_array(SIZE),
    "runs": counters_array(STRIDE, _MANY),
    "event_counts": counters_array(EVENT_STRIDE, _MANY),
    "waiting": counters_array(1),
    "callers": counters_array(1),
    "answers": counters_array(1, _MANY),
    "drift": SharedArray("d", 2 * 1024 * 1024),  # see inference.monitoring.drift.window
    PROCESS_ARRAY: PROCESS,
    "log": counters_array(1),
    "rollouts": counters_array(ROLLOUT_STRIDE),
}


class CountedEvents(Events):
    """Counts what happens in the repository.

    Args:
        counters: Where the numbers are; of stride :data:`EVENT_STRIDE`.
        is_successor: Whether another process has counted the files that are there at the start.
    """

    def __init__(self, counters: Counters, *, is_successor: bool) -> None:
        self._counters = counters
        self._is_successor = is_successor

    def examined(self, seconds: float, *, admitted: bool) -> None:
        """Count an examination."""
        self._count(("examined", "admitted" if admitted else "refused"), seconds)

    def loaded(self, model: str, seconds: float) -> None:
        """Count a load."""
        self._count(("loaded", model), seconds)

    def swapped(self, model: str, *, at_start: bool) -> None:
        """Count a swap."""
        if not (at_start and self._is_successor):
            self._count(("swapped", model))

    def quarantined(self, model: str, *, at_start: bool) -> None:
        """Count a refused file."""
        if not (at_start and self._is_successor):
            self._count(("quarantined", model))

    def chosen(self, choice: str) -> None:
        """Count a change of the operator's choices."""
        self._count(("chosen", choice))

    def _count(self, key: tuple[str, ...], seconds: float = 0.0) -> None:
        index = self._counters.find(key)
        self._counters.values[index] += 1.0
        self._counters.values[index + 1] += seconds


class Recorder:
    """The counters of one process, which read those of all.

    Args:
        section: Where the workers' counters are; ``None`` for the only process.
        settings: Whether models are copied from an object store, and where the state is.
        traced: Whether requests are traced.

    Attributes:
        requests: By route, model, version and status, see
            :mod:`inference.telemetry.request_latency`.
        runs: By model, version and size, see :mod:`inference.telemetry.statistics`.
        event_counts: Events of the repository.
        waiting: Requests that wait now, by model.
        callers: Requests by key and outcome: ``admitted``, or the status they were denied with.
        answers: Predicted classes and values out of range, see
            :mod:`inference.telemetry.answer_counts`.
        log: Rows of the prediction log, see :mod:`inference.monitoring.log.counts`.
        latency: Counts requests and runs.
        exemplars: The last traces by duration; ``None`` if requests are not traced.
        explanations: Counts explanations.
        rollouts: Counts of versions that share or shadow the traffic of a model.
        events: Counts events.
        processes: The worker processes; ``None`` for the only process.
        sync: Where the copies from the object store stand; ``None`` without one.
        state_age: How old the state of the bucket is here; ``None`` without one.
    """

    def __init__(
        self,
        section: Section | None = None,
        settings: Settings | None = None,
        *,
        traced: bool = False,
    ) -> None:
        self.requests = Counters("requests", SIZE, section)
        self.runs = Counters("runs", STRIDE, section)
        self.event_counts = Counters("event_counts", EVENT_STRIDE, section)
        self.waiting = Counters("waiting", 1, section, volatile=True)
        self.callers = Counters("callers", 1, section)
        self.answers = Counters("answers", 1, section)
        self.log = Counters("log", 1, section)
        self.exemplars: Exemplars | None = None
        self.latency = RequestLatency(self.requests, self.runs, self.answers)
        if traced:
            # Imported late, because it takes time, and few services trace.
            from inference.telemetry.exemplars import (  # noqa: PLC0415
                Exemplars,
                TracedLatency,
            )

            self.exemplars = Exemplars()
            self.latency = TracedLatency(
                self.requests, self.runs, self.answers, exemplars=self.exemplars
            )
        self.explanations = ExplanationCounts(self.answers)
        self.rollouts = RolloutCounts(Counters("rollouts", ROLLOUT_STRIDE, section))
        self.processes = None if section is None else Processes(section)
        is_successor = self.processes is not None and self.processes.has_predecessor
        self.events = CountedEvents(self.event_counts, is_successor=is_successor)
        self.sync: SyncStatus | None = None
        self.state_age: StateAge | None = None
        if section is not None and settings is not None:
            if settings.models_url is not None:
                self.sync = SyncStatus(section.memory.array("sync"))
            if settings.state_url is not None:
                self.state_age = StateAge(section.memory.array("state-age"))

    def count_unlogged(self) -> None:
        """Count a line of the log about an answered request that was dropped."""
        self.event_counts.values[self.event_counts.find(("unlogged", "request"))] += 1.0

    def count_unwatched(self) -> None:
        """Count an answered request that was dropped before any consumer saw it."""
        self.event_counts.values[self.event_counts.find(("unwatched", "hand-off"))] += 1.0

    def count_feedback(self, model: str, version: int, rows: int) -> None:
        """Count rows whose truth has arrived; on the event loop."""
        key = FEEDBACK, model, str(version)
        self.answers.values[self.answers.find(key)] += rows
