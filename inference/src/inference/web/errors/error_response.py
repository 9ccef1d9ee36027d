"""An error as a whole response, in whichever form."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from starlette.responses import Response


class ErrorResponse(NamedTuple):
    """An error as a response.

    Attributes:
        status: The status code.
        media_type: The type of the body.
        body: The body.
        headers: Further headers, names in lower case.
    """

    status: int
    media_type: bytes
    body: bytes
    headers: list[tuple[bytes, bytes]]

    def to_starlette(self) -> Response:
        """Return the response as an ASGI application."""
        # Imported late: the fast routes have no use for it, and it takes 10 ms.
        from starlette.responses import Response  # noqa: PLC0415

        headers = {name.decode(): value.decode() for name, value in self.headers}
        return Response(self.body, self.status, headers, self.media_type.decode())
