"""Liveness and readiness, answered before FastAPI's routes are built.

An orchestrator sends requests as soon as the service is ready, so these answers may not wait for
routes that predicting does not need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from inference.errors import NotReadyError
from inference.web.errors.mlflow import encode

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from inference.repository.repository import Repository
    from inference.serving.readiness import Readiness
    from inference.web.deferred import DeferredApplication

LIVENESS, READINESS = "/healthz", "/readyz"
PING, HEALTH = "/ping", "/health"  # of SageMaker and MLflow
_ALL = frozenset({LIVENESS, READINESS, PING, HEALTH})
_JSON = (b"content-type", b"application/json")


class Probes:
    """Answers GET of these paths, and passes everything else on.

    Args:
        app: The application behind it, which describes the routes.
        repository: Has the models that are counted.
        readiness: Whether traffic may be sent here.
    """

    def __init__(
        self, app: DeferredApplication, repository: Repository, readiness: Readiness
    ) -> None:
        self._app = app
        self._repository = repository
        self._readiness = readiness
        self.has_route = app.has_route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's event stream."""
        is_probe = scope["type"] == "http" and scope["path"] in _ALL
        if not is_probe or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        answer = self._ping if scope["path"] in (PING, HEALTH) else self._describe
        status, body, headers = answer(scope["path"])
        headers = [(b"content-length", b"%d" % len(body)), *headers]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        sent = b"" if scope["method"] == "HEAD" else body
        await send({"type": "http.response.body", "body": sent})

    def _describe(self, path: str) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
        state = "alive" if path == LIVENESS else self._readiness.state
        models = len(self._repository.current().ready_names)
        body = msgspec.json.encode({"status": state, "models": models})
        return 200 if state in ("alive", "ready") else 503, body, [_JSON]

    def _ping(self, _: str) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
        """Answer with an empty body, as SageMaker demands, or with the reason as MLflow has it."""
        if self._readiness.state == "ready":
            return 200, b"", []
        error = encode(NotReadyError(self._readiness.reason))
        return error.status, error.body, [_JSON, *error.headers]
