"""Takes the requests of one model for its shadow, on the event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference.model.servable import Servable
    from inference.telemetry.timing import Timing

_STEP = (5**0.5 - 1) / 2  # as in a split: no period of the requests' kinds is met


class ShadowFeed:
    """Takes an exact share of requests, and drops what the shadow cannot keep up with.

    Nothing is made of a request that is not taken.

    Args:
        append: Hands a request on; returns whether there was room.
        percent: The share of the requests.
    """

    __slots__ = ("_append", "_dropped", "_place", "_share")

    def __init__(self, append: Callable[[Servable, Timing], bool], percent: float) -> None:
        self._append = append
        self._share = percent / 100
        self._place = 0.0
        self._dropped = 0

    def append(self, servable: Servable, timing: Timing) -> None:
        """Take, skip or drop a request that was answered with 200; only on the event loop."""
        place = self._place + _STEP
        if place >= 1.0:
            place -= 1.0
        self._place = place
        if place < self._share and not self._append(servable, timing):
            self._dropped += timing.rows

    def pop_dropped(self) -> int:
        """Return how many rows were dropped since the last call."""
        dropped, self._dropped = self._dropped, 0
        return dropped
