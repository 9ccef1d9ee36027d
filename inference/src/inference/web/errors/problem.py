"""Errors as problem documents, ``application/problem+json``.

The members are ``type``, ``title``, ``status``, ``detail``, and ``errors`` with one entry per
invalid row and feature. Source: RFC 9457.
"""

from __future__ import annotations

import logging
from typing import Any

import msgspec
from starlette.exceptions import HTTPException

from inference.errors import RookeryError, RowsError
from inference.web.errors.error_response import ErrorResponse
from inference.web.errors.headers import error_headers

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_MEDIA_TYPE = MEDIA_TYPE.encode()


def describe(error: Exception) -> dict[str, Any]:
    """Return the problem document of an error.

    An unexpected error is logged with its traceback, and the document names its type only, because
    its message may contain a caller's values.
    """
    match error:
        case RowsError():
            return _document(error.status, error.title, str(error)) | {
                "errors": [
                    {"row": f.row, "feature": f.feature, "reason": f.reason} for f in error.faults
                ],
                "total_errors": error.total,
            }
        case RookeryError():
            return _document(error.status, error.title, str(error))
        case HTTPException():
            return _document(error.status_code, "Not answered", error.detail)
        case _:
            logger.error("a request failed unexpectedly", exc_info=error)
            return _document(500, "Internal error", f"the service failed: {type(error).__name__}")


def encode(error: Exception) -> ErrorResponse:
    """Encode an error as a problem document."""
    document = describe(error)
    body = msgspec.json.encode(document)
    return ErrorResponse(document["status"], _MEDIA_TYPE, body, error_headers(error))


def _document(status: int, title: str, detail: str) -> dict[str, Any]:
    return {"type": "about:blank", "title": title, "status": status, "detail": detail}
