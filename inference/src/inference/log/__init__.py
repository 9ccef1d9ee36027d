"""What the log looks like: one line for people, or one JSON object a line for machines.

Everything worth an alert is an *event* with fields: a start, a load, a swap, a quarantine, a
changed selection, a denied request. A line that is written while a request is answered carries that
request's id and the id of its key. What all workers of a machine see is logged by one of them.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from inference.log.format import JsonFormatter, TextFormatter
from inference.log.limit import LineLimit
from inference.log.once import ONCE_BYTES, Once
from inference.log.record import KEY_ID, REQUEST_ID, fields

if TYPE_CHECKING:
    from inference.settings import Settings

__all__ = [
    "KEY_ID",
    "ONCE_BYTES",
    "REQUEST_ID",
    "JsonFormatter",
    "LineLimit",
    "Once",
    "TextFormatter",
    "configure",
    "fields",
]


def configure(settings: Settings, *, worker: str = "", once: Once | None = None) -> None:
    """Send every record of this process to standard error.

    Args:
        settings: Form, level and limits.
        worker: The worker's number; empty for the only process.
        once: Leaves out what another worker has logged; ``None`` for the only process.
    """
    formatter = JsonFormatter if settings.log_format == "json" else TextFormatter
    handler = logging.StreamHandler()
    if once is not None:
        handler.addFilter(once)
    handler.addFilter(LineLimit(settings.log_lines_per_second))
    handler.setFormatter(formatter(worker=worker, values=settings.log_values))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    logging.getLogger("watchfiles").setLevel(logging.WARNING)
    if settings.log_level == "info":  # each worker's start and end, step by step
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
