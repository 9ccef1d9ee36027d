"""``inference serve``: start the service."""

from __future__ import annotations

import gc
import os
import signal
from typing import TYPE_CHECKING

from inference.cli.environment import ignored_links
from inference.cli.exit_status import OK, REFUSED

if TYPE_CHECKING:
    from inference.settings import Settings


def run_service(settings: Settings) -> int:
    """Serve until a stop signal arrives.

    Returns:
        The exit status.

    Raises:
        SettingError: The settings are invalid.
    """
    # NumPy's matrix library must not start threads, because the supervisor forks and must have only
    # one thread. The service does not multiply matrices in NumPy.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Until the supervisor handles signals itself, Ctrl-C ends the process.
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    gc.disable()  # imports leave no garbage, and to look for it takes a tenth of their time
    try:
        # Imported late, so that the other commands start quickly.
        from inference.process.server import serve  # noqa: PLC0415

        gc.freeze()
        gc.enable()
        return OK if serve(settings, ignored=ignored_links()) else REFUSED
    finally:
        gc.enable()
        signal.signal(signal.SIGINT, before)
