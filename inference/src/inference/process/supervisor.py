"""Starts the workers, and replaces those that end or no longer respond.

Each worker has its own listening socket for the same port, and the kernel distributes connections
among these sockets (``SO_REUSEPORT``). The supervisor keeps the sockets open, so that connections
that a dead worker had not accepted wait for its successor instead of being refused.

Workers are forked from the supervisor after all imports, so that a successor starts within a
fraction of a second. To stay safe to fork, the supervisor has one thread, no event loop and no
session. It handles signals one at a time, between its steps.
"""

from __future__ import annotations

import gc
import logging
import math
import os
import signal
import time
from typing import TYPE_CHECKING

from inference.logs import Once, fields
from inference.process.companion import Companion
from inference.process.forked_worker import become_worker
from inference.process.sockets import SocketPath
from inference.process.storage_process import STORAGE_HEARTBEAT, become_storage_process
from inference.process.worker_table import WorkerTable
from inference.runtime.heartbeat import REPLACE_STATUS, Heartbeat
from inference.runtime.shared_memory import Section
from inference.telemetry.processes import ASKED, ENDED, SILENT, count_restart

if TYPE_CHECKING:
    import socket

    from inference.process.worker_table import Worker
    from inference.runtime.shared_memory import SharedMemory
    from inference.settings import Settings

logger = logging.getLogger(__name__)

_STEP_SECONDS = 0.25
_STOPS = (signal.SIGTERM, signal.SIGINT)
_SIGNALS = (*_STOPS, signal.SIGCHLD)
# How long a worker may exceed its shutdown time before it is killed.
_GRACE_SECONDS = 5


