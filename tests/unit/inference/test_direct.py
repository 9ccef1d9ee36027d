"""The direct protocol on a transport that is none: what a socket cannot show in time."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from fake_transport import FakeTransport
from inference.web.bounds import Bounds, bounded
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

    def __init__(
        self,
        protocol: type[Protocol] = DirectProtocol,
        keep_alive: float = 60,
        bounds: Bounds = Bounds(),  # noqa: B008 - it cannot be changed
    ) -> None:
        self.routes = Routes()
        hot = HotRoutes(nothing, [self.routes], max_body_bytes=1000)
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


async def pass_time(seconds: float) -> None:
    """Let the timers ring that are due until then."""
    rung = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, rung.set)
    await rung.wait()


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
    await pass_time(0.1)
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


async def leaves_no_timer(protocol: type[Protocol]) -> None:
    """Three times, so that heads are known; the client resets while the last answer is to come."""
    bench = Bench(protocol, keep_alive=0.02)
    for count in (1, 2):
        bench.send("/now")
        await bench.bodies(count)
    bench.routes.may_answer.set()
    bench.send("/later")
    await bench.bodies(3)
    bench.routes.began.clear()
    bench.routes.may_answer.clear()
    bench.send("/later")
    await bench.routes.began.wait()
    bench.transport.close()
    bench.protocol.connection_lost(ConnectionResetError())
    async with asyncio.timeout(10):
        await bench.routes.given_up.wait()
    await pass_time(0.1)
    assert bench.protocol.timeout_keep_alive_task is None
    gone = weakref.ref(bench.protocol)
    del bench
    async with asyncio.timeout(10):
        while gone() is not None:
            await asyncio.sleep(0)
            gc.collect()


async def is_closed_after_blank_lines(protocol: type[Protocol]) -> None:
    quiet = Bench(protocol, bounds=Bounds(head_seconds=0.1))
    quiet.protocol.data_received(b"\r\n")
    await asyncio.wait_for(quiet.transport.gone.wait(), 10)
    rested = Bench(protocol, keep_alive=0.1)
    rested.send("/now")
    await rested.bodies(1)
    rested.protocol.data_received(b"\r\n\r\n")
    await asyncio.wait_for(rested.transport.gone.wait(), 10)


async def is_not_idle_while_a_body_comes(protocol: type[Protocol]) -> None:
    """Its head has come together with the request before."""
    bench = Bench(protocol, keep_alive=0.02)
    following = request("/now", b"body")
    bench.protocol.data_received(request("/now") + following[:-2])
    await bench.bodies(1)
    await pass_time(0.1)
    assert not bench.transport.closed
    bench.protocol.data_received(following[-2:])
    await bench.bodies(2)


CASES = {
    "answers in order, and reads nothing while a request waits": answers_in_order,
    "does not close a connection as idle while an answer is under way": is_not_idle,
    "gives up the running request of a client that has left": is_given_up,
    "leaves no timer behind a client that is gone": leaves_no_timer,
    "is closed in time when nothing but blank lines comes": is_closed_after_blank_lines,
    "does not close a connection as idle while a body comes": is_not_idle_while_a_body_comes,
    "answers what comes in the moment after a shutdown": is_answered_at_the_end,
}


@pytest.mark.parametrize("protocol", [DirectProtocol, PlainProtocol])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_connection(case: Any, protocol: type[Protocol]) -> None:
    asyncio.run(case(protocol))
