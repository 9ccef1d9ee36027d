"""A head that is read without the parser says what the parser makes of it, or is not read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httptools
import pytest

from inference.web.http1.plain_head import read_plain_head
from support.amount import amount
from support.models.mutation import Mutator

if TYPE_CHECKING:
    from inference.web.message.headers import Headers

INPUTS = amount("FUZZ_INPUTS", 10_000)
BODY = b"[[1,2]]"
LINES = (
    b"Host: localhost:8000",
    b"User-Agent: python-requests/2.32",
    b"Accept-Encoding: gzip, deflate, br",
    b"Accept: */*",
    b"Connection: keep-alive",
    b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    b"X-API-Key: rk_abc",
    b"Content-Type: application/json",
)


def message(*lines: bytes, target: bytes = b"/models/m/predict", body: bytes = BODY) -> bytes:
    length = b"Content-Length: %d" % len(body)
    head = (b"POST %s HTTP/1.1" % target, *(lines or LINES), length)
    return b"\r\n".join(head) + b"\r\n\r\n" + body


class Parsed:
    """What the parser makes of bytes, as uvicorn has it made."""

    def __init__(self, data: bytes) -> None:
        self.headers: Headers = []
        self.url = self.body = b""
        self.ended = self.begun = 0
        parser = httptools.HttpRequestParser(self)
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        parser.feed_data(data)
        self.method, self.version = parser.get_method(), parser.get_http_version()
        self.keep_alive, self.upgrade = parser.should_keep_alive(), parser.should_upgrade()

    def on_message_begin(self) -> None:
        self.begun += 1

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.ended += 1


def check(data: bytes) -> bool:
    """Check one message; tell whether it was read."""
    head = read_plain_head(data)
    if head is None:
        return False
    parsed = Parsed(data)  # raises where the parser finds fault
    assert (parsed.begun, parsed.ended) == (1, 1)
    assert (parsed.method, parsed.version) == (b"POST", "1.1")
    assert parsed.url == head.path.encode()
    assert parsed.headers == head.headers == list(head.by_name.items())
    assert parsed.body == data[head.size :]
    assert parsed.keep_alive
    assert not parsed.upgrade
    return True


def test_usual_message_is_read() -> None:
    assert check(message())
    assert check(message(b"host: h", body=b""))
    assert check(message(b"Host: h", b"connection: Keep-Alive"))


@pytest.mark.parametrize(
    "line",
    [
        b"Transfer-Encoding: chunked",
        b"transfer-encoding: identity",
        b"Connection: close",
        b"Connection: keep-alive, upgrade",
        b"Connection: upgrade",
        b"Proxy-Connection: close",
        b"Upgrade: h2c",
        b"Expect: 100-continue",
        b"Host: other",
        b"host: h",
        b"Content-Length: 7",
        b"content-length: 0",
        b"X : 1",
        b"X:1",
        b"X:  1",
        b"X: 1 ",
        b"X: ",
        b"X:\t1",
        b"X: 1\t2",
        b"X: \x00",
        b"X: \x7f",
        b"X: \xff",
        b" X: 1",
        b"X_Y: 1",
        b"X: 1\n",
        b"X: 1\r",
        b"X: 1\nY: 2",
        b"X: 1\rY: 2",
        b": 1",
        b"X",
        b"",
        b"X" * 65 + b": 1",
    ],
)
def test_what_is_not_plain_is_left_to_the_parser(line: bytes) -> None:
    assert read_plain_head(message(b"Host: h", line)) is None
    assert read_plain_head(message(line, b"Host: h")) is None


@pytest.mark.parametrize(
    "data",
    [
        message(b"X: 1"),
        message().replace(b"POST", b"GET"),
        message().replace(b"POST", b"post"),
        message().replace(b"POST /", b"POST  /"),
        message().replace(b"HTTP/1.1", b"HTTP/1.0"),
        message().replace(b"HTTP/1.1", b"HTTP/1.1 "),
        message().replace(b" HTTP/1.1", b""),
        message().replace(b"\r\n", b"\n"),
        message(target=b"http://h/models/m/predict"),
        message(target=b"/models/m/predict?x=1"),
        message(target=b"/models/m%2F/predict"),
        message(target=b"models/m/predict"),
        message(target=b"/" + b"a" * 256),
        b"\r\n" + message(),
        message()[:-1],
        message() + b" ",
        message() + message(),
        message().replace(b"Content-Length: 7", b"Content-Length: 7 "),
        message().replace(b"Content-Length: 7", b"Content-Length: +7"),
        message().replace(b"Content-Length: 7", b"Content-Length: 7,7"),
        message().replace(b"Content-Length: 7", b"Content-Length: 0x7"),
        message().replace(b"Content-Length: 7", b"Content-Length: 00000000007"),
        message().replace(b"Content-Length: 7", b"Length: 7"),
        message(*[b"X-%d: 1" % number for number in range(127)], b"Host: h"),
        b"",
    ],
    ids=range(25),
)
def test_other_messages_are_left_to_the_parser(data: bytes) -> None:
    assert read_plain_head(data) is None


@pytest.mark.timeout(1800)
def test_whatever_is_read_is_what_the_parser_makes_of_it() -> None:
    corpus = [
        message(),
        message(b"Host: h"),
        message(*reversed(LINES), body=b'{"a": 1}'),
        message(b"Host: h", b"X-Request-ID: a/b=c", target=b"/v2/models/m-1.0_x~/infer"),
    ]
    words = [
        *LINES,
        *(b"\r", b"\n", b"\r\n", b"\r\n\r\n", b": ", b":", b" ", b"\t", b"\x00", b"\x0b", b"\x85"),
        *(b"Transfer-Encoding: chunked", b"Connection: close", b"Upgrade: h2c", b"0\r\n\r\n"),
        *(b"Content-Length: 7", b"Content-Length: 0", b"HTTP/1.1", b"POST ", b"Expect: x"),
    ]
    mutator = Mutator(corpus, words)
    read = 0
    for data in corpus:
        assert check(data)
    for _ in range(INPUTS):
        data = mutator.make()
        read += check(data)
        mutator.learn(data, str(read_plain_head(data) is None))
    assert read > INPUTS // 100


@pytest.mark.parametrize("byte", range(256))
def test_one_byte_more_anywhere_is_what_the_parser_makes_of_it(byte: int) -> None:
    whole = message(b"Host: h", b"A: b c", body=b"1")
    for place in range(len(whole)):
        check(whole[:place] + bytes([byte]) + whole[place:])
        check(whole[:place] + bytes([byte]) + whole[place + 1 :])
