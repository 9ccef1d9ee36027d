"""The guard in front of the routes that are not hot: ids, keys, bodies, the log of requests.

The order is that of the hot routes: the key, then the body, then the rate, and then the route.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from inference.access.authorizer import log_denied
from inference.access.scopes import need_of
from inference.errors import ClientError, EncodingError, RookeryError
from inference.logs import KEY_ID, REQUEST_ID
from inference.web.access_log import log_request
from inference.web.errors import oip, problem
from inference.web.message.body import ClientGoneError, read_body
from inference.web.message.compression import content_coding
from inference.web.message.request_id import request_id

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from inference.access.authorizer import Gate
    from inference.web.message.headers import Headers


_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})
_DENIALS = frozenset({401, 403, 429})
_NO_SNIFF = (b"x-content-type-options", b"nosniff")


class Guard:
    """Asks the gate before each request, and gives each answer its request's id.

    Args:
        app: What answers.
        gate: ``None`` lets everybody in.
        max_body_bytes: The largest body of a request to these routes.
        log_requests: Whether every request is logged.
    """

    def __init__(
        self, app: ASGIApp, gate: Gate | None, *, max_body_bytes: int, log_requests: bool
    ) -> None:
        self._app = app
        self._gate = gate
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
            received = await self._let_in(scope, receive)
        except ClientGoneError:
            return
        except RookeryError as error:
            form = oip if oip.is_protocol_path(path) else problem
            await form.respond(error)(scope, receive, send_with_id)
            return
        await self._app(scope, received, send_with_id)

    async def _let_in(self, scope: Scope, receive: Receive) -> Receive:
        """Ask the gate, and read the body in between; gives what the routes receive.

        Raises:
            ClientError: The request is not let in.
            ClientGoneError: The client is gone.
        """
        headers, method, path = scope["headers"], scope["method"], scope["path"]
        need = need_of(method, path.rstrip("/") or "/")
        caller = None
        try:
            if self._gate is not None:
                caller = self._gate.identify(headers, need)
            if method not in _WITHOUT_BODY:
                if content_coding(headers) is not None:
                    raise EncodingError("this route takes no compressed body: send it as it is")
                receive = await self._receive_whole(headers, receive)
            if self._gate is not None:
                self._gate.charge(caller, need)
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
