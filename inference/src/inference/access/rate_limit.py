"""Rate limits: a token bucket per key, shared by all workers.

A bucket is stored as the time at which it will be full again, one number per key (the generic cell
rate algorithm, ITU-T I.371), in memory that the workers share. A full bucket holds no information,
so its slot can be reused for another key. There are no locks: two workers that count at the same
moment may count two requests as one, or one of them finds a slot taken and uses another. Both admit
a request too many at most, and no worker ever waits for another.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from inference.errors import RateError

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference.access.api_key import Caller

_SLOTS = 65536
_PROBES = 64  # slots examined for one key
_TAG_BYTES = 8  # of the digest: enough to tell the keys of one service apart
_DOUBLE = 8
RATE_BYTES = _SLOTS * (_TAG_BYTES + _DOUBLE)
_ROUNDING = 1e-6


class RateLimiter:
    """Limits the rate of each key.

    Args:
        per_second: Tokens per second, above 0.
        burst: Tokens in a full bucket.
        section: ``RATE_BYTES`` of zeroed memory, which the workers may share.
        clock: Returns seconds above 0, the same in all processes.
    """

    def __init__(
        self,
        per_second: float,
        burst: int,
        section: memoryview | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._interval = 1 / per_second
        self._slack = (burst - 1) * self._interval
        self._per_second = per_second
        self._clock = clock
        memory = memoryview(bytearray(RATE_BYTES)) if section is None else section
        self._tags = memory[: _SLOTS * _TAG_BYTES].cast("Q")
        self._full_at = memory[_SLOTS * _TAG_BYTES : RATE_BYTES].cast("d")

    def take(self, caller: Caller) -> None:
        """Take a token from the bucket of a key.

        Raises:
            RateError: The bucket is empty.
        """
        now = self._clock()
        tag = int.from_bytes(caller.digest[:_TAG_BYTES], "big")
        bucket = tag % _SLOTS
        if self._tags[bucket] != tag:
            bucket = self._find(tag, now)
        full_at = max(self._full_at[bucket], now)
        wait = full_at - now - self._slack
        if wait > _ROUNDING:
            raise RateError(
                f"key '{caller.name}' makes more than {self._per_second:g} requests a second "
                "(INFERENCE_RATE_LIMIT)",
                wait,
            )
        self._full_at[bucket] = full_at + self._interval

    def _find(self, tag: int, now: float) -> int:
        """Return the slot of a key, or claim one: an unused slot, or that of a full bucket.

        A slot that was used never becomes unused again, so that the search passes beyond it.
        """
        slots = [(tag + probe) % _SLOTS for probe in range(_PROBES)]
        free = None
        for slot in slots:
            if self._tags[slot] == tag:
                return slot
            if free is None and self._full_at[slot] <= now:
                free = slot
            if not self._full_at[slot]:
                break
        if free is None:  # no slot is free: replace the fullest bucket
            free = min(slots, key=self._full_at.__getitem__)
        self._tags[free] = tag
        self._full_at[free] = now
        return free
