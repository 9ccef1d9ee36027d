"""Errors as MLflow's scoring server has them: ``{"error_code": "...", "message": "..."}``.

Source: ``mlflow.exceptions.MlflowException`` and the codes of ``databricks.proto``.
"""

from __future__ import annotations

from typing import Any

import msgspec

from inference.web.errors import problem
from inference.web.errors.error_response import ErrorResponse
from inference.web.errors.headers import error_headers

_JSON = b"application/json"
_CODES = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    405: "ENDPOINT_NOT_FOUND",
    409: "INVALID_STATE",
    422: "INVALID_PARAMETER_VALUE",
    429: "REQUEST_LIMIT_EXCEEDED",
    503: "TEMPORARILY_UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def describe(error: Exception) -> tuple[int, dict[str, Any]]:
    """Return the status and the document of an error.

    Invalid rows are 400, as in MLflow, where 422 is not used; the code tells them from a document
    of a wrong form.
    """
    known = problem.describe(error)
    status = known["status"]
    other = "BAD_REQUEST" if status < 500 else "INTERNAL_ERROR"
    document = {"error_code": _CODES.get(status, other), "message": known["detail"]}
    return 400 if status == 422 else status, document


def encode(error: Exception) -> ErrorResponse:
    """Encode an error."""
    status, document = describe(error)
    return ErrorResponse(status, _JSON, msgspec.json.encode(document), error_headers(error))
