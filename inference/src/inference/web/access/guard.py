"""The guard in front of the routes that are not hot: request ids, keys, the log of requests."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from inference.errors import ClientError
from inference.log import KEY_ID, REQUEST_ID, fields
from inference.web import problem
from inference.web.access.gate import log_denied
from inference.web.access.need import need_of
from inference.web.exchange import request_id
from inference.web.oip import error as oip

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from inference.web.access.gate import Gate

logger = logging.getLogger("inference.request")

_NO_SNIFF = (b"x-content-type-options", b"nosniff")


class Guard:
    """Asks the gate before each request, and gives each answer its request's id.

    Args:
        app: What answers.
        gate: ``None`` lets everybody in.
        log_requests: Whether every request is logged.
    """

    def __init__(self, app: ASGIApp, gate: Gate | None, *, log_requests: bool) -> None:
        self._app = app
        self._gate = gate
        self._log_requests = log_requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's event stream."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = scope["headers"]
        identity = request_id(headers)
        REQUEST_ID.set(identity)
        KEY_ID.set(None)
        begin = time.perf_counter()
        method, path = scope["method"], scope["path"]

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-request-id", identity), _NO_SNIFF]
                if self._log_requests:
                    log_request(method, path, message["status"], time.perf_counter() - begin)
            await send(message)

        if self._gate is not None:
            try:
                self._gate.admit(headers, need_of(method, path.rstrip("/") or "/"))
            except ClientError as error:
                log_denied(f"{method} {path}", error)
                form = oip if oip.is_protocol_path(path) else problem
                await form.respond(error)(scope, receive, send_with_id)
                return
        await self._app(scope, receive, send_with_id)


def log_request(method: str, path: str, status: int, seconds: float) -> None:
    """Log one request that was answered."""
    ms = round(seconds * 1e3, 3)
    logger.info(
        "%s %s: %d in %g ms",
        method,
        path,
        status,
        ms,
        extra=fields("request", method=method, path=path, status=status, ms=ms),
    )
