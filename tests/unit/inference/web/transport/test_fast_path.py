"""Requests without the parser: known heads save time and change no answer."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import random
import re
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from inference.access import authorizer as real
from inference.access.key_store import KeyStore
from inference.errors import UnknownCallerError
from inference.telemetry.counters import Counters
from inference.web.fast.head_cache import HeadCache
from inference.web.fast.routes import FastRoutes
from inference.web.transport.connection import HttpConnection
from inference.web.transport.connection_context import ConnectionContext
from inference.web.transport.fast_path import FastPath
from support.amount import amount
from support.fake_transport import FakeTransport
from support.service.request_streams import make_alike_stream, make_stream

if TYPE_CHECKING:
    from pathlib import Path

    from inference.web.message.exchange import Exchange, Response

HEAD = b"POST /hot HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n"


class Echo:
    """Answers with all that it was asked, to a body of ``wait`` only after a while."""

    def takes(self, path: str) -> bool:
        return path == "/hot"

    def answer_now(self, exchange: Exchange) -> Response | None:
        if exchange.body == b"wait":
            return None
        reported = repr((exchange.path, exchange.headers, exchange.body)).encode()
        return exchange.respond(200, b"text/plain", reported)

    async def answer(self, exchange: Exchange) -> Response:
        return exchange.respond(200, b"text/plain", b"waited")

    def refuse(self, exchange: Exchange, error: Exception) -> Response:
        return exchange.respond(getattr(error, "status", 500), b"text/plain", str(error).encode())


class Authorizer:
    """Admits requests with the key of the day, and counts calls."""

    def __init__(self) -> None:
        self.key = b"monday"
        self.asked = 0

    def admit(self, headers: list[tuple[bytes, bytes]], _: object, __: object = None) -> None:
        self.authorize(headers, _)

    def authorize(self, headers: list[tuple[bytes, bytes]], _: object) -> None:
        self.asked += 1
        if (b"x-api-key", self.key) not in headers:
            raise UnknownCallerError("no")

    def charge(self, caller: None, _: object) -> None:
        pass

    def is_authorized(self, headers: list[tuple[bytes, bytes]], _: object) -> bool:
        return (b"x-api-key", self.key) in headers


class Connection:
    """One connection to :class:`Echo`; made within a running loop.

    Args:
        heads: The cached heads.
        authorizer: As of :class:`FastRoutes`.
        keep_alive: Seconds after which it is closed.
        fast_path: The fast path, or whether it is on.
    """

    def __init__(
        self,
        heads: HeadCache,
        authorizer: Any = None,
        keep_alive: Any = 60,
        *,
        fast_path: bool | type[FastPath] = True,
    ) -> None:
        async def nothing(*_: Any) -> None:
            pytest.fail("a route that is not a fast one")

        hot = FastRoutes(nothing, [Echo()], max_body_bytes=1000, authorizer=authorizer)
        hot.heads = heads
        config = uvicorn.Config(
            hot, log_config=None, proxy_headers=False, timeout_keep_alive=keep_alive
        )
        self.transport = FakeTransport()
        context = ConnectionContext(hot, fast_path=bool(fast_path))
        self.protocol = HttpConnection(config, ServerState(), {}, context=context)
        if isinstance(fast_path, type):
            self.protocol._fast_path = fast_path(self.protocol, context)
        self.protocol.connection_made(self.transport)

    def send(self, data: bytes) -> None:
        if not (self.transport.closed or self.transport.ended):
            self.protocol.data_received(data)

    @property
    def answers(self) -> bytes:
        """What was written, without what differs from time to time."""
        return re.sub(rb"(x-request-id|server-timing): [^\r]*", rb"\1", self.transport.written)


class ParserOnly(FastPath):
    """A fast path that leaves every head to the parser."""

    def answer(self, message: bytes) -> bool:  # noqa: ARG002 - nothing is ever known
        return False


class CountingFastPath(FastPath):
    """Counts the requests that it has answered without the parser, and those of a known head."""

    answered = known = 0

    def answer(self, message: bytes) -> bool:
        known = self._known
        is_known = known is not None and known.pattern.match(message) is not None
        is_known = is_known or self._heads.find(message) is not None
        is_answered = super().answer(message)
        CountingFastPath.answered += is_answered
        CountingFastPath.known += is_answered and is_known
        return is_answered


async def settle(*connections: Connection) -> None:
    """Let every task that is ready run to its end, and what waits for its turn have it."""
    quiet = 0
    for _ in range(100_000):
        waits = any(one.protocol.is_held_back and not one.transport.ended for one in connections)
        quiet = 0 if waits else quiet + 1
        if quiet == 20:
            break
        await asyncio.sleep(0)


STREAMS = amount("FUZZ_INPUTS", 10_000) // 5


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("make", [make_stream, make_alike_stream])
def test_known_heads_change_no_answer(make: Any, tmp_path: Path) -> None:
    """Two services are sent the same streams; one of them leaves every head to the parser."""
    chance = random.Random(7)
    heads = HeadCache()
    CountingFastPath.answered = CountingFastPath.known = 0
    keys, keyed = tmp_path / "keys", make is make_alike_stream
    keys.write_text(_line_of(b"good"))
    times = itertools.count(1.0)  # each look at the clock finds that a look at the file is due

    def authorizer() -> Any:
        store = KeyStore(keys, clock=lambda: next(times))
        return real.Authorizer(store, None, Counters("callers", 1)) if keyed else None

    knowing_one, ignorant_one = authorizer(), authorizer()

    async def compare(packets: list[bytes]) -> None:
        knowing = Connection(heads, knowing_one, fast_path=CountingFastPath)
        ignorant = Connection(HeadCache(), ignorant_one, fast_path=ParserOnly)
        for packet in packets:
            if keyed and chance.random() < 0.01:
                keys.write_text(_line_of(chance.choice([b"good", b"good", b"other"])))
            knowing.send(packet)
            ignorant.send(packet)
            await settle(knowing, ignorant)
        assert knowing.answers == ignorant.answers, packets
        assert knowing.transport.closed == ignorant.transport.closed, packets
        assert knowing.transport.ended == ignorant.transport.ended, packets
        for connection in (knowing, ignorant):
            connection.transport.close()
            connection.protocol.connection_lost(None)

    async def compare_all() -> None:
        for _ in range(STREAMS):
            await compare(make(chance))

    asyncio.run(compare_all())
    assert CountingFastPath.answered > STREAMS // 2, "the streams do not test what they are for"
    assert CountingFastPath.known > STREAMS // 4, "the streams do not test what they are for"


def _line_of(key: bytes) -> str:
    return f"me predict sha256:{hashlib.sha256(key).hexdigest()}\n"


def test_the_end_of_a_longer_message_is_not_taken_for_a_cached_one() -> None:
    """The second packet looks like a request, and is the end of a header and more."""

    async def run() -> None:
        heads = HeadCache()
        connection = Connection(heads)
        connection.send(b"POST /hot HTTP/1.1\r\nX-Api-Key: mine\r\nX: ")
        connection.send(HEAD + b"body")
        await settle()
        assert b"mine" in connection.transport.written
        assert heads.find(HEAD + b"body") is None

    asyncio.run(run())


@pytest.mark.parametrize("lines", range(1, 9))
def test_blank_lines_are_no_head(lines: int) -> None:
    async def run() -> None:
        heads = HeadCache()
        connection = Connection(heads)
        for packet in (HEAD + b"body", b"\r\n" * lines, HEAD + b"body"):
            connection.send(packet)
            await settle()
        assert list(heads._heads) == [HEAD]

    asyncio.run(run())


@pytest.mark.parametrize("fast_path", [True, False])
def test_blank_lines_between_requests_do_not_add_up(*, fast_path: bool) -> None:
    """More of them than a head may have lines, each in a packet of its own."""

    async def run() -> None:
        connection = Connection(HeadCache(), fast_path=fast_path)
        for _ in range(200):
            connection.send(HEAD + b"body")
            await settle()
            connection.send(b"\r\n")
            await settle()
        assert connection.answers.count(b"HTTP/1.1 200") == 200
        assert not connection.transport.closed

    asyncio.run(run())


@pytest.mark.parametrize("fast_path", [True, False])
def test_the_authorizer_is_asked_once_for_each_request(*, fast_path: bool) -> None:
    async def run() -> None:
        authorizer = Authorizer()
        connection = Connection(HeadCache(), authorizer, fast_path=fast_path)
        keyed = HEAD.replace(b"Host", b"X-Api-Key: monday\r\nHost")
        for count, body in enumerate([b"body", b"soul", b"wait", b"soul"], 1):
            connection.send(keyed + body)
            await settle()
            assert connection.transport.written.count(b"HTTP/1.1 200 OK") == count
            assert authorizer.asked == count
        authorizer.key = b"tuesday"
        connection.send(keyed + b"body")
        await settle()
        assert connection.transport.written.count(b"HTTP/1.1 401 ") == 1
        assert authorizer.asked == 5

    asyncio.run(run())


def test_idle_connection_is_closed_after_a_cached_head() -> None:
    async def run() -> None:
        heads = HeadCache()
        Connection(heads).send(HEAD + b"body")
        connection = Connection(heads, keep_alive=0.05)
        connection.send(HEAD + b"body")
        assert not connection.protocol._receive_timer.is_on
        armed = connection.protocol.idle_timer._handle
        assert armed is not None
        connection.send(HEAD + b"soul")
        assert connection.protocol.idle_timer._handle is armed
        await asyncio.wait_for(connection.transport.gone.wait(), 10)

    asyncio.run(run())


@pytest.mark.parametrize("fast_path", [True, False])
def test_cached_head_is_answered_at_shutdown_and_the_connection_closed(
    *,
    fast_path: bool,
) -> None:
    async def run() -> None:
        connection = Connection(HeadCache(), fast_path=fast_path)
        connection.send(HEAD + b"body")
        await settle()
        connection.protocol.shutdown()
        connection.send(HEAD + b"body")
        await settle()
        assert connection.transport.written.count(b"HTTP/1.1 200 OK") == 2
        assert b"connection: close" in connection.transport.written
        assert connection.transport.closed

    asyncio.run(run())
