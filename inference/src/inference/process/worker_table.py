"""The supervisor's view of the workers: their processes, heartbeats and restarts.

A process that ends before it has served has *failed*. Repeated failures lead to longer pauses. If
every worker fails repeatedly and none has ever served, the supervisor gives up.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from inference.runtime.heartbeat import Heartbeat, Watch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inference.runtime.shared_memory import SharedMemory

_HOPELESS_FAILURES = 5
# A worker that repeatedly ends within this time after its start is restarted after a pause, which
# doubles each time. Other workers are restarted immediately.
_SHORT_SECONDS = 10.0
_FREE_DEATHS = 2
_LONGEST_PAUSE_SECONDS = 30.0


class Worker:
    """One worker and its current process.

    Args:
        index: The worker's number.
        heartbeat: The heartbeat of its process.
        longest_step_seconds: See :class:`inference.runtime.heartbeat.Watch`.

    Attributes:
        pid: The process; 0 if there is none.
        killed_for: Why the supervisor has killed it; empty if it has not.
        failures: Processes in a row that ended before they served.
    """

    def __init__(self, index: int, heartbeat: Heartbeat, longest_step_seconds: float) -> None:
        self.index = index
        self.heartbeat = heartbeat
        self.pid = 0
        self.killed_for = ""
        self.failures = 0
        self.due: float | None = 0.0
        self._longest_step_seconds = longest_step_seconds
        self._short_lives = 0
        self._started_at = 0.0
        self._watch: Watch | None = None

    def started(self, pid: int, now: float) -> None:
        """Record that a process was started."""
        self.pid, self.due, self.killed_for, self._started_at = pid, None, "", now
        self._watch = Watch(self.heartbeat, pid, self._longest_step_seconds)

    def failed(self, now: float) -> float:
        """Record that no process could be started; return the pause before a retry, in seconds."""
        self.failures += 1
        self._short_lives += 1
        pause = max(1.0, self._pause())
        self.due = now + pause
        return pause

    def ended(self, now: float, *, asked: bool) -> float:
        """Record that the process has ended; return the pause before the next one, in seconds.

        Args:
            now: The time.
            asked: Whether the process requested its replacement.
        """
        served = self.heartbeat.has_served
        self.failures = 0 if served else self.failures + 1
        if not (asked and served):
            short = now - self._started_at < _SHORT_SECONDS
            self._short_lives = self._short_lives + 1 if short else 0
        self.pid = 0
        pause = 0.0 if asked and served else self._pause()
        self.due = now + pause
        return pause

    def silent(self, passed_seconds: float) -> float:
        """Return for how many seconds the process has not responded."""
        if not self.pid or self._watch is None:
            return 0.0
        return self._watch.look(passed_seconds)

    def signal(self, number: int) -> None:
        """Send a signal to the process, if there is one."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def _pause(self) -> float:
        if self._short_lives <= _FREE_DEATHS:
            return 0.0
        return min(_LONGEST_PAUSE_SECONDS, 2.0 ** (self._short_lives - _FREE_DEATHS - 1))


class WorkerTable:
    """All workers.

    Args:
        memory: The shared memory with the heartbeats.
        size: The number of workers.
        longest_step_seconds: See :class:`inference.runtime.heartbeat.Watch`.
    """

    def __init__(self, memory: SharedMemory, size: int, *, longest_step_seconds: float) -> None:
        self._workers = [
            Worker(index, Heartbeat(memory.array("heartbeat", index)), longest_step_seconds)
            for index in range(size)
        ]
        self._has_served = False

    @property
    def alive(self) -> list[Worker]:
        """The workers that have a process."""
        return [worker for worker in self._workers if worker.pid]

    @property
    def has_served(self) -> bool:
        """Whether any worker has served since the start."""
        self._has_served |= any(worker.heartbeat.has_served for worker in self._workers)
        return self._has_served

    @property
    def is_hopeless(self) -> bool:
        """Whether every worker has failed repeatedly, and none has ever served."""
        failures = min(worker.failures for worker in self._workers)
        return failures >= _HOPELESS_FAILURES and not self.has_served

    def by_pid(self, pid: int) -> Worker | None:
        """Return the worker with a process, or ``None``."""
        return next((worker for worker in self._workers if worker.pid == pid), None)

    def due(self, now: float) -> Iterator[Worker]:
        """Return the workers to start now."""
        return (m for m in self._workers if m.due is not None and m.due <= now)

    def silent(self, passed_seconds: float, most_seconds: float) -> list[Worker]:
        """Check every heartbeat; return the workers that were silent for too long.

        A worker that was killed is not returned again.
        """
        silences = [(worker, worker.silent(passed_seconds)) for worker in self._workers]
        return [m for m, seconds in silences if seconds > most_seconds and not m.killed_for]

    def signal(self, number: int) -> None:
        """Send a signal to every process."""
        for worker in self._workers:
            worker.signal(number)
