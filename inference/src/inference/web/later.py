"""An answer that is still to come, on a connection whose requests uvicorn counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from inference.web.exchange import Headers


class Later:
    """What uvicorn takes for one of its own request-response cycles.

    It queues what is asked meanwhile behind it, and tells it when the client leaves or when the
    connection is to be closed.

    Args:
        headers: The request's.
        keep_alive: Whether the connection stays open after the answer.

    Attributes:
        task: Answers; cancelled when the client leaves.
        keep_alive: The same.
        response_started: Whether bytes of the answer may be on their way.
        response_complete: Whether the answer was given, or given up.
        disconnected: Whether the client has left.
        scope: As much of an ASGI scope as uvicorn's subclasses look at.
        message_event: What is set when there is news: this.
    """

    task: asyncio.Task[None]

    def __init__(self, headers: Headers, *, keep_alive: bool) -> None:
        self.keep_alive = keep_alive
        self.response_started = self.response_complete = self.disconnected = False
        self.scope = {"headers": headers}
        self.message_event = self

    def set(self) -> None:
        """Look at the news."""
        if self.disconnected:
            self.task.cancel()
