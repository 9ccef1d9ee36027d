"""Choose the form of an error by path: that of the protocol under ``/v2``, else a problem."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from inference.errors import RookeryError
from inference.web.errors import oip, problem

if TYPE_CHECKING:
    from fastapi import FastAPI, Request
    from starlette.responses import Response

    from inference.web.errors.error_response import ErrorResponse

_PROTOCOL = "/v2"


def is_protocol_path(path: str) -> bool:
    """Whether a path belongs to the Open Inference Protocol."""
    return path == _PROTOCOL or path.startswith(_PROTOCOL + "/")


def encode_error(error: Exception, path: str) -> ErrorResponse:
    """Return the response to a request for a path that ended in an error."""
    return oip.encode(error) if is_protocol_path(path) else problem.encode(error)


def install(app: FastAPI) -> None:
    """Answer the errors of all routes of an app."""

    async def handle(request: Request, error: Exception) -> Response:
        return encode_error(error, request.scope["path"]).to_starlette()

    for kind in (RookeryError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, handle)
