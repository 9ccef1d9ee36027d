"""Requests in one packet or in many: limits, turns, and offers to upgrade."""

from __future__ import annotations

import asyncio

import pytest

from inference.web.http1.framing import end_of_only_head
from inference.web.transport.connection_limits import ConnectionLimits
from inference.web.transport.lingering_transport import BULK_BYTES
from support.protocol_harness import Bench, turns_until

HEAD = b"POST /now HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n"


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
def test_size_of_a_head_is_limited(*, fast_path: bool, step: int, more: int) -> None:
    most = 1024
    filled = HEAD + b"X: " + b"x" * (most + more - len(HEAD) - 7) + b"\r\n\r\n"
    assert len(filled) == most + more
    packets = [filled[at : at + step] for at in range(0, len(filled), step)]
    status = asyncio.run(status_after(packets, fast_path=fast_path, max_header_bytes=most))
    assert status == (b"431" if more > 0 else b"200")


@pytest.mark.parametrize("fast_path", [True, False])
@pytest.mark.parametrize("step", [3, 10_000])
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_number_of_headers_is_limited(*, fast_path: bool, step: int, more: int) -> None:
    filled = HEAD + b"X: 1\r\n" * (18 + more) + b"\r\n"
    packets = [filled[at : at + step] for at in range(0, len(filled), step)]
    status = asyncio.run(status_after(packets, fast_path=fast_path, max_header_lines=20))
    assert status == (b"431" if more > 0 else b"200")


@pytest.mark.parametrize("fast_path", [True, False])
@pytest.mark.parametrize("trailers", [19, 20, 21])
def test_number_of_trailers_is_limited(*, fast_path: bool, trailers: int) -> None:
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


# -- turns and offers to upgrade -------------------------------------------------------------------


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


@pytest.mark.parametrize("count", [1, 2, 300])
def test_offers_to_upgrade_are_declined_one_by_one(count: int) -> None:
    offer = HEAD + b"Upgrade: a\r\nUpgrade: b\r\nConnection: upgrade\r\n\r\n"

    async def run() -> None:
        bench = Bench()
        bench.protocol.data_received(offer * count)
        assert len(await bench.bodies(count)) == count

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
