"""Traces and logs calls over gRPC: a call with one message is one request, of a stream each is."""

from __future__ import annotations

import asyncio
import contextlib
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc

from inference.access.request_context import RequestContext

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inference.logs import AnsweredRequests
    from inference.telemetry.tracing.tracer import Tracer

    Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]

CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    408: grpc.StatusCode.DEADLINE_EXCEEDED,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
_CANCELED = 499
_PROBES = frozenset({"ServerLive", "ServerReady", "Check"})  # asked every few seconds


class Outcome:
    """How a request ends.

    Args:
        request: The request.

    Attributes:
        request: The same.
        started: When it began, in seconds of :func:`time.perf_counter`.
        status: The HTTP status of its answer; 200 until it is refused.
    """

    __slots__ = ("request", "started", "status")

    def __init__(self, request: RequestContext) -> None:
        self.request = request
        self.started = perf_counter()
        self.status = 200


class CallTracing:
    """Traces and logs calls, as far as the settings ask for it.

    Args:
        tracer: Traces them; ``None`` traces none.
        request_log: Logs answered requests; ``None`` logs none.
    """

    def __init__(
        self, tracer: Tracer | None = None, request_log: AnsweredRequests | None = None
    ) -> None:
        self._tracer = tracer
        self._answered = tracer or request_log  # the tracer stands in front of the log

    @contextlib.contextmanager
    def call(self, name: str, context: Context) -> Iterator[Outcome]:
        """Trace a call until the end of the block, and log it. Yields its outcome, to be set.

        Args:
            name: The call.
            context: Its context.
        """
        request = read_request(name, context)
        outcome, tracer = Outcome(request), self._tracer
        is_probe = name in _PROBES and not any(n == b"traceparent" for n, _ in request.headers)
        if tracer is not None and not is_probe:
            header, value = tracer.begin(request.headers).response
            context.set_trailing_metadata(((header.decode(), value.decode()),))
        try:
            yield outcome
        except asyncio.CancelledError:
            outcome.status = _CANCELED  # the client has left
            raise
        finally:
            self._note(outcome)

    @contextlib.contextmanager
    def message(self, request: RequestContext) -> Iterator[Outcome]:
        """Trace the answer to a message of a stream, and log it; see :meth:`call`."""
        outcome = Outcome(request)
        if self._tracer is not None:
            self._tracer.begin(request.headers)
        yield outcome
        self._note(outcome)

    def _note(self, outcome: Outcome) -> None:
        if self._answered is not None:
            request, seconds = outcome.request, perf_counter() - outcome.started
            self._answered.add(
                request.request_id, request.method, request.path, outcome.status, seconds
            )


def read_request(name: str, context: Context) -> RequestContext:
    """Return a call as a request; its metadata are the headers."""
    metadata = [
        (key.encode(), value if isinstance(value, bytes) else value.encode())
        for key, value in context.invocation_metadata() or ()
    ]
    return RequestContext("gRPC", name, metadata)
