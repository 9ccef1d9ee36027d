"""A head that matches a pattern says what the parser makes of it, or does not match."""

from __future__ import annotations

import pytest

from inference.web.http1.head_pattern import HeadPattern
from inference.web.http1.plain_head import PlainHead, read_plain_head
from support.amount import amount
from support.models.mutation import Mutator
from unit.inference.web.http1.test_plain_head import Parsed, message

INPUTS = amount("FUZZ_INPUTS", 10_000)
LIMITS = {"max_head_bytes": 1000, "max_body_bytes": 100}


def read(data: bytes) -> PlainHead:
    head = read_plain_head(data)
    assert head is not None
    return head


def exact(data: bytes) -> HeadPattern:
    head = read(data)
    return HeadPattern(data[: head.size], head.headers, len(data) - head.size)


def pattern_of(first: bytes, *others: bytes) -> HeadPattern:
    pattern = exact(first)
    for other in others:
        widened = pattern.widen(other, read(other), **LIMITS)
        assert widened is not None
        pattern = widened
    return pattern


def traced(trace: bytes, *, id_: bytes = b"1", body: bytes = b"[[1,2]]") -> bytes:
    return message(b"Host: h", b"Traceparent: " + trace, b"X-Request-ID: " + id_, body=body)


PATTERNS = {
    "exact": exact(traced(b"aa")),
    "trace": pattern_of(traced(b"aa"), traced(b"bb")),
    "length": pattern_of(traced(b"aa"), traced(b"aa", body=b"[]")),
    "all": pattern_of(traced(b"aa"), traced(b"b", id_=b"2", body=b"[]")),
    "one after the other": pattern_of(traced(b"a"), traced(b"b"), traced(b"c", body=b"[]")),
}


def check(pattern: HeadPattern, data: bytes) -> bool:
    """Check one message; tell whether it matches."""
    found = pattern.match(data)
    if found is None:
        return False
    headers, body = found
    parsed = Parsed(data)  # raises where the parser finds fault
    assert (parsed.begun, parsed.ended) == (1, 1)
    assert (parsed.method, parsed.version) == (b"POST", "1.1")
    assert parsed.url == b"/models/m/predict"
    assert (parsed.headers, parsed.body) == (headers, body)
    assert parsed.keep_alive
    assert not parsed.upgrade
    plain = read(data)
    assert (plain.headers, plain.size) == (headers, len(data) - len(body))
    return True


@pytest.mark.parametrize(
    ("name", "matches"),
    [
        ("exact", [traced(b"aa"), traced(b"aa", body=b"{\r\n\r\n1}")]),
        ("trace", [traced(b"aa"), traced(b"c"), traced(b"a: b" * 50, body=b"\r\n\r\n\r\n\0")]),
        ("length", [traced(b"aa", body=b""), traced(b"aa", body=b"x" * 100)]),
        ("all", [traced(b"x", id_=b"~" * 100, body=b"x" * 20)]),
        ("one after the other", [traced(b"x", body=b"x" * 20)]),
    ],
)
def test_heads_that_differ_in_varying_values_match(name: str, matches: list[bytes]) -> None:
    for data in matches:
        assert check(PATTERNS[name], data)


