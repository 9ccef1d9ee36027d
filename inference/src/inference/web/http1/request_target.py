"""The target of a request in the form that routes expect: a path and a query."""

from __future__ import annotations

import httptools


def origin_form(target: bytes, prefix: bytes) -> bytes:
    """Return a target in origin form, without the prefix that a proxy has left in front.

    A proxy may send ``http://host/path``, where the path may be empty.
    Source: RFC 9112, section 3.2.

    Args:
        target: As in the request line.
        prefix: Such as ``/ml``; empty for none.

    Raises:
        HttpParserInvalidURLError: The target is not a URL.

    >>> origin_form(b"http://example.com?a=1", b""), origin_form(b"/ml/docs", b"/ml")
    (b'/?a=1', b'/docs')
    """
    if not target.startswith(b"/") and target != b"*":
        parsed = httptools.parse_url(target)
        query = b"" if parsed.query is None else b"?" + parsed.query
        target = (parsed.path or b"/") + query
    if prefix and target.startswith(prefix):
        rest = target[len(prefix) :]
        if rest[:1] in {b"", b"/", b"?"}:
            target = rest if rest[:1] == b"/" else b"/" + rest
    return target
