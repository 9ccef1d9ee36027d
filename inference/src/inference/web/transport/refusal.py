"""Answers to refused connections, made without an application: there may be no request."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from inference.logs import fields
from inference.web.errors.by_path import encode_error
from inference.web.transport.lingering_transport import LingerLimit

if TYPE_CHECKING:
    from inference.errors import RookeryError
    from inference.web.message.headers import Headers

logger = logging.getLogger(__name__)

# Connections above the limit get an answer, too. At most this many do so at a time, since each of
# them needs a file descriptor and memory.
_MAX_ANSWERED = 64


def log_refusal(error: RookeryError, client: str | None) -> None:
    """Log why a client, given by its address, was refused."""
    extra = fields("refused", status=error.status, client=client)
    logger.warning("refused with %d: %s", error.status, error, extra=extra)


def linger_limit(excess: int) -> LingerLimit | None:
    """Return how long to read from a refused connection; ``None`` for as long as from any other.

    Args:
        excess: How many connections are open above the limit.
    """
    if excess <= 0:
        return None
    return LingerLimit(1.0, 1024 * 1024) if excess <= _MAX_ANSWERED else LingerLimit(0, 0)


def encode_refusal(error: RookeryError, url: bytes, further: Headers) -> bytes:
    """Encode a whole response, after which the connection is closed.

    Args:
        error: The reason.
        url: The requested URL as far as it was received; it decides on the form of the error.
        further: Headers in addition to those of the error.
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
