"""Runs in worker threads: each within its time, each servable within its share of the threads.

Threads are created when they are needed, so no servable waits for the runs of another one. The
limit on waiting requests also limits their number. A run that exceeds its time is ended. Only a run
within one long operator continues, until its process ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from inference.errors import NotReadyError, OverloadedError, RunTimeoutError, TooLargeError
from inference.model.plan import granted_cpus
from inference.model.session import Stop
from inference.runtime.threads import NoThreadError, Threads

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from inference.model.servable import Servable
    from inference.settings import Settings

T = TypeVar("T")

# One run may take long without being endless: its model's other runs can still start.
_LEAST_SHARE = 2
# How long an operator may go on that was under way when its run was ended: in processor time, since
# a thread that gives way to all others may get little of it; and by the clock if it uses none.
_GRACE_SECONDS = 5.0
_GRACE_LOOKS = 12
# How long the other runs of a process that is to be replaced may still take.
_LAST_SECONDS = 1.0
_MAP_ENTRY_BYTES = 16  # a key and a number


class _Run:
    """One run under way.

    Attributes:
        stop: Ends it.
        thread: The thread that it runs in; ``None`` before it has begun.
        answer: What its requests wait for; done when they were answered, by it or without it.
        is_over: Whether its thread has come back.
    """

    __slots__ = ("answer", "is_over", "stop", "thread", "timer")

    def __init__(self, answer: asyncio.Future[Any]) -> None:
        self.stop = Stop()
        self.answer = answer
        self.is_over = False
        self.thread: int | None = None
        self.timer: asyncio.TimerHandle | None = None


class Runner:
    """Runs servables in worker threads.

    Args:
        settings: The limits on a run's time and outputs, and on waiting requests.
        retire: Called with the reason when this process has to be replaced.
    """

    def __init__(self, settings: Settings, retire: Callable[[str], None]) -> None:
        self._seconds = settings.run_seconds
        self._max_output_bytes = settings.max_output_bytes
        self._max_queued = settings.max_queued
        self._retire = retire
        self._share = max(_LEAST_SHARE, granted_cpus())
        self._threads = Threads("inference", max_idle=self._share)
        self._shares: weakref.WeakKeyDictionary[Servable, asyncio.Semaphore] = (
            weakref.WeakKeyDictionary()
        )
        self._runs: set[_Run] = set()
        self._is_closed = False

    async def run(
        self, servable: Servable, call: Callable[[Stop], T], seconds: float | None = None
    ) -> T:
        """Call something that runs a servable.

        Args:
            servable: The model to run.
            call: Called in a thread, with what ends its run.
            seconds: How long it may take; ``None`` for the setting.

        Returns:
            What it gives.

        Raises:
            OverloadedError: No thread can be started for it.
            RunTimeoutError: It took longer.
        """
        share = await self._acquire_share(servable)
        loop = asyncio.get_running_loop()
        run = _Run(loop.create_future())
        try:
            self._threads.submit(partial(self._work, loop, run, share, call))
        except NoThreadError as error:
            share.release()
            raise OverloadedError(f"model '{servable.name}' cannot run now: {error}") from None
        self._runs.add(run)
        limit = min(self._seconds, seconds or self._seconds)
        run.timer = loop.call_later(limit, self._end, run, servable.name, limit)
        begin = loop.time()
        try:
            answer: T = await run.answer
        except asyncio.CancelledError:
            # The caller has left, or was refused: the run need not go on.
            self._end(run, servable.name, loop.time() - begin)
            raise
        return answer

    async def _acquire_share(self, servable: Servable) -> asyncio.Semaphore:
        share = self._shares.get(servable)
        if share is None:
            share = self._shares[servable] = asyncio.Semaphore(self._share)
        await share.acquire()
        if self._is_closed:
            share.release()
            raise _leaving()
        return share

    def _work(
        self,
        loop: asyncio.AbstractEventLoop,
        run: _Run,
        share: asyncio.Semaphore,
        call: Callable[[Stop], Any],
    ) -> None:
        """Call in a worker thread, and hand the outcome to the event loop."""
        run.thread = threading.get_ident()
        result, failure = None, None
        try:
            result = call(run.stop)
        except BaseException as error:  # noqa: BLE001 - it belongs to the request that waits
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop has ended before
            loop.call_soon_threadsafe(self._finish, run, share, result, failure)

    def results(
        self, servable: Servable, outputs: Sequence[str] | None, feeds: dict[str, Any], stop: Stop
    ) -> list[Any]:
        """Run a servable in the calling thread; Args and Raises are those of its ``run``.

        Raises:
            TooLargeError: Its outputs are larger than the limit.
        """
        results = servable.run(outputs, feeds, stop)
        size = sum(map(_bytes_of, results))
        if size <= self._max_output_bytes:
            return results
        results.clear()
        servable.give_back(feeds)
        raise TooLargeError(
            f"the outputs of model '{servable.name}' have {size:,} bytes, the limit is "
            f"{self._max_output_bytes:,} (INFERENCE_MAX_OUTPUT_BYTES): ask for fewer rows"
        )

    def close(self) -> None:
        """End all runs, refuse those that wait and all to come, and let the threads go."""
        self._is_closed = True
        for run in self._runs:
            run.stop.end(self._seconds)
            if not run.answer.done():
                run.answer.set_exception(_leaving())
        for share in self._shares.values():
            for _ in range(self._max_queued):
                share.release()
        self._threads.close()

    def _end(self, run: _Run, model: str, seconds: float) -> None:
        if run.is_over:
            return
        run.stop.end(seconds)
        if run.timer is not None:
            run.timer.cancel()
        loop = asyncio.get_running_loop()
        until = _spent_seconds(run) + _GRACE_SECONDS
        run.timer = loop.call_later(_GRACE_SECONDS, self._give_up, run, model, until, _GRACE_LOOKS)
        if not run.answer.done():
            run.answer.set_exception(
                RunTimeoutError(
                    f"a run of model '{model}' took over {seconds:g} seconds and was ended "
                    "(INFERENCE_RUN_SECONDS)"
                )
            )

    def _give_up(self, run: _Run, model: str, until: float, looks: int) -> None:
        if run.is_over:
            return
        loop = asyncio.get_running_loop()
        if looks > 1 and _spent_seconds(run) < until:
            more = (run, model, until, looks - 1)
            run.timer = loop.call_later(_GRACE_SECONDS, self._give_up, *more)
            return
        self._retire(f"a run of model '{model}' cannot be ended")
        # Short runs are still answered; long ones would delay the replacing process.
        loop.call_later(_LAST_SECONDS, self.close)

    def _finish(
        self, run: _Run, share: asyncio.Semaphore, result: Any, error: BaseException | None
    ) -> None:
        share.release()
        self._threads.finish()
        run.is_over = True
        self._runs.discard(run)
        if run.timer is not None:
            run.timer.cancel()
        if run.answer.done():
            return
        if error is not None:
            run.answer.set_exception(error)
        else:
            run.answer.set_result(result)


def _spent_seconds(run: _Run) -> float:
    """Return the processor time of a run's thread; 0 where that is unknown."""
    if run.thread is None or not hasattr(time, "pthread_getcpuclockid"):
        return 0.0
    return time.clock_gettime(time.pthread_getcpuclockid(run.thread))


def _leaving() -> NotReadyError:
    return NotReadyError("this process ends and is replaced; try again")


def _bytes_of(result: Any) -> int:
    if isinstance(result, list):  # a sequence, of ZipMap's maps most likely
        return sum(map(_bytes_of, result))
    if isinstance(result, dict):
        return len(result) * _MAP_ENTRY_BYTES
    if isinstance(result, np.ndarray) and result.dtype == np.object_:
        return sum(map(len, result.ravel().tolist()))  # in half the time that .flat takes
    size: int = getattr(result, "nbytes", 0)
    return size
