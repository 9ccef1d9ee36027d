"""A request to a fast route that is traced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.web.message.exchange import Exchange, Response

if TYPE_CHECKING:
    from inference.telemetry.tracing.tracer import Tracer
    from inference.web.errors.error_response import ErrorResponse
    from inference.web.message.headers import Headers


class TracedExchange(Exchange):
    """One request to a fast route, with a trace that its response names.

    Args:
        tracer: Begins its trace.
        path: As for :class:`inference.web.message.exchange.Exchange`, like those that follow.
        headers: Names in lower case.
        body: The whole body.
        made_id: The id, if the headers are known to contain none.
        method: The method.

    Attributes:
        trace: Its trace.
    """

    __slots__ = ("trace",)

    def __init__(  # noqa: PLR0913, PLR0917 - as its base class, and the tracer
        self,
        tracer: Tracer,
        path: str,
        headers: Headers,
        body: bytes,
        made_id: bytes | None = None,
        method: str = "POST",
    ) -> None:
        self.trace = tracer.begin(headers)
        super().__init__(path, headers, body, made_id, method)

    def respond(self, status: int, media_type: bytes, body: bytes) -> Response:
        """Return the response, with the request's id, timing and trace."""
        response = super().respond(status, media_type, body)
        response.further.append(self.trace.response)
        return response

    def refuse(self, error: ErrorResponse) -> Response:
        """Return the response to an error."""
        response = super().refuse(error)
        return response._replace(further=[*response.further, self.trace.response])
