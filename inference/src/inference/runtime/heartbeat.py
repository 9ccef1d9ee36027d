"""A counter that a worker's event loop increments and the supervisor checks.

A blocked event loop or a stopped process does not increment it.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from inference.runtime.shared_memory import SharedArray

if TYPE_CHECKING:
    from collections.abc import Iterator

HEARTBEAT = SharedArray("d", 2)  # beats; whether the worker has served
BEAT_SECONDS = 0.5

# A worker that exits with this status requests an immediate successor, for example because of a run
# that cannot be ended. This does not count as a failure. The value is EX_TEMPFAIL of sysexits.h,
# which neither Python nor the service uses otherwise.
REPLACE_STATUS = 75


class Heartbeat:
    """One worker's heartbeat.

    Args:
        values: An array of the kind :data:`HEARTBEAT`; ``None`` for private memory.
    """

    def __init__(self, values: memoryview[float] | None = None) -> None:
        self._values = HEARTBEAT.allocate() if values is None else values

    @property
    def beats(self) -> float:
        """The counter."""
        return self._values[0]

    @property
    def has_served(self) -> bool:
        """Whether the worker has served."""
        return self._values[1] > 0

    def reset(self) -> None:
        """Reset the counter for another process."""
        self._values[0] = self._values[1] = 0.0

    def serve(self) -> None:
        """Record that the worker serves."""
        self._values[1] = 1.0

    @contextlib.contextmanager
    def beating(self) -> Iterator[None]:
        """Increment the counter in the running event loop until the end of the block."""
        self._beat(asyncio.get_running_loop())
        try:
            yield
        finally:
            self._timer.cancel()

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        self._values[0] += 1.0
        self._timer = loop.call_later(BEAT_SECONDS, self._beat, loop)


class Watch:
    """Measures for how long a worker has not responded.

    Only time during which the observer was running counts: if it is stopped or suspended together
    with the workers, they are as healthy afterwards as before. The time during which the worker
    waited for a processor does not count either.

    Args:
        heartbeat: The worker's heartbeat.
        pid: The worker's process.
        longest_step_seconds: The maximum time that one check accounts for.
    """

    def __init__(self, heartbeat: Heartbeat, pid: int, longest_step_seconds: float) -> None:
        self._heartbeat = heartbeat
        self._pid = pid
        self._longest_step_seconds = longest_step_seconds
        self._beats = heartbeat.beats
        self._delayed = _run_delay(pid)
        self._silent = 0.0

    def look(self, passed_seconds: float) -> float:
        """Check the heartbeat.

        Args:
            passed_seconds: Time since the previous check.

        Returns:
            The seconds without a response so far.
        """
        beats, delayed = self._heartbeat.beats, _run_delay(self._pid)
        if beats != self._beats:
            self._silent = 0.0
        else:
            waited = delayed - self._delayed
            self._silent += max(0.0, min(passed_seconds, self._longest_step_seconds) - waited)
        self._beats, self._delayed = beats, delayed
        return self._silent


def _run_delay(pid: int) -> float:
    """Return how long the first thread of a process has waited for a processor; 0 if unknown.

    Source: https://docs.kernel.org/scheduler/sched-stats.html, ``/proc/<pid>/schedstat``
    """
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_bytes().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0
