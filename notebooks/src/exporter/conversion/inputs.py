"""The ONNX inputs that a table feeds: one tensor of floats, or one input per column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.data.table import Array, Column, Kind, Table

Precision = Literal["float32", "float64"]
Element = Literal["number", "int64", "bool", "string"]

_MATRIX = "X"
_ELEMENTS: dict[Kind, Element] = {
    "number": "number",
    "integer": "int64",
    "boolean": "bool",
    "text": "string",
    "unread": "string",  # its input is left out, or the conversion refused
}


@dataclass(frozen=True)
class InputLayout:
    """Where each column goes.

    Attributes:
        elements: Element type of each column's input; ``None`` for one tensor ``X`` of all columns.
        names: The columns' names.
        precision: What a float is.
    """

    names: tuple[str, ...]
    elements: tuple[Element, ...] | None
    precision: Precision

    @property
    def dtype(self) -> type[Any]:
        """NumPy's type of a float."""
        return np.float64 if self.precision == "float64" else np.float32

    def to_feeds(self, table: Table, inputs: Sequence[str | None]) -> dict[str, Array]:
        """Build the input arrays, casting as the service casts JSON numbers.

        Args:
            table: The rows.
            inputs: Name of the input that each column feeds, ``None`` for none.

        Raises:
            ValueError: A value is missing in a column whose input cannot say so.
        """
        with np.errstate(over="ignore"):
            if self.elements is None:
                stacked = np.column_stack([c.values.astype(np.float64) for c in table.columns])
                return {name: stacked.astype(self.dtype) for name in set(inputs) if name}
            return {
                name: _to_input(column, element, self.dtype).reshape(-1, 1)
                for name, column, element in zip(inputs, table.columns, self.elements, strict=True)
                if name is not None
            }


def choose_layout(table: Table) -> InputLayout:
    """Choose the inputs for a table, in float32.

    Numbers only: a single tensor, which is the fastest to serve. Columns of several types: one
    input per column.
    """
    elements = None if table.is_numeric else tuple(_ELEMENTS[c.kind] for c in table.columns)
    return InputLayout(tuple(table.names), elements, "float32")


def _to_input(column: Column, element: Element, dtype: type[Any]) -> Array:
    if element == "string":
        return np.array(["" if v is None else v for v in column.values.tolist()], dtype=object)
    if element == "number":
        return column.values.astype(dtype)
    if column.missing.any():
        raise ValueError(f"input '{column.name}' cannot hold a missing value")
    return column.values.astype(np.int64 if element == "int64" else bool)
