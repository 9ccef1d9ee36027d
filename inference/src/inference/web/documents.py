"""Documents as responses to a GET: with an ETag, and written no faster than the client reads."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, NamedTuple

from starlette.responses import Response

from inference.runtime.threads import PIECE_BYTES

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

_PIECES_PER_TURN = 4


class Encoded(NamedTuple):
    """A document as bytes.

    Attributes:
        body: The bytes.
        etag: Identifies the bytes.
    """

    body: bytes
    etag: str


def encoded(body: bytes) -> Encoded:
    """Return a body with its ETag. Call it in the thread that makes the document."""
    return Encoded(body, f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"')


class DocumentResponse(Response):
    """Answers with a document, or with 304 if the client has it.

    Where keys are required, only the caller's own cache may store it.

    Args:
        document: The document.
        media_type: Its type.
    """

    def __init__(self, document: Encoded, media_type: str = "application/json") -> None:
        super().__init__(media_type=media_type)
        self._document = document
        self.headers["etag"] = document.etag
        self.headers["cache-control"] = "no-cache"  # may be stored, and is revalidated each time

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        """Send the response."""
        body = self._document.body
        if scope.get("keyed") and self.headers["cache-control"] == "no-cache":
            self.headers["cache-control"] = "private, no-cache"
            for name in ("Authorization", "X-API-Key"):
                self.headers.add_vary_header(name)
        if _has_it(scope["headers"], self._document.etag):
            self.status_code, body = 304, b""
            del self.headers["content-length"]
        else:
            self.headers["content-length"] = str(len(body))
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers,
            }
        )
        view = memoryview(body)
        for number, begin in enumerate(range(0, len(body), PIECE_BYTES)):
            piece = bytes(view[begin : begin + PIECE_BYTES])
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            if number % _PIECES_PER_TURN == _PIECES_PER_TURN - 1:
                await asyncio.sleep(0)  # a fast reader must not block other requests
        await send({"type": "http.response.body", "body": b""})


def _has_it(headers: list[tuple[bytes, bytes]], etag: str) -> bool:
    known = b",".join(value for name, value in headers if name == b"if-none-match")
    tags = {tag.strip().removeprefix("W/") for tag in known.decode("latin-1").split(",")}
    return etag in tags or "*" in tags
