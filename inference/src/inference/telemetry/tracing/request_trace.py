"""The trace of one request, as it is collected on the event loop."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inference.telemetry.timing import Timing
    from inference.telemetry.tracing.trace_context import TraceContext


class RequestTrace:
    """What a span is made of.

    Args:
        trace_id: 32 hexadecimal digits.
        span_id: 16 hexadecimal digits.
        parent: The span of the caller.
        is_sampled: Whether the span is recorded.

    Attributes:
        trace_id: The same.
        span_id: The same.
        parent: The same.
        is_sampled: The same.
        headers: Those of the request; names in lower case.
        started: When the head had arrived, in seconds of :func:`time.perf_counter`.
        ended: When it was answered.
        request_id: The id of the request.
        method: The HTTP method, or ``gRPC``.
        path: The decoded path, or the name of the call.
        status: The HTTP status; that of an error of gRPC, too.
        template: The route with names instead of values; ``None`` if it has to be made of the path.
        route: The name that a route of predictions is counted by; empty for other routes.
        model: The model that answered, and its version; empty if none did.
        timing: The phases; ``None`` for other routes.
    """

    __slots__ = ("ended", "headers", "is_sampled", "method", "model", "parent", "path",
                 "request_id", "route", "span_id", "started", "status", "template", "timing",
                 "trace_id")  # fmt: skip

    def __init__(
        self, trace_id: str, span_id: str, parent: TraceContext | None, *, is_sampled: bool
    ) -> None:
        self.trace_id = trace_id
        self.span_id = span_id
        self.parent = parent
        self.is_sampled = is_sampled
        self.headers: list[tuple[bytes, bytes]] = []
        self.started = self.ended = perf_counter()
        self.request_id = b""
        self.method = self.path = self.route = ""
        self.status = 0
        self.template: str | None = None
        self.model = ("", "")
        self.timing: Timing | None = None

    @property
    def response(self) -> tuple[bytes, bytes]:
        """The response header that names the span to the caller.

        Source: https://w3c.github.io/trace-context/#traceresponse-header
        """
        flags = 1 if self.is_sampled else 0
        return b"traceresponse", f"00-{self.trace_id}-{self.span_id}-{flags:02x}".encode()
