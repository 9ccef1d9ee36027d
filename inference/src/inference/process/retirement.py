"""The replacement of a process that can no longer serve as it should."""

from __future__ import annotations

import logging
import os
import signal

from inference.logs import fields

logger = logging.getLogger(__name__)


class Retirement:
    """Shuts this process down and requests a successor.

    Attributes:
        is_asked: Whether a successor was requested.
    """

    def __init__(self) -> None:
        self.is_asked = False

    def ask(self, reason: str) -> None:
        """Start the shutdown, as a signal does."""
        if self.is_asked:
            return
        self.is_asked = True
        logger.error(
            "this process requests its replacement: %s", reason, extra=fields("retirement")
        )
        os.kill(os.getpid(), signal.SIGTERM)
