"""A process that cannot go on serving as it should asks to be replaced by a new one."""

from __future__ import annotations

import logging
import os
import signal

from inference.logs import fields

logger = logging.getLogger(__name__)


class Retirement:
    """Ends this process in good order, and remembers that it wants a successor.

    Attributes:
        is_asked: Whether it was asked for.
    """

    def __init__(self) -> None:
        self.is_asked = False

    def ask(self, reason: str) -> None:
        """Begin the shutdown, as a signal would."""
        if self.is_asked:
            return
        self.is_asked = True
        logger.error("this process asks to be replaced: %s", reason, extra=fields("retirement"))
        os.kill(os.getpid(), signal.SIGTERM)
