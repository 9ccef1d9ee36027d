"""Derived methods: HEAD from GET, OPTIONS and ``Allow`` from the routes of a path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Match, Mount

from inference.web.message.exchange import ALLOWED_METHODS

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import FastAPI
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ROUTED = ("GET", "POST", "PUT", "PATCH", "DELETE")


class Methods:
    """Answers HEAD and OPTIONS, and lists the allowed methods with a 405.

    Source: RFC 9110, sections 9.3.2, 9.3.7 and 10.2.1.

    Args:
        app: The application behind it.
        routes: The application that has the routes.
        is_fast: Whether a path is a fast route, which the application does not have.
    """

    def __init__(self, app: ASGIApp, routes: FastAPI, is_fast: Callable[[str], bool]) -> None:
        self._app = app
        self._routes = routes
        self._is_fast = is_fast

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's event stream."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        if method == "OPTIONS":
            allowed = self._allow(scope)
            if allowed:
                head = {"type": "http.response.start", "status": 204, "headers": [allowed]}
                await send(head)
                await send({"type": "http.response.body", "body": b""})
                return

        async def send_fitting(message: Message) -> None:
            if message["type"] == "http.response.start":
                scope["route"] = asked.get("route")  # which a trace names
            if message["type"] == "http.response.start" and message["status"] == 405:
                others = [pair for pair in message["headers"] if pair[0] != b"allow"]
                message = {**message, "headers": [*others, *filter(None, [self._allow(scope)])]}
            elif message["type"] == "http.response.body" and method == "HEAD":
                message = {**message, "body": b""}
            await send(message)

        # A copy, since the routes write into theirs. Without a body, endless answers end, too.
        asked = {**scope, "method": "GET", "without_body": True} if method == "HEAD" else {**scope}
        await self._app(asked, receive, send_fitting)

    def has_route(self, scope: Scope) -> bool:
        """Whether a route of the application takes the path and the method, except HEAD."""
        return any(
            route.matches(scope)[0] is Match.FULL
            for route in self._routes.router.routes
            if scope["method"] == "GET" or not isinstance(route, Mount)  # which has files
        )

    def _allow(self, scope: Scope) -> tuple[bytes, bytes] | None:
        """Return the ``Allow`` header of a path; ``None`` if there is no such path."""
        if scope["path"] == "*":  # the service as a whole
            return b"allow", b"GET, HEAD, POST, PUT, OPTIONS"
        if self._is_fast(scope["path"]):
            return b"allow", ALLOWED_METHODS.encode()
        taken = [method for method in _ROUTED if self.has_route({**scope, "method": method})]
        if not taken:
            return None
        if "GET" in taken:
            taken.insert(taken.index("GET") + 1, "HEAD")
        return b"allow", ", ".join([*taken, "OPTIONS"]).encode()
