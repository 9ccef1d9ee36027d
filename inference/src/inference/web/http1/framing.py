"""How to cut a stream of messages into pieces, and the length of a request's body.

A packet may hold thousands of requests. Cut at the ends of heads and bodies, a piece holds at most
one request, so that connections can take turns. The parser's results are the same for any cut.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from inference.errors import RequestError

if TYPE_CHECKING:
    from inference.web.message.headers import Headers

CHUNKED = -1  # in place of a length: the body is sent in chunks

_END = b"\r\n\r\n"
# The end of a chunked body is not searched for. This many bytes hold a few hundred chunks, or a few
# dozen requests after the body.
_CHUNKED_PIECE_BYTES = 2048
_LENGTH = re.compile(rb"\r\ncontent-length: ?([0-9]{1,10})\r\n", re.IGNORECASE)


class Framing:
    """The position of one connection in its stream.

    Attributes:
        body_left: Bytes of the body that are still to come, or :data:`CHUNKED`; 0 outside a body.
        seam: The last bytes of an incomplete head.
    """

    __slots__ = ("body_left", "seam")

    def __init__(self) -> None:
        self.body_left = 0
        self.seam = b""

    def end(self, data: bytes, begin: int) -> int:
        """Return where the piece from ``begin`` ends; this may be after the end of the data."""
        if self.body_left > 0:
            return begin + self.body_left
        if self.body_left == CHUNKED:
            return begin + _CHUNKED_PIECE_BYTES
        if self.seam:
            at = (self.seam + data[begin : begin + 3]).find(_END)
            if at >= 0:
                return begin + at + len(_END) - len(self.seam)
        at = data.find(_END, begin)
        return len(data) if at < 0 else at + len(_END)

    def passed(self, piece: bytes) -> None:
        """Note that a piece is about to be parsed."""
        if self.body_left > 0:
            self.body_left -= len(piece)
        elif self.body_left == 0:
            self.seam = (self.seam + piece)[-3:]
            if piece.endswith(b"\n") and self.seam.endswith(b"\n\r\n"):
                self.seam = b""


def end_of_only_head(packet: bytes) -> int:
    """Return where the head ends in a packet that is exactly one message with its body.

    Returns:
        0 for any other packet, and if a quick search cannot decide.
    """
    end = packet.find(_END) + len(_END)
    found = _LENGTH.search(packet, 0, end)
    return end if found is not None and len(packet) - end == int(found[1]) else 0


def body_length(headers: Headers, version: str) -> int:
    """Return the length of a request's body.

    A request that another server could read differently is refused, because one request could then
    become two (request smuggling). The parser checks Content-Length.
    Source: RFC 9112, sections 3.2 and 6.1.

    Args:
        headers: Names in lower case.
        version: Such as ``1.1``.

    Returns:
        Bytes, or :data:`CHUNKED`.

    Raises:
        RequestError: The version, Host or Transfer-Encoding is not acceptable.

    >>> body_length([(b"host", b"h"), (b"content-length", b"5")], "1.1")
    5
    """
    known = dict(headers)
    is_plain = len(known) == len(headers) and version == "1.1"
    if is_plain and b"host" in known and b"transfer-encoding" not in known:
        return int(known.get(b"content-length", 0))
    hosts = length = 0
    for name, value in headers:
        if name == b"host":
            hosts += 1
        elif name == b"content-length":
            length = int(value)
        elif name == b"transfer-encoding":
            if value.lower() != b"chunked" or version != "1.1":
                raise RequestError(
                    "the Transfer-Encoding is not understood: send 'chunked' and nothing else, "
                    "with HTTP/1.1"
                )
            length = CHUNKED
    if version not in {"1.1", "1.0"}:
        raise RequestError(f"HTTP/{version} is not understood: send HTTP/1.1")
    if hosts > 1 or (hosts == 0 and version == "1.1"):
        raise RequestError(f"the request has {hosts} Host headers: send one")
    return length
