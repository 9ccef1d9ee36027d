"""Connections on a fake transport, with and without the fast path: what depends on timing."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import pytest

from inference.web.transport.connection_limits import ConnectionLimits
from support.protocol_harness import Bench
from support.service.raw_http import request


async def pass_time(seconds: float) -> None:
    """Let the timers ring that are due until then."""
    rung = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, rung.set)
    await rung.wait()


async def answers_in_order(*, fast_path: bool) -> None:
    bench = Bench(fast_path=fast_path)
    bench.send("/now", "/later", "/now", "/now")
    await bench.routes.began.wait()
    assert not bench.transport.reading
    bench.routes.may_answer.set()
    assert await bench.bodies(4) == [b"now", b"later", b"now", b"now"]
    assert bench.transport.reading


async def is_not_idle(*, fast_path: bool) -> None:
    bench = Bench(fast_path=fast_path, keep_alive=0.02)
    bench.send("/now", "/later")
    await bench.routes.began.wait()
    await pass_time(0.1)
    assert not bench.transport.closed
    bench.routes.may_answer.set()
    await bench.bodies(2)
    await asyncio.wait_for(bench.transport.gone.wait(), 10)


async def is_given_up(*, fast_path: bool) -> None:
    bench = Bench(fast_path=fast_path)
    bench.send("/later", "/now")
    await bench.routes.began.wait()
    bench.transport.close()
    bench.protocol.connection_lost(None)
    async with asyncio.timeout(10):
        await bench.routes.given_up.wait()
    assert bench.transport.written == b""


async def is_answered_at_the_end(*, fast_path: bool) -> None:
    bench = Bench(fast_path=fast_path)
    bench.send("/now")
    await bench.bodies(1)
    bench.protocol.shutdown()
    assert not bench.transport.closed
    bench.send("/now")
    await bench.bodies(2)
    assert b"connection: close" in bench.transport.written
    assert bench.transport.closed
    bench.protocol.shutdown()  # type: ignore[unreachable]  # the property has changed


async def leaves_no_timer(*, fast_path: bool) -> None:
    """Three times, so that heads are known; the client resets while the last answer is to come."""
    bench = Bench(fast_path=fast_path, keep_alive=0.3)
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
    await pass_time(0.4)
    assert not bench.protocol.idle_timer.is_on
    gone = weakref.ref(bench.protocol)
    del bench
    async with asyncio.timeout(10):
        while gone() is not None:
            await asyncio.sleep(0)
            gc.collect()


async def is_closed_after_blank_lines(*, fast_path: bool) -> None:
    quiet = Bench(
        fast_path=fast_path, limits=ConnectionLimits(head_seconds=0.1, linger_seconds=0.1)
    )
    quiet.protocol.data_received(b"\r\n")
    await asyncio.wait_for(quiet.transport.gone.wait(), 10)
    rested = Bench(fast_path=fast_path, keep_alive=0.1)
    rested.send("/now")
    await rested.bodies(1)
    rested.protocol.data_received(b"\r\n\r\n")
    await asyncio.wait_for(rested.transport.gone.wait(), 10)


async def is_not_idle_while_a_body_comes(*, fast_path: bool) -> None:
    """Its head has come together with the request before."""
    bench = Bench(fast_path=fast_path, keep_alive=0.02)
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


@pytest.mark.parametrize("fast_path", [True, False])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_connection(case: Any, *, fast_path: bool) -> None:
    asyncio.run(case(fast_path=fast_path))
