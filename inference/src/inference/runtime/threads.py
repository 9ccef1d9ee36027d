"""Threads with a lower priority than the event loop.

Python runs one thread at a time. Beside four threads that decode large bodies, the event loop would
get a fifth of the time. Therefore one thread does short work and another one long work: the event
loop gets at least a third of the time, and short bodies do not wait for long ones.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from inference.errors import OverloadedError

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")

# Up to this size, reading a body takes less time than a thread hop.
INLINE_BYTES = 16 * 1024
# What is processed in one go while the interpreter's lock is held; other threads run in between.
PIECE_BYTES = 64 * 1024
_LONG_BYTES = 256 * 1024
# Low enough that the event loop's thread is scheduled as soon as it has work.
_NICENESS = 19


class NoThreadError(OverloadedError):
    """The system starts no thread now, because of a limit on processes or memory."""

    def __init__(self) -> None:
        super().__init__("can't start new thread (a limit on processes?): try again")


def start_thread(run: Callable[[], None], name: str) -> threading.Thread:
    """Start a thread that does not prevent the process from ending.

    Raises:
        NoThreadError: The system starts no thread now.
    """
    thread = threading.Thread(target=run, name=name, daemon=True)
    try:
        thread.start()
    except RuntimeError:
        raise NoThreadError from None
    return thread


class ThreadPool(ThreadPoolExecutor):
    """A pool whose :meth:`submit` raises :class:`NoThreadError` if it has no thread at all.

    Python's own also raises if it has some. In both cases it keeps the work, and does it later
    although the caller got an error.
    """

    def _adjust_thread_count(self) -> None:
        try:
            super()._adjust_thread_count()
        except RuntimeError:
            if self._threads:
                return  # they do the work
            self._work_queue.get_nowait()  # the work: without threads, nothing else is in the queue
            raise NoThreadError from None


def lower_priority() -> None:
    """Give the calling thread a lower priority than the event loop's."""
    if sys.platform == "linux":  # where each thread has a priority and passes it on
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


def make_threads(count: int, name: str) -> ThreadPool:
    """Return a pool of threads with a lower priority than the event loop.

    Args:
        count: The maximum number of threads.
        name: The prefix of their names.
    """
    return ThreadPool(count, thread_name_prefix=name, initializer=lower_priority)


_short = make_threads(1, "short")
_long = make_threads(1, "long")


async def off_loop(size_bytes: int, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function in a thread, if it would block the event loop for too long.

    Args:
        size_bytes: The size of its input or output, which determines the duration.
        call: The function.
        *args: Its arguments.
        **kwargs: Its keyword arguments.

    Raises:
        NoThreadError: The system starts no thread now.
    """
    threads = _short if size_bytes <= _LONG_BYTES else _long
    return await asyncio.get_running_loop().run_in_executor(threads, partial(call, *args, **kwargs))


class Threads:
    """As many threads as there are simultaneous calls, with a lower priority than the event loop.

    Use all methods from one thread. A thread that never returns does not prevent the process from
    ending.

    Args:
        name: The prefix of their names.
        max_idle: The number of idle threads to keep.
    """

    def __init__(self, name: str, max_idle: int) -> None:
        self._name = name
        self._max_idle = max_idle
        self._idle = 0
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()

    def submit(self, work: Callable[[], None]) -> None:
        """Run a function immediately; it must not raise.

        Raises:
            NoThreadError: The system starts no thread now.
        """
        if self._idle:
            self._idle -= 1
        else:
            start_thread(self._serve, self._name)
        self._work.put(work)

    def finish(self) -> None:
        """Record that a function has returned."""
        if self._idle < self._max_idle:
            self._idle += 1
        else:
            self._work.put(None)

    def close(self) -> None:
        """End the idle threads now, and the others when their function returns."""
        self._max_idle = 0
        while self._idle:
            self._idle -= 1
            self._work.put(None)

    def _serve(self) -> None:
        lower_priority()
        while (work := self._work.get()) is not None:
            work()
            del work  # otherwise its objects would live until the next function
