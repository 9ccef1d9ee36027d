"""The direct protocol: answers hot routes as soon as the request is complete.

Between uvicorn's parser and an ASGI application stand a scope, a task and two awaited messages,
which together cost more than a small model. This subclass answers a hot route from the parser's own
callback, and without the parser where the request's head is known. Everything else it hands to
uvicorn unchanged, by replaying the callbacks that it has held back: every other route, a large
body, a pipelined request, a client that reads too slowly.

``INFERENCE_DIRECT=false`` turns it off; both ways pass the same tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import unquote

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from inference.logs import REQUEST_ID
from inference.web.access_log import log_request
from inference.web.fast.head_cache import LARGEST_KEPT, ParsedHead
from inference.web.http1.plain_head import read_plain_head
from inference.web.message.exchange import Exchange
from inference.web.message.request_id import make_id
from inference.web.transport.cycle import Cycle
from inference.web.transport.protocol import Protocol

if TYPE_CHECKING:
    import asyncio

    from inference.web.message.exchange import Response, Routes
    from inference.web.message.headers import Headers

# Larger bodies are uvicorn's, which stops reading while the application does not keep up.
_LARGEST_BODY = 64 * 1024


class DirectProtocol(Protocol):
    """uvicorn's protocol with a short cut for the hot routes."""

    # What every response begins with after its status, and the list that it was made of.
    _default: ClassVar[tuple[object, bytes]] = (None, b"")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._largest_body = min(_LARGEST_BODY, self._hot.max_body_bytes)
        self._family: Routes | None = None
        self._path = ""
        self._headers: Headers = []
        self._held: list[bytes] = []
        self._held_bytes = 0

    def answer_known(self, message: bytes) -> bool:
        """Answer a request whose head is known, or plain."""
        if not self._is_free():
            return False
        found = self._hot.heads.find(message)
        if found is None:
            return self._answer_plain(message)
        (family, path, headers, _, _), body = found
        exchange = Exchange(path, headers, body, make_id())
        self._answer(family, exchange, keep_alive=not self.closing)
        return True

    def _answer_plain(self, message: bytes) -> bool:
        plain = read_plain_head(message)
        if plain is None:
            return False
        path, headers, by_name, size = plain
        family = self._hot.family(path)
        if (
            family is None
            or len(message) - size > self._largest_body
            or size > self.bounds.max_header_bytes
            or len(headers) > self.bounds.max_header_lines
            or not self._hot.browsers.is_exempt(headers, by_name)
        ):
            return False
        made_id = None
        if b"x-request-id" not in by_name:  # a head with an id of its own does not come again
            made_id = make_id()
            if size <= LARGEST_KEPT:
                head = ParsedHead(family, path, headers, len(message) - size)
                self._hot.heads.keep(message[:size], head)
        exchange = Exchange(path, headers, message[size:], made_id)
        self._answer(family, exchange, keep_alive=not self.closing)
        return True

    def on_headers_complete(self) -> None:
        """Hold a hot request back until it is complete, or let uvicorn begin with it."""
        self._family = self._head = None
        if self._may_answer():
            path = self.url.partition(b"?")[0].decode("latin-1")
            self._path = unquote(path) if "%" in path else path
            self._family = self._hot.family(self._path)
            if self._family is not None and not (
                self._is_whole or self._hot.is_authorized(self.headers)
            ):
                self._family = None  # it is refused before its body is here
        if self._family is None:
            super().on_headers_complete()
        else:
            self._headers = self.headers  # what a body in chunks ends with is put elsewhere
            self._held, self._held_bytes = [], 0

    def on_body(self, body: bytes) -> None:
        """Hold the body back, up to a limit."""
        if self._family is None:
            super().on_body(body)
            return
        self._held.append(body)
        self._held_bytes += len(body)
        if self._held_bytes > self._largest_body:
            self._hand_over()

    def on_message_complete(self) -> None:
        """Answer, or tell uvicorn that it can."""
        family, self._family = self._family, None
        if family is None:
            super().on_message_complete()
            return
        keep_alive = self.parser.should_keep_alive() and not self.closing
        if keep_alive:
            self._head = ParsedHead(family, self._path, self._headers, self._held_bytes)
        exchange = Exchange(self._path, self._headers, b"".join(self._held))
        self._answer(family, exchange, keep_alive=keep_alive)

    def shutdown(self) -> None:
        """Let a request that is being received still be answered, by uvicorn, which then closes."""
        if self._family is not None:
            self._hand_over()
        super().shutdown()

    def _may_answer(self) -> bool:
        """Tell whether nothing about this request needs more than the short cut has."""
        return (
            self.parser.get_method() == b"POST"
            and self._version == "1.1"
            and not self.expect_100_continue
            and not self.parser.should_upgrade()
            and self._is_free()
            and all(name != b"content-encoding" for name, _ in self.headers)
            and self._hot.browsers.is_exempt(self.headers)
        )

    def _is_free(self) -> bool:
        """Tell whether nothing stands between an answer and the client."""
        return (
            (self.cycle is None or self.cycle.response_complete)
            and not self.flow.write_paused
            and not self.transport.is_closing()
            and self.limit_concurrency is None
        )

    def _hand_over(self) -> None:
        held, self._held, self._family = self._held, [], None
        super().on_headers_complete()
        if held:
            super().on_body(b"".join(held))  # as one: uvicorn copies all it has for each piece

    def _answer(self, family: Routes, exchange: Exchange, *, keep_alive: bool) -> None:
        REQUEST_ID.set(exchange.request_id)
        response = self._hot.refuse_denied(family, exchange) or family.answer_now(exchange)
        if response is None:
            later = _Later({"headers": exchange.headers}, keep_alive=keep_alive)
            later.task = self.loop.create_task(self._answer_later(family, exchange, later))
            later.task.add_done_callback(self.tasks.discard)
            self.tasks.add(later.task)
            cycle: Any = later
            self.cycle = self._running = cycle
            return
        self._write(exchange, response, keep_alive=keep_alive)
        self.server_state.total_requests += 1
        if keep_alive:
            self.rest(exchange.timing.done)

    async def _answer_later(self, family: Routes, exchange: Exchange, later: _Later) -> None:
        try:
            response = await family.answer(exchange)
            if not self.transport.is_closing():
                self._write(exchange, response, keep_alive=later.keep_alive)
        except BaseException:
            self.transport.close()  # nothing can be told any more
            raise
        finally:
            later.response_complete = True
        # What uvicorn does at the end of a response: go on with the next, or set its timer.
        self.on_response_complete()

    def _write(self, exchange: Exchange, response: Response, *, keep_alive: bool) -> None:
        headers = self.server_state.default_headers
        made_of, default = DirectProtocol._default
        if made_of is not headers:
            default = b"".join(b"%s: %s\r\n" % pair for pair in headers)
            DirectProtocol._default = (headers, default)
        end = self.kept_end if keep_alive else b"connection: close\r\n\r\n"
        self.transport.write(
            b"".join((STATUS_LINE[response.status], default, response.head, end, response.body))
        )
        if not keep_alive:
            self.transport.close()
        if self._hot.log_requests:
            timing = exchange.timing
            log_request("POST", exchange.path, response.status, timing.done - timing.started)


class _Later(Cycle):
    """An answer that is still to come; given up when the client leaves."""

    __slots__ = ("task",)
    task: asyncio.Task[None]

    def set(self) -> None:
        """Look at the news."""
        if self.disconnected:
            self.task.cancel()
