from __future__ import annotations

import contextvars
from typing import TYPE_CHECKING

import pytest

from inference.logs import TRACE
from inference.telemetry.tracing.sampler import Sampler
from inference.telemetry.tracing.tracer import Tracer

if TYPE_CHECKING:
    from inference.telemetry.tracing.request_trace import RequestTrace

TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Log:
    """Keeps the calls of a log of answered requests."""

    def __init__(self) -> None:
        self.lines: list[tuple[object, ...]] = []

    def add(self, *line: object) -> None:
        self.lines.append(line)


@pytest.fixture
def recorded() -> list[RequestTrace]:
    return []


def run(tracer: Tracer, headers: list[tuple[bytes, bytes]]) -> RequestTrace:
    """Trace a request in a context of its own."""

    def trace() -> RequestTrace:
        begun = tracer.begin(headers)
        assert TRACE.get() is begun
        tracer.add(b"id", "POST", "/p", 200, 0.1)
        return begun

    return contextvars.Context().run(trace)


def test_a_request_with_a_parent_belongs_to_its_trace(recorded: list[RequestTrace]) -> None:
    value = f"00-{TRACE_ID}-{SPAN_ID}-01".encode()
    trace = run(Tracer(Sampler(), recorded.append), [(b"traceparent", value)])
    assert recorded == [trace]
    assert (trace.trace_id, trace.parent and trace.parent.span_id) == (TRACE_ID, SPAN_ID)
    assert trace.span_id != SPAN_ID
    assert trace.response == (
        b"traceresponse",
        f"00-{TRACE_ID}-{trace.span_id}-01".encode(),
    )


def test_a_request_without_one_begins_a_trace_of_its_own(recorded: list[RequestTrace]) -> None:
    tracer = Tracer(Sampler(), recorded.append)
    traces = [run(tracer, []) for _ in range(100)]
    assert len({trace.trace_id for trace in traces}) == 100
    assert len({trace.span_id for trace in traces}) == 100
    assert all((len(t.trace_id), len(t.span_id), t.parent) == (32, 16, None) for t in traces)


def test_what_is_not_recorded_has_ids_all_the_same(recorded: list[RequestTrace]) -> None:
    trace = run(Tracer(Sampler(bound=0), recorded.append), [])
    assert not recorded
    assert trace.response[1].endswith(b"-00")
    assert len(trace.trace_id) == 32


def test_the_log_is_told_of_every_request(recorded: list[RequestTrace]) -> None:
    log = Log()
    run(Tracer(Sampler(bound=0), recorded.append, log), [])
    run(Tracer(Sampler(), recorded.append, log), [])
    assert log.lines == [(b"id", "POST", "/p", 200, 0.1)] * 2
    # Without a trace, as for a probe.
    contextvars.Context().run(Tracer(Sampler(), recorded.append, log).add, b"i", "GET", "/", 200, 0)
    assert len(log.lines) == 3
    assert len(recorded) == 1
