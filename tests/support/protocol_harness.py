"""One connection on a transport that is none, to routes that answer at once or when they may."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from inference.web.fast.routes import FastRoutes
from inference.web.transport.bounded_protocol import bounded
from inference.web.transport.connection_limits import ConnectionLimits
from inference.web.transport.fast_path import DirectProtocol
from support.fake_transport import FakeTransport
from support.service.raw_http import request

if TYPE_CHECKING:
    from collections.abc import Callable

    from inference.web.message.exchange import Exchange, Response
    from inference.web.transport.protocol import Protocol


async def turns_until(holds: Callable[[], bool], *, most: int = 100_000) -> int:
    """Give the loop turns until something holds; tell how many it took."""
    for turn in range(most):
        if holds():
            return turn
        await asyncio.sleep(0)
    pytest.fail("it does not come to hold")


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
    pytest.fail("a route that is not hot")


class Bench:
    """One connection; made within a running loop."""

    def __init__(
        self,
        protocol: type[Protocol] = DirectProtocol,
        keep_alive: float = 60,
        bounds: ConnectionLimits = ConnectionLimits(),  # noqa: B008 - it cannot be changed
    ) -> None:
        self.routes = Routes()
        hot = FastRoutes(nothing, [self.routes], max_body_bytes=1000)
        # The second is less than an int may say, which is what a test needs.
        seconds: Any = keep_alive
        config = uvicorn.Config(
            hot, log_config=None, proxy_headers=False, timeout_keep_alive=seconds
        )
        self.transport = FakeTransport()
        self.protocol = bounded(protocol, bounds)(config, ServerState(), {})
        self.protocol.connection_made(self.transport)

    def send(self, *paths: str) -> None:
        self.protocol.data_received(b"".join(request(path) for path in paths))

    async def bodies(self, count: int) -> list[bytes]:
        """Wait until so many answers have been written, and give their bodies."""
        async with asyncio.timeout(10):
            while True:
                answers = self.transport.written.split(b"HTTP/1.1 200 OK")[1:]
                if len(answers) == count and not answers[-1].endswith(b"\r\n\r\n"):
                    return [answer.rpartition(b"\r\n\r\n")[2] for answer in answers]
                await asyncio.sleep(0)
