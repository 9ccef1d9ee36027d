"""A server that loses no connection when it stops.

Connections that the kernel has accepted wait in the queue of the listening socket, and closing the
socket resets them. So the server first refuses new ones, then accepts those that wait, and then
closes the socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import select
import socket
import struct
import time
from typing import TYPE_CHECKING, Any

import uvicorn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inference.web.fast.routes import FastRoutes

_STEP_SECONDS = 0.1
# How often in a row the queue must be empty: on a local network, handshakes that have begun are
# complete after this time. Counted, since on a busy machine all of the time may pass at once.
_EMPTY_CHECKS, _MAX_CHECKS, _CHECK_SECONDS = 6, 200, 0.01

_SO_ATTACH_FILTER, _SO_DETACH_FILTER = 26, 27
# Drops segments with SYN, the 14th byte's second bit, and lets all others pass. Source: Linux,
# Documentation/networking/filter.rst, and RFC 9293, section 3.1.
_NO_SYN = (
    (0x30, 0, 0, 13),  # load the byte with the flags
    (0x45, 0, 1, 0x02),  # test for SYN
    (0x06, 0, 0, 0),  # drop
    (0x06, 0, 0, 0xFFFFFFFF),  # pass
)


class DrainingServer(uvicorn.Server):
    """uvicorn's server, with an end that loses no connection.

    Args:
        config: The configuration; connections are
            :class:`inference.web.transport.connection.HttpConnection`.
        routes: The application.
        drain_seconds: How long connections are accepted after the signal, so that load balancers
            have time to notice that the service is not ready.
    """

    def __init__(
        self, config: uvicorn.Config, routes: FastRoutes, *, drain_seconds: float = 0
    ) -> None:
        super().__init__(config)
        self._routes = routes
        self._drain_seconds = drain_seconds

    @property
    def has_successor(self) -> bool:
        """Whether another process takes over the sockets, and the connections that wait there."""
        return False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections, also if a predecessor on the same sockets has refused new ones."""
        for listening in sockets or ():
            with contextlib.suppress(OSError):  # usually there is no filter
                listening.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Become unready, answer new connections for a while, then those that wait, then stop."""
        self._routes.begin_stopping()
        for connection in list(self.server_state.connections):
            closing: Any = connection
            closing.closing = True  # the next answer says so
        if not self.has_successor:
            await self._drain(sockets or ())
        await super().shutdown(sockets)

    async def _drain(self, sockets: Iterable[socket.socket]) -> None:
        until = time.monotonic() + self._drain_seconds
        while (left := until - time.monotonic()) > 0 and len(self._captured_signals) < 2:
            await self.on_tick(0)  # updates the Date header
            await asyncio.sleep(min(left, _STEP_SECONDS))
        await _empty(sockets)


async def _empty(sockets: Iterable[socket.socket]) -> None:
    """Refuse new connections, and wait until those in the queues have been accepted."""
    waiting = select.poll()
    for listening in sockets:
        _refuse_handshakes(listening)
        waiting.register(listening, select.POLLIN)
    quiet = 0
    for _ in range(_MAX_CHECKS):
        quiet = 0 if waiting.poll(0) else quiet + 1
        if quiet == _EMPTY_CHECKS:
            return
        await asyncio.sleep(_CHECK_SECONDS)


def _refuse_handshakes(listening: socket.socket) -> None:
    """Let the kernel ignore handshakes; clients try elsewhere, or again a second later."""
    if listening.family == socket.AF_UNIX:
        return  # the supervisor removes its path
    program = b"".join(struct.pack("HBBI", *step) for step in _NO_SYN)
    memory = ctypes.create_string_buffer(program)
    described = struct.pack("HP", len(_NO_SYN), ctypes.addressof(memory))
    with contextlib.suppress(OSError):  # other kernels lose a connection at most in a short time
        listening.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, described)
