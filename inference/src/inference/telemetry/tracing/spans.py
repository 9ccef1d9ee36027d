"""OpenTelemetry's spans of a request, with the names of its semantic conventions.

The SDK's tracers cost the event loop more than a small model, so spans are not begun and ended
there. They are made in bulk, in the thread that sends them, and have the same form.

Source: https://opentelemetry.io/docs/specs/semconv/http/http-spans/ and .../rpc/grpc/
"""

from __future__ import annotations

import re
from functools import lru_cache
from time import perf_counter_ns, time_ns
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from inference.telemetry.timing import PHASES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from opentelemetry.sdk.resources import Resource

    from inference.telemetry.tracing.request_trace import RequestTrace

    Attributes = dict[str, str | int]

GRPC = "gRPC"
_SERVICE = "inference.GRPCInferenceService"
_METHODS = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"}
)
_OTHER = "_OTHER"
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_VALUE = r"(?:[^/]+(?=:(?:predict|explain)/?$)|[^/]+)"  # under /v1, a verb is behind it
_NAMES = ((re.compile(f"/models/{_VALUE}"), "/models/{name}"),
          (re.compile(f"/versions/{_VALUE}"), "/versions/{version}"))  # fmt: skip
_UNSET = Status(StatusCode.UNSET)
_ERROR = Status(StatusCode.ERROR)
_LONGEST = 1_000  # characters of a value from a caller
# https://grpc.io/docs/guides/status-codes/; which statuses are the server's failures, as for HTTP.
_GRPC_CODES = {
    200: "OK",
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    413: "RESOURCE_EXHAUSTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",  # codespell:ignore
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class SpanMaker:
    """Makes spans of traces.

    Args:
        resource: What describes this service.
        version: Its version.
        random: Makes the identifiers of phases.
    """

    def __init__(self, resource: Resource, version: str, random: Random) -> None:
        self._resource = resource
        self._scope = InstrumentationScope("inference", version)
        self._random = random
        # The system's clock may be set while the service runs.
        self._clock_offset = 0

    def make(self, traces: list[RequestTrace]) -> list[ReadableSpan]:
        """Return the spans of traces: of each, one for the request and one for each phase."""
        self._clock_offset = time_ns() - perf_counter_ns()
        return [span for trace in traces for span in self._spans(trace)]

    def _spans(self, trace: RequestTrace) -> Iterator[ReadableSpan]:
        parent, state = None, TraceState()
        trace_id = int(trace.trace_id, 16)
        if trace.parent is not None:
            state = _read_state(trace.parent.state)
            parent = SpanContext(
                trace_id, int(trace.parent.span_id, 16), is_remote=True, trace_flags=_SAMPLED
            )
        context = SpanContext(trace_id, int(trace.span_id, 16), False, _SAMPLED, state)
        name, attributes = (_call if trace.method == GRPC else _request)(trace)
        attributes |= _model(trace)
        yield self._span(
            name,
            context,
            parent,
            (trace.started, trace.ended),
            attributes=attributes,
            kind=SpanKind.SERVER,
            status=_ERROR if trace.status >= 500 else _UNSET,
        )
        yield from self._phases(trace, context)

    def _phases(self, trace: RequestTrace, context: SpanContext) -> Iterator[ReadableSpan]:
        timing = trace.timing
        if timing is None or trace.status != 200:  # a refused request has not gone through them
            return
        times = (timing.started, timing.parsed, timing.began, timing.ended, timing.done)
        for phase, begin, end in zip(PHASES, times, times[1:], strict=False):
            if end > begin:
                own = SpanContext(
                    context.trace_id,
                    self._random.getrandbits(64) or 1,
                    False,
                    _SAMPLED,
                    context.trace_state,
                )
                yield self._span(phase, own, context, (begin, end))

    def _span(  # noqa: PLR0913 - the parts of a span
        self,
        name: str,
        context: SpanContext,
        parent: SpanContext | None,
        times: tuple[float, float],
        *,
        attributes: Attributes | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        status: Status = _UNSET,
    ) -> ReadableSpan:
        begin, end = (int(seconds * 1e9) + self._clock_offset for seconds in times)
        return ReadableSpan(
            name,
            context,
            parent,
            self._resource,
            attributes,
            kind=kind,
            status=status,
            start_time=begin,
            end_time=end,
            instrumentation_scope=self._scope,
        )


def _request(trace: RequestTrace) -> tuple[str, Attributes]:
    """Return the name and the attributes of a request over HTTP."""
    method = trace.method if trace.method in _METHODS else _OTHER
    attributes: Attributes = {
        "http.request.method": method,
        "url.path": trace.path[:_LONGEST],
        "url.scheme": "http",
        "http.response.status_code": trace.status,
        "inference.request_id": trace.request_id.decode("latin-1"),
    }
    if method == _OTHER:
        attributes["http.request.method_original"] = trace.method[:_LONGEST]
    name = "HTTP" if method == _OTHER else method
    route = _template(trace.path) if trace.route else trace.template
    if route is not None:
        attributes["http.route"] = route
        name = f"{name} {route}"
    for header, value in trace.headers:
        if header == b"user-agent":
            attributes["user_agent.original"] = value.decode("latin-1")[:_LONGEST]
    if trace.status >= 500:
        attributes["error.type"] = str(trace.status)
    return name, attributes


def _call(trace: RequestTrace) -> tuple[str, Attributes]:
    """Return the name and the attributes of a call over gRPC."""
    method = trace.path if "/" in trace.path else f"{_SERVICE}/{trace.path}"
    code = _GRPC_CODES.get(trace.status, "INTERNAL")
    attributes: Attributes = {
        "rpc.system.name": "grpc",
        "rpc.method": method,
        "rpc.response.status_code": code,
        "inference.request_id": trace.request_id.decode("latin-1"),
    }
    if trace.status >= 500:
        attributes["error.type"] = code
    return method, attributes


def _model(trace: RequestTrace) -> Attributes:
    """Return what is known of the model that answered."""
    name, version = trace.model
    attributes: Attributes = {}
    if name:
        attributes = {"inference.model.name": name, "inference.model.version": int(version)}
    timing = trace.timing
    if timing is not None and trace.status == 200:
        attributes["inference.rows"] = timing.rows
        if timing.run_rows > timing.rows:
            attributes["inference.batch.rows"] = timing.run_rows
    return attributes


@lru_cache(maxsize=1024)
def _template(path: str) -> str:
    """Return the route of a path of predictions, whose number is small."""
    for pattern, name in _NAMES:
        path = pattern.sub(name, path)
    return path.rstrip("/")


@lru_cache(maxsize=64)
def _read_state(values: tuple[bytes, ...]) -> TraceState:
    return TraceState.from_header([value.decode("latin-1") for value in values])
