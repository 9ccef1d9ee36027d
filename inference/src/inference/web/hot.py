"""The hot routes as pure ASGI, in front of everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from starlette.exceptions import HTTPException

from inference.web.body import ClientGoneError, read_body
from inference.web.exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import ASGIApp, Receive, Scope, Send

    from inference.web.exchange import Response


class Routes(Protocol):
    """A family of hot routes; all of them take POST."""

    def takes(self, path: str) -> bool:
        """Tell whether a path is one of these routes."""

    def answer_now(self, exchange: Exchange) -> Response | None:
        """Answer at once; ``None`` when the request has to wait."""

    async def answer(self, exchange: Exchange) -> Response:
        """Answer, whatever it takes; raises nothing."""

    def refuse(self, exchange: Exchange, error: Exception) -> Response:
        """Answer with an error in the family's own form."""


class HotRoutes:
    """Answers the hot routes and hands everything else on.

    Args:
        app: What answers everything else.
        families: The hot routes.
        max_body_bytes: The largest request body.

    Attributes:
        max_body_bytes: The same.
    """

    def __init__(self, app: ASGIApp, families: Sequence[Routes], *, max_body_bytes: int) -> None:
        self._app = app
        self._families = families
        self.max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's event stream."""
        family = self.family(scope["path"]) if scope["type"] == "http" else None
        if family is None:
            await self._app(scope, receive, send)
            return
        try:
            response = await self._serve(family, scope, receive)
        except ClientGoneError:
            return
        await send(
            {"type": "http.response.start", "status": response.status, "headers": response.headers}
        )
        await send({"type": "http.response.body", "body": response.body})

    def family(self, path: str) -> Routes | None:
        """Find the routes that a path belongs to."""
        for family in self._families:
            if family.takes(path):
                return family
        return None

    async def _serve(self, family: Routes, scope: Scope, receive: Receive) -> Response:
        path, headers = scope["path"], scope["headers"]
        if scope["method"] != "POST":
            return family.refuse(Exchange(path, headers, b""), wrong_method())
        try:
            body = await read_body(headers, receive, max_bytes=self.max_body_bytes)
        except ClientGoneError:
            raise
        except Exception as error:  # noqa: BLE001 - the family says how it is told
            return family.refuse(Exchange(path, headers, b""), error)
        exchange = Exchange(path, headers, body)
        return family.answer_now(exchange) or await family.answer(exchange)


def wrong_method() -> HTTPException:
    """Say that a hot route takes POST only."""
    return HTTPException(405, "this route takes POST only", {"Allow": "POST"})
