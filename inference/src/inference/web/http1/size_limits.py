"""Limits on the parts of a request that no application sees: the head, chunks and trailers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.errors import HeadersError

if TYPE_CHECKING:
    from inference.web.message.headers import Headers

# How many bytes each chunk may add to the body on average: its length, and little more.
_CHUNK_BYTES = 64
_LINE_BYTES = 4  # the shortest header


class SizeLimits:
    """Counts the sizes of one request, then of the next.

    Args:
        max_bytes: Of a head, and of chunk lengths and trailers together.
        max_lines: Headers of a head, and trailers.

    Attributes:
        chunks: The number of chunks of the body.
        beside_bytes: Bytes between and after the chunks' data.
    """

    __slots__ = ("_head_bytes", "_head_lines", "_max_bytes", "_max_lines", "beside_bytes",
                 "chunks")  # fmt: skip

    def __init__(self, max_bytes: int, max_lines: int) -> None:
        self._max_bytes = max_bytes
        self._max_lines = max_lines
        self.reset()

    def reset(self) -> None:
        """Count the next request."""
        self._head_bytes = self._head_lines = self.chunks = self.beside_bytes = 0

    def add_head(self, piece: bytes) -> None:
        """Count a piece of a head.

        Raises:
            HeadersError: The head is too large.
        """
        self._head_bytes += len(piece)
        self._head_lines += piece.count(b"\n")
        self._check_bytes(self._head_bytes)
        self._check_lines(self._head_lines - 2)  # without the request line and the blank line

    def take_head(self, packet: bytes, end: int) -> bool:
        """Count the head at the start of a packet; return False if it is too large."""
        if end > self._max_bytes:
            return False
        if end > _LINE_BYTES * self._max_lines:
            lines = packet.count(b"\n", 0, end) - 2
            if lines > self._max_lines:
                return False
        self._head_bytes = end
        return True

    def check_parsed_head(self, url: bytes, headers: Headers) -> None:
        """Count a head that arrived in one piece with the end of the body before it.

        Raises:
            HeadersError: The head is too large.
        """
        if not self._head_bytes:
            self._head_bytes = len(url) + sum(len(name) + len(value) + 4 for name, value in headers)
            self._check_bytes(self._head_bytes)

    def check_chunks(self, trailers: Headers) -> None:
        """Check the size of chunk lengths and trailers.

        Raises:
            HeadersError: They are too large.
        """
        self._check_bytes(self.beside_bytes - self.chunks * _CHUNK_BYTES)
        self._check_lines(len(trailers))

    def _check_bytes(self, size: int) -> None:
        if size > self._max_bytes:
            limit = f"{self._max_bytes:,} bytes (INFERENCE_MAX_HEADER_BYTES)"
            raise HeadersError(f"the headers are over {limit}")

    def _check_lines(self, count: int) -> None:
        if count > self._max_lines:
            limit = f"{self._max_lines:,} (INFERENCE_MAX_HEADER_LINES)"
            raise HeadersError(f"the request has more headers than {limit}")
