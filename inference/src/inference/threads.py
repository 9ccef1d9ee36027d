"""Threads that step back behind the event loop: what waits there is short, and somebody waits."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

# Enough for the loop's thread to be scheduled as soon as it has something to do.
_NICENESS = 19


def make_threads(count: int, name: str) -> ThreadPoolExecutor:
    """Make a pool of threads that give way to the loop's.

    Args:
        count: The most threads.
        name: What their names begin with.
    """
    return ThreadPoolExecutor(count, thread_name_prefix=name, initializer=_step_back)


def _step_back() -> None:
    if sys.platform == "linux":  # where a priority is a thread's, and threads inherit it
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
