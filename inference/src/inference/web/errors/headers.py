"""The headers of a response to an error, in either form."""

from __future__ import annotations

import math

from starlette.exceptions import HTTPException

from inference.errors import (
    EncodingError,
    ForbiddenError,
    NotReadyError,
    RateError,
    UnknownCallerError,
)

_RETRY_SECONDS = 1
_CODINGS = b"gzip, deflate, zstd"
_CHALLENGE = b'Bearer realm="rookery"'


def error_headers(error: Exception) -> list[tuple[bytes, bytes]]:
    """Return the headers that say what the client can do next, names in lower case.

    Source: RFC 6750, section 3, for ``WWW-Authenticate``; RFC 9110, section 10.2.3, for
    ``Retry-After`` and section 15.5.16 for ``Accept-Encoding``.

    >>> error_headers(RateError("too often", 0.2))
    [(b'retry-after', b'1')]
    """
    match error:
        case HTTPException():
            headers = error.headers or {}
            return [(n.lower().encode(), v.encode()) for n, v in headers.items()]
        case UnknownCallerError():
            return [(b"www-authenticate", _CHALLENGE)]
        case ForbiddenError():
            return [(b"www-authenticate", _CHALLENGE + b', error="insufficient_scope"')]
        case EncodingError():
            return [(b"accept-encoding", _CODINGS)]
        case RateError() | NotReadyError():
            wait = error.wait_seconds if isinstance(error, RateError) else _RETRY_SECONDS
            return [(b"retry-after", b"%d" % math.ceil(wait))]
        case _:
            return []
