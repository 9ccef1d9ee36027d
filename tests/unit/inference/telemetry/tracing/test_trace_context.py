from __future__ import annotations

import pytest

from inference.telemetry.tracing.trace_context import read_context

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GOOD = f"00-{TRACE}-{SPAN}-01"


def read(*values: str) -> tuple[str, str, bool] | None:
    context = read_context([(b"host", b"x"), *((b"traceparent", v.encode()) for v in values)])
    return context and context[:3]


@pytest.mark.parametrize(
    ("value", "is_sampled"),
    [
        (GOOD, True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-03", True),  # other flags than the first are another matter
        (f"00-{TRACE}-{SPAN}-fe", False),
        (f"01-{TRACE}-{SPAN}-01", True),  # a later version
        (f"cc-{TRACE}-{SPAN}-01-what-comes-then", True),
        (f"  {GOOD}\t", True),
    ],
)
def test_a_valid_parent_is_read(value: str, *, is_sampled: bool) -> None:
    assert read(value) == (TRACE, SPAN, is_sampled)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "00",
        GOOD[:-1],
        GOOD + "0",
        GOOD + "-more",  # not in version 00
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        GOOD.upper(),
        f"00-{TRACE[:-1]}g-{SPAN}-01",
        f"0-{TRACE}-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01.more",
        f"00_{TRACE}_{SPAN}_01",
        f"{GOOD},{GOOD}",
        "\xe9" + GOOD,
    ],
)
def test_an_invalid_parent_begins_another_trace(value: str) -> None:
    assert read(value) is None


def test_several_parents_are_none() -> None:
    assert read(GOOD, GOOD) is None


def test_the_state_is_kept_in_order_and_nothing_without_a_parent() -> None:
    states = [(b"tracestate", b"a=1,b=2"), (b"tracestate", b"c=3")]
    context = read_context([states[0], (b"traceparent", GOOD.encode()), states[1]])
    assert context is not None
    assert context.state == (b"a=1,b=2", b"c=3")
    assert read_context(states) is None
