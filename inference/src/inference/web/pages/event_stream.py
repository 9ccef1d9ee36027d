"""Server-sent events: tell open pages that something has changed, and the figures of the traffic.

A stream looks at the models twice a second instead of being called: that is cheap, sees what other
workers have changed, and leaves nothing behind when a client disappears.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import msgspec

from inference.errors import OverloadedError, RookeryError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.types import Receive, Scope, Send

    from inference.serving.readiness import Readiness
    from inference.telemetry.traffic import RecentTraffic

TICK_SECONDS = 0.5
HEARTBEAT_SECONDS = 15.0


class EventStreams:
    """The open streams of this process.

    Args:
        traffic: The figures.
        readiness: Says when the service stops; all streams end then.
        most: How many streams may be open.
        decisions: Returns how the last rollout of each model has ended, by model.
    """

    def __init__(
        self,
        traffic: RecentTraffic,
        readiness: Readiness,
        most: int,
        decisions: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        self._traffic = traffic
        self._readiness = readiness
        self._most = most
        self._decisions = decisions
        self.open = 0

    def check_room(self) -> None:
        """Check whether another stream may be opened.

        Raises:
            OverloadedError: There are too many, or the service stops.
        """
        if self._readiness.is_stopping or self.open >= self._most:
            raise OverloadedError("too many pages are open, or the service is stopping: try again")

    def stream(self, tag: Callable[[], Awaitable[str]]) -> EventStream:
        """Return a stream.

        Args:
            tag: Returns the ETag of the page that the client shows.

        Raises:
            OverloadedError: There are too many, or the service stops.
        """
        self.check_room()
        return EventStream(self, tag)

    @property
    def are_over(self) -> bool:
        """Whether the service stops."""
        return self._readiness.is_stopping

    async def pump(self, tag: Callable[[], Awaitable[str]], send: Send) -> None:
        """Send events, without end."""
        shown, figures, quiet = "", b"", 0.0
        known = dict(self._decisions())
        while True:
            events = b""
            now = await tag()
            if now != shown:
                shown = now
                events += _event(b"page", now.encode())
            if self._traffic.encoded is not figures:
                figures = self._traffic.encoded
                events += _event(b"traffic", figures)
            decided = self._decisions()
            for model, decision in decided.items():
                if known.get(model) != decision:
                    what = {"model": model} | msgspec.to_builtins(decision)
                    events += _event(b"rollout", msgspec.json.encode(what))
            known = dict(decided)
            if not events and quiet >= HEARTBEAT_SECONDS:
                events = b": alive\n\n"
            if events:
                quiet = 0.0
                await send({"type": "http.response.body", "body": events, "more_body": True})
            await asyncio.sleep(TICK_SECONDS)
            quiet += TICK_SECONDS


class EventStream:
    """A response that ends with the client, or with the service."""

    def __init__(self, streams: EventStreams, tag: Callable[[], Awaitable[str]]) -> None:
        self._streams = streams
        self._tag = tag

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events."""
        headers = [
            (b"content-type", b"text/event-stream"),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),  # nginx passes each event on at once
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if not scope.get("without_body"):
            await self._run(receive, send)
        await send({"type": "http.response.body", "body": b""})

    async def _run(self, receive: Receive, send: Send) -> None:
        self._streams.open += 1
        pumping = asyncio.ensure_future(self._streams.pump(self._tag, send))
        leaving = asyncio.ensure_future(_disconnected(receive))
        try:
            done: set[asyncio.Future[None]] = set()
            while not (done or self._streams.are_over):  # also if the client reads nothing
                done, _ = await asyncio.wait(
                    {pumping, leaving},
                    timeout=TICK_SECONDS,
                    return_when=asyncio.FIRST_COMPLETED,
                )
        finally:
            self._streams.open -= 1
            for task in (pumping, leaving):
                task.cancel()
            # A model that is removed ends the stream: the page then asks again.
            with contextlib.suppress(asyncio.CancelledError, OSError, RookeryError):
                await pumping


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _event(name: bytes, data: bytes) -> bytes:
    return b"event: " + name + b"\ndata: " + data + b"\n\n"
