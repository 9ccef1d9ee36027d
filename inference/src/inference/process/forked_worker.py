"""A worker process, from the fork to its exit status."""

from __future__ import annotations

import logging
import os
import traceback
from typing import TYPE_CHECKING, NoReturn

from inference.admission.fork_server import ForkServer
from inference.errors import RookeryError
from inference.process.child import become_child, end_with_supervisor
from inference.process.log_setup import configure_log
from inference.process.worker import run_worker
from inference.serving.trial_process import load_trial

if TYPE_CHECKING:
    import socket

    from inference.logs import Once
    from inference.runtime.shared_memory import Section
    from inference.settings import Settings

logger = logging.getLogger(__name__)

_GRACE_SECONDS = 5


def become_worker(
    settings: Settings,
    section: Section,
    *,
    sockets: list[socket.socket],
    lifeline: tuple[int, int],
    once: Once | None = None,
) -> NoReturn:
    """Run a worker in the current, forked process, and exit.

    Args:
        settings: The settings.
        section: The worker's section of the shared memory.
        sockets: The listening sockets of all workers.
        lifeline: A pipe; only the supervisor keeps its write end.
        once: Omits log lines that another worker has written.
    """
    status = 1
    try:
        others = [one for one in sockets if one is not sockets[section.worker]]
        become_child(lifeline, others)
        configure_log(settings, worker=str(section.worker) if len(sockets) > 1 else "", once=once)
        forks = ForkServer(load_trial)  # before there are threads
        grace_seconds = settings.drain_seconds + settings.shutdown_seconds + _GRACE_SECONDS
        end_with_supervisor(lifeline, grace_seconds)
        status = run_worker(settings, sockets[section.worker], forks, section=section)
    # The machine has no process, thread or descriptor left, or a file of keys is invalid now.
    except (OSError, RookeryError) as error:
        logger.error("the worker ends: %s", error)  # noqa: TRY400 - the message is complete
    except BaseException:  # noqa: BLE001 - printed; a forked process has no caller
        traceback.print_exc()
    finally:
        logging.shutdown()
        os._exit(status)
