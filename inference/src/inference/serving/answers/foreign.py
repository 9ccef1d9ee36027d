"""Answers of a file without a contract that is no classifier: each output by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference.model.outputs import row_values

if TYPE_CHECKING:
    from collections.abc import Mapping


class OutputsByName:
    """The value of each output for a row.

    Args:
        outputs: Names of the outputs.

    Attributes:
        outputs: The same.
    """

    def __init__(self, outputs: list[str]) -> None:
        self.outputs = outputs

    def predictions(self, results: list[Any], rows: int) -> list[dict[str, Any]]:
        """Make one prediction per row."""
        columns = [row_values(value, rows) for value in results]
        return [
            {"outputs": dict(zip(self.outputs, row, strict=True))}
            for row in zip(*columns, strict=True)
        ]

    def records(self, _: list[Any]) -> list[Any] | None:
        """Return ``None``: the values may be of any type."""
        return None

    def count_labels(self, _: list[Any]) -> Mapping[Any, int] | None:
        """Return ``None``: there are no classes."""
        return None
