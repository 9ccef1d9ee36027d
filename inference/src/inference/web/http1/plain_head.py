"""Heads of the plain kind, read with two regular expressions instead of the parser.

Behind a tracing proxy every head is another one, but only in values that nothing here looks at. The
parser's callbacks for such a head cost more than all the rest of a small request. So a message that
is whole, and of a form that can be read in one way only, is read here; everything else is left to
the parser, which would make the same of these. Source: RFC 9112.
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
# What changes how a message is read, or what becomes of the connection.
_OF_THE_PARSER = frozenset(
    {b"transfer-encoding", b"content-encoding", b"upgrade", b"expect", b"proxy-connection"}
)


class PlainHead(NamedTuple):
    """What the head of a whole message says.

    Attributes:
        path: Its path.
        headers: Names in lower case; none of them stands twice.
        by_name: The same.
        size: How many bytes of the message are the head.
    """

    path: str
    headers: Headers
    by_name: dict[bytes, bytes]
    size: int


def read_plain_head(message: bytes) -> PlainHead | None:
    r"""Read the head of what may be one whole message to a hot route, on a kept connection.

    Returns:
        ``None`` for everything that is not plainly that.

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
