"""Plain heads, which two regular expressions read instead of the parser.

Behind a tracing proxy, each head has unique values, so a cache of heads does not help, and the
parser's callbacks take longer than the rest of a small request. A whole message whose head can be
understood in one way only is read here. The parser reads all others, and would read these in the
same way. Source: RFC 9112.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from inference.web.message.headers import Headers

_NAME = rb"[A-Za-z0-9-]{1,64}+"
_VALUE = rb"[!-~][ -~]*+(?<! )"
_LINE = rb"%s: %s\r\n" % (_NAME, _VALUE)
_HEAD = re.compile(rb"POST (/[A-Za-z0-9/._~-]{0,255}+) HTTP/1\.1\r\n(?:%s){1,128}+\r\n" % _LINE)
_LINES = re.compile(rb"(%s): ([^\r]+)\r\n" % _NAME)
_LENGTH = re.compile(rb"[0-9]{1,10}")
_VALUE_ONLY = re.compile(_VALUE)
# Headers that change how a message is read, or what happens to the connection.
_OF_THE_PARSER = frozenset(
    {b"transfer-encoding", b"content-encoding", b"upgrade", b"expect", b"proxy-connection"}
)


class PlainHead(NamedTuple):
    """The head of a whole message.

    Attributes:
        path: Its path.
        headers: Names in lower case, each of them once.
        by_name: The headers by name.
        size: The length of the head in bytes.
    """

    path: str
    headers: Headers
    by_name: dict[bytes, bytes]
    size: int


def read_plain_head(message: bytes) -> PlainHead | None:
    r"""Read the head of one whole message, after which the connection stays open.

    Returns:
        ``None`` for anything else, and for a head that is not plain.

    >>> read_plain_head(b"POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n1").path
    '/p'
    """
    found = _HEAD.match(message)
    if found is None:
        return None
    size = found.end()
    headers = [(name.lower(), value) for name, value in _LINES.findall(message, found.end(1), size)]
    by_name = dict(headers)
    length = by_name.get(b"content-length")
    if (
        length is None
        or len(by_name) != len(headers)
        or b"host" not in by_name
        or not _OF_THE_PARSER.isdisjoint(by_name)
        or by_name.get(b"connection", b"keep-alive").lower() != b"keep-alive"
        or _LENGTH.fullmatch(length) is None
        or int(length) != len(message) - size
    ):
        return None
    return PlainHead(found[1].decode("ascii"), headers, by_name, size)


def header_spans(message: bytes, size: int) -> list[tuple[int, int]]:
    """Return where the value of each header in a plain head begins and ends.

    Args:
        message: What begins with the head.
        size: The length of the head in bytes.
    """
    start = message.index(b"\r\n") + 2
    return [found.span(2) for found in _LINES.finditer(message, start, size)]


def is_plain_value(message: bytes, start: int, end: int) -> bool:
    """Whether a part of a message is the value of a header in a plain head."""
    return _VALUE_ONLY.fullmatch(message, start, end) is not None


def is_plain_length(message: bytes, start: int, end: int) -> bool:
    """Whether a part of a message is a length in a plain head."""
    return _LENGTH.fullmatch(message, start, end) is not None
