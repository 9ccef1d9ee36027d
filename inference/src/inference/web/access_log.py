"""The access log: one line for each request that was answered."""

from __future__ import annotations

import logging

from inference.logs import fields

logger = logging.getLogger("inference.request")


def log_request(method: str, path: str, status: int, seconds: float) -> None:
    """Log one request that was answered."""
    ms = round(seconds * 1e3, 3)
    logger.info(
        "%s %s: %d in %g ms",
        method,
        path,
        status,
        ms,
        extra=fields("request", method=method, path=path, status=status, ms=ms),
    )
