"""Sends the truth of rows in parts that the service takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exporter.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.delivery.connection import Connection

_PART_ROWS = 500  # less than 64 KiB, as long as ids and labels are short
_TOO_LARGE = 413


def send_truths(connection: Connection, request_id: str, truths: Sequence[Any]) -> int:
    """Send the truth of each row of a request.

    Args:
        connection: The connection to the service.
        request_id: The id of the request.
        truths: A JSON value for each row.

    Returns:
        How many the service has accepted.

    Raises:
        ServiceError: The service refuses one; the parts before it are stored.
        NoServiceError: No service answers.
    """
    body = [{"request_id": request_id, "row": at, "truth": one} for at, one in enumerate(truths)]
    accepted, begin, size = 0, 0, _PART_ROWS
    while begin < len(body):
        part = body[begin : begin + size]
        try:
            found = connection.send("POST", "/feedback", part)
        except ServiceError as error:
            if error.status_code != _TOO_LARGE or len(part) == 1:
                raise
            size = len(part) // 2
            continue
        accepted += int(found["accepted"])
        begin += len(part)
    return accepted
