"""The fast routes as pure ASGI, in front of the rest of the application."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException

from inference.access.body_budget import Bodies
from inference.access.scopes import RequiredScope
from inference.errors import ClientError
from inference.runtime.threads import off_loop
from inference.web.browser_policy import BrowserPolicy
from inference.web.errors.by_path import encode_error
from inference.web.fast.head_cache import HeadCache
from inference.web.message.body import ClientGoneError, read_body
from inference.web.message.compression import MAX_RATIO, content_coding, decompress
from inference.web.message.exchange import ALLOWED_METHODS, Exchange
from inference.web.message.traced_exchange import TracedExchange

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from starlette.types import ASGIApp, Receive, Scope, Send

    from inference.access.authorizer import Authorizer, Grant
    from inference.logs import RequestLog
    from inference.serving.readiness import Readiness
    from inference.telemetry.counters import Counters
    from inference.telemetry.tracing.tracer import Tracer
    from inference.web.message.exchange import Response, Routes
    from inference.web.message.headers import Headers
    from inference.web.state_numbers import StateNumbers


_USUAL_INFLATION = 8  # how many times larger numbers in JSON become


class FastRoutes:
    """Answers the fast routes, and passes everything else on.

    Args:
        app: The application for all other routes.
        families: The fast routes.
        further: Routes with the same checks that are answered over ASGI only, with their query.
        max_body_bytes: The largest request body.
        bodies: Limits the bytes of all bodies together.
        authorizer: Checks keys and rates; ``None`` admits every request.
        browsers: The rules for requests of browsers.
        request_log: Logs every answered request; ``None`` logs none.
        readiness: Notified when the service begins to stop, unless ``None``.
        event_counts: Where refused connections are counted by status; ``None`` for nowhere.
        prefix: What a proxy may leave in front of each path, such as ``/ml``.
        max_inflation: How many times larger a body may become when it is decompressed.
        tracer: Traces requests, unless ``None``.
        states: The number of the operator's choices; ``None`` if they are not in a bucket.

    Attributes:
        max_body_bytes: The same.
        prefix: The same, as bytes.
        authorizer: The same.
        states: The same.
        browsers: The same.
        request_log: Notes every answered request: the tracer, the log, or ``None``.
        new_exchange: Makes an exchange, with the arguments of
            :class:`inference.web.message.exchange.Exchange`.
        heads: Cached heads of requests for these routes.
        is_stopping: Whether the service stops, so that connections are closed behind an answer.
    """

    def __init__(  # noqa: PLR0913 - everything that stands in front of the routes
        self,
        app: ASGIApp,
        families: Sequence[Routes],
        *,
        further: Sequence[Routes] = (),
        max_body_bytes: int,
        bodies: Bodies | None = None,
        authorizer: Authorizer | None = None,
        browsers: BrowserPolicy | None = None,
        request_log: RequestLog | None = None,
        readiness: Readiness | None = None,
        event_counts: Counters | None = None,
        prefix: str = "",
        max_inflation: int = MAX_RATIO,
        tracer: Tracer | None = None,
        states: StateNumbers | None = None,
    ) -> None:
        self._app = app
        self._families = families
        self._further = further
        self.max_body_bytes = max_body_bytes
        self.prefix = prefix.encode()
        self._decompress = partial(decompress, max_bytes=max_body_bytes, max_ratio=max_inflation)
        self._bodies = bodies or Bodies(4 * max_body_bytes)
        self.authorizer = authorizer
        self.states = states
        self.browsers = browsers or BrowserPolicy()
        self._entrance = self.browsers.guard(self._serve, self._refuse)
        self.request_log = tracer or request_log
        self.new_exchange: Callable[..., Exchange] = Exchange
        if tracer is not None:
            self.new_exchange = partial(TracedExchange, tracer)
        self.heads = HeadCache()
        self.is_stopping = False
        self._readiness = readiness
        self._event_counts = event_counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's event stream."""
        await self._entrance(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        family = self._any_family(scope["path"]) if scope["type"] == "http" else None
        if family is None or scope["method"] == "OPTIONS":
            await self._app(scope, receive, send)
            return
        exchange = self.new_exchange(scope["path"], scope["headers"], b"", method=scope["method"])
        exchange.query = scope.get("query_string", b"")
        try:
            response = await self._admit_and_answer(family, exchange, receive)
        except ClientGoneError:
            return
        await self._send(exchange, response, send)

    async def _refuse(self, error: ClientError, scope: Scope, send: Send) -> None:
        """Answer a request that the rules for browsers forbid."""
        path = scope["path"]
        exchange = Exchange(path, scope["headers"], b"", method=scope["method"])
        exchange.forget()
        exchange.log_denied(error)
        family = self._any_family(path)
        if family is not None:
            response = family.refuse(exchange, error)
        else:
            exchange.timing.finish()
            response = exchange.refuse(encode_error(error, path))
        await self._send(exchange, response, send)

    async def _send(self, exchange: Exchange, response: Response, send: Send) -> None:
        if self.request_log is not None:
            exchange.log(self.request_log, response)
        state = getattr(exchange, "state", None)
        sent = response.headers if state is None else [*response.headers, state]
        await send({"type": "http.response.start", "status": response.status, "headers": sent})
        await send({"type": "http.response.body", "body": response.body})

    def family(self, path: str) -> Routes | None:
        """Return the routes that a path belongs to."""
        for family in self._families:
            if family.takes(path):
                return family
        return None

    def _any_family(self, path: str) -> Routes | None:
        return self.family(path) or next((f for f in self._further if f.takes(path)), None)

    def begin_stopping(self) -> None:
        """Become unready. Requests are still answered."""
        self.is_stopping = True
        if self._readiness is not None:
            self._readiness.is_stopping = True

    def count_refusal(self, status: int) -> None:
        """Count a refused connection by its status."""
        if self._event_counts is not None:
            self._event_counts.values[self._event_counts.find(("refused", str(status)))] += 1.0

    def refuse_denied(
        self, family: Routes, exchange: Exchange, grant: Grant | None = None
    ) -> Response | None:
        """Return the response to a complete request that is denied; ``None`` if it is admitted.

        Args:
            family: The routes of its path.
            exchange: The request.
            grant: What the key of its head allows, if the head is known.
        """
        if self.authorizer is None:
            return None
        try:
            exchange.admit(self.authorizer, RequiredScope.PREDICT, grant)
        except ClientError as error:
            return family.refuse(exchange, error)
        return None

    def is_authorized(self, headers: Headers) -> bool:
        """Whether the body of a request to a fast route is worth receiving, by its head."""
        if any(n == b"content-length" and int(v) > self.max_body_bytes for n, v in headers):
            return False
        return self.authorizer is None or self.authorizer.is_authorized(
            headers, RequiredScope.PREDICT
        )

    async def _admit_and_answer(
        self, family: Routes, exchange: Exchange, receive: Receive
    ) -> Response:
        """Check the key, read the body, check the rate, and answer, in this order."""
        headers = exchange.headers
        with self._bodies.hold() as hold, self._bodies.hold() as inflated:
            try:
                caller = exchange.authorize(self.authorizer, RequiredScope.PREDICT)
                with exchange.receiving(self.authorizer, caller, RequiredScope.PREDICT):
                    _check_method(exchange.method)
                    if self.states is not None:
                        await self.states.wait(headers)
                        exchange.state = self.states.header()
                    coding = content_coding(headers)
                    most = self.max_body_bytes
                    body = await read_body(headers, receive, max_bytes=most, hold=hold)
                exchange.charge(self.authorizer, caller, RequiredScope.PREDICT)
                if coding is not None:
                    size = _USUAL_INFLATION * len(body)
                    body = await off_loop(size, self._decompress, body, coding, hold=inflated)
            except ClientGoneError:
                raise
            except Exception as error:  # noqa: BLE001 - the family chooses the answer
                return family.refuse(exchange, error)
            exchange.complete(body)
            now = family.answer_now(exchange)
            return now or await _unless_gone(family.answer(exchange), receive)


async def _unless_gone(answer: Coroutine[Any, Any, Response], receive: Receive) -> Response:
    """Wait for an answer while the client is connected.

    Raises:
        ClientGoneError: The client has disconnected; the answer is canceled.
    """
    answering = asyncio.current_task()
    leaving = asyncio.ensure_future(receive())  # only the disconnect is still to come

    def cancel(_: object) -> None:
        if answering is not None:
            answering.cancel()

    leaving.add_done_callback(cancel)
    try:
        return await answer
    except asyncio.CancelledError:
        if leaving.done():
            raise ClientGoneError from None
        raise
    finally:
        leaving.remove_done_callback(cancel)
        leaving.cancel()


def _check_method(method: str) -> None:
    if method != "POST":
        raise HTTPException(405, "this route takes POST only", {"Allow": ALLOWED_METHODS})
