"""Read a request's body within the limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.errors import TooLargeError

if TYPE_CHECKING:
    from starlette.types import Receive

    from inference.web.exchange import Headers


class ClientGoneError(Exception):
    """The client left before its request was complete; nobody is to be answered."""


async def read_body(headers: Headers, receive: Receive, *, max_bytes: int) -> bytes:
    """Read the whole body.

    Raises:
        TooLargeError: It is announced as, or turns out to be, over the limit; nothing more is read.
        ClientGoneError: The client is gone.
    """
    for name, announced in headers:
        if name == b"content-length" and int(announced) > max_bytes:
            raise _too_large(max_bytes)
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        # The common case: the body has come in one piece, and is not copied.
        body: bytes = message.get("body", b"")
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
        return body
    chunks = bytearray()
    while True:
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        chunks += message.get("body", b"")
        if len(chunks) > max_bytes:
            raise _too_large(max_bytes)
        if not message.get("more_body"):
            return bytes(chunks)
        message = await receive()


def _too_large(max_bytes: int) -> TooLargeError:
    return TooLargeError(
        f"the body is over the limit of {max_bytes:,} bytes (INFERENCE_MAX_BODY_BYTES): split it"
    )
