"""Models that are advanced again later, by one timer."""

from __future__ import annotations

import asyncio
import heapq
import math
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_PER_TURN = 40


class RetryTimer:
    """Models, each with the time when it is due.

    Args:
        advance: Called with the names that are due, a few at a time.
    """

    def __init__(self, advance: Callable[[Iterable[str]], None]) -> None:
        self._advance = advance
        self._entries: list[tuple[float, str]] = []
        self._noted: dict[str, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._due_at = math.inf

    def note(self, when: float, name: str) -> None:
        """Advance a model again, at a time on the monotonic clock or soon after."""
        if when == math.inf or self._noted.get(name, math.inf) <= when:
            return  # it is due earlier, and is then noted again
        self._noted[name] = when
        heapq.heappush(self._entries, (when, name))
        self._set_timer()

    def close(self) -> None:
        """Cancel the timer."""
        self._entries.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _set_timer(self) -> None:
        if not self._entries or self._entries[0][0] >= self._due_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._due_at = self._entries[0][0]
        wait = max(0.0, self._due_at - time.monotonic())
        self._timer = asyncio.get_running_loop().call_later(wait, self._ring)

    def _ring(self) -> None:
        self._due_at = math.inf
        now = time.monotonic()
        names: set[str] = set()
        while self._entries and self._entries[0][0] <= now and len(names) < _PER_TURN:
            when, name = heapq.heappop(self._entries)
            if self._noted.get(name) == when:
                del self._noted[name]
            names.add(name)
        self._advance(names)
        self._set_timer()
