"""Threads that give way to the event loop, whose own work is short.

Python runs one thread at a time. Beside four threads that decode large bodies, the loop would get a
fifth of the time. So there is one thread for what is short, and one for what is long: the loop gets
a third at least, and a short body does not wait for a long one.
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

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")

_LONG_BYTES = 256 * 1024
# Enough for the loop's thread to be scheduled as soon as it has something to do.
_NICENESS = 19


def _step_back() -> None:
    if sys.platform == "linux":  # where a priority is a thread's, and threads inherit it
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


def make_threads(count: int, name: str) -> ThreadPoolExecutor:
    """Make a pool of threads that give way to the loop's.

    Args:
        count: The most threads.
        name: What their names begin with.
    """
    return ThreadPoolExecutor(count, thread_name_prefix=name, initializer=_step_back)


_short = make_threads(1, "short")
_long = make_threads(1, "long")


async def off_loop(size_bytes: int, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do what would keep the event loop too long in a thread.

    Args:
        size_bytes: How much it reads or writes, which says how long it takes.
        call: What is done.
        *args: Of the call.
        **kwargs: Of the call.
    """
    threads = _short if size_bytes <= _LONG_BYTES else _long
    return await asyncio.get_running_loop().run_in_executor(threads, partial(call, *args, **kwargs))


class Threads:
    """As many threads as there is work at a time; they give way to the loop's.

    All methods are for one thread only, which knows when each piece of work is over. A thread that
    never comes back does not keep the process from ending.

    Args:
        name: What their names begin with.
        max_idle: How many are kept without work.
    """

    def __init__(self, name: str, max_idle: int) -> None:
        self._name = name
        self._max_idle = max_idle
        self._idle = 0
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()

    def submit(self, work: Callable[[], None]) -> None:
        """Have something done at once; it may not raise."""
        if self._idle:
            self._idle -= 1
        else:
            threading.Thread(target=self._serve, name=self._name, daemon=True).start()
        self._work.put(work)

    def finish(self) -> None:
        """Note that a piece of work is over."""
        if self._idle < self._max_idle:
            self._idle += 1
        else:
            self._work.put(None)

    def close(self) -> None:
        """Let the idle threads go, and the others when their work is over."""
        self._max_idle = 0
        while self._idle:
            self._idle -= 1
            self._work.put(None)

    def _serve(self) -> None:
        _step_back()
        while (work := self._work.get()) is not None:
            work()
            del work  # or else it, and what it holds, would live until there is more
