"""Paths with and without a trailing slash mean the same, without a redirect."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

_CANONICAL_WITH_SLASH = frozenset({"/select-model", "/predict"})


class TrailingSlash:
    """Rewrites every path to the form in which its route is registered.

    Args:
        app: The application behind it.
        others: Further paths that stand for registered ones.
    """

    def __init__(self, app: ASGIApp, others: Mapping[str, str] | None = None) -> None:
        self._app = app
        self._others = others or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's event stream."""
        if scope["type"] == "http":
            path = scope["path"].rstrip("/")
            if path in _CANONICAL_WITH_SLASH or not path:
                path += "/"
            path = self._others.get(path, path)
            if path != scope["path"]:
                scope = {**scope, "path": path}
        await self._app(scope, receive, send)
