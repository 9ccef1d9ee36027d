"""Where a stream is cut changes nothing, and what could be understood in two ways is refused."""

from __future__ import annotations

import random
from itertools import pairwise

import httptools
import pytest

from inference.errors import RequestError
from inference.web.http1.framing import CHUNKED, Framing, body_length, end_of_only_head

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


def test_lengths_of_bodies() -> None:
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
