"""How large the parts of a request may be that no application sees: its head, its chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.errors import HeadersError

if TYPE_CHECKING:
    from inference.web.message.headers import Headers

# What the pieces of a body may cost beside the body, on average: its length, and little more.
_CHUNK_BYTES = 64
_LINE_BYTES = 4  # the shortest header


class SizeLimits:
    """Counts within the limits on one request, then on the next.

    Args:
        most_bytes: Of a head, and of what comes in and behind a body beside it.
        most_lines: Headers of a head, and behind a body.

    Attributes:
        chunks: The pieces that the body has come in.
        beside_bytes: Bytes of the body's pieces that are none of the body.
    """

    __slots__ = ("_head_bytes", "_head_lines", "_most_bytes", "_most_lines", "beside_bytes",
                 "chunks")  # fmt: skip

    def __init__(self, most_bytes: int, most_lines: int) -> None:
        self._most_bytes = most_bytes
        self._most_lines = most_lines
        self.reset()

    def reset(self) -> None:
        """Begin with the next request."""
        self._head_bytes = self._head_lines = self.chunks = self.beside_bytes = 0

    def add_head(self, piece: bytes) -> None:
        """Count a piece of a head.

        Raises:
            HeadersError: The head is too large.
        """
        self._head_bytes += len(piece)
        self._head_lines += piece.count(b"\n")
        self._check_bytes(self._head_bytes)
        self._check_lines(self._head_lines - 2)  # the request line and the blank one are none

    def take_head(self, packet: bytes, end: int) -> bool:
        """Count the head that a packet begins with, unless it is too large."""
        if end > self._most_bytes:
            return False
        if end > _LINE_BYTES * self._most_lines:
            lines = packet.count(b"\n", 0, end) - 2
            if lines > self._most_lines:
                return False
        self._head_bytes = end
        return True

    def check_parsed_head(self, url: bytes, headers: Headers) -> None:
        """Count a head that has come, in part or whole, in one piece with the body before it.

        Raises:
            HeadersError: The head is too large.
        """
        if not self._head_bytes:
            self._head_bytes = len(url) + sum(len(name) + len(value) + 4 for name, value in headers)
            self._check_bytes(self._head_bytes)

    def check_chunks(self, trailers: Headers) -> None:
        """Check what has come in and behind a body beside it.

        Raises:
            HeadersError: It is too much.
        """
        self._check_bytes(self.beside_bytes - self.chunks * _CHUNK_BYTES)
        self._check_lines(len(trailers))

    def _check_bytes(self, size: int) -> None:
        if size > self._most_bytes:
            limit = f"{self._most_bytes:,} bytes (INFERENCE_MAX_HEADER_BYTES)"
            raise HeadersError(f"the headers are over {limit}")

    def _check_lines(self, count: int) -> None:
        if count > self._most_lines:
            limit = f"{self._most_lines:,} (INFERENCE_MAX_HEADER_LINES)"
            raise HeadersError(f"the request has more headers than {limit}")
