"""How much of its time a thread works that shares the interpreter with the event loop.

A lower priority is not enough: a thread that computes holds the interpreter's lock, and what it
reads and writes displaces the event loop's data from the processor's caches. So it works in short
pieces and rests in between, the longer the busier the event loop is.
"""

from __future__ import annotations

import threading
import time

_LEAST_SHARE, _MOST_SHARE = 0.05, 0.8  # of its time, while the event loop is busy, and idle
_LEAST_REST_SECONDS = 0.0005  # in which the event loop gets the interpreter's lock
_MOST_REST_SECONDS = 0.5
_MEMORY_SECONDS = 0.1  # over about which the event loop's time is measured


class Pace:
    """Rests between pieces of work; for one thread, beside the event loop in the main thread.

    Args:
        ended: Ends a rest when it is set.
    """

    def __init__(self, ended: threading.Event) -> None:
        self._ended = ended
        identifier = threading.main_thread().ident
        self._clock = time.pthread_getcpuclockid(identifier or threading.get_ident())
        self._worked = 0.0
        self._busy = self._observed = 0.0  # seconds, of which the older ones count less

    def begin(self) -> None:
        """Note that work begins."""
        self._worked = time.thread_time()

    def rest(self) -> None:
        """Rest after a piece of work, in proportion to the processor time that it took."""
        worked = time.thread_time() - self._worked
        seconds = worked * (1 / self.share - 1)
        began, busy = time.monotonic(), time.clock_gettime(self._clock)
        self._ended.wait(min(max(seconds, _LEAST_REST_SECONDS), _MOST_REST_SECONDS))
        # Only rests are observed: the loop takes less while it waits for this thread.
        passed = time.monotonic() - began
        kept = _MEMORY_SECONDS / (_MEMORY_SECONDS + passed)
        self._busy = kept * self._busy + time.clock_gettime(self._clock) - busy
        self._observed = kept * self._observed + passed
        self.begin()

    @property
    def share(self) -> float:
        """The share of its time that the thread may work."""
        idle = 1 - self._busy / self._observed if self._observed else 0.0
        return max(_LEAST_SHARE, _MOST_SHARE * idle * idle)
