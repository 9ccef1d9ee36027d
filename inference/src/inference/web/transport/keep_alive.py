"""Connections between two requests: what clients are promised, and when an idle one is closed.

A client that sends while the server closes the connection loses its request. So the server
announces how long it waits, waits a little longer, and looks for unread bytes before it closes.
"""

from __future__ import annotations

import random
import select
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

from inference.web.transport.lingering_transport import LingerLimit

if TYPE_CHECKING:
    import asyncio

    from starlette.types import Message, Send

    from inference.web.message.headers import Headers

# How much longer the server waits than it announces: time for an answer and the next request.
KEEP_ALIVE_GRACE_SECONDS = 2
# Connections that were opened together should not end together. gRPC uses the same share.
_JITTER = 0.1
_WITHOUT_BODY = (204, 304)
_READ_SECONDS = 0.01  # for the event loop to read what the kernel has
# For a client that sends at the moment its idle connection is closed: it gets no reset.
_IDLE_LINGER = LingerLimit(1.0, 64 * 1024)


def kept_headers(seconds: int) -> Headers:
    """Return the headers of an answer after which the connection stays open.

    The HTTP clients of Node and Apache read ``Keep-Alive``; HTTP/1.0 clients need ``Connection``.
    """
    return [(b"connection", b"keep-alive"), (b"keep-alive", b"timeout=%d" % seconds)]


def encode_end(headers: Headers) -> bytes:
    """Encode the last headers of a head, and the blank line after them."""
    return b"".join(b"%s: %s\r\n" % pair for pair in headers) + b"\r\n"


def announce(cycle: Any, headers: Headers) -> None:
    """Add headers to the answer of a uvicorn cycle if the connection stays open after it.

    To a client of HTTP/1.0, an answer without a length ends with its connection. uvicorn would send
    it in chunks, which such a client does not know. Source: RFC 9112, section 6.1.
    """
    send: Send = cycle.send
    is_endless = False

    async def send_with_headers(message: Message) -> None:
        nonlocal is_endless
        if message["type"] == "http.response.start":
            del cycle.send  # this function and the cycle refer to each other
            own = message.get("headers", [])
            is_endless = cycle.scope["http_version"] == "1.0" and _has_no_length(message)
            if is_endless:
                cycle.keep_alive = cycle.chunked_encoding = False
            if cycle.keep_alive and not any(name.lower() == b"connection" for name, _ in own):
                message = {**message, "headers": [*own, *headers]}
        elif is_endless:
            cycle.expected_content_length = len(message.get("body", b""))
        await send(message)

    cycle.send = send_with_headers


def _has_no_length(start: Message) -> bool:
    """Whether the head of an answer with a body does not say how long it is."""
    if start["status"] in _WITHOUT_BODY:
        return False
    return all(name.lower() != b"content-length" for name, _ in start.get("headers", []))


def jittered(seconds: float) -> float:
    """Return a duration that differs from ``seconds`` by up to 10 % at random."""
    return seconds * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - no secret


class Connection(Protocol):
    """The connection, as the idle timer uses it."""

    loop: asyncio.AbstractEventLoop
    transport: Any

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is being received and nothing waits to be parsed."""

    @property
    def is_answering(self) -> bool:
        """Whether an answer is under way."""


class IdleTimer:
    """Closes a connection that has been idle for too long.

    It is set once, and when it rings it checks how long the connection has been idle. uvicorn sets
    a timer for each request instead, and a blank line stops that.

    Args:
        connection: The connection.
        seconds: The longest idle time.
    """

    __slots__ = ("_connection", "_handle", "_idle_since", "_seconds")

    def __init__(self, connection: Connection, seconds: float) -> None:
        self._connection = connection
        self._seconds = seconds
        self._idle_since = 0.0
        self._handle: asyncio.TimerHandle | None = None

    @property
    def is_on(self) -> bool:
        """Whether the timer runs."""
        return self._handle is not None

    def rest(self, since: float) -> None:
        """Note the time, by :func:`time.perf_counter`, at which the last answer was complete."""
        self._idle_since = since
        if self._handle is None:
            self._ring()

    def stop(self) -> None:
        """Stop the timer."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _ring(self) -> None:
        connection = self._connection
        left = self._idle_since + self._seconds - perf_counter()
        if connection.is_answering or not connection.is_quiet:
            left = self._seconds  # other timers limit this
        if left <= 0 and has_arrived(connection.transport):
            left = _READ_SECONDS
        if left > 0:
            self._handle = connection.loop.call_later(left, self._ring)
        elif not connection.transport.is_closing():
            connection.transport.linger(_IDLE_LINGER)


def has_arrived(transport: asyncio.Transport) -> bool:
    """Return whether the kernel holds bytes, or an end, that the event loop has not read yet."""
    peer = transport.get_extra_info("socket")
    if peer is None:
        return False
    poll = select.poll()
    poll.register(peer.fileno(), select.POLLIN)
    return bool(poll.poll(0))
