"""Each body is received and decompressed within its limits."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from inference.access.body_budget import Bodies
from inference.errors import OverloadedError, RequestError, TooLargeError
from inference.web.message.body import ClientGoneError, read_body
from inference.web.message.compression import decompress

if TYPE_CHECKING:
    from collections.abc import Callable

MIB = 1024 * 1024


def receiving(*chunks: bytes, end: bool = True) -> Callable[[], Any]:
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    if end:
        messages[-1]["more_body"] = False
    else:
        messages.append({"type": "http.disconnect"})

    async def receive() -> Any:
        return messages.pop(0)

    return receive


def read(*chunks: bytes, **arguments: Any) -> bytes:
    return asyncio.run(read_body([], receiving(*chunks), **({"max_bytes": MIB} | arguments)))


@pytest.mark.parametrize("chunks", [1, 2, 10])
@pytest.mark.parametrize(("size", "fits"), [(99, True), (100, True), (101, False)])
def test_a_body_has_so_many_bytes(chunks: int, size: int, fits: bool) -> None:
    body = b"x" * size
    step = -(-size // chunks)
    pieces = [body[start : start + step] for start in range(0, size, step)]
    if fits:
        assert read(*pieces, max_bytes=100) == body
    else:
        with pytest.raises(TooLargeError, match="limit of 100 bytes"):
            read(*pieces, max_bytes=100)


def test_what_is_announced_too_large_is_not_received() -> None:
    with pytest.raises(TooLargeError):
        asyncio.run(read_body([(b"content-length", b"101")], receiving(b""), max_bytes=100))


def test_a_client_that_leaves_gets_no_answer() -> None:
    with pytest.raises(ClientGoneError):
        asyncio.run(read_body([], receiving(b"a", end=False), max_bytes=100))


@pytest.mark.parametrize("squeeze", [gzip.compress, zlib.compress])
@pytest.mark.parametrize(("size", "fits"), [(-1, True), (0, True), (1, False)])
def test_a_body_is_inflated_so_many_times(squeeze: Any, size: int, fits: bool) -> None:
    coding: Any = "gzip" if squeeze is gzip.compress else "deflate"
    compressed = squeeze(b"0" * 2 * MIB)
    times = 2 * MIB / len(compressed)
    ratio = int(times)
    body = squeeze(b"0" * (ratio * len(compressed) + size))
    if len(body) != len(compressed):
        pytest.skip("the compressed length has changed")
    with Bodies(64 * MIB).hold() as hold:
        if fits:
            found = decompress(body, coding, max_bytes=32 * MIB, max_ratio=ratio, hold=hold)
            assert len(found) == ratio * len(compressed) + size
        else:
            with pytest.raises(TooLargeError, match="INFERENCE_MAX_INFLATION"):
                decompress(body, coding, max_bytes=32 * MIB, max_ratio=ratio, hold=hold)


def test_inflated_bodies_count_together_with_others() -> None:
    bodies = Bodies(8 * MIB)
    with bodies.hold() as other, bodies.hold() as hold:
        other.take(3 * MIB)
        body = gzip.compress(b"0" * 3 * MIB)
        with pytest.raises(OverloadedError):
            decompress(body, "gzip", max_bytes=9 * MIB, max_ratio=9999, hold=hold)
    assert bodies.held == 0


@pytest.mark.parametrize("more", [b"x", b"x" * 200_000, gzip.compress(b"y", mtime=0)[:-1]])
def test_what_is_behind_the_end_is_refused(more: bytes) -> None:
    body = gzip.compress(b"0" * 200_000, compresslevel=0) + more
    with Bodies(MIB).hold() as hold, pytest.raises(RequestError, match="gzip"):
        decompress(body, "gzip", max_bytes=MIB, hold=hold)
    body = zlib.compress(b"0" * 200_000, level=0) + more
    with Bodies(MIB).hold() as hold, pytest.raises(RequestError, match="behind the end"):
        decompress(body, "deflate", max_bytes=MIB, hold=hold)


@pytest.mark.parametrize(
    "more", [b"", bytes(1), bytes(200_000), gzip.compress(b"y" * 200_000, mtime=0)]
)
def test_several_gzip_members_are_one_body(more: bytes) -> None:
    body = gzip.compress(b"0" * 200_000, compresslevel=0) + more
    with Bodies(4 * MIB).hold() as hold:
        assert decompress(body, "gzip", max_bytes=MIB, hold=hold) == gzip.decompress(body)
