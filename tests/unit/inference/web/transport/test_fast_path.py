"""Requests without the parser: cached heads save time and change no answer."""

from __future__ import annotations

import asyncio
import itertools
import random
import re
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from inference.errors import UnknownCallerError
from inference.web.fast.head_cache import HeadCache
from inference.web.fast.routes import FastRoutes
from inference.web.transport.connection import HttpConnection
from inference.web.transport.connection_context import ConnectionContext
from support.fake_transport import FakeTransport

if TYPE_CHECKING:
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
        heads: ``None`` for none that is ever known.
        authorizer: As of :class:`FastRoutes`.
        keep_alive: Seconds after which it is closed.
        fast_path: Whether the fast path is on.
    """

    def __init__(
        self,
        heads: HeadCache | None,
        authorizer: Any = None,
        keep_alive: Any = 60,
        *,
        fast_path: bool = True,
    ) -> None:
        async def nothing(*_: Any) -> None:
            pytest.fail("a route that is not a fast one")

        hot = FastRoutes(nothing, [Echo()], max_body_bytes=1000, authorizer=authorizer)
        hot.heads = heads or NoHeads()
        config = uvicorn.Config(
            hot, log_config=None, proxy_headers=False, timeout_keep_alive=keep_alive
        )
        self.transport = FakeTransport()
        context = ConnectionContext(hot, fast_path=fast_path)
        self.protocol = HttpConnection(config, ServerState(), {}, context=context)
        self.protocol.connection_made(self.transport)

    def send(self, data: bytes) -> None:
        if not (self.transport.closed or self.transport.ended):
            self.protocol.data_received(data)

    @property
    def answers(self) -> bytes:
        """What was written, without what differs from time to time."""
        return re.sub(rb"(x-request-id|server-timing): [^\r]*", rb"\1", self.transport.written)


class NoHeads(HeadCache):
    def find(self, message: bytes) -> None:  # noqa: ARG002 - nothing is ever known
        return None


class CountingHeads(HeadCache):
    found = 0

    def find(self, message: bytes) -> Any:
        found = super().find(message)
        self.found += found is not None
        return found


async def settle(*connections: Connection) -> None:
    """Let every task that is ready run to its end, and what waits for its turn have it."""
    quiet = 0
    for _ in range(100_000):
        waits = any(one.protocol.is_held_back and not one.transport.ended for one in connections)
        quiet = 0 if waits else quiet + 1
        if quiet == 20:
            break
        await asyncio.sleep(0)


# Parts of requests; some make no request at all, some belong to the message before or behind.
LINES = [b"POST /hot HTTP/1.1", b"POST /hot?a=b HTTP/1.1", b"POST /h%6ft HTTP/1.1"]
FIELDS = [
    b"X-A: POST /hot HTTP/1.1",
    b"X-A:b",
    b"Connection: keep-alive",
    b"Expect: 100-continue",
    b"Upgrade: h2c\r\nConnection: Upgrade",
    b"X-Request-ID: given",
]
RARE = [
    b"Connection: close",
    b" folded",
    b"no colon",
    b"Content-Length: 7",
    b"Host: twice",
    b"Transfer-Encoding: gzip, chunked",
]
BODIES = [b"", b"body", b"wait", b"POST /hot HTTP/1.1\r\nHost: h\r\n\r\n", b"\r\n\r\n", b"{}"]


def make_stream(chance: random.Random) -> list[bytes]:
    """Make some requests, cut into packets at their ends or anywhere."""
    messages = []
    for _ in range(chance.randint(2, 5)):
        body = chance.choice(BODIES)
        fields = [b"Host: h"] if chance.random() < 0.97 else []
        fields += chance.choices(FIELDS, k=chance.randint(0, 2))
        if chance.random() < 0.05:
            fields.append(chance.choice(RARE))
        if chance.random() < 0.2:
            fields.append(b"Transfer-Encoding: chunked")
            body = (b"%x\r\n%s\r\n" % (len(body), body) if body else b"") + b"0\r\n\r\n"
        elif body or chance.random() < 0.5:
            fields.append(b"Content-Length: %d" % len(body))
        head = b"\r\n".join([chance.choice(LINES), *fields, b"", b""])
        messages.append(chance.choice([b"", b"", b"", b"\r\n"]) + head + body)
        if chance.random() < 0.1:
            messages.append(b"\r\n" * chance.randint(1, 6))
    if chance.random() < 0.6:
        return messages
    whole = b"".join(messages)
    cuts = sorted(chance.sample(range(len(whole)), chance.randint(0, 4)))
    return [whole[a:b] for a, b in itertools.pairwise([0, *cuts, len(whole)])]


def test_cached_heads_change_no_answer() -> None:
    """Two services are sent the same streams; one of them never knows a head."""
    chance = random.Random(7)
    heads = CountingHeads()

    async def compare(packets: list[bytes]) -> None:
        knowing, ignorant = (Connection(h) for h in (heads, None))
        for packet in packets:
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
        for _ in range(2000):
            await compare(make_stream(chance))

    asyncio.run(compare_all())
    assert heads.found > 500, "the streams do not test what they are for"


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
def test_the_authorizer_is_asked_once_for_each_request(*, fast_path: bool) -> None:
    async def run() -> None:
        authorizer, heads = Authorizer(), CountingHeads()
        connection = Connection(heads, authorizer, fast_path=fast_path)
        keyed = HEAD.replace(b"Host", b"X-Api-Key: monday\r\nHost")
        for count, body in enumerate([b"body", b"soul", b"wait", b"soul"], 1):
            connection.send(keyed + body)
            await settle()
            assert connection.transport.written.count(b"HTTP/1.1 200 OK") == count
            assert authorizer.asked == count
        assert heads.found == (3 if fast_path else 0)
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
