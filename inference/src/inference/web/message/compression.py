"""Compressed bodies, both ways: gzip, deflate and zstd.

A decompressed body counts against the body limit, and inflating stops at the limit.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from backports import zstd

from inference.errors import EncodingError, RequestError, TooLargeError
from inference.runtime.threads import PIECE_BYTES, off_loop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inference.access.body_budget import Hold
    from inference.web.message.exchange import Response
    from inference.web.message.headers import Headers

Coding = Literal["gzip", "deflate", "zstd"]

TAKEN = ", ".join(get_args(Coding))
# zlib's window bits: which frame is around the stream.
_FRAMES: dict[str, int] = {"gzip": 31, "deflate": 15}
_BARE = -15  # deflate without a frame, which some clients send
# The largest window that a sender may ask for, 8 MiB. Source: RFC 9659.
_ZSTD_WINDOW: dict[int, int] = {zstd.DecompressionParameter.window_log_max: 23}
_LEVEL = 1
_WORTHWHILE_BYTES = 1024
# To compress as much takes longer than a thread hop.
_INLINE_BYTES = 16 * 1024
_FREE_BYTES = 1024 * 1024
_MOST_MEMBERS = 10_000  # of a body that is put together of compressed pieces
MAX_RATIO = 100


def content_coding(headers: Headers) -> Coding | None:
    """Return the coding of a request's body; ``None`` if it is not compressed.

    Raises:
        EncodingError: The coding is not gzip, deflate or zstd.
    """
    codings = [v.decode("latin-1").strip().lower() for n, v in headers if n == b"content-encoding"]
    coding = ", ".join(codings)
    match coding:
        case "" | "identity":
            return None
        case "gzip" | "x-gzip":
            return "gzip"
        case "deflate" | "zstd":
            return cast("Coding", coding)
        case _:
            raise EncodingError(f"the body is encoded as '{coding[:80]}': send one of {TAKEN}")


def decompress(
    body: bytes, coding: Coding, *, max_bytes: int, max_ratio: int = MAX_RATIO, hold: Hold
) -> bytes:
    """Inflate a body within the limits, in pieces.

    Args:
        body: The compressed body; of gzip and zstd it may be several, one behind the other.
        coding: How it is compressed.
        max_bytes: The most bytes that it may become.
        max_ratio: How many times larger it may become; 1 MiB is always allowed.
        hold: Counts them.

    Raises:
        RequestError: It is not compressed so, not complete, or has something behind its end.
        TooLargeError: It is over a limit.
        OverloadedError: The bodies of all requests take too much already.
    """
    inflated, ratio_bytes = bytearray(), max(_FREE_BYTES, max_ratio * len(body))
    try:
        for piece in _inflate(body, coding):
            if len(inflated) + len(piece) > max_bytes:
                raise TooLargeError(
                    f"the decompressed body is over the limit of {max_bytes:,} bytes "
                    "(INFERENCE_MAX_BODY_BYTES): split it"
                )
            if len(inflated) + len(piece) > ratio_bytes:
                raise TooLargeError(
                    f"the body is more than {max_ratio} times larger when it is decompressed "
                    "(INFERENCE_MAX_INFLATION): send it as it is"
                )
            hold.take(len(piece))
            inflated += piece
    except (zlib.error, zstd.ZstdError) as error:
        raise RequestError(f"the body is not compressed by {coding}: {error}") from None
    return cast("bytes", inflated)  # it does all that is asked of bytes; a copy costs as much


def _inflate(body: bytes, coding: Coding) -> Iterator[bytes]:
    """Inflate in pieces, without copying the remaining body.

    Raises:
        RequestError: The end is missing, or something is behind it.
    """
    members, stream = 1, _open(body, coding)
    for start in range(0, len(body), PIECE_BYTES):
        left = body[start : start + PIECE_BYTES]
        while left:
            if stream.eof:
                if coding == "gzip" and not (left := left.lstrip(b"\0")):
                    break  # padding
                if coding == "deflate" or members == _MOST_MEMBERS:
                    raise RequestError("the body goes on behind the end of its compressed stream")
                members, stream = members + 1, _open(left, coding)
            yield from stream.feed(left)
            left = stream.unused_data
    if not stream.eof:
        raise RequestError(f"the body's {coding} stream ends too early")


class _Stream:
    """One compressed stream.

    Args:
        inflater: Of zlib or zstd, which say alike where a stream ends.
    """

    def __init__(self, inflater: Any) -> None:
        self._inflater = inflater

    @property
    def eof(self) -> bool:
        """Whether the stream's end was reached."""
        return bool(self._inflater.eof)

    @property
    def unused_data(self) -> bytes:
        """What was fed behind the stream's end."""
        data: bytes = self._inflater.unused_data if self.eof else b""
        return data