@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize(
    "data",
    [
        b"",
        traced(b"aa")[:-1],
        traced(b"aa") + b" ",
        traced(b"aa") * 2,
        traced(b"aa")[:70],
        traced(b"aa").replace(b"Host: h", b"Host: i"),
        traced(b"aa").replace(b"Host: h", b"host: h"),
        traced(b"aa").replace(b"/m/", b"/n/"),
        traced(b"aa").replace(b"X-Req", b"Y: 1\r\nX-Req"),
        traced(b"aa").replace(b"Length: 7", b"Length: 07") + b"",
        traced(b"aa").replace(b"Length: 7", b"Length: +7"),
        traced(b"aa").replace(b"Length: 7", b"Length: 7 "),
        traced(b"aa").replace(b"Length: 7", b"Length: 7\r\nContent-Length: 7"),
        traced(b"aa").replace(b"aa", b""),
        traced(b"aa").replace(b"aa", b" aa"),
        traced(b"aa").replace(b"aa", b"aa "),
        traced(b"aa").replace(b"aa", b"a\ta"),
        traced(b"aa").replace(b"aa", b"a\ra"),
        traced(b"aa").replace(b"aa", b"a\na"),
        traced(b"aa").replace(b"aa", b"a\r\n a"),
        traced(b"aa").replace(b"aa", b"a\r\nb: c"),
        traced(b"aa").replace(b"aa", b"a\r\n\r\n"),
        traced(b"aa").replace(b"aa", b"\xe4"),
        traced(b"a" * 1000),
        traced(b"aa", body=b"x" * 101),
    ],
    ids=range(25),
)
def test_other_messages_do_not_match(name: str, data: bytes) -> None:
    if data == traced(b"aa").replace(b"Length: 7", b"Length: 07"):
        check(PATTERNS[name], data)  # plain where the length varies
    else:
        assert PATTERNS[name].match(data) is None


@pytest.mark.parametrize("size", [999, 1000, 1001])
def test_head_is_limited_in_length(size: int) -> None:
    rest = read(traced(b"")[:0] + traced(b"a")).size - 1
    assert (PATTERNS["trace"].match(traced(b"a" * (size - rest))) is not None) == (size <= 1000)


@pytest.mark.parametrize("size", [99, 100, 101])
def test_body_is_limited_in_length(size: int) -> None:
    assert (PATTERNS["all"].match(traced(b"a", body=b"a" * size)) is not None) == (size <= 100)


@pytest.mark.parametrize(
    "other",
    [
        message(b"Host: i", b"X: 1"),
        message(b"Host: h", b"Y: 1"),
        message(b"Host: h"),
        message(b"X: 1", b"Host: h"),
        message(b"Host: h", b"X: 1", b"Y: 1"),
    ],
)
def test_heads_that_differ_in_more_have_no_pattern(other: bytes) -> None:
    assert exact(message(b"Host: h", b"X: 1")).widen(other, read(other), **LIMITS) is None


@pytest.mark.parametrize("name", [b"Host", b"Authorization", b"X-API-Key", b"Connection"])
def test_a_deciding_header_does_not_vary(name: bytes) -> None:
    one, other = (
        message(*({b"Host": [], name: []} and [b"%s: %s" % (name, value)]), *_host(name))
        for value in ((b"keep-alive", b"Keep-Alive") if name == b"Connection" else (b"a", b"b"))
    )
    assert exact(one).widen(other, read(other), **LIMITS) is None


def _host(name: bytes) -> list[bytes]:
    return [] if name == b"Host" else [b"Host: h"]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", PATTERNS)
def test_whatever_matches_is_what_the_parser_makes_of_it(name: str) -> None:
    pattern = PATTERNS[name]
    corpus = [traced(b"aa"), traced(b"c" * 55, id_=b"3", body=b'{"a": 1}'), traced(b"a b")]
    words = [
        *(b"\r", b"\n", b"\r\n", b"\r\n\r\n", b": ", b":", b" ", b"\t", b"\x00", b"\x0b", b"\x85"),
        *(b"Transfer-Encoding: chunked", b"Connection: close", b"Upgrade: h2c", b"0\r\n\r\n"),
        *(b"Content-Length: 7", b"Content-Length: 0", b"HTTP/1.1", b"POST ", b"Traceparent: "),
    ]
    mutator = Mutator(corpus, words)
    matched = 0
    for _ in range(INPUTS // 5):
        data = mutator.make()
        matched += check(pattern, data)
        mutator.learn(data, str(pattern.match(data) is None))
    assert matched > INPUTS // 1000


@pytest.mark.parametrize("byte", range(256))
def test_one_byte_more_anywhere_is_what_the_parser_makes_of_it(byte: int) -> None:
    whole = traced(b"a", body=b"1")
    for place in range(len(whole)):
        check(PATTERNS["all"], whole[:place] + bytes([byte]) + whole[place:])
        check(PATTERNS["all"], whole[:place] + bytes([byte]) + whole[place + 1 :])
