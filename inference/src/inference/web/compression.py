"""Compressed bodies, gzip and deflate, both ways.

A decompressed body counts against the body limit, and no more than that is ever inflated.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Literal

from inference.errors import RequestError, TooLargeError

if TYPE_CHECKING:
    from inference.web.exchange import Headers

Coding = Literal["gzip", "deflate"]

# zlib's window bits: which frame is around the stream.
_FRAMES: dict[str, int] = {"gzip": 31, "deflate": 15}
_BARE = -15  # deflate without a frame, which some clients send
_LEVEL = 1
_WORTHWHILE_BYTES = 1024


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


def decompress(body: bytes, coding: Coding, *, max_bytes: int) -> bytes:
    """Inflate a body within the limit.

    Raises:
        RequestError: It is not compressed so, not complete, or has something behind its end.
        TooLargeError: It is over the limit.
    """
    # A zlib header's first byte names the method deflate in its lower half.
    bare = coding == "deflate" and body[:1] and body[0] & 15 != zlib.DEFLATED
    inflater = zlib.decompressobj(_BARE if bare else _FRAMES[coding])
    try:
        inflated = inflater.decompress(body, max_bytes + 1)
        complete = inflater.eof or (len(inflated) <= max_bytes and not inflater.unconsumed_tail)
    except zlib.error as error:
        raise RequestError(f"the body is not compressed by {coding}: {error}") from None
    if len(inflated) > max_bytes:
        raise TooLargeError(
            f"the decompressed body is over the limit of {max_bytes:,} bytes "
            "(INFERENCE_MAX_BODY_BYTES): split it"
        )
    if not complete or not inflater.eof:
        raise RequestError(f"the body's {coding} stream ends too early")
    if inflater.unused_data:
        raise RequestError(f"the body goes on behind the end of its {coding} stream")
    return inflated


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
