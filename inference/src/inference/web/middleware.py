"""Middleware in front of all routes except the fast ones: id, key, body, rate, access log.

The order is that of the fast routes: key, method, body, rate, route.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from inference.access.request_context import RequestContext
from inference.access.scopes import RequiredScope, required_scope
from inference.errors import EncodingError, RookeryError
from inference.web.errors.by_path import encode_error
from inference.web.message.body import ClientGoneError, read_body
from inference.web.message.compression import content_coding
from inference.web.probes import LIVENESS, READINESS

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response
    from starlette.types import Message, Receive, Scope, Send

    from inference.access.authorizer import Authorizer
    from inference.logs import AnsweredRequests
    from inference.telemetry.tracing.request_trace import RequestTrace
    from inference.telemetry.tracing.tracer import Tracer
    from inference.web.message.headers import Headers
    from inference.web.probes import Probes
    from inference.web.state_numbers import StateNumbers


_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})
_NO_SNIFF = (b"x-content-type-options", b"nosniff")
# Asked every few seconds, these would fill a collector.
_PROBES = frozenset({LIVENESS, READINESS, "/metrics"})


class RequestMiddleware:
    """Authorizes each request, limits its body, and adds its id to the response.

    Args:
        app: The application behind it.
        authorizer: ``None`` disables authentication.
        max_body_bytes: The largest body that these routes accept.
        request_log: Logs every answered request; ``None`` logs none.
        tracer: Traces requests, unless ``None``; stands in front of the log.
        states: The number of the operator's choices; ``None`` if they are not in a bucket.
        explain: Returns the page for a denied request of a browser; ``None`` for other clients.
    """

    def __init__(  # noqa: PLR0913 - everything that stands in front of the routes
        self,
        app: Probes,
        authorizer: Authorizer | None,
        *,
        max_body_bytes: int,
        request_log: AnsweredRequests | None,
        tracer: Tracer | None = None,
        states: StateNumbers | None = None,
        explain: Callable[[Scope, RookeryError], Response | None] = lambda *_: None,
    ) -> None:
        self._app = app
        self._authorizer = authorizer
        self._max_body_bytes = max_body_bytes
        self._request_log = tracer or request_log
        self._tracer = tracer
        self._states = states
        self._explain = explain

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's event stream."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        context = RequestContext(scope["method"], scope["path"], scope["headers"])
        scope["keyed"] = self._authorizer is not None
        trace = None if self._tracer is None else self._begin_trace(self._tracer, context)
        begin = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                identity = (b"x-request-id", context.request_id)
                message["headers"] = [*message["headers"], identity, _NO_SNIFF]
                if self._states is not None:
                    message["headers"] += self._state_of(context, self._states)
                if trace is not None:
                    message["headers"].append(trace.response)
                    trace.template = getattr(scope.get("route"), "path", None)
                if self._request_log is not None:
                    seconds = time.perf_counter() - begin
                    self._request_log.add(
                        context.request_id, context.method, context.path, message["status"], seconds
                    )
            await send(message)

        try:
            received = await self._admit(context, scope, receive)
            await self._app(scope, received, send_with_id)
        except ClientGoneError:
            return
        except RookeryError as error:
            page = self._explain(scope, error)
            response = page or encode_error(error, context.path).to_starlette()
            await response(scope, receive, send_with_id)

    @staticmethod
    def _begin_trace(tracer: Tracer, context: RequestContext) -> RequestTrace | None:
        """Begin a trace, except of a probe that no caller traces."""
        if context.path not in _PROBES or any(n == b"traceparent" for n, _ in context.headers):
            return tracer.begin(context.headers)
        return None

    async def _admit(self, context: RequestContext, scope: Scope, receive: Receive) -> Receive:
        """Authorize the request and read its body. Return the ``receive`` for the routes.

        Raises:
            ClientError: The request is denied, or its body is too large or compressed.
            ClientGoneError: The client is gone.
        """
        method, headers = context.method, context.headers
        required = required_scope(method, context.path.rstrip("/") or "/")
        caller = context.authorize(self._authorizer, required)
        with context.receiving(self._authorizer, caller, required):
            if self._states is not None and required is not RequiredScope.NONE:
                await self._states.wait(headers)
                context.state = self._states.header()
            if method not in _WITHOUT_BODY:
                # Without a route, the answer is 404 or 405, whatever the coding.
                if await self._app.has_route(scope) and content_coding(headers) is not None:
                    raise EncodingError(
                        "this route accepts no compressed body: send it uncompressed"
                    )
                receive = await self._receive_whole(headers, receive)
        context.charge(self._authorizer, caller, required)
        return receive

    @staticmethod
    def _state_of(context: RequestContext, states: StateNumbers) -> Headers:
        """Return the header with the number of the state that an answer was made with."""
        state = getattr(context, "state", None)
        if state is None:
            return []
        required = required_scope(context.method, context.path.rstrip("/") or "/")
        # A change is part of a later state than that before it. Anything else may have been made
        # from an earlier one than the present.
        return [states.header() if required is RequiredScope.ADMIN else state]

    async def _receive_whole(self, headers: Headers, receive: Receive) -> Receive:
        limit = self._max_body_bytes
        body = await read_body(
            headers, receive, max_bytes=limit, setting="INFERENCE_MAX_CONTROL_BYTES"
        )
        messages = [{"type": "http.request", "body": bytes(body), "more_body": False}]

        async def received() -> Message:
            return messages.pop() if messages else await receive()

        return received
