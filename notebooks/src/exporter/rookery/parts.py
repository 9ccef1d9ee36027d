"""Sends many rows in parts that the service takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exporter.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from exporter.delivery.connection import Connection

_TOO_MUCH = (413, 504)  # too large for a request or an answer, or too slow for a run


def send_in_parts(
    connection: Connection, path: str, rows: Sequence[Any], size: int
) -> Iterator[tuple[int, Any]]:
    """Send rows in parts, which are halved where they are too many for the service.

    Args:
        connection: The connection to the service.
        path: The path of the route, which takes a list.
        rows: A JSON value for each row.
        size: The most rows of a part.

    Yields:
        The place of the first row of a part, and the answer to the part.

    Raises:
        ServiceError: The service refuses a part; those before it are answered.
        NoServiceError: No service answers.
    """
    begin = 0
    while begin < len(rows):
        part = rows[begin : begin + size]
        try:
            answer = connection.send("POST", path, part, first_row=begin)
        except ServiceError as error:
            if error.status_code not in _TOO_MUCH or len(part) == 1:
                raise
            size = len(part) // 2
            continue
        yield begin, answer
        begin += len(part)
