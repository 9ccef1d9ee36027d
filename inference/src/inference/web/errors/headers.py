"""The headers that belong to an error, whatever form its body has."""

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
_CODINGS = "gzip, deflate, zstd"
_CHALLENGE = 'Bearer realm="rookery"'


def error_headers(error: Exception) -> dict[str, str]:
    """Give the headers that tell a client what to do next.

    Source: RFC 6750, section 3, for ``WWW-Authenticate``; RFC 9110, section 10.2.3, for
    ``Retry-After`` and section 15.5.16 for ``Accept-Encoding``.

    >>> error_headers(RateError("too often", 0.2))
    {'Retry-After': '1'}
    """
    match error:
        case HTTPException():
            return dict(error.headers or {})
        case UnknownCallerError():
            return {"WWW-Authenticate": _CHALLENGE}
        case ForbiddenError():
            return {"WWW-Authenticate": f'{_CHALLENGE}, error="insufficient_scope"'}
        case EncodingError():
            return {"Accept-Encoding": _CODINGS}
        case RateError() | NotReadyError():
            wait = error.wait_seconds if isinstance(error, RateError) else _RETRY_SECONDS
            return {"Retry-After": str(math.ceil(wait))}
        case _:
            return {}
