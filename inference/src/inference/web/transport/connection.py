"""One HTTP connection: uvicorn's protocol with limits, a fast path and an orderly end.

Differences to uvicorn's protocol for httptools:

- Limits: on connections, the size and time of heads and bodies, and pipelined requests; see
  :mod:`inference.web.transport.message_reader`.
- A disconnect reaches the running request; uvicorn reports it only to the newest one.
- An offer to upgrade, as Java's HTTP client makes (h2c), is not taken. The request is answered like
  any other; httptools alone takes the body for another protocol's.
- HTTP/1.0: the connection stays open if the client asks for it, and an answer without a length ends
  with it.
- The end of an idle connection: bytes that have arrived are answered, and clients learn how long it
  stays open; see :mod:`inference.web.transport.keep_alive`.
- Shutdown: idle connections stay open for a moment, since a request may be on its way.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from inference.access.request_context import identify
from inference.errors import ClientError, RequestError
from inference.web.http1.framing import CHUNKED, body_length
from inference.web.http1.request_target import origin_form
from inference.web.transport.connection_interface import ReceiveState
from inference.web.transport.connection_limits import HEAD
from inference.web.transport.fast_path import FastPath
from inference.web.transport.flow_control import ConnectionFlow
from inference.web.transport.keep_alive import IdleTimer, announce, jittered
from inference.web.transport.lingering_transport import LingeringTransport, LingerLimit
from inference.web.transport.message_reader import MessageReader
from inference.web.transport.refusal import encode_refusal, linger_limit, log_refusal

if TYPE_CHECKING:
    import asyncio

    from inference.errors import RookeryError
    from inference.web.transport.connection_context import ConnectionContext

_IDLE = ReceiveState.IDLE
# At shutdown, a request may be on its way: on an idle connection, and on one without requests yet.
_IDLE_SECONDS = 0.1
_NEW_SECONDS = 1.0
_READ_SECONDS = 0.01


class HttpConnection(HttpToolsProtocol):
    """An HTTP/1.1 connection.

    The methods named ``on_...`` are the parser's callbacks, except :meth:`on_response_complete`,
    which uvicorn's cycle calls.

    :class:`inference.web.transport.connection_interface.Connection` describes its attributes.

    Args:
        args: As for uvicorn's protocol.
        context: What all connections of this worker share.
        kwargs: As for uvicorn's protocol.
    """

    def __init__(self, *args: Any, context: ConnectionContext, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.state = _IDLE
        self.closing = context.routes.is_stopping
        self.limits = context.limits
        self.running: Any = None
        self.idle_timer = IdleTimer(self, self.timeout_keep_alive)
        self._context = context
        self._reader = MessageReader(self, context.queue)
        self._receive_timer = self._reader.timer
        self._fast_path = FastPath(self, context) if context.fast_path else None
        self._is_ignored = False  # the present message: an offer to upgrade, or after the last
        self._own_cycle: Any = None  # of the present message, once the application has it
        self._age_timer: asyncio.TimerHandle | None = None

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is being received and nothing waits to be parsed."""
        return self.state is _IDLE and not self._reader.waiting

    @property
    def is_held_back(self) -> bool:
        """Whether received bytes wait for their turn, or nothing further is parsed."""
        return self.state is ReceiveState.REFUSED or self._reader.waiting != b""

    @property
    def is_answering(self) -> bool:
        """Whether an answer is under way or waits for others."""
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def may_be_sending(self) -> bool:
        """Whether the client may be sending bytes that this connection will not read."""
        return not self.is_quiet or self.flow.read_paused

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start, or refuse the connection if there are too many."""
        limits = self.limits
        limit = LingerLimit(limits.linger_seconds, limits.linger_bytes)
        lingering: Any = LingeringTransport(transport, self, limit)
        super().connection_made(lingering)
        self.flow: ConnectionFlow = ConnectionFlow(lingering, self)
        if limits.max_connection_seconds:
            seconds = jittered(limits.max_connection_seconds)
            self._age_timer = self.loop.call_later(seconds, self._retire)
        error = self._context.admit(self.client and self.client[0], len(self.connections))
        if error is None:
            self._receive_timer.start(self.loop, HEAD)
        else:
            self.refuse(error)

    def connection_lost(self, exc: Exception | None) -> None:
        """End, and report the disconnect to the running request."""
        self._reader.clear()
        self._receive_timer.stop()
        self._context.addresses.leave(self.client and self.client[0])
        if self.running is not None and not self.running.response_complete:
            self.running.disconnected = True
            self.running.message_event.set()
        super().connection_lost(exc)
        self.idle_timer.stop()
        if self._age_timer is not None:
            self._age_timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Answer the first request that has come, and keep the rest for later."""
        if (
            self.state is _IDLE
            and self._fast_path is not None
            and not self._reader.waiting
            and self._fast_path.answer(data)
        ):
            if self._receive_timer.is_on:
                self._receive_timer.stop()
            if self._reader.has_begun:
                self._reader.forget_blank_lines()
        else:
            self._reader.receive(data)

    def cache_head(self, packet: bytes) -> None:
        """Cache the head of a packet that was one whole message."""
        if self._fast_path is not None:
            self._fast_path.cache_head(packet)

    def on_message_begin(self) -> None:
        """Begin with the next message."""
        super().on_message_begin()
        self._own_cycle = None
        if self.state is not ReceiveState.REFUSED:
            self.state = ReceiveState.HEAD
        if self._fast_path is not None:
            self._fast_path.head = None

    def on_headers_complete(self) -> None:
        """Start with a request, if its head can be understood in one way only."""
        self._is_ignored = True
        if self.state is ReceiveState.REFUSED:
            return
        version, prefix = self.parser.get_http_version(), self._context.routes.prefix
        if prefix or not self.url.startswith(b"/"):
            self.url = origin_form(self.url, prefix)
        try:
            if self.parser.get_method() == b"CONNECT":
                raise RequestError("this is not a proxy: CONNECT is not answered")
            length = body_length(self.headers, version)
            if not self._reader.is_whole:
                self._reader.check_head(self.url, self.headers)
        except ClientError as error:
            self.refuse(error)
            return
        self._reader.begin_body(length)
        self.state = ReceiveState.BODY
        if self.parser.should_upgrade():
            return
        self._is_ignored = False
        if version == "1.0":  # such a client would take 100 for its answer
            self.expect_100_continue = False
        fast_path = self._fast_path
        if fast_path is None or not fast_path.hold(version, is_whole=self._reader.is_whole):
            self.start_application()
        if length == CHUNKED:
            self.headers = []  # trailers are no headers

    def start_application(self) -> None:
        """Start the ASGI application for the request whose head is complete."""
        self._is_ignored = self.transport.is_closing()
        if not self._is_ignored:
            super().on_headers_complete()
            self._own_cycle = self.cycle
            self.cycle.keep_alive = self.parser.should_keep_alive() and not self.closing
            announce(self.cycle, self._context.kept_headers)

    def on_chunk_header(self) -> None:
        """Count the chunks of a body without a length."""
        self._reader.count_chunk()

    def on_body(self, body: bytes) -> None:
        """Pass on a piece of the body."""
        if not self._reader.is_whole:
            self._reader.count_body(len(body))
        if self._fast_path is not None and self._fast_path.is_holding:
            self._fast_path.add_body(body)
        else:
            self.pass_body(body)

    def pass_body(self, body: bytes) -> None:
        """Pass a piece of the body to the ASGI application."""
        if not self._is_ignored:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Answer a held request, or tell the application that the body is complete."""
        if self.state is not ReceiveState.REFUSED:
            self.state = _IDLE
        self._reader.end_message()
        if self._fast_path is not None and self._fast_path.is_holding:
            self._fast_path.complete()
        elif not self._is_ignored:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request, or rest."""
        self.server_state.total_requests += 1
        if not self.transport.is_closing():
            self.flow.resume_reading()
            if self.pipeline:
                self._start_asgi_task(*self.pipeline.pop())
            else:
                self.idle_timer.rest(perf_counter())
        is_receiving = self.state in {ReceiveState.HEAD, ReceiveState.BODY}
        self._reader.resume(is_receiving=is_receiving)

    def refuse(self, error: RookeryError) -> None:
        """Answer with an error, unless another answer is under way, and close the connection.

        Requests before the refused one get their answers first.
        """
        if self.transport.is_closing() or self.state is ReceiveState.REFUSED:
            return
        is_receiving = self.state is not _IDLE
        self.state = ReceiveState.REFUSED
        self._reader.clear()
        self._context.routes.count_refusal(error.status)
        identity = identify([*self.scope["headers"]] if is_receiving else [])
        log_refusal(error, self.client and self.client[0])
        cycle: Any = self.cycle
        if cycle is not None and cycle is self._own_cycle:
            if cycle.response_started or self.pipeline:
                self.transport.close()  # bytes written here would fall into another answer
                return
        elif self.is_answering:  # an earlier request
            cycle.keep_alive = False  # uvicorn closes the connection after that answer
            self.flow.pause_reading()
            return
        further = [*self.server_state.default_headers, (b"x-request-id", identity)]
        self.transport.write(encode_refusal(error, self.url if is_receiving else b"", further))
        lingering: Any = self.transport
        lingering.linger(linger_limit(len(self.connections) - self.limits.max_connections))

    def shutdown(self) -> None:
        """Answer what is under way or comes within a moment, then close."""
        self.closing = True
        if self._fast_path is not None and self._fast_path.is_holding:
            self._fast_path.hand_over()
        transport: Any = self.transport
        if transport.is_closing():
            transport.shorten_linger()
        elif self.is_answering:
            super().shutdown()
        else:
            seconds = _NEW_SECONDS if self.headers is None else _IDLE_SECONDS
            # Twice: on a busy machine a timer may ring before received bytes are read.
            self.loop.call_later(seconds, self.loop.call_later, _READ_SECONDS, self._end)

    def _end(self) -> None:
        if self.is_quiet:  # otherwise the answer closes the connection
            super().shutdown()

    def _retire(self) -> None:
        self.closing = True

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self.running = cycle
        super()._start_asgi_task(cycle, app)