class _Zlib(_Stream):
    """Inflates one stream of zlib's."""

    def __init__(self, window_bits: int) -> None:
        super().__init__(zlib.decompressobj(window_bits))

    def feed(self, left: bytes) -> Iterator[bytes]:
        is_full = True
        while not self.eof and (left or is_full):
            piece = self._inflater.decompress(left, PIECE_BYTES)
            is_full = len(piece) == PIECE_BYTES
            yield piece
            left = self._inflater.unconsumed_tail


class _Zstd(_Stream):
    """Inflates one frame of zstd's."""

    def __init__(self) -> None:
        super().__init__(zstd.ZstdDecompressor(options=_ZSTD_WINDOW))

    def feed(self, left: bytes) -> Iterator[bytes]:
        yield self._inflater.decompress(left, PIECE_BYTES)
        while not (self.eof or self._inflater.needs_input):
            yield self._inflater.decompress(b"", PIECE_BYTES)


def _open(body: bytes, coding: Coding) -> _Zlib | _Zstd:
    if coding == "zstd":
        return _Zstd()
    # A zlib header's first byte names the method deflate in its lower half.
    is_bare = coding == "deflate" and body[:1] and body[0] & 15 != zlib.DEFLATED
    return _Zlib(_BARE if is_bare else _FRAMES[coding])


def compressed_now(response: Response, headers: Headers) -> Response:
    """Compress on the event loop; what is answered at once has few values."""
    if len(response.body) < _WORTHWHILE_BYTES:
        return response
    coding = _choose_coding(response, headers)
    return response if coding is None else response._replace(body=_compress(response.body, coding))


async def compressed_aside(response: Response, headers: Headers) -> Response:
    """Compress, in a thread if the response is large."""
    coding, body = _choose_coding(response, headers), response.body
    if coding is None:
        return response
    if len(body) <= _INLINE_BYTES:
        return response._replace(body=_compress(body, coding))
    return response._replace(body=await off_loop(len(body), _compress, body, coding))


def _choose_coding(response: Response, headers: Headers) -> Coding | None:
    """Add the headers of a response that depends on what its request accepts, and of its coding."""
    if len(response.body) < _WORTHWHILE_BYTES:
        return None
    response.further.append((b"vary", b"accept-encoding"))
    coding = _accepted_coding(headers)
    if coding is not None:
        response.further.append((b"content-encoding", coding.encode()))
    return coding


def _accepted_coding(headers: Headers) -> Coding | None:
    """Return the coding for a response; ``None`` if the caller accepts none.

    Source: RFC 9110, section 12.5.3
    """
    best: Coding | None = None
    weight = 0.0
    for name, value in headers:
        if name != b"accept-encoding":
            continue
        for item in value.decode("latin-1").lower().split(","):
            coding, _, parameter = item.partition(";")
            quality = _quality(parameter)
            known: Coding | None = next((c for c in get_args(Coding) if c == coding.strip()), None)
            if known is not None and quality > weight:
                best, weight = known, quality
    return best


def _compress(body: bytes, coding: Coding) -> bytes:
    if coding == "zstd":
        return zstd.compress(body, level=_LEVEL)
    deflater = zlib.compressobj(_LEVEL, wbits=_FRAMES[coding])
    return deflater.compress(body) + deflater.flush()


def _quality(parameter: str) -> float:
    key, _, value = parameter.partition("=")
    if key.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
