"""The truth of many rows is sent in parts, each with the places of its rows in the request."""

from __future__ import annotations

from typing import Any

import pytest

from exporter.errors import ServiceError
from exporter.rookery.served_model import ServedModel


class Limited:
    """A connection to a service that takes so many truths at once."""

    def __init__(self, most: int, status: int = 413) -> None:
        self.most = most
        self.status = status
        self.taken: list[dict[str, Any]] = []

    def send(self, _method: str, path: str, body: Any = None, *, first_row: int = 0) -> Any:
        assert path == "/feedback"
        assert first_row == len(self.taken)
        if len(body) > self.most:
            raise ServiceError("too large", self.status)
        self.taken += body
        return {"accepted": len(body)}


@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 2000])
@pytest.mark.parametrize(("most", "status"), [(1, 413), (7, 413), (700, 413), (7, 504)])
def test_the_truth_of_all_rows_arrives(count: int, most: int, status: int) -> None:
    connection: Any = Limited(most, status)
    assert ServedModel(connection, "m").feedback("id", list(range(count))) == count
    assert [(one["row"], one["truth"]) for one in connection.taken] == [
        (at, at) for at in range(count)
    ]


def test_one_that_is_too_large_by_itself_is_refused() -> None:
    connection: Any = Limited(0)
    with pytest.raises(ServiceError, match="too large"):
        ServedModel(connection, "m").feedback("id", [1, 2])
