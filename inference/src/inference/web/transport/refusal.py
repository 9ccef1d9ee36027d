"""How a connection is refused: spelt without an application, since there may be no request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from inference.web.errors.by_path import encode_error
from inference.web.transport.lingering_transport import Patience

if TYPE_CHECKING:
    from inference.errors import RookeryError
    from inference.web.message.headers import Headers

# A connection too many is told so, but only so many of them at a time, since they count as well.
_FURTHER = 64


def patience_with_further(over: int) -> Patience:
    """Tell how long a connection is listened to that is so many over the limit."""
    return Patience(1.0, 1024 * 1024) if over <= _FURTHER else Patience(0, 0)


def spell(error: RookeryError, url: bytes, further: Headers) -> bytes:
    """Spell a whole answer, after which the connection is closed.

    Args:
        error: Why.
        url: What was asked for, as far as it is known; it decides on the form.
        further: Headers beside those that follow from the rest.
    """
    response = encode_error(error, url.partition(b"?")[0].decode("latin-1"))
    head = [
        STATUS_LINE[response.status],
        *(b"%s: %s\r\n" % pair for pair in further),
        b"content-type: %s\r\ncontent-length: %d\r\n" % (response.media_type, len(response.body)),
        *(b"%s: %s\r\n" % pair for pair in response.headers),
        b"connection: close\r\n\r\n",
    ]
    return b"".join([*head, response.body])
