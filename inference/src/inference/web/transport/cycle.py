"""A request and its answer, as uvicorn keeps one for each connection."""

from __future__ import annotations

from typing import Any, Self


class Cycle:
    """What uvicorn takes for one of its own request-response cycles.

    It queues what is asked meanwhile behind it, and tells it when the client leaves or when the
    connection is to be closed.

    Args:
        scope: What ASGI says of the request, or as much of it as uvicorn's subclasses look at.
        keep_alive: Whether the connection stays open after the answer.

    Attributes:
        scope: The same.
        keep_alive: The same.
        response_started: Whether bytes of the answer may be on their way.
        response_complete: Whether the answer was given, or given up.
        disconnected: Whether the client has left.
    """

    __slots__ = ("disconnected", "keep_alive", "response_complete", "response_started", "scope")

    def __init__(self, scope: Any, *, keep_alive: bool) -> None:
        self.scope = scope
        self.keep_alive = keep_alive
        self.response_started = self.response_complete = self.disconnected = False

    @property
    def message_event(self) -> Self:
        """What is set when there is news."""
        return self

    def set(self) -> None:
        """Look at the news."""
        raise NotImplementedError  # each derived class has its own
