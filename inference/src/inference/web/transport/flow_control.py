"""Flow control: when a connection is read, and how long the server waits for a slow reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.http.flow_control import FlowControl

from inference.web.transport.lingering_transport import BULK_BYTES, DROP_SECONDS

if TYPE_CHECKING:
    import asyncio

    from inference.web.transport.connection_interface import Connection


class ConnectionFlow(FlowControl):
    """uvicorn's flow control, with two differences.

    - Nothing is read while requests wait for the answers to earlier ones.
    - The connection is aborted if the client reads nothing for ``body_seconds``.
    """

    def __init__(self, transport: asyncio.Transport, connection: Connection) -> None:
        super().__init__(transport)
        self._connection = connection
        self._abort_timer: asyncio.TimerHandle | None = None

    def yield_after(self, packet_bytes: int, *, is_dropping: bool) -> None:
        """Pause reading after a large packet, so that other connections get a turn.

        Otherwise, the event loop reads up to 32 such packets of one client in each of its turns.

        Args:
            packet_bytes: The size of the packet.
            is_dropping: Whether the bytes are dropped; the pause is then longer.
        """
        connection = self._connection
        if packet_bytes < BULK_BYTES or self.read_paused or connection.transport.is_closing():
            return
        self.pause_reading()
        connection.loop.call_later(DROP_SECONDS if is_dropping else 0.0, self._read_on)

    def _read_on(self) -> None:
        if not self._connection.transport.is_closing():
            self.resume_reading()

    def resume_reading(self) -> None:
        """Read again, unless requests wait."""
        if not (self._connection.pipeline or self._connection.is_held_back):
            super().resume_reading()

    def pause_writing(self) -> None:
        """Wait until the client reads, for a limited time."""
        super().pause_writing()
        if self._abort_timer is None:
            connection = self._connection
            self._abort_timer = connection.loop.call_later(
                connection.limits.body_seconds, connection.transport.abort
            )

    def resume_writing(self) -> None:
        """Write again; the client reads, or it has left."""
        if self._abort_timer is not None:
            self._abort_timer.cancel()
            self._abort_timer = None
        super().resume_writing()
