"""The predict routes, as pure ASGI in front of FastAPI.

FastAPI's request machinery costs more than most models do, so these routes pass it by: read the
body, find the servable, predict, respond. :mod:`inference.web.openapi` describes them in the
document.

- ``POST /predict/``
- ``POST /models/{name}/predict``
- ``POST /models/{name}/versions/{version}/predict``
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

from inference.errors import NotFoundError
from inference.web.body import ClientGoneError, read_body
from inference.web.problem import respond

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from inference.model.servable import Servable
    from inference.repository.repository import Repository
    from inference.serving.predict import Predictors

_ROUTE = re.compile(r"(?:/models/([^/]+)(?:/versions/([^/]+))?)?/predict/?")


class PredictRoutes:
    """Answers the predict routes and hands everything else on.

    Args:
        app: What answers everything else.
        repository: Where the servables are.
        predictors: What answers for them.
        max_body_bytes: The largest request body.
    """

    def __init__(
        self, app: ASGIApp, *, repository: Repository, predictors: Predictors, max_body_bytes: int
    ) -> None:
        self._app = app
        self._repository = repository
        self._predictors = predictors
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's event stream."""
        match = _ROUTE.fullmatch(scope["path"]) if scope["type"] == "http" else None
        if match is None:
            await self._app(scope, receive, send)
        elif scope["method"] != "POST":
            allowed = {"Allow": "POST"}
            await respond(HTTPException(405, "this route takes POST only", allowed))(
                scope, receive, send
            )
        else:
            await self._serve(match[1], match[2], scope, receive, send)

    async def _serve(
        self, name: str | None, version: str | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        try:
            body = await read_body(scope, receive, max_bytes=self._max_body_bytes)
            servable = self._find(name, version)
            answer = await self._predictors.of(servable).predict(servable, body)
        except ClientGoneError:
            return
        except Exception as error:  # noqa: BLE001 - every error becomes a problem document
            await respond(error)(scope, receive, send)
            return
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(answer)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    def _find(self, name: str | None, version: str | None) -> Servable:
        if name is None:
            return self._repository.selected()
        if version is not None and not version.isdecimal():
            raise NotFoundError(f"'{version}' is no version: a version is a positive integer")
        number = None if version is None else int(version)
        return self._repository.current().servable(name, number)
