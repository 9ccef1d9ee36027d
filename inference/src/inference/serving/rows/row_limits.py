"""The limits on the rows of one request."""

from __future__ import annotations

from typing import NamedTuple


class RowLimits(NamedTuple):
    """What one request may have.

    Attributes:
        rows: The most rows.
        row_bytes: The longest row.
    """

    rows: int
    row_bytes: int
