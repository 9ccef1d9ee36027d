"""One connection on a fake transport, to routes that answer at once or later."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from inference.web.fast.routes import FastRoutes
from inference.web.transport.connection import HttpConnection
from inference.web.transport.connection_context import ConnectionContext
from support.fake_transport import FakeTransport
from support.service.raw_http import request

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference.web.message.exchange import Exchange, Response
    from inference.web.transport.connection_limits import ConnectionLimits


async def turns_until(holds: Callable[[], bool], *, most: int = 100_000) -> int:
    """Run turns of the loop until something holds; return their number."""
    for turn in range(most):
        if holds():
            return turn
        await asyncio.sleep(0)
    pytest.fail("the condition was never met")


class Routes:
    """Answers ``/now`` at once, and ``/later`` when the event is set."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.began = asyncio.Event()
        self.given_up = asyncio.Event()

    def takes(self, path: str) -> bool:
        return path in {"/now", "/later"}

    def answer_now(self, exchange: Exchange) -> Response | None:
        return exchange.respond(200, b"text/plain", b"now") if exchange.path == "/now" else None

    async def answer(self, exchange: Exchange) -> Response:
        self.began.set()
        try:
            await self.may_answer.wait()
        except asyncio.CancelledError:
            self.given_up.set()
            raise
        return exchange.respond(200, b"text/plain", b"later")

    def refuse(self, exchange: Exchange, error: Exception) -> Response:
        return exchange.respond(500, b"text/plain", repr(error).encode())


async def nothing(*_: Any) -> None:
    pytest.fail("a route that is not a fast one")


class Bench:
    """One connection; made within a running loop."""

    def __init__(
        self,
        *,
        fast_path: bool = True,
        keep_alive: float = 60,
        limits: ConnectionLimits | None = None,
        states: Any = None,
    ) -> None:
        self.routes = Routes()
        app = FastRoutes(nothing, [self.routes], max_body_bytes=1000, states=states)
        # A test needs less than a second, which an int cannot say.
        seconds: Any = keep_alive
        config = uvicorn.Config(
            app, log_config=None, proxy_headers=False, timeout_keep_alive=seconds
        )
        self.transport = FakeTransport()
        context = ConnectionContext(app, limits, fast_path=fast_path)
        self.protocol = HttpConnection(config, ServerState(), {}, context=context)
        self.protocol.connection_made(self.transport)

    def send(self, *paths: str) -> None:
        self.protocol.data_received(b"".join(request(path) for path in paths))

    async def bodies(self, count: int) -> list[bytes]:
        """Wait until so many answers have been written; return their bodies."""
        async with asyncio.timeout(10):
            while True:
                answers = self.transport.written.split(b"HTTP/1.1 200 OK")[1:]
                if len(answers) == count and not answers[-1].endswith(b"\r\n\r\n"):
                    return [answer.rpartition(b"\r\n\r\n")[2] for answer in answers]
                await asyncio.sleep(0)
