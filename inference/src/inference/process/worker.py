"""One worker process: event loop, HTTP protocol and application."""

from __future__ import annotations

import contextlib
import gc
import logging
import math
import resource
import signal
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import uvicorn

from inference.app import create_app
from inference.logs import fields
from inference.process.retirement import Retirement
from inference.runtime.heartbeat import REPLACE_STATUS, Heartbeat
from inference.web.transport.connection import HttpConnection
from inference.web.transport.connection_context import ConnectionContext
from inference.web.transport.connection_limits import ConnectionLimits
from inference.web.transport.draining_server import DrainingServer
from inference.web.transport.keep_alive import KEEP_ALIVE_GRACE_SECONDS

if TYPE_CHECKING:
    import socket

    from inference.admission.fork_server import ForkServer
    from inference.runtime.shared_memory import Section
    from inference.settings import Settings
    from inference.web.fast.routes import FastRoutes

logger = logging.getLogger(__name__)

_OTHER_FILES = 256  # descriptors other than connections
_ADDRESS_SHARE = 0.75  # of all connections, for one client address
# How long another thread may delay the event loop; Python's default is 5 ms.
_SWITCH_SECONDS = 0.0005


class WorkerServer(DrainingServer):
    """A server with a heartbeat."""

    def __init__(
        self,
        config: uvicorn.Config,
        routes: FastRoutes,
        heartbeat: Heartbeat,
        retirement: Retirement,
        *,
        drain_seconds: float,
    ) -> None:
        super().__init__(config, routes, drain_seconds=drain_seconds)
        self._retirement = retirement
        self._heartbeat = heartbeat

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until a signal arrives."""
        with self._heartbeat.beating():
            await super().serve(sockets)

    @property
    def has_successor(self) -> bool:
        """Whether another process takes over the sockets."""
        return self._retirement.is_asked

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections, and report that this worker serves."""
        await super().startup(sockets)
        self._heartbeat.serve()


def run_worker(
    settings: Settings, listening: socket.socket, forks: ForkServer, *, section: Section
) -> int:
    """Serve until a stop signal arrives.

    Args:
        settings: The settings.
        listening: The listening socket.
        forks: Starts processes that read and examine files.
        section: The worker's section of the shared memory.

    Returns:
        The exit status: 0 if it has served, ``REPLACE_STATUS`` if it needs a successor, otherwise
        1, and the log says why.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
    retirement = Retirement()
    routes = create_app(
        settings, section, reader=forks.read, examiner=forks.examine, retire=retirement.ask
    )
    config = _configure(settings, routes)
    # These objects live as long as the process, so exclude them from garbage collection.
    gc.freeze()
    heartbeat = Heartbeat(section.memory.array("heartbeat", section.worker))
    server = WorkerServer(
        config, routes, heartbeat, retirement, drain_seconds=settings.drain_seconds
    )
    # uvicorn logs why it cannot start, and raises a signal again after its shutdown.
    signal.signal(signal.SIGTERM, _exit)
    try:
        with contextlib.suppress(KeyboardInterrupt, SystemExit):
            server.run(sockets=[listening])
    except RuntimeError as error:
        if not server.should_exit:
            raise
        # All requests are answered. To join its threads, the loop needs another thread.
        logger.warning("the event loop could not shut down cleanly: %s", error)
    forks.close()
    if retirement.is_asked:
        return REPLACE_STATUS
    return 0 if server.started else 1


def _exit(*_: object) -> None:
    raise SystemExit


def _configure(settings: Settings, routes: FastRoutes) -> uvicorn.Config:
    context = ConnectionContext(routes, _connection_limits(settings), fast_path=settings.direct)
    # uvicorn calls it like the class, see tests/unit/inference/web/transport/test_uvicorn.py.
    new_connection: Any = partial(HttpConnection, context=context)
    return uvicorn.Config(
        routes,
        http=new_connection,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=settings.keep_alive_seconds + KEEP_ALIVE_GRACE_SECONDS,
        timeout_graceful_shutdown=math.ceil(settings.shutdown_seconds),
    )


def _connection_limits(settings: Settings) -> ConnectionLimits:
    """Return the limits, and raise the limit on open files for as many connections."""
    connections = _make_room(settings.max_connections)
    per_address = settings.max_connections_per_address
    return ConnectionLimits(
        max_header_bytes=settings.max_header_bytes,
        max_header_lines=settings.max_header_lines,
        head_seconds=settings.head_seconds,
        body_seconds=settings.body_seconds,
        max_connections=connections,
        max_connections_per_address=(
            math.ceil(connections * _ADDRESS_SHARE) if per_address is None else per_address
        ),
        linger_seconds=settings.linger_seconds,
        linger_bytes=settings.linger_bytes,
        keep_alive_seconds=settings.keep_alive_seconds,
        max_connection_seconds=settings.max_connection_seconds,
    )


def _make_room(connections: int) -> int:
    """Raise the limit on open files; return the number of connections that fit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    wanted = connections + _OTHER_FILES
    if soft != unlimited and soft < wanted:
        soft = wanted if hard == unlimited else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == unlimited or soft >= wanted:
        return connections
    most = max(1, soft - min(_OTHER_FILES, soft // 2))
    logger.warning(
        "only %d connections at a time instead of %d (INFERENCE_MAX_CONNECTIONS): a process may "
        "open %d files; raise this hard limit (ulimit -n) to %d",
        most,
        connections,
        soft,
        wanted,
        extra=fields("connections-limited", connections=most, files=soft),
    )
    return most
