"""Runs a shadow on the rows that another version has answered.

The rows come from the hand-off, so every answer has gone out before. Its thread runs them in
pieces: requests of single rows share a run, which takes little of the interpreter's lock. It rests
in between, the longer the busier the event loop is. What it cannot keep up with is dropped on the
event loop. So a shadow that is slow, hangs or fails does not delay any answer.

For the latency, some requests are run alone, by the shadow and by the version that has answered,
one after the other in the same thread: their times differ by the models only.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from inference.errors import RookeryError
from inference.logs import fields
from inference.model.session import Stop
from inference.monitoring.columns import Column, ServedTable
from inference.monitoring.rollout.comparison import answer_outputs, compare
from inference.monitoring.rollout.row_map import RowMap
from inference.runtime.pace import Pace
from inference.telemetry.rollout_counts import Key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inference.model.servable import Servable
    from inference.monitoring.served import ServedBatch
    from inference.telemetry.rollout_counts import RolloutCounts

_log = logging.getLogger(__name__)

_PIECE = 128  # requests that share a run
_PIECE_ROWS = 256
_TIMED = 16  # of as many requests, one is run alone
_TIMINGS_PER_SECOND, _MOST_TIMINGS = 50.0, 128  # at most; so many more after a pause
# What fails because of the model or the rows, and not because of this module.
_FAILURES = (RookeryError, ValueError, TypeError, KeyError, IndexError)


class Job(NamedTuple):
    """Requests to be run.

    Attributes:
        servable: What has answered them.
        shadow: What is to be run.
        traffic: The id of the traffic.
        batch: The requests.
    """

    servable: Servable
    shadow: Servable
    traffic: str
    batch: ServedBatch

    @property
    def key(self) -> Key:
        """The series of the shadow."""
        return Key(self.shadow.name, str(self.shadow.version), self.traffic, "shadow")


class ShadowRunner:
    """Runs shadows; use it from one thread, except for :meth:`end_long_run` and :meth:`close`.

    Args:
        counts: What is found.
        run_seconds: How long one run may take.
    """

    def __init__(self, counts: RolloutCounts, run_seconds: float) -> None:
        self._counts = counts
        self._run_seconds = run_seconds
        self._closed = threading.Event()
        self._pace = Pace(self._closed)
        self._running: tuple[float, Stop] | None = None
        self._turn = 0
        self._timings, self._then = float(_MOST_TIMINGS), 0.0
        self._is_new_first = False
        self._logged: set[Key] = set()

    def run(self, job: Job) -> None:
        """Run the requests of a job, several at a time; what is left at the end is dropped."""
        rows = job.batch.rows
        begin = 0
        self._pace.begin()
        while begin < len(rows) and not self._closed.is_set():
            end, total = begin + 1, rows[begin]
            while end < len(rows) and end - begin < _PIECE and total + rows[end] <= _PIECE_ROWS:
                total += rows[end]
                end += 1
            self._run_piece(job, job.batch[begin:end])
            begin = end
            self._pace.rest()

    def end_long_run(self) -> None:
        """End a run that takes too long; call it from time to time."""
        running = self._running
        if running is not None and time.monotonic() - running[0] > self._run_seconds:
            running[1].end(self._run_seconds)

    def close(self) -> None:
        """End what is run, and run nothing more."""
        self._closed.set()
        running = self._running
        if running is not None:
            running[1].end(0)

    def _run_piece(self, job: Job, piece: ServedBatch) -> None:
        """Run requests together; if that fails, each half of them, down to single ones."""
        half = len(piece) // 2
        if not half or self._shares_runs(job):
            try:
                self._compare(job, piece)
            except _FAILURES as error:
                if not half:
                    self._fail(job, piece.rows[0], error)
                    return
            else:
                with contextlib.suppress(*_FAILURES):  # its rows are counted already
                    self._time(job, piece)
                return
        self._run_piece(job, piece[:half])
        self._run_piece(job, piece[half:])

    @staticmethod
    def _shares_runs(job: Job) -> bool:
        return job.shadow.contract is not None and job.servable.contract is not None

    def _compare(self, job: Job, piece: ServedBatch) -> None:
        if job.servable.columns is None:
            return self._compare_tensors(job, piece)
        table = ServedTable(job.servable, piece)
        if not table.rows:
            raise ValueError("the arrays do not have one row for each row asked")
        feeds = RowMap(job.servable, job.shadow).to_feeds(table)
        results = self._run(job.shadow, feeds)
        return self._count(job, table.answers(), results, table.rows)

    def _compare_tensors(self, job: Job, piece: ServedBatch) -> None:
        """Compare a request of a model that takes tensors; all its numbers are one row."""
        (served,) = piece
        results = self._run(job.shadow, served.feeds or {})
        given = zip(served.outputs, served.results or (), strict=True)
        arrays = {name: np.asarray(array).reshape(1, -1) for name, array in given}
        old = {name: Column(array, np.zeros(1, dtype=bool)) for name, array in arrays.items()}
        self._count(job, old, [np.asarray(result).reshape(1, -1) for result in results], 1)

    def _count(self, job: Job, old: Mapping[str, Column], results: list[Any], rows: int) -> None:
        found = compare(job.servable, job.shadow, old, results, rows)
        self._counts.add(
            job.key,
            rows=found.rows,
            different=found.different,
            difference=found.difference,
            size_of_old=found.size_of_old,
        )

    def _time(self, job: Job, piece: ServedBatch) -> None:
        """Run one of some requests alone, by both versions."""
        self._turn += len(piece)
        if self._turn < _TIMED:
            return
        self._turn %= _TIMED
        if not self._may_time():
            return
        one = piece[len(piece) - 1 :]
        if job.servable.columns is None:
            feeds = mapped = one[0].feeds or {}
        else:
            table = ServedTable(job.servable, one)
            feeds = table.inputs
            mapped = RowMap(job.servable, job.shadow).to_feeds(table)
        old = job.key._replace(version=str(job.servable.version))
        both = (old, job.servable, feeds), (job.key, job.shadow, mapped)
        # The first one is slower, since the processor has just begun: they take turns.
        self._is_new_first = not self._is_new_first
        for key, servable, given in both[::-1] if self._is_new_first else both:
            self._run(servable, given)  # once before, since caches may be cold
            begin = time.perf_counter()
            self._run(servable, given)
            self._counts.observe(key, [time.perf_counter() - begin])

    def _may_time(self) -> bool:
        now = time.monotonic()
        earned = _TIMINGS_PER_SECOND * (now - self._then)
        self._timings, self._then = min(self._timings + earned, _MOST_TIMINGS), now
        if self._timings < 1:
            return False
        self._timings -= 1
        return True

    def _run(self, servable: Servable, feeds: Mapping[str, Any]) -> list[Any]:
        stop = Stop()
        self._running = (time.monotonic(), stop)
        try:
            return servable.run(answer_outputs(servable), dict(feeds), stop)
        finally:
            self._running = None

    def _fail(self, job: Job, rows: int, error: Exception) -> None:
        self._counts.add(job.key, failed=rows)
        if job.key in self._logged:
            return
        self._logged.add(job.key)
        extra = fields("shadow-failed", model=job.shadow.name, version=job.shadow.version)
        _log.warning(
            "version %d of model %s fails as shadow, and further failures are only counted: %s",
            job.shadow.version,
            job.shadow.name,
            error,
            extra=extra,
        )
