"""The end of the service: what has been promised an answer gets one.

A connection that the kernel has accepted waits in the listening socket's queue; closing the socket
resets all of them. So no further ones are let in, those that wait are taken out, and then the
socket is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import select
import socket
import struct
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inference.web.fast.routes import FastRoutes

_STEP_SECONDS = 0.1
# How often in a row the queue must be found empty: handshakes that have begun are completed in this
# time on a local network. Counted, since a busy machine may let all of the time pass at once.
_QUIET_LOOKS, _MOST_LOOKS, _LOOK_SECONDS = 6, 200, 0.01

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
        config: Whose application is a :class:`inference.web.fast.routes.FastRoutes`.
        drain_seconds: How long connections are still let in after the signal, for balancers that
            have to notice that the service is not ready any more.
    """

    def __init__(self, config: uvicorn.Config, drain_seconds: float = 0) -> None:
        super().__init__(config)
        self._drain_seconds = drain_seconds

    @property
    def has_successor(self) -> bool:
        """Whether another process goes on with the sockets, and with who waits there."""
        return False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Let connections in; a predecessor on the same sockets may have ended."""
        for one in sockets or ():
            with contextlib.suppress(OSError):  # there is no filter, as a rule
                one.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Become unready, answer all who come for a while, then those who have come, then end."""
        hot: FastRoutes = self.config.loaded_app
        hot.begin_stopping()
        for connection in list(self.server_state.connections):
            closing: Any = connection
            closing.closing = True  # the next answer says so
        if not self.has_successor:
            await self._drain(sockets or ())
        await super().shutdown(sockets)

    async def _drain(self, sockets: Iterable[socket.socket]) -> None:
        until = time.monotonic() + self._drain_seconds
        while (left := until - time.monotonic()) > 0 and len(self._captured_signals) < 2:
            await self.on_tick(0)  # the date goes on
            await asyncio.sleep(min(left, _STEP_SECONDS))
        await _empty(sockets)


async def _empty(listening: Iterable[socket.socket]) -> None:
    """Let nobody else in, and wait until those who wait have been let in."""
    waiting = select.poll()
    for one in listening:
        _refuse_handshakes(one)
        waiting.register(one, select.POLLIN)
    quiet = 0
    for _ in range(_MOST_LOOKS):
        quiet = 0 if waiting.poll(0) else quiet + 1
        if quiet == _QUIET_LOOKS:
            return
        await asyncio.sleep(_LOOK_SECONDS)


def _refuse_handshakes(listening: socket.socket) -> None:
    """Have the kernel ignore who wants to connect; they try elsewhere, or again a second later."""
    if listening.family == socket.AF_UNIX:
        Path(listening.getsockname()).unlink(missing_ok=True)
        return
    program = b"".join(struct.pack("HBBI", *step) for step in _NO_SYN)
    memory = ctypes.create_string_buffer(program)
    described = struct.pack("HP", len(_NO_SYN), ctypes.addressof(memory))
    with contextlib.suppress(OSError):  # other kernels: the time in which one is lost is short
        listening.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, described)
