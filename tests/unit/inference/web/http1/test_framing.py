"""Where a stream is cut changes nothing, and what could be understood in two ways is refused."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise

import httptools
import pytest

from inference.errors import RequestError
from inference.web.http1.framing import CHUNKED, Framing, body_length, end_of_only_head
from inference.web.transport.address_limit import AddressLimit
from inference.web.transport.connection_limits import ConnectionLimits
from inference.web.transport.fair_queue import FairQueue
from inference.web.transport.lingering_transport import BULK_BYTES, LingeringTransport, LingerLimit
from support.fake_transport import FakeTransport
from support.protocol_harness import Bench, turns_until

HEAD = b"POST /now HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n"


class Parsed:
    """What the parser makes of pieces, one message after the other."""

    def __init__(self) -> None:
        self.parser = httptools.HttpRequestParser(self)
        self.framing = Framing()
        self.messages: list[tuple[bytes, list[tuple[bytes, bytes]], bytes]] = []
        self.in_one_piece = self.most_in_one_piece = 0

    def on_message_begin(self) -> None:
        self.url, self.body = b"", b""
        self.headers: list[tuple[bytes, bytes]] = []

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.framing.body_left = body_length(self.headers, "1.1")

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.framing.body_left = 0
        self.messages.append((self.url, self.headers, self.body))
        self.in_one_piece += 1

    def receive(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            end = self.framing.end(data, at)
            assert end > at
            piece = data[at:end]
            self.framing.passed(piece)
            self.in_one_piece = 0
            self.parser.feed_data(piece)
            self.most_in_one_piece = max(self.most_in_one_piece, self.in_one_piece)
            at += len(piece)


def stream(chance: random.Random, *, chunks: bool) -> bytes:
    messages = []
    for number in range(chance.randint(1, 9)):
        body = chance.choice([b"", b"\r\n\r\n", b"x" * chance.randint(1, 5000), b"POST / \r\n\r\n"])
        head = b"POST /%d HTTP/1.1\r\nHost: h\r\n" % number
        if chunks and chance.random() < 0.5:
            body = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
            end = chance.choice([b"\r\n", b"X-Trailer: 1\r\n\r\n"])
            messages.append(head + b"Transfer-Encoding: chunked\r\n\r\n" + body + b"0\r\n" + end)
        else:
            messages.append(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        messages.append(b"\r\n" * chance.choice([0, 0, 1, 2, 5]))
    return b"".join(messages)


@pytest.mark.parametrize("chunks", [False, True])
def test_cutting_changes_no_message(*, chunks: bool) -> None:
    chance = random.Random(3)
    for _ in range(500):
        whole = stream(chance, chunks=chunks)
        cuts = sorted(chance.sample(range(len(whole)), min(len(whole), chance.randint(0, 6))))
        cut, uncut = Parsed(), Parsed()
        for begin, end in pairwise([0, *cuts, len(whole)]):
            cut.receive(whole[begin:end])
        uncut.parser.feed_data(whole)
        assert cut.messages == uncut.messages
        if not chunks:
            assert cut.most_in_one_piece == 1


@pytest.mark.parametrize(
    ("headers", "version"),
    [
        ([], "1.1"),
        ([(b"host", b"a"), (b"host", b"a")], "1.1"),
        ([(b"host", b"a"), (b"host", b"b")], "1.0"),
        ([(b"host", b"a")], "2.0"),
        ([], "0.9"),
        ([(b"host", b"a"), (b"transfer-encoding", b"gzip, chunked")], "1.1"),
        ([(b"host", b"a"), (b"transfer-encoding", b"chunked, chunked")], "1.1"),
        ([(b"host", b"a"), (b"transfer-encoding", b"identity")], "1.1"),
        ([(b"host", b"a"), (b"transfer-encoding", b"x-chunked")], "1.1"),
        ([(b"host", b"a"), (b"transfer-encoding", b"chunked")], "1.0"),
    ],
)
def test_what_two_servers_could_understand_otherwise_is_refused(
    headers: list[tuple[bytes, bytes]], version: str
) -> None:
    with pytest.raises(RequestError):
        body_length(headers, version)


def test_lengths_are_told() -> None:
    host = (b"host", b"")
    assert body_length([host], "1.1") == 0
    assert body_length([], "1.0") == 0
    assert body_length([host, (b"content-length", b"007")], "1.1") == 7
    assert body_length([host, (b"transfer-encoding", b"Chunked")], "1.1") == CHUNKED


@pytest.mark.parametrize(
    ("packet", "is_one"),
    [
        (HEAD + b"\r\n", True),
        (HEAD.replace(b": 0", b": 2") + b"\r\n{}", True),
        (HEAD.replace(b"Content-Length: 0", b"content-length:2") + b"\r\n{}", True),
        (HEAD.replace(b": 0", b": 2") + b"\r\n{", False),
        (HEAD.replace(b": 0", b": 2") + b"\r\n{}\r\n", False),
        (HEAD + b"\r\n" + HEAD + b"\r\n", False),
        (HEAD.replace(b"Content-Length: 0", b"X: a\r\n content-length: 0") + b"\r\n", False),
        (HEAD.replace(b"Content-Length", b"X-Content-Length") + b"\r\n", False),
        (b"POST / HTTP/1.1\r\nHost: h\r\n\r\n", False),
        (HEAD, False),
        (b"\r\n\r\n", False),
        (b"", False),
    ],
)
def test_a_packet_of_one_message_is_known(packet: bytes, *, is_one: bool) -> None:
    end = end_of_only_head(packet)
    assert end == (packet.find(b"\r\n\r\n") + 4 if is_one else 0)


@pytest.mark.parametrize("fast_path", [True, False])
@pytest.mark.parametrize("field", ["Content-Length: 9", "Transfer-Encoding: chunked", "Host: i"])
def test_a_length_that_is_not_the_only_one_is_refused(*, fast_path: bool, field: str) -> None:
    whole = HEAD.replace(b": 0", b": 2") + field.encode() + b"\r\n\r\n{}"
    assert end_of_only_head(whole)
    assert asyncio.run(status_after([whole], fast_path=fast_path)) == b"400"


# -- limits on heads, at their edges ---------------------------------------------------------------


async def status_after(packets: list[bytes], *, fast_path: bool, **limits: int) -> bytes:
    bench = Bench(fast_path=fast_path, limits=ConnectionLimits(**limits))
    for packet in packets:
        bench.protocol.data_received(packet)
    await turns_until(lambda: bench.transport.written.endswith((b"now", b"}")))
    return bench.transport.written[9:12]


@pytest.mark.parametrize("fast_path", [True, False])
@pytest.mark.parametrize("step", [1, 7, 10_000])
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_a_head_may_have_so_many_bytes(*, fast_path: bool, step: int, more: int) -> None:
    most = 1024
    filled = HEAD + b"X: " + b"x" * (most + more - len(HEAD) - 7) + b"\r\n\r\n"
    assert len(filled) == most + more
    packets = [filled[at : at + step] for at in range(0, len(filled), step)]
    status = asyncio.run(status_after(packets, fast_path=fast_path, max_header_bytes=most))
    assert status == (b"431" if more > 0 else b"200")


@pytest.mark.parametrize("fast_path", [True, False])
@pytest.mark.parametrize("step", [3, 10_000])
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_a_head_may_have_so_many_lines(*, fast_path: bool, step: int, more: int) -> None:
    filled = HEAD + b"X: 1\r\n" * (18 + more) + b"\r\n"
    packets = [filled[at : at + step] for at in range(0, len(filled), step)]
    status = asyncio.run(status_after(packets, fast_path=fast_path, max_header_lines=20))
    assert status == (b"431" if more > 0 else b"200")


@pytest.mark.parametrize("fast_path", [True, False])
@pytest.mark.parametrize("trailers", [19, 20, 21])
def test_trailers_may_be_so_many(*, fast_path: bool, trailers: int) -> None:
    encoded = b"POST /now HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
    encoded += b"X: 1\r\n" * trailers
    # A piece for itself, since nothing behind the end of a message is counted.
    packets = [encoded, b"\r\n"]

    async def run() -> bytes:
        bench = Bench(fast_path=fast_path, limits=ConnectionLimits(max_header_lines=20))
        for packet in packets:
            if not bench.transport.ended:
                bench.protocol.data_received(packet)
            for _ in range(5):
                await asyncio.sleep(0)
        await turns_until(lambda: bench.transport.written.endswith((b"now", b"}")))
        return bench.transport.written[9:12]

    # The parser tells of a header when it sees the next one begin.
    assert asyncio.run(run()) == (b"431" if trailers > 21 else b"200")


@pytest.mark.parametrize("fast_path", [True, False])
def test_trailers_are_no_headers(*, fast_path: bool) -> None:
    """A key, say, that a proxy has not seen."""

    async def run() -> None:
        bench = Bench(fast_path=fast_path)
        seen: list[object] = []
        answer_now = bench.routes.answer_now

        def look(exchange: object) -> object:
            seen.extend(name for name, _ in exchange.headers)  # type: ignore[attr-defined]
            return answer_now(exchange)  # type: ignore[arg-type]

        bench.routes.answer_now = look  # type: ignore[assignment, method-assign]
        bench.protocol.data_received(
            b"POST /now HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"0\r\nX-Api-Key: stolen\r\n\r\n"
        )
        await bench.bodies(1)
        assert seen == [b"host", b"transfer-encoding"]

    asyncio.run(run())


# -- turns -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fast_path", [True, False])
def test_a_packet_of_many_requests_is_answered_over_many_turns(*, fast_path: bool) -> None:
    async def run() -> None:
        bench = Bench(fast_path=fast_path)
        bench.send(*["/now"] * 500)
        assert bench.transport.written.count(b"HTTP/1.1 200 OK") <= 1
        assert not bench.transport.reading
        turns = await turns_until(lambda: bench.transport.written.count(b"200 OK") == 500)
        assert turns > 5
        await turns_until(lambda: bench.transport.reading)

    asyncio.run(run())


def test_turns_go_round() -> None:
    class Counting:
        def __init__(self, name: str) -> None:
            self.name, self.left = name, 3

        def go_on(self) -> bool:
            order.append(self.name)
            self.left -= 1
            return self.left > 0

    order: list[str] = []

    async def run() -> None:
        turns = FairQueue()
        for one in (Counting("a"), Counting("b"), Counting("c")):
            turns.add(one)
            turns.add(one)
        await turns_until(lambda: len(order) == 9)

    asyncio.run(run())
    assert order == ["a", "b", "c"] * 3


@pytest.mark.parametrize("count", [1, 2, 300])
def test_offers_to_upgrade_are_declined_one_by_one(count: int) -> None:
    offer = HEAD + b"Upgrade: a\r\nUpgrade: b\r\nConnection: upgrade\r\n\r\n"

    async def run() -> None:
        bench = Bench()
        bench.protocol.data_received(offer * count)
        assert len(await bench.bodies(count)) == count

    asyncio.run(run())


# -- addresses and the end -------------------------------------------------------------------------


def test_addresses_are_limited_each_by_itself() -> None:
    addresses = AddressLimit(2)
    assert [addresses.enter("10.0.0.1") for _ in range(3)] == [True, True, False]
    assert addresses.enter("10.0.0.2")
    addresses.leave("10.0.0.1")
    addresses.leave("10.0.0.1")
    assert addresses.enter("10.0.0.1")
    assert not any(not addresses.enter(None) for _ in range(9))


def test_a_network_of_ipv6_is_one_client() -> None:
    addresses = AddressLimit(1)
    assert addresses.enter("2001:db8::1")
    assert not addresses.enter("2001:db8::2")
    assert addresses.enter("2001:db8:0:1::1")
    assert addresses.enter("::ffff:10.0.0.1")
    assert not addresses.enter("::ffff:10.0.0.1")
    assert addresses.enter("::ffff:10.0.0.2")


class Ending:
    """A connection whose client is still sending."""

    may_be_sending = True

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.lost = False

    def pause_writing(self) -> None: ...

    def resume_writing(self) -> None: ...

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.lost = True


@pytest.mark.parametrize(("sent", "closed"), [(9, False), (10, False), (11, True)])
def test_what_is_still_sent_is_dropped_up_to_a_limit(sent: int, *, closed: bool) -> None:
    async def run() -> None:
        raw, ending = FakeTransport(), Ending()
        outlet = LingeringTransport(raw, ending, LingerLimit(60, 10))
        outlet.write(b"refused")
        outlet.close()
        outlet.close()
        outlet.write(b"too late")
        assert outlet.is_closing()
        assert (raw.ended, raw.closed, raw.written) == (True, False, b"refused")
        raw.protocol.data_received(b"x" * sent)
        assert raw.closed == closed
        raw.protocol.connection_lost(None)
        assert ending.lost

    asyncio.run(run())


@pytest.mark.parametrize(("size", "pauses"), [(BULK_BYTES - 1, False), (BULK_BYTES, True)])
def test_a_large_message_in_one_packet_gives_others_their_turn(size: int, *, pauses: bool) -> None:
    head = b"POST /other HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n"
    body = size - len(head % size)

    async def run() -> None:
        bench = Bench()
        bench.protocol.data_received(head % body + b"x" * (size - len(head % body)))
        assert bench.transport.reading is not pauses

    asyncio.run(run())
