"""The direct protocol on a transport that is none: what a socket cannot show in time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from fake_transport import FakeTransport
from inference.web.direct import DirectProtocol
from inference.web.hot import HotRoutes
from inference.web.plain import PlainProtocol
from raw_http import request

if TYPE_CHECKING:
    from inference.web.exchange import Exchange, Response
    from inference.web.protocol import Protocol


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

    def __init__(self, protocol: type[Protocol] = DirectProtocol, keep_alive: float = 60) -> None:
        self.routes = Routes()
        hot = HotRoutes(nothing, [self.routes], max_body_bytes=1000)
        # The second is less than an int may say, which is what a test needs.
        seconds: Any = keep_alive
        config = uvicorn.Config(
            hot, log_config=None, proxy_headers=False, timeout_keep_alive=seconds
        )
        self.transport = FakeTransport()
        self.protocol = protocol(config, ServerState(), {})
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


async def answers_in_order(protocol: type[Protocol]) -> None:
    bench = Bench(protocol)
    bench.send("/now", "/later", "/now", "/now")
    await bench.routes.began.wait()
    assert not bench.transport.reading
    bench.routes.may_answer.set()
    assert await bench.bodies(4) == [b"now", b"later", b"now", b"now"]
    assert bench.transport.reading


async def is_not_idle(protocol: type[Protocol]) -> None:
    bench = Bench(protocol, keep_alive=0.02)
    bench.send("/now", "/later")
    await bench.routes.began.wait()
    expired = asyncio.Event()
    asyncio.get_running_loop().call_later(0.1, expired.set)
    await expired.wait()
    assert not bench.transport.closed
    bench.routes.may_answer.set()
    await bench.bodies(2)
    await asyncio.wait_for(bench.transport.gone.wait(), 10)


async def is_given_up(protocol: type[Protocol]) -> None:
    bench = Bench(protocol)
    bench.send("/later", "/now")
    await bench.routes.began.wait()
    bench.transport.close()
    bench.protocol.connection_lost(None)
    async with asyncio.timeout(10):
        await bench.routes.given_up.wait()
    assert bench.transport.written == b""


async def is_answered_at_the_end(protocol: type[Protocol]) -> None:
    bench = Bench(protocol)
    bench.send("/now")
    await bench.bodies(1)
    bench.protocol.shutdown()
    assert not bench.transport.closed
    bench.send("/now")
    await bench.bodies(2)
    assert b"connection: close" in bench.transport.written
    assert bench.transport.closed
    bench.protocol.shutdown()


CASES = {
    "answers in order, and reads nothing while a request waits": answers_in_order,
    "does not close a connection as idle while an answer is under way": is_not_idle,
    "gives up the running request of a client that has left": is_given_up,
    "answers what comes in the moment after a shutdown": is_answered_at_the_end,
}


@pytest.mark.parametrize("protocol", [DirectProtocol, PlainProtocol])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_connection(case: Any, protocol: type[Protocol]) -> None:
    asyncio.run(case(protocol))
