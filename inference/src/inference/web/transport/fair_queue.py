"""A round-robin queue of connections that have received several requests at once.

A client may send thousands of requests without waiting for answers. All such connections together
get a short time in each turn of the event loop, so that other clients do not wait for them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from time import perf_counter
from typing import Protocol

_SECONDS = 0.001  # for all waiting connections together, in each turn of the loop


class Waiting(Protocol):
    """An entry of the queue."""

    def go_on(self) -> bool:
        """Do one step; return whether another step remains."""


class FairQueue:
    """Runs one step of each waiting entry in rotation."""

    def __init__(self) -> None:
        self._waiting: deque[Waiting] = deque()
        self._known: set[Waiting] = set()

    def add(self, entry: Waiting) -> None:
        """Run an entry from the next turn of the loop on; an entry is in the queue only once."""
        if entry in self._known:
            return
        self._known.add(entry)
        self._waiting.append(entry)
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._run)

    def _run(self) -> None:
        until = perf_counter() + _SECONDS
        try:
            while self._waiting:
                entry = self._waiting[0]
                goes_on = False
                try:
                    goes_on = entry.go_on()
                finally:
                    self._waiting.popleft()
                    if goes_on:
                        self._waiting.append(entry)
                    else:
                        self._known.discard(entry)
                if perf_counter() >= until:
                    break
        finally:
            if self._waiting:
                asyncio.get_running_loop().call_soon(self._run)
