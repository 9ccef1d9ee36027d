"""What every forked child of the supervisor does first, and what ends it with the supervisor."""

from __future__ import annotations

import os
import signal
import threading
from functools import partial
from typing import TYPE_CHECKING

from inference.runtime.threads import start_thread

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable


def become_child(lifeline: tuple[int, int], close: Iterable[socket.socket]) -> None:
    """Reset signals, and close what belongs to the supervisor or to other children.

    Args:
        lifeline: A pipe; only the supervisor keeps its write end.
        close: Sockets that this child does not use.
    """
    os.setpgid(0, 0)  # Ctrl-C must reach only the supervisor, which signals its children
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.close(lifeline[1])
    for one in close:
        one.close()


def end_with_supervisor(lifeline: tuple[int, int], grace_seconds: float) -> None:
    """Start a thread that ends this process after the supervisor, if necessary by SIGKILL.

    Raises:
        NoThreadError: The system starts no thread now.
    """
    held_by = (lifeline[0], grace_seconds)
    start_thread(partial(_end_with_supervisor, *held_by), "lifeline")


def _end_with_supervisor(lifeline: int, grace_seconds: float) -> None:
    os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(grace_seconds)
    os.kill(os.getpid(), signal.SIGKILL)
