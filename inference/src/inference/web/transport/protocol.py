"""uvicorn's HTTP protocol, with six gaps closed, and one timer for each connection.

- Requests sent ahead of their answers: uvicorn goes on reading after each answer, however many
  requests wait already. Here nothing is read while any waits.
- A client that leaves: uvicorn tells the newest request only. Here the running one is told, too.
- An offer to upgrade, which Java's HTTP client makes (h2c): httptools then takes the body for
  another protocol's. Here the offer is not taken, and the request is one like any other.
- HTTP/1.0: uvicorn closes the connection behind each answer. Here it stays open when asked to.
- The end of a quiet connection: uvicorn resets a client that sends at that moment. Here what has
  arrived is answered, and a client learns beforehand how long it may be quiet.
- Shutdown: uvicorn closes idle connections at once, although a request may be on its way. Here
  they stay open for a moment, and what still comes is answered.

The timer that closes a quiet connection is set once and looks, whenever it rings, how long it has
been quiet; uvicorn's is set anew for each request, and can be stopped by a blank line.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from inference.web.transport.connection_limits import ConnectionLimits
from inference.web.transport.keep_alive import (
    announce,
    has_arrived,
    jittered,
    kept_headers,
    spell_end,
)
from inference.web.transport.lingering_transport import (
    BULK_BYTES,
    DROP_SECONDS,
    LingeringTransport,
    Patience,
)

if TYPE_CHECKING:
    import asyncio

    from inference.web.fast.head_cache import ParsedHead
    from inference.web.fast.routes import FastRoutes
    from inference.web.message.headers import Headers

# How long a connection that is idle when the service stops is still listened to, and one on which
# nothing has come yet: its request is on its way.
_IDLE_SECONDS = 0.1
_NEW_SECONDS = 1.0
_READ_SECONDS = 0.01
# With a client that sends just when its quiet connection is closed: it sees an end, and no reset.
_QUIET_PATIENCE = Patience(1.0, 64 * 1024)


class Protocol(HttpToolsProtocol):
    """uvicorn's httptools protocol, for connections that no WebSocket takes over.

    Attributes:
        bounds: The limits.
        kept: Headers of an answer after which the connection stays open.
        kept_end: The end of such an answer's head.
    """

    bounds: ClassVar[ConnectionLimits] = ConnectionLimits()
    kept: ClassVar[Headers]
    kept_end: ClassVar[bytes]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.kept = kept_headers(cls.bounds.keep_alive_seconds)
        cls.kept_end = spell_end(cls.kept)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._hot: FastRoutes = self.config.loaded_app
        self.closing = self._hot.is_stopping
        self._ignored = False  # the present message, which is none, or behind the last
        self._version = ""  # of HTTP, as the present message says
        self._is_whole = False  # the present message: its body is here already
        self._running: Any = None
        self._head: ParsedHead | None = None  # of the last message, where it may be noted
        self._quiet_since = 0.0
        self._reading: asyncio.TimerHandle | None = None
        self._ageing: asyncio.TimerHandle | None = None

    def answer_known(self, message: bytes) -> bool:
        """Answer what has come between two messages, if it is a message that is known."""
        raise NotImplementedError  # PlainProtocol and DirectProtocol do, each in its way

    def note_whole(self, messages: bytes) -> None:
        """Remember the head of what came between two messages, and was whole messages."""
        if self._head is not None:
            self._hot.heads.note(messages, self._head)

    @property
    def is_receiving(self) -> bool:
        """Whether a message has begun to come and has not ended."""
        raise NotImplementedError  # BoundedProtocol, which is put in front, knows

    @property
    def is_held_back(self) -> bool:
        """Whether something has been received that waits for its turn, or is the last."""
        raise NotImplementedError  # BoundedProtocol knows this, too

    @property
    def may_be_sending(self) -> bool:
        """Whether the client may be sending what nobody will read."""
        return self.is_receiving or self.is_held_back or self.flow.read_paused

    @property
    def patience(self) -> Patience:
        """With a client that is answered and goes on sending."""
        return Patience(self.bounds.linger_seconds, self.bounds.linger_bytes)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, with a transport whose end loses no answer, and a flow that knows what waits."""
        outlet: Any = LingeringTransport(transport, self, self.patience)
        super().connection_made(outlet)
        self.flow: _Flow = _Flow(outlet, self)
        if self.bounds.max_connection_seconds:
            seconds = jittered(self.bounds.max_connection_seconds)
            self._ageing = self.loop.call_later(seconds, self._retire)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the running request that its client has left."""
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        if self._ageing is not None:
            self._ageing.cancel()

    def parse(self, piece: bytes) -> int:
        """Parse a piece, and tell how much of it was used."""
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade as offer:
            if not self.transport.is_closing():
                self._begin_again()
            used: int = offer.args[0]
            return used
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
        return len(piece)

    def on_headers_complete(self) -> None:
        """Start the application, but for an offer to upgrade, or behind the last request."""
        self._ignored = self.parser.should_upgrade() or self.transport.is_closing()
        if not self._ignored:
            super().on_headers_complete()
            self.cycle.keep_alive = self.parser.should_keep_alive() and not self.closing
            announce(self.cycle, self.kept)

    def on_body(self, body: bytes) -> None:
        """Hand on a piece of the body."""
        if not self._ignored:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Tell the application that the body is complete."""
        if not self._ignored:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request, or rest."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self.rest(perf_counter())

    def rest(self, since: float) -> None:
        """Note that everything is answered, at a time by :func:`time.perf_counter`."""
        self._quiet_since = since
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_handler()

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection, if nothing has been answered for as long as that."""
        left = self._quiet_since + self.timeout_keep_alive - perf_counter()
        busy = self.cycle is not None and not self.cycle.response_complete
        if busy or self.is_receiving or self.is_held_back:
            left = self.timeout_keep_alive  # how long that may take is not this timer's affair
        if left > 0:
            self.timeout_keep_alive_task = self.loop.call_later(
                left, self.timeout_keep_alive_handler
            )
        elif has_arrived(self.transport):
            self.timeout_keep_alive_task = self.loop.call_later(
                _READ_SECONDS, self.timeout_keep_alive_handler
            )
        elif not self.transport.is_closing():
            outlet: Any = self.transport
            outlet.linger(_QUIET_PATIENCE)

    def pause_writing(self) -> None:
        """Wait for a client that does not read, but not for ever."""
        super().pause_writing()
        if self._reading is None:
            self._reading = self.loop.call_later(self.bounds.body_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on."""
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
        super().resume_writing()

    def shutdown(self) -> None:
        """Answer what is under way or comes within a moment, then close."""
        self.closing = True
        if self.transport.is_closing():
            outlet: Any = self.transport
            outlet.hurry()
        elif not (self.cycle is None or self.cycle.response_complete):
            super().shutdown()
        else:
            seconds = _NEW_SECONDS if self.headers is None else _IDLE_SECONDS
            self.loop.call_later(seconds, self._look_again)

    def _retire(self) -> None:
        self.closing = True  # the next answer says so

    def _look_again(self) -> None:
        """Read once more: on a busy machine a timer may ring before what came is read."""
        self.loop.call_later(_READ_SECONDS, self._end)

    def _end(self) -> None:
        if not (self.is_receiving or self.is_held_back):  # what is being received closes it
            super().shutdown()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _begin_again(self) -> None:
        """Parse a head once more, without the header that offers an upgrade."""
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        head = [b"%s %s HTTP/%s" % (method, self.url, version)]
        head += [b"%s: %s" % (n, v) for n, v in self.headers if n != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.parse(b"\r\n".join([*head, b"", b""]))


class _Flow(FlowControl):
    """Reads nothing while requests wait for the answers before theirs."""

    def __init__(self, transport: asyncio.Transport, protocol: Protocol) -> None:
        super().__init__(transport)
        self._protocol = protocol

    def breathe(self, size: int, *, is_dropping: bool) -> None:
        """Let others have their turn after a large packet.

        The loop would otherwise read up to 32 such packets from one client in each of its turns.

        Args:
            size: Of the packet.
            is_dropping: Whether what comes is dropped, which may take its time.
        """
        if size < BULK_BYTES or self.read_paused or self._protocol.transport.is_closing():
            return
        self.pause_reading()
        seconds = DROP_SECONDS if is_dropping else 0.0
        self._protocol.loop.call_later(seconds, self._read_on)

    def _read_on(self) -> None:
        if not self._protocol.transport.is_closing():
            self.resume_reading()

    def resume_reading(self) -> None:
        if not (self._protocol.pipeline or self._protocol.is_held_back):
            super().resume_reading()
