"""The truth of many rows is sent in parts, each with the places of its rows in the request."""

from __future__ import annotations

from typing import Any

import pytest

from exporter.errors import ServiceError
from exporter.rookery.served_model import ServedModel


class Limited:
    """A connection to a service that takes so many truths at once."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken: list[dict[str, Any]] = []

    def send(self, _method: str, path: str, body: Any = None) -> Any:
        assert path == "/feedback"
        if len(body) > self.most:
            raise ServiceError("too large", 413)
        self.taken += body
        return {"accepted": len(body)}


@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 2000])
@pytest.mark.parametrize("most", [1, 7, 700])
def test_the_truth_of_all_rows_arrives(count: int, most: int) -> None:
    connection: Any = Limited(most)
    assert ServedModel(connection, "m").feedback("id", list(range(count))) == count
    assert [(one["row"], one["truth"]) for one in connection.taken] == [
        (at, at) for at in range(count)
    ]


def test_one_that_is_too_large_by_itself_is_refused() -> None:
    connection: Any = Limited(0)
    with pytest.raises(ServiceError, match="too large"):
        ServedModel(connection, "m").feedback("id", [1, 2])
