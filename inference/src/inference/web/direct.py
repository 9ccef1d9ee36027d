"""The direct protocol: answers hot routes as soon as the request is complete.

Between uvicorn's parser and an ASGI application stand a scope, a task and two awaited messages,
which together cost more than a small model. This subclass answers a hot route from the parser's own
callback where the answer can be had at once. Everything else it hands to uvicorn unchanged, by
replaying the callbacks that it has held back: every other route, a request that has to wait, a
large body, a pipelined request, a client that reads too slowly.

``INFERENCE_DIRECT=false`` turns it off; both ways pass the same tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from inference.log import REQUEST_ID
from inference.web.access.guard import log_request
from inference.web.exchange import Exchange
from inference.web.protocol import Protocol

if TYPE_CHECKING:
    from inference.web.exchange import Response
    from inference.web.hot import HotRoutes, Routes

# Larger bodies are uvicorn's, which stops reading while the application does not keep up.
_LARGEST_BODY = 64 * 1024


class DirectProtocol(Protocol):
    """uvicorn's protocol with a short cut for the hot routes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._hot: HotRoutes = self.config.loaded_app
        self._largest_body = min(_LARGEST_BODY, self._hot.max_body_bytes)
        self._family: Routes | None = None
        self._path = ""
        self._held: list[bytes] = []
        self._held_bytes = 0

    def on_headers_complete(self) -> None:
        """Hold a hot request back until it is complete, or let uvicorn begin with it."""
        self._family = None
        if self._may_answer():
            path = self.url.partition(b"?")[0].decode("latin-1")
            self._path = unquote(path) if "%" in path else path
            self._family = self._hot.family(self._path)
            if self._hot.gate is not None and self._family is not None:
                # Who is denied is told so by the way through uvicorn.
                scope: dict[str, Any] = self.scope  # type: ignore[assignment]
                if self._hot.ask_gate(scope, self.headers) is not None:
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
        else:
            self._family = None
            self._write(response)
            if self._hot.log_requests:
                timing = exchange.timing
                log_request("POST", self._path, response.status, timing.done - timing.started)

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
            and (self.cycle is None or self.cycle.response_complete)
            and not self.expect_100_continue
            and not self.parser.should_upgrade()
            and not self.flow.write_paused
            and not self.transport.is_closing()
            and self.limit_concurrency is None
        )

    def _hand_over(self) -> None:
        held, self._held, self._family = self._held, [], None
        super().on_headers_complete()
        for body in held:
            super().on_body(body)

    def _write(self, response: Response) -> None:
        content = [STATUS_LINE[response.status]]
        for name, value in self.server_state.default_headers:
            content += (name, b": ", value, b"\r\n")
        for name, value in response.headers:
            content += (name, b": ", value, b"\r\n")
        keep_alive = self.parser.should_keep_alive() and not self.closing
        content.append(b"\r\n" if keep_alive else b"connection: close\r\n\r\n")
        content.append(response.body)
        self.transport.write(b"".join(content))
        if not keep_alive:
            self.transport.close()
        # What uvicorn does at the end of a response: count it, arm the keep-alive timer.
        self.on_response_complete()
