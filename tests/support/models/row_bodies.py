"""Records that the test models take, and the faults that a reader finds in a body."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from inference.errors import RowsError
from support.models.artifacts import (
    MEASUREMENTS,
)

if TYPE_CHECKING:
    from inference.serving.rows.reader import RowReader

MIXED = {"mass": 3.5, "age": 4, "wild": True, "island": "Dream", "sex": "male"}
PENGUIN = dict(zip(MEASUREMENTS, (39.1, 18.7, 181.0, 3750.0), strict=True))


def faults(reader: RowReader, document: Any) -> list[tuple[int, str | None, str]]:
    """Return the row, feature and reason of each fault in a body that is refused."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    with pytest.raises(RowsError) as caught:
        reader.read(body)
    assert caught.value.total >= len(caught.value.faults)
    return [(fault.row, fault.feature, fault.reason) for fault in caught.value.faults]
