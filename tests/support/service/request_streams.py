"""Streams of requests over one connection, right and wrong, cut into packets at random."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

# Parts of requests; some make no request at all, some belong to the message before or behind.
LINES = [b"POST /hot HTTP/1.1", b"POST /hot?a=b HTTP/1.1", b"POST /h%6ft HTTP/1.1"]
USUAL = [b"Host: h", b"User-Agent: x/1", b"Accept: */*"]
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
# Values of headers that differ from request to request; some are not plain, or no value at all.
TRACES = [b"%032x" % 7, b"%032x" % 8, b"1", b"a b", b"a: b", b"a, b"]
ODD_TRACES = [b"", b" a", b"a ", b"a\tb", b"\xff", b"a\r\nHost: i", b"a\r\n\r\n", b"a\nb: c", b"\0"]
KEYS = [b"good", b"good", b"good", b"bad", b"other"]


def make_alike_stream(chance: random.Random) -> list[bytes]:
    """Make some requests whose heads differ in values only, most of them; cut in packets."""
    names = chance.sample(
        [b"traceparent", b"X-Request-ID", b"X-B", b"baggage"], chance.randint(1, 3)
    )
    key = chance.choice(KEYS)
    messages = []
    for _ in range(chance.randint(3, 8)):
        body = chance.choice(BODIES)
        fields = [*USUAL]
        for name in names:
            values = TRACES if chance.random() < 0.95 else ODD_TRACES
            fields.append(b"%s: %s" % (name, chance.choice(values)))
        fields.append(b"X-Api-Key: %s" % (key if chance.random() < 0.9 else chance.choice(KEYS)))
        length = len(body) if chance.random() < 0.97 else len(body) + chance.choice([-1, 1, 10])
        fields.insert(chance.choice([3, len(fields)]), b"Content-Length: %d" % max(length, 0))
        if chance.random() < 0.05:
            fields.insert(chance.randint(0, len(fields)), chance.choice(RARE + FIELDS))
        line = LINES[0] if chance.random() < 0.95 else chance.choice(LINES)
        messages.append(b"\r\n".join([line, *fields, b"", b""]) + body)
    if chance.random() < 0.7:
        return messages
    whole = b"".join(messages)
    cuts = sorted(chance.sample(range(len(whole)), chance.randint(0, 4)))
    return [whole[a:b] for a, b in itertools.pairwise([0, *cuts, len(whole)])]


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
