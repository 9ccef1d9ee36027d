"""A worker's sign of life, in memory that its supervisor reads.

The worker's event loop counts up; a loop that is blocked, or a process that is stopped, does not.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

HEARTBEAT_BYTES = 16
BEAT_SECONDS = 0.5

# A worker that ends with this exit status asks for a successor at once: it serves no longer as it
# should (a run that cannot be ended, say), and a new process would. It is not counted as a failure.
# Any status that Python and the service do not use otherwise; EX_TEMPFAIL of sysexits.h.
REPLACE_STATUS = 75


class Heartbeat:
    """One worker's heartbeat.

    Args:
        section: ``HEARTBEAT_BYTES`` of shared memory, or none for a heart that nobody listens to.
    """

    def __init__(self, section: memoryview | None = None) -> None:
        memory = memoryview(bytearray(HEARTBEAT_BYTES)) if section is None else section
        self._values = memory.cast("d")

    @property
    def beats(self) -> float:
        """How often it has beaten."""
        return self._values[0]

    @property
    def has_served(self) -> bool:
        """Whether the worker has come as far as to serve."""
        return self._values[1] > 0

    def reset(self) -> None:
        """Begin anew, for another worker."""
        self._values[0] = self._values[1] = 0.0

    def serve(self) -> None:
        """Note that the worker serves."""
        self._values[1] = 1.0

    @contextlib.contextmanager
    def beating(self) -> Iterator[None]:
        """Beat with the running loop until the end of the block."""
        self._beat(asyncio.get_running_loop())
        try:
            yield
        finally:
            self._timer.cancel()

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        self._values[0] += 1.0
        self._timer = loop.call_later(BEAT_SECONDS, self._beat, loop)


class Watch:
    """Tells for how long a worker has given no sign of life.

    Only what the watcher has waited itself counts: while it is stopped or suspended together with
    the workers it sees nothing, and afterwards they are as healthy as before. The time for which
    the worker was ready to run, and the machine was busy with others, does not count either.

    Args:
        heartbeat: The worker's.
        pid: Its process.
        longest_step_seconds: How much time one look accounts for at most.
    """

    def __init__(self, heartbeat: Heartbeat, pid: int, longest_step_seconds: float) -> None:
        self._heartbeat = heartbeat
        self._pid = pid
        self._longest_step_seconds = longest_step_seconds
        self._beats = heartbeat.beats
        self._delayed = _run_delay(pid)
        self._silent = 0.0

    def look(self, passed_seconds: float) -> float:
        """Look at the heartbeat.

        Args:
            passed_seconds: Since the look before.

        Returns:
            The seconds of silence so far.
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
    """Tell how long a process's first thread has waited for a processor; 0 where that is unknown.

    Source: https://docs.kernel.org/scheduler/sched-stats.html, ``/proc/<pid>/schedstat``
    """
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_bytes().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0
