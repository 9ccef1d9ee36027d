"""``inference serve``."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from inference.cli.environment import ignored_links
from inference.cli.exit_status import OK, REFUSED

if TYPE_CHECKING:
    from inference.settings import Settings


def run_service(settings: Settings) -> int:
    """Serve until a signal comes.

    Raises:
        SettingError: The settings do not go together.
    """
    # The service multiplies no matrices: numpy's library need not map memory for a thread per core,
    # and start it, since what forks has to have one.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Ctrl-C during the start simply ends it; once it serves, the supervisor takes signals itself.
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        # Imported late, so that the other commands start at once.
        from inference.process.server import serve  # noqa: PLC0415

        return OK if serve(settings, ignored=ignored_links()) else REFUSED
    finally:
        signal.signal(signal.SIGINT, before)
