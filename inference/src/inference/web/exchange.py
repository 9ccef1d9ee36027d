"""One request and its response on a hot route, whichever way they travel: ASGI or the protocol."""

from __future__ import annotations

import itertools
import os
import re
from typing import NamedTuple

from inference.serving.timing import Timing

Headers = list[tuple[bytes, bytes]]

# Ids that are made here: unique over processes by their beginning, cheap by their end.
_PREFIX = os.urandom(6).hex().encode()
_COUNTER = itertools.count(1)
_ACCEPTABLE_ID = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")


class Response(NamedTuple):
    """A whole response."""

    status: int
    headers: Headers
    body: bytes


class Exchange:
    """One request as a hot route sees it.

    Args:
        path: Decoded path.
        headers: Names in lower case.
        body: The whole body.

    Attributes:
        timing: When each phase ended; begins now.
        request_id: Taken over from ``X-Request-ID`` where that is printable, else made.
    """

    __slots__ = ("body", "headers", "path", "request_id", "timing")

    def __init__(self, path: str, headers: Headers, body: bytes) -> None:
        self.timing = Timing()
        self.path = path
        self.headers = headers
        self.body = body
        self.request_id = request_id(headers)

    def complete(self, body: bytes) -> None:
        """Add the body where it has come after the rest; the clock begins anew."""
        self.body = body
        self.timing = Timing()

    def respond(self, status: int, media_type: bytes, body: bytes) -> Response:
        """Make the response, with the request's id and timing."""
        headers = [
            (b"content-type", media_type),
            (b"content-length", b"%d" % len(body)),
            (b"x-request-id", self.request_id),
            (b"server-timing", self.timing.header),
        ]
        return Response(status, headers, body)


def request_id(headers: Headers) -> bytes:
    """Take over the caller's ``X-Request-ID``, or make one."""
    for name, value in headers:
        if name == b"x-request-id" and _ACCEPTABLE_ID.fullmatch(value):
            return value
    return b"%s-%x" % (_PREFIX, next(_COUNTER))
