"""How often a key may ask: a token bucket per key, shared by all workers.

Kept as the time at which the bucket will be full again, which is one number per key (the generic
cell rate algorithm, ITU-T I.371), in memory that the workers share. A bucket that is full says
nothing, so its slot can be another key's. Nothing is locked: two workers that count at the same
moment may count one request for two, or one of them finds a slot taken and looks for another; both
err on the side of answering, and no worker ever waits for one that is stopped.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from inference.errors import RateError

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference.access.api_key import Caller

_SLOTS = 65536
_PROBES = 64  # slots that are looked at for one key
_TAG_BYTES = 8  # 64 bits of a digest: no two keys of one service agree in as many
_DOUBLE = 8
RATE_BYTES = _SLOTS * (_TAG_BYTES + _DOUBLE)
_ROUNDING = 1e-6


class Rates:
    """The buckets.

    Args:
        per_second: How fast a bucket fills, above 0.
        burst: What a full one holds.
        section: ``RATE_BYTES`` of memory, zero at first, which other workers may share.
        clock: Seconds above 0, the same for all processes.
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
        """Take a token.

        Raises:
            RateError: There is none.
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
        """Find a key's slot, or take one: a new one, or that of a bucket which is full.

        A slot that was used once is never new again, so that whatever lies behind it is found.
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
        if free is None:  # more keys are busy than there is room for: the one with most left
            free = min(slots, key=self._full_at.__getitem__)
        self._tags[free] = tag
        self._full_at[free] = now
        return free
