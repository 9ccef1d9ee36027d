"""The limits on connections, and the timer for what is being received."""

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


class ReceiveTimer:
    """Limits the time to receive a head or a body.

    Args:
        limits: The times.
        on_timeout: Called when the time is over.

    Attributes:
        phase: What the timer was last started for: :data:`HEAD` or :data:`BODY`.
        is_on: Whether the timer runs.
    """

    __slots__ = ("_handle", "_limits", "_on_timeout", "is_on", "phase")

    def __init__(self, limits: ConnectionLimits, on_timeout: Callable[[], None]) -> None:
        self._limits = limits
        self._on_timeout = on_timeout
        self._handle: asyncio.TimerHandle | None = None
        self.phase = ""
        self.is_on = False

    def start(self, loop: asyncio.AbstractEventLoop, phase: str) -> None:
        """Start the timer, unless it runs for this phase already."""
        if self.is_on and self.phase == phase:
            return
        self.stop()
        self.phase, self.is_on = phase, True
        seconds = self._limits.head_seconds if phase == HEAD else self._limits.body_seconds
        self._handle = loop.call_later(seconds, self._end)

    def stop(self) -> None:
        """Stop the timer."""
        if self._handle is not None:
            self._handle.cancel()
        self._handle, self.is_on = None, False

    def _end(self) -> None:
        self.stop()
        self._on_timeout()
