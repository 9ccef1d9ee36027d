"""Choose the form of an error by path: that of the protocol under ``/v2``, else a problem."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.web.errors import oip, problem

if TYPE_CHECKING:
    from inference.web.errors.error_response import ErrorResponse

_PROTOCOL = "/v2"


def is_protocol_path(path: str) -> bool:
    """Whether a path belongs to the Open Inference Protocol."""
    return path == _PROTOCOL or path.startswith(_PROTOCOL + "/")


def encode_error(error: Exception, path: str) -> ErrorResponse:
    """Return the response to a request for a path that ended in an error."""
    return oip.encode(error) if is_protocol_path(path) else problem.encode(error)
