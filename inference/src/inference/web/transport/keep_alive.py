"""Connections between two requests: what clients learn about them, and how they end.

A client that sends while the server closes loses its request, so the server tells how long it
waits, waits longer, and looks once more before it closes.
"""

from __future__ import annotations

import random
import select
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

    from starlette.types import Message, Send

    from inference.web.message.headers import Headers

# How much longer the service waits than it says: an answer is on its way, and so is a request.
KEEP_ALIVE_GRACE_SECONDS = 2
# Connections that were opened together do not end together. gRPC's own share is the same.
_JITTER = 0.1


def kept_headers(seconds: int) -> Headers:
    """Give the headers of an answer after which the connection stays open.

    Node's and Apache's clients follow ``Keep-Alive`` without asking for it; HTTP/1.0 clients need
    ``Connection``.
    """
    return [(b"connection", b"keep-alive"), (b"keep-alive", b"timeout=%d" % seconds)]


def spell_end(headers: Headers) -> bytes:
    """Spell headers as the last ones of a head."""
    return b"".join(b"%s: %s\r\n" % pair for pair in headers) + b"\r\n"


def announce(cycle: Any, headers: Headers) -> None:
    """Add headers to the answer of uvicorn's cycle, if the connection stays open behind it."""
    send: Send = cycle.send

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            del cycle.send  # or else each would keep the other in memory
            own = message.get("headers", [])
            if cycle.keep_alive and not any(name.lower() == b"connection" for name, _ in own):
                message = {**message, "headers": [*own, *headers]}
        await send(message)

    cycle.send = send_with_headers


def has_arrived(transport: asyncio.Transport) -> bool:
    """Tell whether the kernel holds bytes, or the end, that the loop has not read yet."""
    peer = transport.get_extra_info("socket")
    if peer is None:
        return False
    poll = select.poll()
    poll.register(peer.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def jittered(seconds: float) -> float:
    """Vary an age by chance."""
    return seconds * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - no secret
