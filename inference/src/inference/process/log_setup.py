"""Configures the log of one process."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from inference.logs import JsonFormatter, LineLimit, Once, TextFormatter

if TYPE_CHECKING:
    from inference.settings import Settings


def configure_log(settings: Settings, *, worker: str = "", once: Once | None = None) -> None:
    """Send every record of this process to standard error.

    Args:
        settings: Format, level and limits.
        worker: The worker's number; empty for a single process.
        once: Omits lines that another worker has written; ``None`` for a single process.
    """
    formatter = JsonFormatter if settings.log_format == "json" else TextFormatter
    handler = logging.StreamHandler()
    if once is not None:
        once.begin()
        handler.addFilter(once)
    handler.addFilter(LineLimit(settings.log_lines_per_second))
    handler.setFormatter(formatter(worker=worker, values=settings.log_values))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    if settings.log_level == "info":  # hides each step of a worker's start and end
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
