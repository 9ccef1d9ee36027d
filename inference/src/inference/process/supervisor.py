"""Workers on one port that are kept alive.

Each worker listens on a socket of its own for the same port, between which the kernel spreads
connections (``SO_REUSEPORT``). The supervisor keeps these sockets open, so that what a dead worker
had not yet accepted waits for its successor instead of being refused.

Workers are forked from the supervisor, which has imported everything and does nothing with it: it
has one thread, and no loop or session. So a successor is there at once, not after a second or two.
It takes signals one after the other between its steps, so that none comes at a bad moment.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import time
from typing import TYPE_CHECKING

from inference.logs import Once, fields
from inference.process.forked_worker import become_worker
from inference.process.worker_table import WorkerTable
from inference.runtime.heartbeat import REPLACE_STATUS
from inference.runtime.shared_memory import Place

if TYPE_CHECKING:
    import socket

    from inference.process.worker_table import Worker
    from inference.runtime.shared_memory import SharedMemory
    from inference.settings import Settings

logger = logging.getLogger(__name__)

_STEP_SECONDS = 0.25
_STOPS = (signal.SIGTERM, signal.SIGINT)
_SIGNALS = (*_STOPS, signal.SIGCHLD)
# How much longer than its time for a shutdown a worker may take before it is killed.
_GRACE_SECONDS = 5


class Supervisor:
    """Keeps one worker process per socket alive.

    Args:
        settings: The workers' settings.
        sockets: One listening socket per worker.
        memory: What the workers share.
    """

    def __init__(
        self, settings: Settings, sockets: list[socket.socket], memory: SharedMemory
    ) -> None:
        self._settings = settings
        self._sockets = sockets
        self._memory = memory
        # Its end tells the workers that nobody looks after them any more.
        self._lifeline = os.pipe()
        self._workers = WorkerTable(memory, len(sockets), longest_step_seconds=2 * _STEP_SECONDS)
        self._once = Once(memory.section("logged")) if len(sockets) > 1 else None
        self._is_serving = False
        self._kill_at: float | None = None  # set once it stops

    def run(self) -> bool:
        """Run until a signal comes.

        Returns:
            False when it gave up, since no worker came as far as to serve.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        gc.freeze()  # what workers share stays shared
        looked = time.monotonic()
        while self._kill_at is None or self._workers.alive:
            for worker in self._workers.due(time.monotonic()) if self._kill_at is None else ():
                self._start(worker)
            received = signal.sigtimedwait(_SIGNALS, _STEP_SECONDS)
            if received is not None and received.si_signo in _STOPS:
                self._stop()
            self._reap()
            self._say_when_serving()
            now = time.monotonic()
            self._watch(now - looked)
            looked = now
            if self._kill_at is not None and now > self._kill_at:
                self._workers.signal(signal.SIGKILL)
        return not self._workers.is_hopeless

    def _start(self, worker: Worker) -> None:
        worker.heartbeat.reset()
        try:
            pid = os.fork()
        except OSError as error:
            pause = worker.failed(time.monotonic())
            said = (worker.index, error.strerror, pause)
            told = fields("worker-not-started", worker=worker.index, reason=error.strerror)
            logger.error(  # noqa: TRY400 - the message says it all
                "worker %d cannot be started: %s (a limit on processes or memory?); it is tried "
                "again in %g s",
                *said,
                extra=told,
            )
            self._give_up_if_hopeless()
            return
        if pid == 0:
            become_worker(
                self._settings,
                Place(self._memory, worker.index),
                sockets=self._sockets,
                lifeline=self._lifeline,
                once=self._once,
            )
        worker.started(pid, time.monotonic())

    def _say_when_serving(self) -> None:
        if not self._is_serving and self._workers.has_served:
            self._is_serving = True
            logger.info("serving", extra=fields("serving", workers=len(self._sockets)))

    def _reap(self) -> None:
        """Look which processes have ended; several deaths may have been told by one signal."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            worker = self._workers.by_pid(pid)
            if worker is not None:
                self._replace(worker, os.waitstatus_to_exitcode(status))

    def _replace(self, worker: Worker, status: int) -> None:
        pid, why = worker.pid, worker.killed_for or _ending(status)
        asked = status == REPLACE_STATUS
        pause = worker.ended(time.monotonic(), asked=asked)
        if self._kill_at is not None or self._give_up_if_hopeless():
            return
        when = f" in {pause:g} s" if pause else ""
        why = "asked to be replaced" if asked else why
        told = fields("worker-replaced", worker=worker.index, pid=pid, status=status, reason=why)
        said = (worker.index, pid, why, when)
        logger.warning("worker %d (process %d) %s; it is replaced%s", *said, extra=told)

    def _watch(self, passed_seconds: float) -> None:
        """Kill the workers whose loop has stopped."""
        most = self._settings.heartbeat_seconds
        for worker in self._workers.silent(passed_seconds, most) if most else ():
            worker.killed_for = (
                f"gave no sign of life for {most:g} s (INFERENCE_HEARTBEAT_SECONDS) and was killed"
            )
            logger.error(
                "worker %d (process %d) has given no sign of life for %g s: it is stopped, or its "
                "loop is blocked; it is killed",
                worker.index,
                worker.pid,
                most,
                extra=fields("worker-silent", worker=worker.index, pid=worker.pid),
            )
            worker.signal(signal.SIGKILL)

    def _give_up_if_hopeless(self) -> bool:
        if not self._workers.is_hopeless:
            return False
        if self._kill_at is None:
            logger.error("the workers die as soon as they start; giving up")
            self._stop()
        return True

    def _stop(self) -> None:
        if self._kill_at is None:
            # Whoever hangs longer than that would never end.
            granted = self._settings.drain_seconds + self._settings.shutdown_seconds
            said = "shutting down: requests under way have up to %g s"
            logger.info(said, granted, extra=fields("shutdown", seconds=granted))
            self._kill_at = time.monotonic() + granted + _GRACE_SECONDS
            for listening in self._sockets:
                listening.close()  # or else clients would go on connecting to nobody
        self._workers.signal(signal.SIGTERM)


def _ending(status: int) -> str:
    """Say how a process has ended."""
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"
