"""The fast path: answers requests to the fast routes without the ASGI application.

Between the parser and an ASGI application are a scope, a task and two awaited messages, which
together cost more than a small model. The fast path answers from the parser's callback, and without
the parser if the head is cached or simple. Other requests go to the application: other routes,
large bodies, pipelined requests, slow readers. ``INFERENCE_DIRECT=false`` turns it off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from inference.access.request_context import make_id
from inference.web.fast.head_cache import KnownHead
from inference.web.http1.head_pattern import HeadPattern
from inference.web.http1.plain_head import read_plain_head

if TYPE_CHECKING:
    import asyncio

    from inference.access.authorizer import Grant
    from inference.web.http1.plain_head import PlainHead
    from inference.web.message.exchange import Exchange, Response, Routes
    from inference.web.message.headers import Headers
    from inference.web.transport.connection_context import ConnectionContext
    from inference.web.transport.connection_interface import Connection

# uvicorn receives larger bodies: it stops reading while the application does not keep up.
_MAX_BODY_BYTES = 64 * 1024


class FastPath:
    """The fast path of one connection.

    A request that comes in several pieces is *held*: the callbacks of the parser go here instead of
    to uvicorn, until the request is complete and answered, or given to the application after all.

    Args:
        connection: The connection.
        context: What all connections share.

    Attributes:
        is_holding: Whether the request that is being received is held.
        head: What the head of the last message says, if it may be cached: its routes, path, headers
            and the length of its body. Clear it before the next message.
    """

    __slots__ = ("_body", "_body_bytes", "_connection", "_context", "_family", "_headers",
                 "_heads", "_known", "_max_body_bytes", "_new_exchange", "_path", "_routes",
                 "head", "is_holding")  # fmt: skip

    def __init__(self, connection: Connection, context: ConnectionContext) -> None:
        self._connection = connection
        self._context = context
        self._routes = context.routes
        self._heads = context.routes.heads
        self._new_exchange = context.routes.new_exchange
        self._max_body_bytes = min(_MAX_BODY_BYTES, context.routes.max_body_bytes)
        self.is_holding = False
        self._family: Any = None  # the routes of the held request
        self._path = ""
        self._headers: Headers = []
        self._body: list[bytes] = []
        self._body_bytes = 0
        self.head: tuple[Routes, str, Headers, int] | None = None
        self._known: KnownHead | None = None  # the head of the last message, or all that are alike

    # Whole messages, without the parser.

    def answer(self, message: bytes) -> bool:
        """Answer a message whose head is known or plain; return whether it was answered.

        Args:
            message: What was received between two messages.
        """
        connection = self._connection
        cycle = connection.cycle
        if (
            (cycle is not None and not cycle.response_complete)
            or connection.flow.write_paused
            or connection.transport.is_closing()
        ):
            return False
        known = self._known
        found = None if known is None else known.pattern.match(message)
        if known is None or found is None:
            known = self._heads.find(message)
            found = None if known is None else known.pattern.match(message)
            if known is None or found is None:
                return self._answer_plain(message)
            if self._known is None or not self._known.pattern.varying:
                self._known = known
        headers, body = found
        made_id = None if known.has_id else make_id()
        exchange = self._new_exchange(known.path, headers, body, made_id)
        self._answer(known.family, exchange, keep_alive=not connection.closing, grant=known.grant)
        return True

    def _answer_plain(self, message: bytes) -> bool:
        plain = read_plain_head(message)
        if plain is None:
            return False
        path, headers, by_name, size = plain
        family = self._routes.family(path)
        limits = self._context.limits
        if (
            family is None
            or len(message) - size > self._max_body_bytes
            or size > limits.max_header_bytes
            or len(headers) > limits.max_header_lines
            or not self._routes.browsers.is_exempt(headers, by_name)
        ):
            return False
        known = self._learn(family, message, plain)
        made_id = None if known.has_id else make_id()
        exchange = self._new_exchange(path, headers, message[size:], made_id)
        self._answer(family, exchange, keep_alive=not self._connection.closing, grant=known.grant)
        return True

    def _learn(self, family: Routes, message: bytes, plain: PlainHead) -> KnownHead:
        """Keep a plain head: with the last one of this connection, if both are alike."""
        known = self._known and self._known.widen(
            message,
            plain,
            max_head_bytes=self._context.limits.max_header_bytes,
            max_body_bytes=self._max_body_bytes,
        )
        if known is None:
            head = message[: plain.size]
            pattern = HeadPattern(head, plain.headers, len(message) - plain.size)
            known = KnownHead(family, plain.path, pattern)
            self._heads.add(head, known)
        self._known = known
        return known

    def cache_head(self, packet: bytes) -> None:
        """Cache the head of a packet that was one whole message, if its answer may be repeated."""
        if self.head is not None:
            self._heads.add_first(packet, *self.head)

    # Messages from the parser.

    def hold(self, version: str, *, is_whole: bool) -> bool:
        """Hold the request whose head is complete, if it can be answered here.

        Args:
            version: The version of HTTP, such as ``1.1``.
            is_whole: Whether its body was received with the head.

        Returns:
            False if the application is to answer.
        """
        connection, routes = self._connection, self._routes
        cycle = connection.cycle
        headers = connection.headers
        if (
            version != "1.1"
            or connection.parser.get_method() != b"POST"
            or connection.expect_100_continue
            or (cycle is not None and not cycle.response_complete)
            or connection.flow.write_paused
            or connection.transport.is_closing()
            or any(name == b"content-encoding" for name, _ in headers)
            or not routes.browsers.is_exempt(headers)
        ):
            return False
        path = connection.url.partition(b"?")[0].decode("latin-1")
        self._path = unquote(path) if "%" in path else path
        family = routes.family(self._path)
        # A request that will be refused is refused before its body is received.
        if family is None or not (is_whole or routes.is_authorized(headers)):
            return False
        self._family = family
        self.is_holding = True
        self._headers = headers  # trailers go to another list
        self._body, self._body_bytes = [], 0
        return True

    def add_body(self, body: bytes) -> None:
        """Add a piece of the body; give a large body to the application."""
        self._body.append(body)
        self._body_bytes += len(body)
        if self._body_bytes > self._max_body_bytes:
            self.hand_over()

    def complete(self) -> None:
        """Answer the held request, which is complete."""
        self.is_holding = False
        family = self._family
        keep_alive = self._connection.parser.should_keep_alive() and not self._connection.closing
        if keep_alive:
            self.head = (family, self._path, self._headers, self._body_bytes)
        exchange = self._new_exchange(self._path, self._headers, b"".join(self._body))
        self._answer(family, exchange, keep_alive=keep_alive)

    def hand_over(self) -> None:
        """Give the held request to the application."""
        self.is_holding = False
        body, self._body = self._body, []
        self._connection.start_application()
        if body:  # as one piece: uvicorn copies all it has for each
            self._connection.pass_body(b"".join(body))

    # Answers.

    def _answer(
        self, family: Routes, exchange: Exchange, *, keep_alive: bool, grant: Grant | None = None
    ) -> None:
        routes = self._routes
        response = None
        if routes.authorizer is not None:
            response = routes.refuse_denied(family, exchange, grant)
        if response is None:
            response = family.answer_now(exchange)
        connection = self._connection
        if response is None:
            pending = PendingAnswer(keep_alive=keep_alive)
            pending.task = connection.loop.create_task(
                self._answer_later(family, exchange, pending)
            )
            pending.task.add_done_callback(connection.tasks.discard)
            connection.tasks.add(pending.task)
            connection.cycle = connection.running = pending
            return
        self._write(exchange, response, keep_alive=keep_alive)
        connection.server_state.total_requests += 1
        if keep_alive:
            connection.idle_timer.rest(exchange.timing.done)

    async def _answer_later(
        self, family: Routes, exchange: Exchange, pending: PendingAnswer
    ) -> None:
        connection = self._connection
        # Before the model is looked up: an answer must not name a later state than its own.
        default = self._context.current_head(connection.server_state.default_headers)
        try:
            response = await family.answer(exchange)
            if not connection.transport.is_closing():
                self._write(exchange, response, default, keep_alive=pending.keep_alive)
        except BaseException:
            connection.transport.close()  # no answer can be sent any more
            raise
        finally:
            pending.response_complete = True
        connection.on_response_complete()

    def _write(
        self, exchange: Exchange, response: Response, default: bytes = b"", *, keep_alive: bool
    ) -> None:
        connection, context = self._connection, self._context
        if not default:
            headers = connection.server_state.default_headers
            known = context.default_headers is headers
            default = context.default_head if known else context.encode_default(headers)
        end = context.kept_end if keep_alive else b"connection: close\r\n\r\n"
        connection.transport.write(
            b"".join((STATUS_LINE[response.status], default, response.head, end, response.body))
        )
        if not keep_alive:
            connection.transport.close()
        if self._routes.request_log is not None:
            exchange.log(self._routes.request_log, response)


class PendingAnswer:
    """A fast answer under way, in place of uvicorn's request-response cycle.

    uvicorn queues further requests behind it, and sets :attr:`message_event` when the client
    disconnects, which cancels the answer.

    Args:
        keep_alive: Whether the connection stays open after the answer.

    Attributes:
        keep_alive: The same; uvicorn clears it at shutdown.
        response_started: Whether bytes of the answer may have been sent.
        response_complete: Whether the answer was sent or canceled.
        disconnected: Whether the client has disconnected.
        task: The task that answers.
    """

    __slots__ = ("disconnected", "keep_alive", "response_complete", "response_started", "task")
    task: asyncio.Task[None]

    def __init__(self, *, keep_alive: bool) -> None:
        self.keep_alive = keep_alive
        self.response_started = self.response_complete = self.disconnected = False

    @property
    def message_event(self) -> PendingAnswer:
        """The object whose :meth:`set` uvicorn calls on disconnect."""
        return self

    def set(self) -> None:
        """Cancel the answer if the client has disconnected."""
        if self.disconnected:
            self.task.cancel()
