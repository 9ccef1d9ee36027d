"""The state of a connection, and what the parts of a connection may use of it.

:class:`inference.web.transport.connection.HttpConnection` makes its parts and passes itself to
them. They depend on this interface, so that no two modules import each other.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections import deque

    from inference.errors import RookeryError
    from inference.web.message.headers import Headers
    from inference.web.transport.connection_limits import ConnectionLimits
    from inference.web.transport.keep_alive import IdleTimer


class ReceiveState(Enum):
    """What a connection receives: a cycle of the first three, and an end.

    Attributes:
        IDLE: Between two messages. Blank lines may arrive.
        HEAD: A message has begun; its headers are incomplete.
        BODY: The headers are complete, the body is not.
        REFUSED: Nothing further is parsed. The connection closes after the last answer.
    """

    IDLE = "idle"
    HEAD = "head"
    BODY = "body"
    REFUSED = "refused"


class Connection(Protocol):
    """An HTTP connection, as its parts use it.

    Attributes:
        state: What is being received.
        limits: The limits on this connection.
        closing: Whether the connection closes after the next answer.
        cycle: The newest request that has an answer or waits for one; ``None`` at first.
        running: The request whose answer is under way, or the last one.
    """

    state: ReceiveState
    limits: ConnectionLimits
    closing: bool
    loop: asyncio.AbstractEventLoop
    tasks: set[asyncio.Task[None]]
    transport: Any
    flow: Any
    parser: Any
    server_state: Any
    cycle: Any
    running: Any
    pipeline: deque[Any]
    url: bytes
    headers: Headers
    expect_100_continue: bool
    idle_timer: IdleTimer

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is being received and nothing waits to be parsed."""

    @property
    def is_held_back(self) -> bool:
        """Whether received bytes wait for their turn, or nothing further is parsed."""

    @property
    def is_answering(self) -> bool:
        """Whether an answer is under way or waits for others."""

    def refuse(self, error: RookeryError) -> None:
        """Answer with an error and close the connection."""

    def cache_head(self, packet: bytes) -> None:
        """Cache the head of a packet that was one whole message."""

    def start_application(self) -> None:
        """Start the ASGI application for the request whose head is complete."""

    def pass_body(self, body: bytes) -> None:
        """Pass a piece of the body to the ASGI application."""

    def on_response_complete(self) -> None:
        """Go on with the next request."""
