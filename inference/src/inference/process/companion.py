"""A process beside the workers, which the supervisor starts, watches and replaces like them."""

from __future__ import annotations

import logging
import os
import signal
import time
from typing import TYPE_CHECKING

from inference.logs import fields
from inference.process.worker_table import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference.runtime.heartbeat import Heartbeat

logger = logging.getLogger(__name__)


class Companion:
    """One process beside the workers.

    It never makes the supervisor give up: without it, the workers serve what they have.

    Args:
        name: The process's name in the log.
        heartbeat: Its heartbeat.
        become: Turns a forked process into it; does not return.
        longest_step_seconds: See :class:`inference.runtime.heartbeat.Watch`.
    """

    def __init__(
        self,
        name: str,
        heartbeat: Heartbeat,
        become: Callable[[], None],
        longest_step_seconds: float,
    ) -> None:
        self._name = name
        self._become = become
        self._process = Worker(0, heartbeat, longest_step_seconds)

    @property
    def pid(self) -> int:
        """The process; 0 if there is none."""
        return self._process.pid

    def start_if_due(self) -> None:
        """Start the process, if there is none and its pause is over."""
        process = self._process
        if process.due is None or process.due > time.monotonic():
            return
        process.heartbeat.reset()
        try:
            pid = os.fork()
        except OSError as error:
            pause = process.failed(time.monotonic())
            text = "the %s process cannot be started: %s; next attempt in %g s"
            extra = fields("process-not-started", process=self._name, reason=error.strerror)
            logger.error(text, self._name, error.strerror, pause, extra=extra)  # noqa: TRY400
            return
        if pid == 0:
            self._become()
        process.started(pid, time.monotonic())

    def ended(self, reason: str, *, is_replaced: bool) -> None:
        """Note that the process has ended, so that its id may be another process's."""
        pid, why = self._process.pid, self._process.killed_for or reason
        pause = self._process.ended(time.monotonic(), asked=False)
        if not is_replaced:
            return
        when = f" in {pause:g} s" if pause else ""
        extra = fields("process-replaced", process=self._name, pid=pid, reason=why)
        text = "the %s process (%d) %s; it is replaced%s"
        logger.warning(text, self._name, pid, why, when, extra=extra)

    def watch(self, passed_seconds: float, most_seconds: float) -> None:
        """Kill the process if its event loop has not responded for too long; 0 for never."""
        process = self._process
        silent = process.silent(passed_seconds)
        if most_seconds and silent > most_seconds and not process.killed_for:
            process.killed_for = f"did not respond for {most_seconds:g} s and was killed"
            process.signal(signal.SIGKILL)

    def signal(self, number: int) -> None:
        """Send a signal to the process, if there is one."""
        self._process.signal(number)
