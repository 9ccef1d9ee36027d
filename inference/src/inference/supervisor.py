"""Several workers on one port that are kept alive.

Each worker listens on a socket of its own for the same port, between which the kernel spreads
connections (``SO_REUSEPORT``). The supervisor keeps these sockets open, so that what a dead worker
had not yet accepted waits for its successor instead of being refused.

Workers are forked from the supervisor, which has imported everything and does nothing with it: it
has one thread, and no loop or session. So a successor is there at once, not after a second or two.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import shutil
import signal
import threading
import time
import traceback
from typing import TYPE_CHECKING, NoReturn

from inference import log
from inference.repository.forkserver import ForkServer
from inference.serving.ledger import Place
from inference.worker import run_worker

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from inference.settings import Settings

logger = logging.getLogger(__name__)

_QUICK_SECONDS = 2.0  # a worker that dies this soon did not get to work
_QUICK_DEATHS = 5
# Who dies again and again a little later is started after a pause, twice as long each time; a death
# now and then is made good at once.
_SHORT_SECONDS = 10.0
_FREE_DEATHS = 2
_LONGEST_PAUSE_SECONDS = 30.0
_STEP_SECONDS = 0.05
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)


class Supervisor:
    """Keeps one worker process per socket alive.

    Args:
        settings: The workers' settings.
        sockets: One listening socket per worker.
        ledgers: Folder where the workers' numbers are.
    """

    def __init__(self, settings: Settings, sockets: list[socket.socket], ledgers: Path) -> None:
        self._settings = settings
        self._sockets = sockets
        self._ledgers = ledgers
        # Its end tells the workers that nobody looks after them any more.
        self._lifeline = os.pipe()
        self._workers: dict[int, tuple[int, float]] = {}
        self._quick_deaths = 0
        self._short_lives = [0] * len(sockets)
        self._due: dict[int, float] = {}
        self._stopping = False

    def run(self) -> bool:
        """Run until a signal comes.

        Returns:
            False when the workers die as soon as they start.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        gc.freeze()  # what workers share stays shared
        for index in range(len(self._sockets)):
            self._start(index)
        while self._workers or self._due:
            pid, status = self._wait()
            if pid in self._workers:
                self._replace(pid, os.waitstatus_to_exitcode(status))
        return self._quick_deaths < _QUICK_DEATHS

    def _wait(self) -> tuple[int, int]:
        """Wait until a process ends, and start those workers meanwhile whose pause is over."""
        while self._due:
            pid, status = os.waitpid(-1, os.WNOHANG) if self._workers else (0, 0)
            if pid:
                return pid, status
            for index in [i for i, due in self._due.items() if due <= time.monotonic()]:
                self._due.pop(index, None)  # a signal may have come meanwhile
                self._start(index)
            time.sleep(_STEP_SECONDS)  # no call waits for a child and for a time at once
        return os.wait() if self._workers else (0, 0)

    def _start(self, index: int) -> None:
        # What is a signal to stop here would be none to a worker that is not one yet.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            if self._stopping:
                return
            pid = os.fork()
            if pid == 0:
                self._become_worker(index)
            self._workers[pid] = (index, time.monotonic())
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)

    def _become_worker(self, index: int) -> NoReturn:
        """Serve, and end: nothing that waits for the supervisor's end is done in its child."""
        settings, status = self._settings, 1
        try:
            os.setpgid(0, 0)  # Ctrl-C is for the supervisor, which tells the workers
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            lifeline, held = self._lifeline
            os.close(held)
            for other in self._sockets:
                if other is not self._sockets[index]:
                    other.close()
            log.configure(
                settings.log_format,
                settings.log_level,
                worker=str(index),
                values=settings.log_values,
                lines_per_second=settings.log_lines_per_second,
            )
            forks = ForkServer()  # before there are threads
            held_by = (lifeline, self._ledgers)
            threading.Thread(target=_end_with_supervisor, args=held_by, daemon=True).start()
            place = Place(self._ledgers, index)
            status = 0 if run_worker(settings, self._sockets[index], forks, place=place) else 1
        except BaseException:  # noqa: BLE001 - it is told, and there is nobody to pass it on to
            traceback.print_exc()
        finally:
            logging.shutdown()
            os._exit(status)

    def _replace(self, pid: int, status: int) -> None:
        index, started = self._workers.pop(pid)
        if self._stopping:
            return
        quick = time.monotonic() - started < _QUICK_SECONDS
        self._quick_deaths = self._quick_deaths + 1 if quick else 0
        if self._quick_deaths >= _QUICK_DEATHS:
            logger.error("the workers die as soon as they start; giving up")
            self._stop()
            return
        pause = self._pause(index, time.monotonic() - started)
        when = f" in {pause:g} s" if pause else ""
        said = (index, pid, status, when)
        logger.warning("worker %d (process %d) ended with %d; it is replaced%s", *said)
        if pause:
            self._due[index] = time.monotonic() + pause
        else:
            self._start(index)

    def _pause(self, index: int, lived_seconds: float) -> float:
        """Give the seconds to wait before a worker is started again."""
        short = lived_seconds < _SHORT_SECONDS
        self._short_lives[index] = lives = self._short_lives[index] + 1 if short else 0
        if lives <= _FREE_DEATHS:
            return 0.0
        return min(_LONGEST_PAUSE_SECONDS, 2.0 ** (lives - _FREE_DEATHS - 1))

    def _stop(self, *_: object) -> None:
        if not self._stopping:
            # Whoever hangs longer than that would never end.
            signal.signal(signal.SIGALRM, self._kill)
            signal.alarm(int(self._settings.shutdown_seconds) + 5)
        self._stopping = True
        self._due.clear()
        for listening in self._sockets:
            listening.close()  # or else clients would go on connecting to nobody
        self._signal(signal.SIGTERM)

    def _kill(self, *_: object) -> None:
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        for pid in self._workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


def _end_with_supervisor(lifeline: int, ledgers: Path) -> None:
    os.read(lifeline, 1)
    shutil.rmtree(ledgers, ignore_errors=True)  # it was killed, and cannot do it any more
    os.kill(os.getpid(), signal.SIGTERM)
