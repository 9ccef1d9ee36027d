"""The headers ``traceparent`` and ``tracestate``, and what a request keeps of them.

Source: https://www.w3.org/TR/trace-context-2/
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

_SAMPLED = 0x01
# A later version may add fields behind these four. Version ff and identifiers of zeros are invalid.
_TRACEPARENT = re.compile(
    rb"[ \t]*(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})"
    rb"(-[!-~]*)?[ \t]*"
)


class TraceContext(NamedTuple):
    """The span of the caller.

    Attributes:
        trace_id: 32 hexadecimal digits.
        span_id: 16 hexadecimal digits.
        is_sampled: Whether the caller records its span.
        state: The values of ``tracestate``, as they came.
    """

    trace_id: str
    span_id: str
    is_sampled: bool
    state: tuple[bytes, ...]


def read_context(headers: Iterable[tuple[bytes, bytes]]) -> TraceContext | None:
    """Read the caller's span.

    Args:
        headers: Names in lower case.

    Returns:
        ``None`` without a ``traceparent``, with an invalid one, and with several.

    >>> read_context([(b"traceparent", b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01")]).is_sampled
    True
    """
    parent: bytes | None = None
    state: tuple[bytes, ...] = ()
    for name, value in headers:
        if name == b"traceparent":
            if parent is not None:
                return None
            parent = value
        elif name == b"tracestate":
            state = (*state, value)
    if parent is None:
        return None
    found = _TRACEPARENT.fullmatch(parent)
    if found is None or (found[1] == b"00" and found[5] is not None):
        return None
    is_sampled = bool(int(found[4], 16) & _SAMPLED)
    return TraceContext(found[2].decode(), found[3].decode(), is_sampled, state)
