"""One serving process: the event loop, the protocol on it, and the application."""

from __future__ import annotations

import contextlib
import gc
import logging
import math
import resource
import signal
import sys
from typing import TYPE_CHECKING

import uvicorn

from inference.app import create_app
from inference.process.retirement import Retirement
from inference.runtime.heartbeat import REPLACE_STATUS, Heartbeat
from inference.web.bounds import Bounds, bounded
from inference.web.direct import DirectProtocol
from inference.web.plain import PlainProtocol

if TYPE_CHECKING:
    import socket

    from inference.repository.forkserver import ForkServer
    from inference.runtime.shared_memory import Place
    from inference.settings import Settings

logger = logging.getLogger(__name__)

_OTHER_FILES = 256  # what a process opens beside connections
# How long a thread that loads a model may keep the loop from its requests; Python's own is 5 ms.
_SWITCH_SECONDS = 0.0005


class _Server(uvicorn.Server):
    """A server whose loop shows that it runs."""

    def __init__(self, config: uvicorn.Config, heartbeat: Heartbeat) -> None:
        super().__init__(config)
        self._heartbeat = heartbeat

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        with self._heartbeat.beating():
            await super().serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._heartbeat.serve()


def run_worker(
    settings: Settings, listening: socket.socket, forks: ForkServer, *, place: Place
) -> int:
    """Serve until a signal comes.

    Args:
        settings: What the operator can choose.
        listening: Where connections come from.
        forks: Examines files.
        place: What is shared with the other workers.

    Returns:
        The exit status: 0 when it has served, ``REPLACE_STATUS`` when it needs a successor;
        otherwise the log says why not.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
    retirement = Retirement()
    config = uvicorn.Config(
        create_app(
            settings,
            place,
            reader=forks.read,
            examiner=forks.examine,
            retire=retirement.ask,
        ),
        http=bounded(DirectProtocol if settings.direct else PlainProtocol, _bounds(settings)),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=math.ceil(settings.shutdown_seconds),
    )
    # What stands now stands for good: the collector need not look at it again and again.
    gc.freeze()
    server = _Server(config, Heartbeat(place.memory.section("heartbeat", place.worker)))
    # It logs why it cannot start, and raises a signal again once it has shut down.
    signal.signal(signal.SIGTERM, _leave)
    try:
        with contextlib.suppress(KeyboardInterrupt, SystemExit):
            server.run(sockets=[listening])
    except RuntimeError as error:
        if not server.should_exit:
            raise
        # All is answered by now; the loop ends its threads with the help of another thread.
        logger.warning("the loop could not end in order: %s", error)
    forks.close()
    if retirement.is_asked:
        return REPLACE_STATUS
    return 0 if server.started else 1


def _leave(*_: object) -> None:
    raise SystemExit


def _bounds(settings: Settings) -> Bounds:
    """Give the limits, and make room for as many connections as they allow."""
    wanted = settings.max_connections + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return Bounds(
        settings.max_header_bytes,
        settings.head_seconds,
        settings.body_seconds,
        settings.max_connections,
    )
