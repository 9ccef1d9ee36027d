"""A collector of traces for tests: an HTTP server that decodes OpenTelemetry's protocol."""

from __future__ import annotations

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from support.service.process import eventually

if TYPE_CHECKING:
    from collections.abc import Callable


SERVER = 2  # the kind of a span


class Received(NamedTuple):
    """A span as it came.

    Attributes:
        name: Its name.
        kind: The number of its kind; 2 for a server.
        trace_id: 32 hexadecimal digits.
        span_id: 16 hexadecimal digits.
        parent_id: Likewise; empty for a root.
        state: Its ``tracestate``.
        begin: Nanoseconds since the epoch.
        end: Likewise.
        status: The number of its status; 2 for an error.
        attributes: Its attributes.
        resource: Those of its service.
    """

    name: str
    kind: int
    trace_id: str
    span_id: str
    parent_id: str
    state: str
    begin: int
    end: int
    status: int
    attributes: dict[str, Any]
    resource: dict[str, Any]


class OtlpReceiver:
    """Receives spans over HTTP on a port of its own.

    Args:
        status: What it answers.

    Attributes:
        spans: What has come.
        requests: The path and the headers of each request.
        status: The same; may be changed.
    """

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.spans: list[Received] = []
        self.requests: list[tuple[str, dict[str, str]]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()

    @property
    def url(self) -> str:
        """The base of its address."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def take(self, path: str, headers: dict[str, str], body: bytes) -> None:
        """Take a request."""
        self.requests.append((path, headers))
        if self.status == 200:
            data = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
            self.spans += _read(ExportTraceServiceRequest.FromString(data))

    def wait_for(self, holds: Callable[[Received], bool], count: int = 1) -> list[Received]:
        """Wait until so many spans have come for which something holds, and return them."""
        found = eventually(
            lambda: len(some := [s for s in [*self.spans] if holds(s)]) >= count and some,
            what=f"{count} such spans of {[span.name for span in self.spans]}",
        )
        assert len(found) == count, found
        return list(found)

    def server_spans(self, trace_id: str, count: int = 1) -> list[tuple[Received, set[str]]]:
        """Wait until so many requests of a trace have come; return each with its phases."""
        found = self.wait_for(lambda span: span.trace_id == trace_id and span.kind == SERVER, count)
        return [
            (whole, {span.name for span in self.spans if span.parent_id == whole.span_id})
            for whole in found
        ]

    def of_trace(self, trace_id: str, count: int) -> list[Received]:
        """Wait until so many spans of a trace have come, and return them by their begin."""
        found = self.wait_for(lambda span: span.trace_id == trace_id, count)
        return sorted(found, key=lambda span: (span.kind != SERVER, span.begin))


def _handler(receiver: OtlpReceiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.take(self.path, headers, self.rfile.read(int(headers["content-length"])))
            body = ExportTraceServiceResponse().SerializeToString()
            self.send_response(receiver.status)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


def _read(request: ExportTraceServiceRequest) -> list[Received]:
    return [
        Received(
            span.name,
            span.kind,
            span.trace_id.hex(),
            span.span_id.hex(),
            span.parent_span_id.hex(),
            span.trace_state,
            span.start_time_unix_nano,
            span.end_time_unix_nano,
            span.status.code,
            _attributes(span.attributes),
            _attributes(of_resource.resource.attributes),
        )
        for of_resource in request.resource_spans
        for of_scope in of_resource.scope_spans
        for span in of_scope.spans
    ]


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}
