"""Runs of many rows in pieces that fit into the memory of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.errors import TooLargeError
from inference.explain.coalitions import RUN_ROWS

if TYPE_CHECKING:
    from collections.abc import Callable

_LEAST_ROWS = 64


class Pieces:
    """Divides the rows of one servable's runs.

    A piece that takes too much memory is halved, down to 64 rows. What fitted is remembered, and
    doubled for each record: other runs may have taken the memory.
    """

    def __init__(self) -> None:
        self._fitting = RUN_ROWS

    def grow(self) -> None:
        """Try larger pieces again."""
        self._fitting = min(RUN_ROWS, 2 * self._fitting)

    def run(self, count: int, most: int, call: Callable[[slice], None]) -> None:
        """Run rows.

        Args:
            count: How many.
            most: How many may be in one piece.
            call: Runs a piece.

        Raises:
            TooLargeError: The smallest pieces take too much memory, too.
        """
        start = 0
        while start < count:
            rows = min(self._fitting, most, count - start)
            try:
                call(slice(start, start + rows))
            except TooLargeError:
                if rows <= _LEAST_ROWS:
                    raise
                self._fitting = max(_LEAST_ROWS, rows // 2)
            else:
                start += rows
