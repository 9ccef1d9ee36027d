"""Where the served requests of one version are taken: all of them, or a random sample.

To hand on every request of a busy version takes a share of the time that its requests need. Where a
sample is enough, requests of one row are skipped at random, which takes less than a tenth of a
microsecond. Each request that is taken stands for as many as were skipped for it on average, so
that weighted counts are unbiased.
"""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference.model.servable import Servable
    from inference.telemetry.timing import Timing

    # Takes a request that stands for so many.
    Take = Callable[[Servable, Timing, float], object]

_BURST = 1_000  # after so many that were taken, the share is chosen anew
_SLACK = 1.5  # a rate that is barely too high is not worth a sample


class Tap:
    """Takes the requests of one version; does not hold the version.

    Args:
        take: Called with each request that is taken.
        rate: How many requests of one row to take in a second, about; ``None`` for all.
        now: The time in seconds of :func:`time.perf_counter`, as in the requests' clocks.
    """

    __slots__ = (
        "__weakref__",
        "_drawn",
        "_left",
        "_rate",
        "_scale",
        "_seen",
        "_take",
        "_taken",
        "_then",
        "_weight",
    )

    def __init__(self, take: Take, rate: float | None, now: float) -> None:
        self._take = take
        self._rate = rate
        self._scale = 0.0  # of the gaps between requests that are taken; 0 to take all
        self._weight = 1.0
        self._left = 0  # requests until the next is taken
        self._drawn = 0  # the sum of all gaps
        self._seen = 0
        self._taken = 0  # since the share was chosen
        self._then = now

    def append(self, servable: Servable, timing: Timing) -> None:
        """Take or skip a request that was answered with 200; only on the event loop."""
        if timing.rows > 1 or self._rate is None:
            self._take(servable, timing, 1.0)
            return
        self._left -= 1
        if self._left > 0:
            return
        scale = self._scale
        gap = int(math.log(1.0 - random.random()) * scale) + 1 if scale else 1  # noqa: S311
        self._left = gap
        self._drawn += gap
        self._take(servable, timing, self._weight)
        self._taken += 1
        if self._taken >= _BURST:
            self.adapt(timing.done)

    def begin(self, now: float) -> None:
        """Note that requests come again after a pause, which is no part of their rate."""
        self._then = max(self._then, now)

    def adapt(self, now: float) -> None:
        """Choose the share that is taken, by the rate since the last call.

        Args:
            now: The time in seconds of :func:`time.perf_counter`.
        """
        seen = self._drawn - self._left
        arrived, seconds = seen - self._seen, now - self._then
        if self._rate is None or seconds <= 0:
            return
        self._seen, self._then, self._taken = seen, now, 0
        share = self._rate * seconds / arrived if arrived > 0 else 1.0
        if share * _SLACK >= 1.0:
            self._scale, self._weight, self._left = 0.0, 1.0, 0
            self._seen = self._drawn
        else:
            self._sample(share)

    def _sample(self, share: float) -> None:
        # Gaps between independent draws are geometric: floor(ln(u) / ln(1 - p)) + 1.
        self._weight, self._scale = 1.0 / share, 1.0 / math.log1p(-share)
