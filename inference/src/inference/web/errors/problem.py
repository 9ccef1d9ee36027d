"""Errors to responses: the one place where an error becomes bytes on the wire.

``application/problem+json``, RFC 9457: ``type``, ``title``, ``status``, ``detail``, and ``errors``
with one entry per bad row and feature.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import msgspec
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from inference.errors import RookeryError, RowsError
from inference.web.errors import oip
from inference.web.errors.headers import error_headers

if TYPE_CHECKING:
    from fastapi import FastAPI, Request

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"


def describe(error: Exception) -> dict[str, Any]:
    """Turn an error into a problem document.

    An error that is not of our tree is logged with its traceback, and told as nothing but its kind:
    what it says may hold a caller's values.
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
        case RequestValidationError():
            faults = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
            return _document(422, "The request does not fit the route", "; ".join(faults))
        case _:
            logger.error("a request failed unexpectedly", exc_info=error)
            return _document(500, "Internal error", f"the service failed: {type(error).__name__}")


def encode_problem(error: Exception) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
    """Turn an error into status, body and further headers."""
    document = describe(error)
    headers = error_headers(error)
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return document["status"], msgspec.json.encode(document), pairs


def respond(error: Exception) -> Response:
    """Turn an error into a response of Starlette's."""
    status, body, pairs = encode_problem(error)
    headers = {name.decode(): value.decode() for name, value in pairs}
    return Response(body, status_code=status, headers=headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Answer every error of the app's own routes: a problem document, or ``/v2``'s own form."""

    async def handle(request: Request, error: Exception) -> Response:
        if oip.is_protocol_path(request.scope["path"]):
            return oip.respond(error)
        return respond(error)

    for kind in (RookeryError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, handle)


def _document(status: int, title: str, detail: str) -> dict[str, Any]:
    return {"type": "about:blank", "title": title, "status": status, "detail": detail}
