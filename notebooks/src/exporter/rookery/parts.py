"""Sends many rows in parts that the service takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exporter.display.progress import Progress
from exporter.errors import ServiceError
from exporter.rookery.answers import find_warnings, shift_warning
from inference.serving.rows.training_range import MAX_WARNINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from exporter.delivery.connection import Connection

_PART_ROWS = 2_000
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


def ask_in_parts(
    connection: Connection,
    path: str,
    rows: Sequence[Any],
    describe: Callable[[int], dict[str, Any]],
) -> tuple[list[dict[str, Any]], list[Any]]:
    """Send rows in parts, and return all predictions and warnings.

    Args:
        connection: The connection to the service.
        path: The path of the route, of the model's name or of one of its versions.
        rows: A JSON value for each row.
        describe: Returns what the service knows of a version.

    Raises:
        ServiceError: The service refuses a part.
        NoServiceError: No service answers.
    """
    predictions: list[dict[str, Any]] = []
    warnings: list[Any] = []
    shown = None if len(rows) > _PART_ROWS else False
    with Progress(path.split("/")[2], action="asking", shown=shown) as steps:
        steps.begin(f"0 of {len(rows):,} rows")
        for begin, part in send_in_parts(connection, path, rows, _PART_ROWS):
            made, listed = part["predictions"], part.get("warnings", [])
            if len(listed) >= MAX_WARNINGS:  # there may be more, which the service does not list
                contract = describe(part["version"])["contract"]
                listed = find_warnings(contract, rows[begin : begin + len(made)]) or listed
            predictions += made
            warnings += [shift_warning(warning, begin) for warning in listed]
            steps.begin(f"{len(predictions):,} of {len(rows):,} rows")
        steps.done(f"{len(rows):,} rows")
    return predictions, warnings
