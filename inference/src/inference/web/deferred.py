"""An ASGI application that is built in a thread after the start, so that predicting begins sooner.

FastAPI, pydantic's models of the documents, and the routes made of them take half of the time from
the start of the process to its first answer, and no predict request needs them.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from typing import TYPE_CHECKING, Protocol

from inference.runtime.threads import NoThreadError, ThreadPool

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Receive, Scope, Send

logger = logging.getLogger(__name__)

# Building takes turns with the event loop, so the first answers come before.
_PAUSE_SECONDS = 0.05


class Application(Protocol):
    """An application that knows its routes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's event stream."""

    def has_route(self, scope: Scope) -> bool:
        """Whether a route of the application takes the path and the method, except HEAD."""


class DeferredApplication:
    """Serves with an application once it is built. Requests wait until then.

    Args:
        build: Builds the application; called in a thread.
        running: What runs while the service does; entered at startup, before any request.
        due: Returns when building is due; a request that needs the application does not wait for
            it.
    """

    def __init__(
        self,
        build: Callable[[], Application],
        running: Callable[[], contextlib.AbstractAsyncContextManager[None]],
        due: Callable[[], Awaitable[object]],
    ) -> None:
        self._build = build
        self._running = running
        self._due = due
        self._threads = ThreadPool(1, thread_name_prefix="routes")
        self._application: asyncio.Future[Application] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's event stream."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await (await self._get())(scope, receive, send)

    async def has_route(self, scope: Scope) -> bool:
        """Whether a route of the application takes the path and the method, except HEAD."""
        return (await self._get()).has_route(scope)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Answer the events of the lifespan.

        Source: https://asgi.readthedocs.io/en/latest/specs/lifespan.html
        """
        await receive()
        async with self._running():
            waiting = asyncio.create_task(self._begin_when_due())
            await send({"type": "lifespan.startup.complete"})
            await receive()
            waiting.cancel()
            if self._application is not None:
                # The thread must not use what is closed now.
                await asyncio.wait([self._application])
        await send({"type": "lifespan.shutdown.complete"})

    async def _begin_when_due(self) -> None:
        await self._due()
        await asyncio.sleep(_PAUSE_SECONDS)
        with contextlib.suppress(NoThreadError):  # the first request tries again
            self._begin()

    async def _get(self) -> Application:
        # Shielded: a client that leaves must not cancel what others wait for.
        return await asyncio.shield(self._begin())

    def _begin(self) -> asyncio.Future[Application]:
        if self._application is None:
            loop = asyncio.get_running_loop()
            self._application = loop.run_in_executor(self._threads, self._build)
            self._application.add_done_callback(self._end)
        return self._application

    def _end(self, application: asyncio.Future[Application]) -> None:
        # Like everything else that lives as long as the process, see inference.process.worker.
        gc.freeze()
        try:
            application.result()
        except (Exception, asyncio.CancelledError):
            self._application = None  # the next request tries again
            logger.exception("the routes of FastAPI cannot be built")