class Supervisor:
    """Runs one worker process for each socket.

    Args:
        settings: The workers' settings.
        sockets: One listening socket for each worker.
        memory: The memory that the workers share.
    """

    def __init__(
        self, settings: Settings, sockets: list[socket.socket], memory: SharedMemory
    ) -> None:
        self._settings = settings
        self._sockets = sockets
        self._memory = memory
        # The workers end when this pipe is closed, that is, when the supervisor ends.
        self._lifeline = os.pipe()
        self._workers = WorkerTable(memory, len(sockets), longest_step_seconds=2 * _STEP_SECONDS)
        self._storage = self._make_storage() if settings.uses_store else None
        self._once = Once(memory.array("logged")) if len(sockets) > 1 else None
        self._is_serving = False
        path = settings.unix_socket
        self._path = None if path is None else SocketPath(path)
        self._kill_at: float | None = None  # set when the supervisor stops
        self._hide_at = math.inf  # when the path is removed

    def run(self) -> bool:
        """Run until a stop signal arrives.

        Returns:
            False if it gave up because no worker could serve.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        gc.freeze()  # keeps memory pages shared with the workers
        looked = time.monotonic()
        while self._kill_at is None or self._workers.alive:
            if self._storage is not None and self._kill_at is None:
                self._storage.start_if_due()
            for worker in self._workers.due(time.monotonic()) if self._kill_at is None else ():
                self._start(worker)
            received = signal.sigtimedwait(_SIGNALS, self._step_seconds())
            if received is not None and received.si_signo in _STOPS:
                self._stop()
            self._reap()
            self._log_when_serving()
            now = time.monotonic()
            if now >= self._hide_at:
                self._hide()
            self._watch(now - looked)
            looked = now
            if self._kill_at is not None and now > self._kill_at:
                self._workers.signal(signal.SIGKILL)
        self._hide()
        if self._storage is not None:
            self._storage.signal(signal.SIGKILL)  # an unfinished copy is not placed
        return not self._workers.is_hopeless

    def _step_seconds(self) -> float:
        return max(0.0, min(_STEP_SECONDS, self._hide_at - time.monotonic()))

    def _hide(self) -> None:
        """Let no more clients connect to a Unix socket; its workers answer those that have.

        A worker does not: it may be replaced while the service goes on, or end after another
        service has taken over the path.
        """
        self._hide_at = math.inf
        if self._path is not None:
            self._path.remove()

    def _make_storage(self) -> Companion:
        def become() -> None:
            become_storage_process(
                self._settings, self._memory, sockets=self._sockets, lifeline=self._lifeline
            )

        heartbeat = Heartbeat(self._memory.array(STORAGE_HEARTBEAT))
        return Companion("storage", heartbeat, become, 2 * _STEP_SECONDS)

    def _start(self, worker: Worker) -> None:
        worker.heartbeat.reset()
        try:
            pid = os.fork()
        except OSError as error:
            pause = worker.failed(time.monotonic())
            said = (worker.index, error.strerror, pause)
            extra = fields("worker-not-started", worker=worker.index, reason=error.strerror)
            logger.error(  # noqa: TRY400 - the message is complete
                "worker %d cannot be started: %s (a limit on processes or memory?); next attempt "
                "in %g s",
                *said,
                extra=extra,
            )
            self._give_up_if_hopeless()
            return
        if pid == 0:
            become_worker(
                self._settings,
                Section(self._memory, worker.index),
                sockets=self._sockets,
                lifeline=self._lifeline,
                once=self._once,
            )
        worker.started(pid, time.monotonic())

    def _log_when_serving(self) -> None:
        if not self._is_serving and self._workers.has_served:
            self._is_serving = True
            logger.info("serving", extra=fields("serving", workers=len(self._sockets)))

    def _reap(self) -> None:
        """Replace the processes that have ended; one signal may stand for several."""
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
            elif self._storage is not None and self._storage.pid == pid:
                why = _ending(os.waitstatus_to_exitcode(status))
                self._storage.ended(why, is_replaced=self._kill_at is None)

    def _replace(self, worker: Worker, status: int) -> None:
        pid, why = worker.pid, worker.killed_for or _ending(status)
        asked = status == REPLACE_STATUS
        pause = worker.ended(time.monotonic(), asked=asked)
        if self._kill_at is not None or self._give_up_if_hopeless():
            return
        reason = ASKED if asked else SILENT if worker.killed_for else ENDED
        count_restart(self._memory, reason)
        when = f" in {pause:g} s" if pause else ""
        why = "asked to be replaced" if asked else why
        extra = fields("worker-replaced", worker=worker.index, pid=pid, status=status, reason=why)
        said = (worker.index, pid, why, when)
        logger.warning("worker %d (process %d) %s; it is replaced%s", *said, extra=extra)

    def _watch(self, passed_seconds: float) -> None:
        """Kill the workers whose event loop does not respond."""
        most = self._settings.heartbeat_seconds
        if self._storage is not None:
            self._storage.watch(passed_seconds, most)
        for worker in self._workers.silent(passed_seconds, most) if most else ():
            worker.killed_for = (
                f"did not respond for {most:g} s (INFERENCE_HEARTBEAT_SECONDS) and was killed"
            )
            logger.error(
                "worker %d (process %d) has not responded for %g s: it is stopped, or its event "
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
            logger.error("all workers fail at their start; giving up")
            self._stop()
        return True

    def _stop(self) -> None:
        if self._kill_at is None:
            # A process that takes longer would never end.
            granted = self._settings.drain_seconds + self._settings.shutdown_seconds
            said = "shutting down: running requests have up to %g s"
            logger.info(said, granted, extra=fields("shutdown", seconds=granted))
            self._kill_at = time.monotonic() + granted + _GRACE_SECONDS
            self._hide_at = time.monotonic() + self._settings.drain_seconds
            for listening in self._sockets:
                listening.close()  # otherwise clients could still connect
        else:
            self._hide()  # a second signal ends the wait
        if time.monotonic() >= self._hide_at:
            self._hide()
        self._workers.signal(signal.SIGTERM)
        if self._storage is not None:
            self._storage.signal(signal.SIGTERM)


def _ending(status: int) -> str:
    """Describe how a process has ended."""
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"
