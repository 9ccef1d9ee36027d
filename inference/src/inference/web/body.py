"""Read a request's body within the limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.errors import TooLargeError

if TYPE_CHECKING:
    from starlette.types import Message, Receive

    from inference.web.exchange import Headers


class ClientGoneError(Exception):
    """The client left before its request was complete; nobody is to be answered."""


def check_announced(headers: Headers, *, max_bytes: int) -> None:
    """Refuse a body that is too large before it is asked for.

    Raises:
        TooLargeError: It is announced to be over the limit.
    """
    for name, announced in headers:
        if name == b"content-length" and int(announced) > max_bytes:
            raise _too_large(max_bytes)


def whole_body(message: Message, *, max_bytes: int) -> bytes | None:
    """Give the body that has come in one piece, as most do; ``None`` for any other.

    Raises:
        TooLargeError: It is over the limit.
    """
    if message["type"] != "http.request" or message.get("more_body"):
        return None
    body: bytes = message.get("body", b"")
    if len(body) > max_bytes:
        raise _too_large(max_bytes)
    return body


async def read_body(
    headers: Headers, receive: Receive, *, max_bytes: int, first: Message | None = None
) -> bytes:
    """Read the whole body.

    Args:
        headers: The request's.
        receive: Gives what is still to come.
        max_bytes: The limit.
        first: What has been received already, after :func:`check_announced`.

    Raises:
        TooLargeError: It is announced as, or turns out to be, over the limit; nothing more is read.
        ClientGoneError: The client is gone.
    """
    if first is None:
        check_announced(headers, max_bytes=max_bytes)
    message = first or await receive()
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
