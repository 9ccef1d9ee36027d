"""Middleware in front of all routes except the fast ones: id, key, body, rate, access log.

The order is that of the fast routes: key, body, rate, route.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from inference.access.authorizer import log_denied
from inference.access.scopes import required_scope
from inference.errors import ClientError, EncodingError, RookeryError
from inference.logs import KEY_ID, REQUEST_ID
from inference.web.access_log import log_request
from inference.web.errors.by_path import encode_error
from inference.web.message.body import ClientGoneError, read_body
from inference.web.message.compression import content_coding
from inference.web.message.request_id import request_id

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from inference.access.authorizer import Authorizer
    from inference.web.message.headers import Headers


_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})
_DENIALS = frozenset({401, 403, 429})
_NO_SNIFF = (b"x-content-type-options", b"nosniff")


class RequestMiddleware:
    """Authorizes each request, limits its body, and adds its id to the response.

    Args:
        app: The application behind it.
        authorizer: ``None`` disables authentication.
        max_body_bytes: The largest body that these routes accept.
        log_requests: Whether to write an access log.
    """

    def __init__(
        self,
        app: ASGIApp,
        authorizer: Authorizer | None,
        *,
        max_body_bytes: int,
        log_requests: bool,
    ) -> None:
        self._app = app
        self._authorizer = authorizer
        self._max_body_bytes = max_body_bytes
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

        try:
            received = await self._admit(scope, receive)
        except ClientGoneError:
            return
        except RookeryError as error:
            response = encode_error(error, path).to_starlette()
            await response(scope, receive, send_with_id)
            return
        await self._app(scope, received, send_with_id)

    async def _admit(self, scope: Scope, receive: Receive) -> Receive:
        """Authorize the request and read its body. Return the ``receive`` for the routes.

        Raises:
            ClientError: The request is denied, or its body is too large or compressed.
            ClientGoneError: The client is gone.
        """
        headers, method, path = scope["headers"], scope["method"], scope["path"]
        required = required_scope(method, path.rstrip("/") or "/")
        caller = None
        try:
            if self._authorizer is not None:
                caller = self._authorizer.authorize(headers, required)
            if method not in _WITHOUT_BODY:
                if content_coding(headers) is not None:
                    raise EncodingError("this route takes no compressed body: send it as it is")
                receive = await self._receive_whole(headers, receive)
            if self._authorizer is not None:
                self._authorizer.charge(caller, required)
        except ClientError as error:
            if error.status in _DENIALS:
                log_denied(f"{method} {path}", error)
            raise
        return receive

    async def _receive_whole(self, headers: Headers, receive: Receive) -> Receive:
        limit = self._max_body_bytes
        body = await read_body(
            headers, receive, max_bytes=limit, setting="INFERENCE_MAX_CONTROL_BYTES"
        )
        messages = [{"type": "http.request", "body": bytes(body), "more_body": False}]

        async def received() -> Message:
            return messages.pop() if messages else await receive()

        return received
