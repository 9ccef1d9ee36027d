"""Compressed bodies, gzip and deflate, both ways.

A decompressed body counts against the body limit, and no more than that is ever inflated.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Literal, cast

from inference.errors import RequestError, TooLargeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inference.web.body import Hold
    from inference.web.exchange import Headers

Coding = Literal["gzip", "deflate"]

# zlib's window bits: which frame is around the stream.
_FRAMES: dict[str, int] = {"gzip": 31, "deflate": 15}
_BARE = -15  # deflate without a frame, which some clients send
_LEVEL = 1
_WORTHWHILE_BYTES = 1024
_PIECE_BYTES = 64 * 1024
_FREE_BYTES = 1024 * 1024
MAX_RATIO = 100


def content_coding(headers: Headers) -> Coding | None:
    """Tell how a request's body is compressed.

    Raises:
        RequestError: Otherwise than by gzip or deflate.
    """
    for name, value in headers:
        if name == b"content-encoding":
            coding = value.decode("latin-1").strip().lower()
            match coding:
                case "gzip" | "x-gzip":
                    return "gzip"
                case "deflate":
                    return "deflate"
                case "" | "identity":
                    return None
                case _:
                    raise RequestError(
                        f"the body is encoded as '{coding[:80]}': gzip and deflate are taken"
                    )
    return None


def decompress(
    body: bytes, coding: Coding, *, max_bytes: int, max_ratio: int = MAX_RATIO, hold: Hold
) -> bytes:
    """Inflate a body within the limits, in pieces.

    Args:
        body: The compressed body.
        coding: How it is compressed.
        max_bytes: The most bytes that it may become.
        max_ratio: How many times larger it may become; 1 MiB is always allowed.
        hold: Counts them.

    Raises:
        RequestError: It is not compressed so, not complete, or has something behind its end.
        TooLargeError: It is over a limit.
        OverloadedError: The bodies of all requests take too much already.
    """
    # A zlib header's first byte names the method deflate in its lower half.
    bare = coding == "deflate" and body[:1] and body[0] & 15 != zlib.DEFLATED
    inflater = zlib.decompressobj(_BARE if bare else _FRAMES[coding])
    inflated, ratio_bytes = bytearray(), max(_FREE_BYTES, max_ratio * len(body))
    try:
        for piece in _inflate(inflater, body):
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
    except zlib.error as error:
        raise RequestError(f"the body is not compressed by {coding}: {error}") from None
    if not inflater.eof:
        raise RequestError(f"the body's {coding} stream ends too early")
    return cast("bytes", inflated)  # it does all that is asked of bytes; a copy costs as much


def _inflate(inflater: Any, body: bytes) -> Iterator[bytes]:
    """Inflate so that neither a piece nor what is left of the body is copied at length.

    Raises:
        RequestError: Something is behind the end.
    """
    for start in range(0, len(body), _PIECE_BYTES):
        left = body[start : start + _PIECE_BYTES]
        if inflater.eof:
            raise RequestError("the body goes on behind the end of its compressed stream")
        while left:
            yield inflater.decompress(left, _PIECE_BYTES)
            left = inflater.unconsumed_tail
    while piece := inflater.decompress(b"", _PIECE_BYTES):
        yield piece
    if inflater.unused_data:
        raise RequestError("the body goes on behind the end of its compressed stream")


def accepted_coding(headers: Headers) -> Coding | None:
    """Choose how a response may be compressed; ``None`` when the caller asks for nothing.

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
            known: Coding | None = next(
                (c for c in ("gzip", "deflate") if c == coding.strip()), None
            )
            if known is not None and quality > weight:
                best, weight = known, quality
    return best


def compress(body: bytes, coding: Coding) -> bytes | None:
    """Compress a body; ``None`` where it is too small to gain anything."""
    if len(body) < _WORTHWHILE_BYTES:
        return None
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
