"""Where the pieces of a stream end that may be parsed at once, and what a head says of its body.

A packet may hold thousands of requests. Cut at the ends of heads and bodies, a piece holds one
request at most, so that a connection can be given one at a time. Cutting changes nothing of what
the parser makes of the stream.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from inference.errors import RequestError

if TYPE_CHECKING:
    from inference.web.message.headers import Headers

CHUNKED = -1  # instead of the length of a body that comes in chunks

_END = b"\r\n\r\n"
# The ends of chunked bodies are not looked for; this many bytes hold a few hundred chunks, or a few
# dozen requests that follow the body.
_CHUNKED_PIECE_BYTES = 2048
_LENGTH = re.compile(rb"\r\ncontent-length: ?([0-9]{1,10})\r\n", re.IGNORECASE)


class Framing:
    """Where one connection is in its stream.

    Attributes:
        body_left: Bytes of the body that are still to come, or :data:`CHUNKED`; 0 outside a body.
        seam: The last bytes of a head whose end is still to come.
    """

    __slots__ = ("body_left", "seam")

    def __init__(self) -> None:
        self.body_left = 0
        self.seam = b""

    def end(self, data: bytes, begin: int) -> int:
        """Find where the piece ends that begins there; it may be behind the data's end."""
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
    """Tell where the head ends in a packet that is one message with its body, and nothing else.

    Returns:
        0 for any other packet, and if the check would take too long.
    """
    end = packet.find(_END) + len(_END)
    found = _LENGTH.search(packet, 0, end)
    return end if found is not None and len(packet) - end == int(found[1]) else 0


def body_length(headers: Headers, version: str) -> int:
    """Tell how long a request's body is.

    What another server in front of this one could understand otherwise is refused, since two
    understandings make two requests out of one. Content-Length is the parser's to check.
    Source: RFC 9112, sections 3.2 and 6.1.

    Args:
        headers: Names in lower case.
        version: Such as ``1.1``.

    Returns:
        Bytes, or :data:`CHUNKED`.

    Raises:
        RequestError: It is no HTTP/1.x, or says twice or not at all what must be said once.

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
