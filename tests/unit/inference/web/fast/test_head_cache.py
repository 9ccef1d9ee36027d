"""The cache of heads by itself."""

from __future__ import annotations

from typing import Any

import pytest

from inference.web.fast.head_cache import HeadCache

HEAD = b"POST /hot HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n"
FAMILY: Any = object()


def add(heads: HeadCache, packet: bytes, *headers: tuple[bytes, bytes]) -> None:
    heads.add_first(packet, FAMILY, "/hot", list(headers), 4)


def body_of(heads: HeadCache, message: bytes) -> bytes | None:
    known = heads.find(message)
    found = None if known is None else known.pattern.match(message)
    return None if found is None else found[1]


def test_only_one_whole_message_is_found() -> None:
    heads = HeadCache()
    add(heads, HEAD + b"body")
    assert body_of(heads, HEAD + b"soul") == b"soul"
    for other in (HEAD, HEAD + b"sou", HEAD + b"souls", b"\r\n" + HEAD + b"soul", b"", b"soul"):
        assert body_of(heads, other) is None, other


@pytest.mark.parametrize(
    "packet",
    [
        b"\r\n" + HEAD + b"body" + b"\r\n",
        HEAD + b"body" + HEAD + b"body",
        HEAD + b"body and more",
        HEAD[:-2] + b"X-Long: " + b"x" * 3000 + b"\r\n\r\nbody",
        b"no head at all",
        b"\r\n" * 4,
    ],
)
def test_only_the_head_of_one_whole_message_is_added(packet: bytes) -> None:
    heads = HeadCache()
    add(heads, packet)
    assert heads.find(packet) is None
    assert heads.find(HEAD + b"body") is None


def test_a_head_with_an_id_of_its_own_is_not_added() -> None:
    heads = HeadCache()
    add(heads, HEAD + b"body", (b"x-request-id", b"1"))
    assert heads.find(HEAD + b"body") is None


def test_the_number_of_heads_is_limited() -> None:
    heads = HeadCache()
    for number in range(1000):
        head = b"POST /hot HTTP/1.1\r\nHost: h\r\nX: %d\r\n\r\n" % number
        add(heads, head + b"body")
        assert heads.find(head + b"body")
    assert len(heads._heads) <= 256


@pytest.mark.parametrize(("others", "is_known"), [(254, True), (255, True), (256, False)])
def test_oldest_head_is_forgotten_first(others: int, is_known: bool) -> None:
    heads = HeadCache()
    add(heads, HEAD + b"body")
    for number in range(others):
        add(heads, b"POST /hot HTTP/1.1\r\nHost: h\r\nX: %d\r\n\r\nbody" % number)
    assert (heads.find(HEAD + b"body") is not None) == is_known
