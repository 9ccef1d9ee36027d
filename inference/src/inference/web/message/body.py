"""Read the body of a request, within its own limit and that of all bodies together."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from inference.access.body_budget import Bodies
from inference.errors import TooLargeError

if TYPE_CHECKING:
    from starlette.types import Receive

    from inference.access.body_budget import Hold
    from inference.web.message.headers import Headers

_BODY_SETTING = "INFERENCE_MAX_BODY_BYTES"


class ClientGoneError(Exception):
    """The client left before its request was complete; no answer is needed."""


async def read_body(
    headers: Headers,
    receive: Receive,
    *,
    max_bytes: int,
    hold: Hold | None = None,
    setting: str = _BODY_SETTING,
) -> bytes:
    """Read the whole body.

    Args:
        headers: The request's headers.
        receive: Gives the body's pieces.
        max_bytes: The most bytes.
        hold: Counts them; by default they are not counted together with others'.
        setting: The name of the limit.

    Raises:
        TooLargeError: It is announced as, or turns out to be, over the limit; nothing more is read.
        OverloadedError: The bodies of all requests take too much already.
        ClientGoneError: The client is gone.
    """
    hold = hold or Bodies(2 * max_bytes).hold()
    for name, announced in headers:
        if name == b"content-length" and int(announced) > max_bytes:
            raise _too_large(max_bytes, setting)
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        # The common case: the body has come in one piece, and is not copied.
        body: bytes = message.get("body", b"")
        if len(body) > max_bytes:
            raise _too_large(max_bytes, setting)
        hold.take(len(body))
        return body
    chunks = bytearray()
    while True:
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        chunk = message.get("body", b"")
        if len(chunks) + len(chunk) > max_bytes:
            raise _too_large(max_bytes, setting)
        hold.take(len(chunk))
        chunks += chunk
        if not message.get("more_body"):
            return cast("bytes", chunks)  # it does all that is asked of bytes; a copy costs as much
        message = await receive()


def _too_large(max_bytes: int, setting: str) -> TooLargeError:
    return TooLargeError(f"the body is over the limit of {max_bytes:,} bytes ({setting}): split it")
