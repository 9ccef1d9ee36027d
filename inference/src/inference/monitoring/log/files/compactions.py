"""Has journals made into Parquet files, one at a time, by a process of low priority."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from inference.monitoring.log.files.journal import Journal

_RETRY_SECONDS, _LONGEST_RETRY_SECONDS = 30.0, 3600.0
_LOOK_SECONDS = 0.25  # between two looks at a compaction
_MODULE = "inference.monitoring.log.files.compaction"
_SHOWN = 300  # characters of what the process has written
_SIGNALS = 128


@dataclass
class _Task:
    journal: Journal
    pause: float
    due: float = 0.0

    def postpone(self, now: float) -> None:
        """Wait for twice as long as before: what failed may never succeed."""
        self.due = now + self.pause
        self.pause = min(2 * self.pause, _LONGEST_RETRY_SECONDS)


class Compactions:
    """Journals that are to become files. They stay until that has succeeded.

    Args:
        root: The folder of the log.
        retry_seconds: The first pause after a failure; each further one is twice as long, up to an
            hour.
        clock: Returns seconds.
    """

    def __init__(
        self,
        root: Path,
        retry_seconds: float = _RETRY_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._root = root
        self._retry_seconds = retry_seconds
        self._clock = clock
        # One thread adds while another one looks through them, which a deque does not permit.
        self._tasks: list[_Task] = []
        self._running: tuple[_Task, subprocess.Popen[bytes]] | None = None

    @property
    def pause(self) -> float | None:
        """Seconds until there is something to do; ``None`` if nothing is left."""
        if self._running is not None:
            return _LOOK_SECONDS
        if not self._tasks:
            return None
        return max(0.0, min(task.due for task in self._tasks) - self._clock())

    def add(self, journal: Journal) -> None:
        """Have a journal made into files and then removed."""
        self._tasks.append(_Task(journal, self._retry_seconds))

    def step(self) -> OSError | None:
        """Start the next compaction that is due, or look at the one that runs.

        Returns:
            Why a compaction has failed; it is repeated later.
        """
        if self._running is not None:
            task, process = self._running
            status = process.poll()
            return None if status is None else self._end(task, process, status)
        now = self._clock()
        due = next((task for task in self._tasks if task.due <= now), None)
        return None if due is None else self._start(due)

    def finish(self, seconds: float) -> None:
        """Do what can be done within some seconds, and leave the rest to another process."""
        deadline = time.monotonic() + seconds
        for task in self._tasks:
            task.due = 0.0
        while self._tasks and time.monotonic() < deadline:
            if self.step() is not None:
                break
            if self._running is not None:
                try:
                    self._running[1].wait(max(0.0, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    break
        if self._running is not None:
            with self._running[1] as process:  # waits for its end, and closes the pipe
                process.kill()
        while self._tasks:
            self._tasks.pop(0).journal.close()

    def _start(self, task: _Task) -> OSError | None:
        journal = task.journal
        if not journal.is_in_place():
            self._tasks.remove(task)
            journal.remove()
            return None
        command = [sys.executable, "-m", _MODULE, str(self._root), str(journal.path)]
        try:
            process = subprocess.Popen(  # noqa: S603 - nothing of it comes from callers
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
        except OSError as error:  # a limit on processes or memory
            task.postpone(self._clock())
            return error
        self._running = task, process
        return None

    def _end(self, task: _Task, process: subprocess.Popen[bytes], status: int) -> OSError | None:
        self._running = None
        said = process.stderr.read() if process.stderr else b""
        if process.stderr:
            process.stderr.close()
        if status == 0:
            self._tasks.remove(task)
            task.journal.remove()
            return None
        task.postpone(self._clock())
        reason = os.strerror(status) if 1 < status < _SIGNALS else said.decode()[-_SHOWN:].strip()
        return OSError(status, f"compaction failed: {reason or status}")
