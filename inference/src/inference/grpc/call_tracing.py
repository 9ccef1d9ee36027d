"""Traces calls over gRPC: a call with one message is one trace, of a stream each message is."""

from __future__ import annotations

import contextlib
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc

from inference.access.request_context import RequestContext

if TYPE_CHECKING:
    from collections.abc import Iterator

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
_STATUSES = {code: status for status, code in CODES.items()} | {grpc.StatusCode.OK: 200}
_CANCELED, _FAILED = 499, 500
_PROBES = frozenset({"ServerLive", "ServerReady", "Check"})  # asked every few seconds


class CallTracing:
    """Traces calls, if there is a tracer.

    Args:
        tracer: Traces them; ``None`` traces none.
    """

    def __init__(self, tracer: Tracer | None) -> None:
        self._tracer = tracer

    @contextlib.contextmanager
    def call(self, name: str, context: Context) -> Iterator[RequestContext]:
        """Trace a call until the end of the block. Yields its request.

        Args:
            name: The call.
            context: Its context, which tells how it has ended.
        """
        request = read_request(name, context)
        tracer = self._tracer
        is_probe = name in _PROBES and not any(n == b"traceparent" for n, _ in request.headers)
        if tracer is None or is_probe:
            yield request
            return
        trace = tracer.begin(request.headers)
        header, value = trace.response
        context.set_trailing_metadata(((header.decode(), value.decode()),))
        status = 200
        try:
            yield request
        except BaseException:
            # Without a code, the client has left.
            status = _STATUSES.get(context.code(), _FAILED) if context.code() else _CANCELED
            raise
        finally:
            tracer.end(trace, request.request_id, request.method, request.path, status)

    @contextlib.contextmanager
    def message(self, request: RequestContext) -> Iterator[None]:
        """Trace the answer to a message of a stream until the end of the block."""
        if self._tracer is None:
            yield
            return
        trace = self._tracer.begin(request.headers)
        trace.started = perf_counter()
        yield
        status = trace.status or 200
        self._tracer.end(trace, request.request_id, request.method, request.path, status)


def read_request(name: str, context: Context) -> RequestContext:
    """Return a call as a request; its metadata are the headers."""
    metadata = [
        (key.encode(), value if isinstance(value, bytes) else value.encode())
        for key, value in context.invocation_metadata() or ()
    ]
    return RequestContext("gRPC", name, metadata)
