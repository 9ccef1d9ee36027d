"""One request and its response on a hot route, whichever way they travel: ASGI or the protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from inference.telemetry.timing import SERVER_TIMING, Timing
from inference.web.message.request_id import request_id

if TYPE_CHECKING:
    from inference.web.errors.error_response import ErrorResponse
    from inference.web.message.headers import Headers

_HEAD = (
    b"content-type: %s\r\ncontent-length: %d\r\nx-request-id: %s\r\nserver-timing: "
    + SERVER_TIMING
    + b"\r\n"
)


class Response(NamedTuple):
    """A whole response.

    Attributes:
        status: The status.
        media_type: What the body is.
        body: The body.
        request_id: The id of the request.
        timing: Where its time went.
        further: Headers beside those that follow from the rest; in lower case.
    """

    status: int
    media_type: bytes
    body: bytes
    request_id: bytes
    timing: Timing
    further: Headers

    @property
    def headers(self) -> Headers:
        """All headers, as ASGI wants them."""
        return [
            (b"content-type", self.media_type),
            (b"content-length", b"%d" % len(self.body)),
            (b"x-request-id", self.request_id),
            (b"server-timing", SERVER_TIMING % self.timing.milliseconds),
            *self.further,
        ]

    @property
    def head(self) -> bytes:
        """All headers, as HTTP/1.1 spells them."""
        head = _HEAD % (
            self.media_type,
            len(self.body),
            self.request_id,
            *self.timing.milliseconds,
        )
        if self.further:
            head += b"".join(b"%s: %s\r\n" % pair for pair in self.further)
        return head


class Exchange:
    """One request as a hot route sees it.

    Args:
        path: Decoded path.
        headers: Names in lower case.
        body: The whole body.
        made_id: The request's id, where it is known that the caller gives none.

    Attributes:
        timing: When each phase ended; begins now.
        request_id: Taken over from ``X-Request-ID`` where that is printable, else made.
    """

    __slots__ = ("body", "headers", "path", "request_id", "timing")

    def __init__(
        self, path: str, headers: Headers, body: bytes, made_id: bytes | None = None
    ) -> None:
        self.timing = Timing()
        self.path = path
        self.headers = headers
        self.body = body
        self.request_id = made_id or request_id(headers)

    def complete(self, body: bytes) -> None:
        """Add the body where it has come after the rest; the clock begins anew."""
        self.body = body
        self.timing = Timing()

    def respond(self, status: int, media_type: bytes, body: bytes) -> Response:
        """Make the response, with the request's id and timing."""
        return Response(status, media_type, body, self.request_id, self.timing, [])

    def refuse(self, error: ErrorResponse) -> Response:
        """Make the response to an error."""
        status, media_type, body, headers = error
        return Response(status, media_type, body, self.request_id, self.timing, headers)


class Routes(Protocol):
    """A family of hot routes; all of them take POST."""

    def takes(self, path: str) -> bool:
        """Tell whether a path is one of these routes."""

    def answer_now(self, exchange: Exchange) -> Response | None:
        """Answer at once; ``None`` when the request has to wait."""

    async def answer(self, exchange: Exchange) -> Response:
        """Answer, whatever it takes; raises nothing."""

    def refuse(self, exchange: Exchange, error: Exception) -> Response:
        """Answer with an error in the family's own form."""
