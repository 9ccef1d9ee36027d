"""A transport whose end loses no answer, even if the client is still sending.

If a socket is closed with unread bytes in it, the kernel resets the connection, and the client may
never see an answer that was written before. So the server stops writing first, and reads and drops
what still arrives, until the client closes or a limit is reached.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


BULK_BYTES = 64 * 1024  # of packets of this size, the event loop reads one in each turn
DROP_SECONDS = 0.002  # the pause after each packet that is dropped
# At the end of the service, others still wait for their answers.
_SHUTDOWN_SECONDS = 0.5


class LingerLimit(NamedTuple):
    """How long, and up to how many bytes, the server reads after its last answer."""

    seconds: float
    max_bytes: int


class Connection(Protocol):
    """The connection, as its transport uses it."""

    loop: asyncio.AbstractEventLoop

    @property
    def may_be_sending(self) -> bool:
        """Whether the client may be sending bytes that the connection will not read."""

    def pause_writing(self) -> None:
        """See :class:`asyncio.BaseProtocol`."""

    def resume_writing(self) -> None:
        """See :class:`asyncio.BaseProtocol`."""

    def connection_lost(self, exc: Exception | None) -> None:
        """See :class:`asyncio.BaseProtocol`."""


class LingeringTransport:
    """A transport for one connection; closing it does not take back what was written.

    Args:
        raw: The transport of the socket.
        connection: The connection that writes to it.
        limit: For a client that sends after the last answer.

    Attributes:
        write: Writes bytes; they are dropped after the end.
    """

    __slots__ = ("_closed", "_connection", "_limit", "_lingering", "_raw", "write")

    def __init__(self, raw: asyncio.Transport, connection: Connection, limit: LingerLimit) -> None:
        self._raw = raw
        self._connection = connection
        self._limit = limit
        self._closed = False
        self._lingering: _Linger | None = None
        self.write: Callable[[bytes], None] = raw.write

    def is_closing(self) -> bool:
        """Return whether nothing more can be written."""
        return self._closed or self._raw.is_closing()

    def close(self) -> None:
        """Close; if the client may be sending, read and drop first."""
        if not self.is_closing():
            if self._connection.may_be_sending:
                self.linger()
            else:
                self._closed = True
                self._raw.close()

    def linger(self, limit: LingerLimit | None = None) -> None:
        """Write nothing more, and drop what arrives within a limit; the transport's by default."""
        self._closed = True
        self.write = _drop
        self._lingering = _Linger(self._raw, self._connection, limit or self._limit)

    def shorten_linger(self) -> None:
        """Stop reading and dropping soon, since the service ends."""
        if self._lingering is not None:
            self._lingering.wait(_SHUTDOWN_SECONDS)

    def abort(self) -> None:
        """Close at once, without sending what is still buffered."""
        self._closed = True
        self._raw.abort()

    def pause_reading(self) -> None:
        """See :class:`asyncio.ReadTransport`."""
        self._raw.pause_reading()

    def resume_reading(self) -> None:
        """See :class:`asyncio.ReadTransport`."""
        self._raw.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """See :class:`asyncio.BaseTransport`."""
        return self._raw.get_extra_info(name, default)


class _Linger(asyncio.Protocol):
    """Reads and drops, with a pause after each packet.

    Without pauses, the event loop would read up to 32 packets of 256 KiB of each such client in
    each of its turns, while other clients wait.
    """

    def __init__(self, raw: asyncio.Transport, connection: Connection, limit: LingerLimit) -> None:
        self._raw = raw
        self._connection = connection
        self._left_bytes = limit.max_bytes
        self._timer: asyncio.TimerHandle | None = None
        self._pause: asyncio.TimerHandle | None = None
        self.wait(limit.seconds)
        raw.set_protocol(self)
        raw.resume_reading()
        raw.write_eof()

    def wait(self, seconds: float) -> None:
        """Close at the latest so many seconds from now."""
        if self._timer is not None:
            self._timer.cancel()
        # Closing still writes what is buffered; only unread bytes are lost.
        self._timer = self._connection.loop.call_later(seconds, self._raw.close)

    def data_received(self, data: bytes) -> None:
        self._left_bytes -= len(data)
        if self._left_bytes < 0:
            self._raw.close()
            return
        self._raw.pause_reading()
        self._pause = self._connection.loop.call_later(DROP_SECONDS, self._go_on)

    def _go_on(self) -> None:
        if not self._raw.is_closing():
            self._raw.resume_reading()

    def pause_writing(self) -> None:
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        self._connection.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        for handle in (self._timer, self._pause):
            if handle is not None:
                handle.cancel()
        self._connection.connection_lost(exc)


def _drop(_: bytes) -> None:
    pass
