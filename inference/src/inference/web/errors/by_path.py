"""Choose the form of an error by path: that of the protocol of the path, else a problem."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.web.errors import mlflow, oip, problem

if TYPE_CHECKING:
    from inference.web.errors.error_response import ErrorResponse

_PROTOCOLS = ("/v1", "/v2")
_MLFLOW = ("/invocations", "/ping", "/health", "/version")


def is_protocol_path(path: str) -> bool:
    """Whether a path belongs to the Open Inference Protocol, or to the one before it."""
    return path.startswith(_PROTOCOLS) and path[3:4] in ("", "/")


def encode_error(error: Exception, path: str) -> ErrorResponse:
    """Return the response to a request for a path that ended in an error."""
    if is_protocol_path(path):
        return oip.encode(error)
    if path.rstrip("/") in _MLFLOW:
        return mlflow.encode(error)
    return problem.encode(error)
