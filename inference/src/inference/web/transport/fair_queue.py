"""Turns: what connections have received in advance is worked off a little in each turn of the loop.

A client may send thousands of requests without waiting for answers. They get what time is left
beside everybody else's, shared among all connections that have any.
"""

from __future__ import annotations

import asyncio
from collections import deque
from time import perf_counter
from typing import Protocol

_SECONDS = 0.001  # how long all of them together may keep the loop


class Waiting(Protocol):
    """What waits for its turn."""

    def go_on(self) -> bool:
        """Do one thing; tell whether there is another to do."""


class FairQueue:
    """Gives turns to what waits, in rotation."""

    def __init__(self) -> None:
        self._waiting: deque[Waiting] = deque()
        self._known: set[Waiting] = set()

    def add(self, one: Waiting) -> None:
        """Let one go on in the loop's next turn; it does not wait twice."""
        if one in self._known:
            return
        self._known.add(one)
        self._waiting.append(one)
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._run)

    def _run(self) -> None:
        until = perf_counter() + _SECONDS
        try:
            while self._waiting:
                one = self._waiting[0]
                goes_on = False
                try:
                    goes_on = one.go_on()
                finally:
                    self._waiting.popleft()
                    if goes_on:
                        self._waiting.append(one)
                    else:
                        self._known.discard(one)
                if perf_counter() >= until:
                    break
        finally:
            if self._waiting:
                asyncio.get_running_loop().call_soon(self._run)
