"""A request to a fast route and its response, over ASGI or directly from the connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from inference.access.request_context import RequestContext, request_id
from inference.logs import REQUEST_ID
from inference.telemetry.timing import SERVER_TIMING, Timing

if TYPE_CHECKING:
    from inference.logs import AnsweredRequests
    from inference.web.errors.error_response import ErrorResponse
    from inference.web.message.headers import Headers

ALLOWED_METHODS = "POST, OPTIONS"  # of a fast route

_HEAD = (
    b"content-type: %s\r\ncontent-length: %d\r\nx-request-id: %s\r\nserver-timing: "
    + SERVER_TIMING
    + b"\r\n"
)


class Response(NamedTuple):
    """A complete response.

    Attributes:
        status: The status.
        media_type: The type of the body.
        body: The body.
        request_id: The id of the request.
        timing: The time of each phase.
        further: Further headers, names in lower case.
    """

    status: int
    media_type: bytes
    body: bytes
    request_id: bytes
    timing: Timing
    further: Headers

    @property
    def headers(self) -> Headers:
        """All headers, as ASGI sends them."""
        return [
            (b"content-type", self.media_type),
            (b"content-length", b"%d" % len(self.body)),
            (b"x-request-id", self.request_id),
            (b"server-timing", SERVER_TIMING % self.timing.milliseconds),
            *self.further,
        ]

    @property
    def head(self) -> bytes:
        """All headers, encoded for HTTP/1.1."""
        timing = self.timing
        parsed, began, ended = timing.parsed, timing.began, timing.ended
        head = _HEAD % (
            self.media_type,
            len(self.body),
            self.request_id,
            (parsed - timing.started) * 1e3,
            (began - parsed) * 1e3,
            (ended - began) * 1e3,
            (timing.done - ended) * 1e3,
        )
        if self.further:
            head += b"".join(b"%s: %s\r\n" % pair for pair in self.further)
        return head


class Exchange(RequestContext):
    """One request to a fast route.

    Args:
        path: The decoded path.
        headers: Names in lower case.
        body: The whole body.
        made_id: The id, if the headers are known to contain none.
        method: The method.

    Attributes:
        timing: When each phase ended. Starts now.
        query: The query string; set over ASGI only.
    """

    __slots__ = ("body", "query", "timing")
    query: bytes

    def __init__(
        self,
        path: str,
        headers: Headers,
        body: bytes,
        made_id: bytes | None = None,
        method: str = "POST",
    ) -> None:
        # Does not call the base class, because a call takes a measurable share of a request.
        self.timing = Timing()
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
        self.request_id = made_id or request_id(headers)
        REQUEST_ID.set(self.request_id)

    def complete(self, body: bytes) -> None:
        """Add the body that arrived after the headers, and restart the clock."""
        self.body = body
        self.timing = Timing()

    def log(self, request_log: AnsweredRequests, response: Response) -> None:
        """Log that the request was answered."""
        seconds = self.timing.done - self.timing.started
        request_log.add(self.request_id, self.method, self.path, response.status, seconds)

    def respond(self, status: int, media_type: bytes, body: bytes) -> Response:
        """Return the response, with the request's id and timing."""
        return Response(status, media_type, body, self.request_id, self.timing, [])

    def refuse(self, error: ErrorResponse) -> Response:
        """Return the response to an error."""
        status, media_type, body, headers = error
        return Response(status, media_type, body, self.request_id, self.timing, headers)


class Routes(Protocol):
    """A family of fast routes. All accept POST only."""

    def takes(self, path: str) -> bool:
        """Whether a path is one of these routes."""

    def answer_now(self, exchange: Exchange) -> Response | None:
        """Answer now; ``None`` if the request has to wait."""

    async def answer(self, exchange: Exchange) -> Response:
        """Answer, and wait if necessary. Raises nothing."""

    def refuse(self, exchange: Exchange, error: Exception) -> Response:
        """Return an error in the form of the family."""
