"""What is recorded, and whose child it is, is decided as OpenTelemetry's own SDK decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opentelemetry.sdk.trace import sampling
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from inference.telemetry.tracing.sampler import read_sampler
from inference.telemetry.tracing.trace_context import read_context

if TYPE_CHECKING:
    from opentelemetry.context import Context

SAMPLERS = ["always_on", "always_off", "traceidratio"]
NAMES = [*SAMPLERS, *(f"parentbased_{name}" for name in SAMPLERS)]
RATIOS = ["0", "1e-9", "0.1", "0.5", "0.999", "1"]
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GOOD = f"00-{TRACE}-{SPAN}-01"
PARENTS = [
    GOOD,
    f"00-{TRACE}-{SPAN}-00",
    f"00-{TRACE}-{SPAN}-03",
    f"00-{TRACE}-{SPAN}-ff",
    f"01-{TRACE}-{SPAN}-01",
    f"01-{TRACE}-{SPAN}-01-more",
    f"00-{TRACE}-{SPAN}-01-more",
    f"ff-{TRACE}-{SPAN}-01",
    f"00-{'0' * 32}-{SPAN}-01",
    f"00-{TRACE}-{'0' * 16}-01",
    f"00-{TRACE.upper()}-{SPAN}-01",
    f"00-{TRACE[1:]}-{SPAN}-01",
    f"00-{TRACE}-{SPAN}0-01",
    f"00-{TRACE}-{SPAN}-1",
    f"00-{TRACE}-{SPAN}",
    f" {GOOD} ",
    "",
    "00",
]


def inside(sampled: bool | None) -> Context | None:
    """Return the context of a caller's span; ``None`` without one."""
    if sampled is None:
        return None
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    span = SpanContext(int(TRACE, 16), int(SPAN, 16), is_remote=True, trace_flags=flags)
    return set_span_in_context(NonRecordingSpan(span))


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("name", NAMES)
def test_the_same_traces_are_sampled(
    name: str, ratio: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {"OTEL_TRACES_SAMPLER": name, "OTEL_TRACES_SAMPLER_ARG": ratio}
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    theirs = sampling._get_from_env_or_default()
    ours = read_sampler(variables)
    edge = round(float(ratio) * 2**64)
    ends = {end for end in (0, 1, edge - 1, edge, edge + 1, 2**64 - 1) if 0 <= end < 2**64}
    for end in ends:
        for trace_id in (end, end + (1 << 64)):
            for parent in (None, True, False):
                decision = theirs.should_sample(inside(parent), trace_id, "predict").decision
                assert ours.samples(trace_id, parent) == decision.is_sampled(), (end, parent)


@pytest.mark.parametrize("value", PARENTS)
def test_the_same_parent_is_read(value: str) -> None:
    context = TraceContextTextMapPropagator().extract({"traceparent": value})
    theirs = get_current_span(context).get_span_context()
    ours = read_context([(b"traceparent", value.encode())])
    if ours is None:
        assert not theirs.is_valid
        return
    assert (int(ours.trace_id, 16), int(ours.span_id, 16)) == (theirs.trace_id, theirs.span_id)
    assert ours.is_sampled == theirs.trace_flags.sampled
