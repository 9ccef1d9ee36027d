"""The limits on connections, and how long is waited for what."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

HEAD, BODY = "head", "body"


class ConnectionLimits(NamedTuple):
    """The limits; the settings of the same names describe them."""

    max_header_bytes: int = 32 * 1024
    max_header_lines: int = 128
    head_seconds: float = 10
    body_seconds: float = 60
    max_connections: int = 4096
    max_connections_per_address: int = 0
    linger_seconds: float = 10
    linger_bytes: int = 256 * 1024 * 1024
    keep_alive_seconds: int = 75
    max_connection_seconds: float = 0


class Timer:
    """The time that what is being received may take.

    Args:
        bounds: How long.
        ring: Called when the time is over.

    Attributes:
        phase: What it was started for last: :data:`HEAD` or :data:`BODY`.
        is_on: Whether it will ring.
    """

    __slots__ = ("_bounds", "_handle", "_ring", "is_on", "phase")

    def __init__(self, bounds: ConnectionLimits, ring: Callable[[], None]) -> None:
        self._bounds = bounds
        self._ring = ring
        self._handle: asyncio.TimerHandle | None = None
        self.phase = ""
        self.is_on = False

    def start(self, loop: asyncio.AbstractEventLoop, phase: str) -> None:
        """Start it, unless it is on for that already."""
        if self.is_on and self.phase == phase:
            return
        self.stop()
        self.phase, self.is_on = phase, True
        seconds = self._bounds.head_seconds if phase == HEAD else self._bounds.body_seconds
        self._handle = loop.call_later(seconds, self._end)

    def stop(self) -> None:
        """Stop it."""
        if self._handle is not None:
            self._handle.cancel()
        self._handle, self.is_on = None, False

    def _end(self) -> None:
        self.stop()
        self._ring()
