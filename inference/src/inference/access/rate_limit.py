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
from inference.runtime.shared_memory import SharedArray

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference.access.api_key import Caller

_SLOTS = 65536
_PROBES = 64  # slots examined for one key
_TAG_BYTES = 8  # of the digest: enough to tell the keys of one service apart
RATE_TAGS = SharedArray("Q", _SLOTS)
RATE_TIMES = SharedArray("d", _SLOTS)
_ROUNDING = 1e-6


class RateLimiter:
    """Limits the rate of each key.

    Args:
        per_second: Tokens per second, above 0.
        burst: Tokens in a full bucket.
        arrays: Zeroed arrays of the kinds :data:`RATE_TAGS` and :data:`RATE_TIMES`, which the
            workers may share.
        clock: Returns seconds above 0, the same in all processes.
    """

    def __init__(
        self,
        per_second: float,
        burst: int,
        arrays: tuple[memoryview[int], memoryview[float]] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._interval = 1 / per_second
        self._slack = (burst - 1) * self._interval
        self._per_second = per_second
        self._clock = clock
        if arrays is None:
            arrays = (RATE_TAGS.allocate(), RATE_TIMES.allocate())
        self._tags, self._full_at = arrays

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
