"""Counts each request when it is answered: its duration, its run and its answer.

:mod:`inference.telemetry.latency_histogram` has the layout of a series. A request is counted at
once and one by one, which takes about a microsecond. To count many together takes as long in all,
and the request that does it waits for all of them.
"""

from __future__ import annotations

import weakref
from bisect import bisect_left
from typing import TYPE_CHECKING, Protocol

from inference.telemetry.answer_counts import AnswerCounts
from inference.telemetry.latency_histogram import BOUNDS, SUM
from inference.telemetry.statistics import RunCounts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from inference.model.servable import Servable
    from inference.telemetry.counters import Counters
    from inference.telemetry.timing import Timing

    MakeTap = Callable[[Servable], "Tap | None"]


class Tap(Protocol):
    """Takes the answered requests of one servable, for what watches the service."""

    def append(self, servable: Servable, timing: Timing) -> object:
        """Take a request that was answered with 200; explanations have no results to take."""


class TwoTaps:
    """Gives each request to two taps.

    Args:
        first: Gets it first.
        second: Gets it then.
    """

    __slots__ = ("_first", "_second")

    def __init__(self, first: Tap, second: Tap) -> None:
        self._first, self._second = first, second

    def append(self, servable: Servable, timing: Timing) -> None:
        """Take a request that was answered with 200; only on the event loop."""
        self._first.append(servable, timing)
        self._second.append(servable, timing)


def join_taps(first: Tap | None, second: Tap | None) -> Tap | None:
    """Return what gives requests to both; ``None`` if there are none."""
    return first or second if first is None or second is None else TwoTaps(first, second)


class RequestLatency:
    """Counts requests; use it from one thread.

    Args:
        requests: The numbers of requests, by route, model, version and status.
        runs: The numbers of :class:`RunCounts`.
        answers: The numbers of :class:`AnswerCounts`.

    Attributes:
        tap: Makes what each request of a servable that was answered with 200 is given to, with its
            clock; ``None`` if nothing watches the service.
    """

    def __init__(self, requests: Counters, runs: Counters, answers: Counters) -> None:
        self._requests = requests
        self._runs = runs
        self._answers = answers
        self._values = requests.values
        self.tap: MakeTap | None = None
        self._watched: Mapping[str, Tap] = {}
        # By the servable's id, since a look-up in a WeakKeyDictionary is slow.
        self._known: dict[int, _ServableCounts] = {}

    def observe(self, route: str, servable: Servable | None, status: int, timing: Timing) -> None:
        """Count one answered request; ``servable`` is ``None`` when none was found."""
        counts = self._known.get(id(servable)) or self._add(servable)
        begin = counts.indices.get((route, status))
        if begin is None:
            begin = counts.indices[route, status] = self._find(route, servable, status)
        values, started, parsed, began = self._values, timing.started, timing.parsed, timing.began
        ended, done = timing.ended, timing.done
        values[begin + bisect_left(BOUNDS, done - started)] += 1.0
        values[begin + SUM] += done - started
        values[begin + SUM + 1] += parsed - started
        if began != parsed:
            values[begin + SUM + 2] += began - parsed
        values[begin + SUM + 3] += ended - began
        values[begin + SUM + 4] += done - ended
        if status == 200 and counts.parts is not None:
            runs, answers = counts.parts
            runs.count(timing)
            answers.count(timing)
            if counts.tap is not None and servable is not None:
                counts.tap.append(servable, timing)

    def _add(self, servable: Servable | None) -> _ServableCounts:
        counts = self._known[id(servable)] = _ServableCounts(servable, self._runs, self._answers)
        if servable is not None:
            counts.own_tap = None if self.tap is None else self.tap(servable)
            forget = weakref.finalize(servable, self._known.pop, id(servable), None)
            forget.atexit = False
            counts.watch(self._watched)
        return counts

    def watch(self, models: Mapping[str, Tap]) -> None:
        """Give the requests of some models to further taps; those of all others cost nothing.

        Args:
            models: The tap of each model, by its name.
        """
        self._watched = models
        for counts in self._known.values():
            counts.watch(models)

    def _find(self, route: str, servable: Servable | None, status: int) -> int:
        name, version = (servable.name, str(servable.version)) if servable else ("", "")
        return self._requests.find((route, name, version, str(status)))


class _ServableCounts:
    """Where one servable is counted; does not hold it.

    Attributes:
        indices: Where its series of requests begin, by route and status.
        name: The model's name; empty without a servable.
        parts: Count its runs and its answers; ``None`` without a servable.
        own_tap: Takes its answered requests; ``None`` if nothing watches the service.
        tap: The same, with the further tap of the model.
    """

    __slots__ = ("indices", "name", "own_tap", "parts", "tap")

    def __init__(self, servable: Servable | None, runs: Counters, answers: Counters) -> None:
        self.indices: dict[tuple[str, int], int] = {}
        self.own_tap: Tap | None = None
        self.tap: Tap | None = None
        self.name = ""
        self.parts: tuple[RunCounts, AnswerCounts] | None = None
        if servable is not None:
            self.name = servable.name
            self.parts = RunCounts(runs, servable), AnswerCounts(answers, servable)

    def watch(self, models: Mapping[str, Tap]) -> None:
        """Give the requests to the tap of the model, too, if there is one."""
        self.tap = join_taps(self.own_tap, models.get(self.name))
