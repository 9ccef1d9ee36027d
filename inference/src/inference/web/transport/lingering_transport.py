"""The end of a connection: an answer is not lost because the client was still sending.

A socket that is closed with unread bytes in it resets the connection, and the client may never see
the answer that was written before. So writing stops first, and what still comes is read and dropped
until the client has closed, too, or for a while.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


BULK_BYTES = 64 * 1024  # what comes in such packets is read one packet in each turn of the loop
DROP_SECONDS = 0.002  # between two packets of what is dropped
# When the service ends, others are waited for who have not had their answers.
_HURRY_SECONDS = 0.5


class Patience(NamedTuple):
    """How long, and for how many bytes, a client may go on that has been answered already."""

    seconds: float
    most_bytes: int


class Connection(Protocol):
    """What an outlet asks of the protocol that writes to it."""

    loop: asyncio.AbstractEventLoop

    @property
    def may_be_sending(self) -> bool:
        """Whether the client may be sending what nobody will read."""

    def pause_writing(self) -> None:
        """See :class:`asyncio.BaseProtocol`."""

    def resume_writing(self) -> None:
        """See :class:`asyncio.BaseProtocol`."""

    def connection_lost(self, exc: Exception | None) -> None:
        """See :class:`asyncio.BaseProtocol`."""


class LingeringTransport:
    """A transport as protocols use it; closing it does not take back what was written.

    Args:
        raw: The transport.
        connection: Who writes to it.
        patience: With a client that is still sending.

    Attributes:
        write: Writes bytes, which are dropped once it is closed.
    """

    __slots__ = ("_closed", "_connection", "_lingering", "_patience", "_raw", "write")

    def __init__(self, raw: asyncio.Transport, connection: Connection, patience: Patience) -> None:
        self._raw = raw
        self._connection = connection
        self._patience = patience
        self._closed = False
        self._lingering: _Linger | None = None
        self.write: Callable[[bytes], None] = raw.write

    def is_closing(self) -> bool:
        """Tell whether nothing more can be written."""
        return self._closed or self._raw.is_closing()

    def close(self) -> None:
        """Close; if the client may be sending, when it has ended or patience has."""
        if not self.is_closing():
            if self._connection.may_be_sending:
                self.linger(self._patience)
            else:
                self._closed = True
                self._raw.close()

    def linger(self, patience: Patience) -> None:
        """Write nothing more, and drop what comes for a while."""
        self._closed = True
        self.write = _drop
        self._lingering = _Linger(self._raw, self._connection, patience)

    def hurry(self) -> None:
        """Lose patience soon, where it is asked for."""
        if self._lingering is not None:
            self._lingering.wait(_HURRY_SECONDS)

    def abort(self) -> None:
        """Close at once, whatever is lost."""
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

    Without pauses the loop would read up to 32 packets of 256 KiB from each such client in each of
    its turns, while other clients wait.
    """

    def __init__(self, raw: asyncio.Transport, connection: Connection, patience: Patience) -> None:
        self._raw = raw
        self._connection = connection
        self._left = patience.most_bytes
        self._timer: asyncio.TimerHandle | None = None
        self._pause: asyncio.TimerHandle | None = None
        self.wait(patience.seconds)
        raw.set_protocol(self)
        raw.resume_reading()
        raw.write_eof()

    def wait(self, seconds: float) -> None:
        """Go on for so long from now, at most."""
        if self._timer is not None:
            self._timer.cancel()
        # Closing still writes what is to be written; only what is unread is lost.
        self._timer = self._connection.loop.call_later(seconds, self._raw.close)

    def data_received(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left < 0:
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
