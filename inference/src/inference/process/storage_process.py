"""The process that copies models and follows the state of a bucket.

The supervisor forks and replaces it. It has an event loop of its own and a heartbeat like a
worker's, so that a store that hangs cannot delay a request, and is the only process of a machine
that lists the store.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import traceback
from typing import TYPE_CHECKING, NoReturn

from inference.errors import RookeryError
from inference.process.child import become_child, end_with_supervisor
from inference.process.log_setup import configure_log
from inference.runtime.heartbeat import Heartbeat

if TYPE_CHECKING:
    import socket

    from inference.runtime.shared_memory import SharedMemory
    from inference.settings import Settings

logger = logging.getLogger(__name__)

STORAGE_HEARTBEAT = "storage-heartbeat"
_GRACE_SECONDS = 5


def become_storage_process(
    settings: Settings,
    memory: SharedMemory,
    *,
    sockets: list[socket.socket],
    lifeline: tuple[int, int],
) -> NoReturn:
    """Copy models in the current, forked process until a stop signal arrives, and exit.

    Args:
        settings: The settings; ``models_url`` is set.
        memory: The memory that all processes share.
        sockets: The listening sockets of all workers.
        lifeline: A pipe; only the supervisor keeps its write end.
    """
    status = 1
    try:
        become_child(lifeline, sockets)
        configure_log(settings, worker="storage")
        end_with_supervisor(lifeline, _GRACE_SECONDS)
        asyncio.run(_run(settings, memory))
        status = 0
    except RookeryError as error:
        logger.error("the storage process ends: %s", error)  # noqa: TRY400 - the message is complete
    except BaseException:  # noqa: BLE001 - printed; a forked process has no caller
        traceback.print_exc()
    finally:
        logging.shutdown()
        os._exit(status)


async def _run(settings: Settings, memory: SharedMemory) -> None:
    # Imported late: only this process needs obstore, which starts threads.
    from inference.process.model_sync import make_loop  # noqa: PLC0415
    from inference.process.state_follower import follow_state  # noqa: PLC0415

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    heartbeat = Heartbeat(memory.array(STORAGE_HEARTBEAT))
    jobs = []
    if settings.models_url is not None:
        jobs.append(make_loop(settings, memory.array("sync")).run(stop))
    if settings.state_url is not None:
        jobs.append(follow_state(settings, memory, stop))
    with heartbeat.beating():
        heartbeat.serve()
        await asyncio.gather(*jobs)
