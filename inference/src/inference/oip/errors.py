"""Errors in the Open Inference Protocol's form: a status and a message.

A model that exists but does not answer (unloaded, quarantined) is not ready, 503. Invalid rows and
parameters are 400, because the protocol has no 422.
"""

from __future__ import annotations

import logging

from inference.errors import (
    ConflictError,
    NotReadyError,
    ParametersError,
    RookeryError,
    RowsError,
)

logger = logging.getLogger(__name__)


def find_status(error: Exception) -> int:
    """Return the status of an error."""
    match error:
        case RowsError() | ParametersError():
            return 400
        case ConflictError():
            return NotReadyError.status
        case RookeryError():
            return error.status
        case _:
            return 500


def describe_error(error: Exception) -> tuple[int, str]:
    """Return status and message. An unexpected error is logged, and only its type is returned."""
    status = find_status(error)
    if isinstance(error, RookeryError):
        return status, str(error)
    logger.error("a request failed unexpectedly", exc_info=error)
    return status, f"the service failed: {type(error).__name__}"
