"""The plain protocol: uvicorn's, where every request goes to the ASGI application.

Only the parser is left out where a hot request's head is known, see
:mod:`inference.web.fast.head_cache`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from inference.web.fast.head_cache import ParsedHead
from inference.web.transport.cycle import Cycle
from inference.web.transport.protocol import Protocol

if TYPE_CHECKING:
    import asyncio

    from starlette.types import ASGIApp


logger = logging.getLogger(__name__)

_OF_THE_CONNECTION = ("server", "client", "state")


class PlainProtocol(Protocol):
    """uvicorn's protocol, which starts a hot request without the parser where its head is known."""

    def answer_known(self, message: bytes) -> bool:
        """Start the application for a request whose head is known."""
        found = self._hot.heads.find(message)
        running = self.cycle is not None and not self.cycle.response_complete
        if found is None or running or self.transport.is_closing():
            return False
        head, body = found
        scope = {
            **(head.scope or {}),
            "server": self.server,
            "client": self.client,
            "state": self.app_state.copy(),
        }
        cycle: Any = _Request(self, scope, body)
        self.cycle = cycle
        self._start_asgi_task(cycle, self.app)
        return True

    def on_message_complete(self) -> None:
        """Tell the application that the body is complete."""
        super().on_message_complete()
        self._head = None
        cycle, scope = self.cycle, self.scope
        if (
            cycle is not None
            and cycle.scope is scope
            and cycle.keep_alive
            and not self.expect_100_continue
            and scope["http_version"] == "1.1"
            and scope["method"] == "POST"
        ):
            family = self._hot.family(scope["path"])
            if family is not None:
                kept = {k: v for k, v in scope.items() if k not in _OF_THE_CONNECTION}
                length = len(cycle.body)
                self._head = ParsedHead(family, scope["path"], [*scope["headers"]], length, kept)


class _Request(Cycle):
    """A hot request that has come whole and is answered whole.

    Args:
        protocol: The connection that it came on.
        scope: What ASGI says of it.
        body: Its body.
    """

    __slots__ = ("_body", "_news", "_protocol", "_start")

    def __init__(self, protocol: PlainProtocol, scope: Any, body: bytes) -> None:
        super().__init__(scope, keep_alive=not protocol.closing)
        self._protocol = protocol
        self._body: bytes | None = body
        self._news: asyncio.Future[None] | None = None
        self._start: Any = None

    def set(self) -> None:
        """Look at the news."""
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    async def run_asgi(self, app: ASGIApp) -> None:
        """Have the application answer, which tells every failure itself."""
        protocol = self._protocol
        try:
            await app(self.scope, self.receive, self.send)
        except Exception:
            logger.exception("a hot route failed without an answer")
        finally:
            if not self.response_complete:
                self.response_complete = True
                protocol.transport.close()
            del self._protocol  # which holds this

    async def receive(self) -> Any:
        """Give the body, and then the client's leave."""
        body, self._body = self._body, None
        if body is not None:
            return {"type": "http.request", "body": body, "more_body": False}
        if not (self.disconnected or self.response_complete):
            self._news = self._protocol.loop.create_future()
            await self._news
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        """Hold the head back until the body is there, which comes as one message.

        Two packets would cost more than a small model.
        """
        if message["type"] == "http.response.start":
            self._start = message
            return
        protocol = self._protocol
        if protocol.flow.write_paused and not self.disconnected:
            await protocol.flow.drain()
        if self.disconnected:
            return
        self.response_started = self.response_complete = True
        status, headers = self._start["status"], self._start["headers"]
        head = [b"%s: %s\r\n" % pair for pair in protocol.server_state.default_headers + headers]
        end = protocol.kept_end if self.keep_alive else b"connection: close\r\n\r\n"
        protocol.transport.write(b"".join((STATUS_LINE[status], *head, end, message["body"])))
        if not self.keep_alive:
            protocol.transport.close()
        protocol.on_response_complete()
