"""Errors to responses under ``/v2``: always ``{"error": "..."}``, and never 422.

A model that is there and does not answer (unloaded, quarantined) is not ready, 503.
"""

from __future__ import annotations

import logging
from typing import NamedTuple

import msgspec
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from inference.errors import ConflictError, NotReadyError, RookeryError, RowsError
from inference.web.errors.headers import error_headers

logger = logging.getLogger(__name__)

PREFIX = "/v2"


class Refusal(NamedTuple):
    """What an error becomes on the wire."""

    status: int
    body: bytes
    headers: list[tuple[str, str]]


def is_protocol_path(path: str) -> bool:
    """Tell whether a path belongs to the protocol."""
    return path == PREFIX or path.startswith(PREFIX + "/")


def describe(error: Exception) -> tuple[int, str]:
    """Give an error's status and message; one that is not of our tree is logged, and not told."""
    match error:
        case RowsError():
            return 400, str(error)
        case ConflictError():
            return NotReadyError.status, str(error)
        case RookeryError():
            return error.status, str(error)
        case HTTPException():
            return error.status_code, error.detail
        case RequestValidationError():
            return 400, "; ".join(
                f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()
            )
        case _:
            logger.error("a request failed unexpectedly", exc_info=error)
            return 500, f"the service failed: {type(error).__name__}"


def refuse(error: Exception, **more: object) -> Refusal:
    """Spell an error; ``more`` goes into the same document."""
    status, message = describe(error)
    headers = list(error_headers(error).items())
    return Refusal(status, msgspec.json.encode({"error": message, **more}), headers)


def respond(error: Exception, **more: object) -> Response:
    """Turn an error into a response of Starlette's."""
    status, body, headers = refuse(error, **more)
    return Response(body, status, dict(headers), "application/json")
