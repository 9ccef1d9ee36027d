"""Liveness and readiness, answered before FastAPI's routes are built.

An orchestrator sends requests as soon as the service is ready, so these answers may not wait for
routes that predicting does not need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from inference.repository.repository import Repository
    from inference.serving.readiness import Readiness
    from inference.web.deferred import DeferredApplication

LIVENESS, READINESS = "/healthz", "/readyz"


class Probes:
    """Answers GET of the two paths, and passes everything else on.

    Args:
        app: The application behind it, which describes both routes.
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
        is_probe = scope["type"] == "http" and scope["path"] in (LIVENESS, READINESS)
        if not is_probe or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        state = "alive" if scope["path"] == LIVENESS else self._readiness.state
        models = len(self._repository.current().ready_names)
        body = msgspec.json.encode({"status": state, "models": models})
        headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]
        status = 200 if state in ("alive", "ready") else 503
        await send({"type": "http.response.start", "status": status, "headers": headers})
        sent = b"" if scope["method"] == "HEAD" else body
        await send({"type": "http.response.body", "body": sent})
