"""How a connection is refused: spelt without an application, since there may be no request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from inference.web.errors import oip, problem
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
    if oip.is_protocol_path(url.partition(b"?")[0].decode("latin-1")):
        refusal = oip.refuse(error)
        status, body, media_type = refusal.status, refusal.body, "application/json"
        headers = [(name.encode(), value.encode()) for name, value in refusal.headers]
    else:
        status, body, headers = problem.encode_problem(error)
        media_type = problem.MEDIA_TYPE
    head = [
        STATUS_LINE[status],
        *(b"%s: %s\r\n" % pair for pair in further),
        b"content-type: %s\r\ncontent-length: %d\r\n" % (media_type.encode(), len(body)),
        *(b"%s: %s\r\n" % pair for pair in headers),
        b"connection: close\r\n\r\n",
    ]
    return b"".join([*head, body])
