"""The direct protocol: answers hot routes as soon as the request is complete.

Between uvicorn's parser and an ASGI application stand a scope, a task and two awaited messages,
which together cost more than a small model. This subclass answers a hot route from the parser's own
callback where the answer can be had at once, and without the parser where the request's head is
known. Everything else it hands to uvicorn unchanged, by replaying the callbacks that it has held
back: every other route, a request that has to wait, a large body, a pipelined request, a client
that reads too slowly.

``INFERENCE_DIRECT=false`` turns it off; both ways pass the same tests.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import unquote

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from inference.log import REQUEST_ID
from inference.web.access.guard import log_request
from inference.web.exchange import Exchange, make_id
from inference.web.heads import Head
from inference.web.protocol import Protocol

if TYPE_CHECKING:
    from inference.web.exchange import Response
    from inference.web.hot import HotRoutes, Routes

# Larger bodies are uvicorn's, which stops reading while the application does not keep up.
_LARGEST_BODY = 64 * 1024


class DirectProtocol(Protocol):
    """uvicorn's protocol with a short cut for the hot routes."""

    # What every response begins with after its status, and the list that it was made of.
    _default: ClassVar[tuple[object, bytes]] = (None, b"")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._hot: HotRoutes = self.config.loaded_app
        self._largest_body = min(_LARGEST_BODY, self._hot.max_body_bytes)
        self._family: Routes | None = None
        self._path = ""
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._answered: Head | None = None
        # What came of a known head that could not be answered at once: the gate's answer, if any.
        self._declined: dict[str, Any] | None = None
        self._quiet_since = 0.0

    def answer_known(self, message: bytes) -> bool:
        """Answer a request whose head is known, if that can be done at once."""
        hot = self._hot
        found = hot.heads.find(message)
        if found is None or not self._is_free() or self.closing:
            return False
        (family, path, headers, _), body = found
        if hot.gate is not None:
            asked: dict[str, Any] = {}
            if hot.ask_gate(asked, headers) is not None:
                self._declined = asked
                return False
            self._declined = asked
        exchange = Exchange(path, headers, body, make_id())
        REQUEST_ID.set(exchange.request_id)
        response = family.answer_now(exchange)
        if response is None:
            self._declined = self._declined or {}
            return False
        self._declined = None
        self._write(response, b"\r\n")
        self.server_state.total_requests += 1
        # uvicorn sets its timer anew for each request; here it looks at this when it rings.
        self._quiet_since = exchange.timing.done
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_handler()
        if hot.log_requests:
            self._log(exchange, response)
        return True

    def note_whole(self, messages: bytes) -> None:
        """Remember the head of what was answered."""
        if self._answered is not None:
            self._hot.heads.note(messages, self._answered)
        self._declined = None

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection, if it has been quiet for as long as that."""
        left = self._quiet_since + self.timeout_keep_alive - perf_counter()
        if left > 0:
            self.timeout_keep_alive_task = self.loop.call_later(
                left, self.timeout_keep_alive_handler
            )
        else:
            super().timeout_keep_alive_handler()

    def on_headers_complete(self) -> None:
        """Hold a hot request back until it is complete, or let uvicorn begin with it."""
        self._family = self._answered = None
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]
        declined, self._declined = self._declined, None
        if declined is not None:
            scope.update(declined)
        elif self._may_answer():
            path = self.url.partition(b"?")[0].decode("latin-1")
            self._path = unquote(path) if "%" in path else path
            self._family = self._hot.family(self._path)
            if self._family is not None and self._hot.ask_gate(scope, self.headers) is not None:
                # Who is denied is told so by the way through uvicorn.
                self._family = None
        if self._family is None:
            super().on_headers_complete()
        else:
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
        """Answer at once, or let uvicorn have it."""
        family = self._family
        if family is None:
            super().on_message_complete()
            return
        exchange = Exchange(self._path, self.headers, b"".join(self._held))
        REQUEST_ID.set(exchange.request_id)
        response = family.answer_now(exchange)
        if response is None:
            self._hand_over()
            super().on_message_complete()
            return
        self._family = None
        if self.parser.should_keep_alive() and not self.closing:
            self._write(response, b"\r\n")
            self._answered = Head(family, self._path, self.headers, self._held_bytes)
        else:
            self._write(response, b"connection: close\r\n\r\n")
            self.transport.close()
        # What uvicorn does at the end of a response: count it, arm the keep-alive timer.
        self.on_response_complete()
        if self._hot.log_requests:
            self._log(exchange, response)

    def shutdown(self) -> None:
        """Let a request that is being received still be answered, by uvicorn, which then closes."""
        if self._family is not None:
            self._hand_over()
        super().shutdown()

    def _may_answer(self) -> bool:
        """Tell whether nothing about this request needs more than the short cut has."""
        return (
            self.parser.get_method() == b"POST"
            and self.parser.get_http_version() == "1.1"
            and not self.expect_100_continue
            and not self.parser.should_upgrade()
            and self._is_free()
        )

    def _is_free(self) -> bool:
        """Tell whether nothing stands between a response and the client."""
        return (
            (self.cycle is None or self.cycle.response_complete)
            and not self.flow.write_paused
            and not self.transport.is_closing()
            and self.limit_concurrency is None
        )

    def _hand_over(self) -> None:
        held, self._held, self._family = self._held, [], None
        super().on_headers_complete()
        for body in held:
            super().on_body(body)

    def _write(self, response: Response, end: bytes) -> None:
        headers = self.server_state.default_headers
        made_of, default = DirectProtocol._default
        if made_of is not headers:
            default = b"".join(b"%s: %s\r\n" % pair for pair in headers)
            DirectProtocol._default = (headers, default)
        self.transport.write(
            b"".join((STATUS_LINE[response.status], default, response.head, end, response.body))
        )

    def _log(self, exchange: Exchange, response: Response) -> None:
        timing = exchange.timing
        log_request("POST", exchange.path, response.status, timing.done - timing.started)
