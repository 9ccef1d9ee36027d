"""Errors under ``/v2``: always ``{"error": "..."}``, and never 422."""

from __future__ import annotations

import msgspec
from starlette.exceptions import HTTPException

from inference.oip.errors import describe_error
from inference.web.errors.error_response import ErrorResponse
from inference.web.errors.headers import error_headers

_JSON = b"application/json"


def encode(error: Exception, **more: object) -> ErrorResponse:
    """Encode an error. ``more`` are further members of the document."""
    status, message = _describe(error)
    body = msgspec.json.encode({"error": message, **more})
    return ErrorResponse(status, _JSON, body, error_headers(error))


def _describe(error: Exception) -> tuple[int, str]:
    match error:
        case HTTPException():
            return error.status_code, error.detail
        case _:
            return describe_error(error)
