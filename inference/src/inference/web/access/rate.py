"""How often a key may ask: a token bucket per key, shared by all workers.

Kept as the time at which the bucket will be full again, which is one number per key (the generic
cell rate algorithm, ITU-T I.371), in memory that the workers share. Two workers that count at the
same moment may count one request for two; that errs on the side of answering.
"""

from __future__ import annotations

import mmap
import time
from typing import TYPE_CHECKING

from inference.errors import RateError

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference.serving.ledger import Place
    from inference.web.access.key import Caller

# Keys are told apart by 16 bits of their digests; two that agree in them share a bucket.
_BUCKETS = 65536
_DOUBLE = 8
_ROUNDING = 1e-6


class Rates:
    """The buckets.

    Args:
        per_second: How fast a bucket fills, above 0.
        burst: What a full one holds.
        place: Where other workers find them; ``None`` for the only process.
        clock: Seconds, the same for all processes.
    """

    def __init__(
        self,
        per_second: float,
        burst: int,
        place: Place | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._interval = 1 / per_second
        self._slack = (burst - 1) * self._interval
        self._per_second = per_second
        self._clock = clock
        if place is None:
            memory = mmap.mmap(-1, _BUCKETS * _DOUBLE)
        else:
            with (place.folder / "rates").open("a+b") as file:
                file.truncate(_BUCKETS * _DOUBLE)
                memory = mmap.mmap(file.fileno(), _BUCKETS * _DOUBLE)
        self._full_at = memoryview(memory).cast("d")

    def take(self, caller: Caller) -> None:
        """Take a token.

        Raises:
            RateError: There is none.
        """
        bucket = int.from_bytes(caller.digest[:2], "big")
        now = self._clock()
        full_at = max(self._full_at[bucket], now)
        wait = full_at - now - self._slack
        if wait > _ROUNDING:
            raise RateError(
                f"key '{caller.name}' makes more than {self._per_second:g} requests a second "
                "(INFERENCE_RATE_LIMIT)",
                wait,
            )
        self._full_at[bucket] = full_at + self._interval
