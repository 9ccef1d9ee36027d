"""The outputs of a run: a value for each row, and the table of a classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from inference.errors import InferenceError

if TYPE_CHECKING:
    from inference.model.signature import Signature

TableName = Literal["probabilities", "scores", "distances"]

_SUM_TOLERANCE = 1e-3
_NEGATIVE_TOLERANCE = 1e-6  # a float32's rounding


class Table(msgspec.Struct, frozen=True, omit_defaults=True):
    """The second output of a classifier without contract: a number for each class.

    Attributes:
        name: What it is called in answers.
        classes: The classes in the order of its columns; ``None`` where the graph names none.
    """

    name: TableName = "scores"
    classes: list[str | int] | None = None


def row_values(value: Any, rows: int) -> list[Any]:
    """Return the value of an output for each row.

    Args:
        value: An array with a row each on the first axis; a sequence of such arrays, as skl2onnx
            writes several targets; a sequence with an element, such as ZipMap's map, for each row;
            or nothing, of an optional output.
        rows: How many rows were asked.

    Raises:
        ValueError: It has not one value for each row.

    >>> row_values([np.eye(2), np.ones((2, 1))], 2)
    [[[1.0, 0.0], [1.0]], [[0.0, 1.0], [1.0]]]
    """
    if value is None:
        return [None] * rows
    if _has_rows(value, rows):
        values: list[Any] = value.tolist()
        return values
    if isinstance(value, list) and value:
        if all(_has_rows(part, rows) for part in value):
            columns = [part.tolist() for part in value]
            return [list(row) for row in zip(*columns, strict=True)]
        if len(value) == rows:
            return [part.tolist() if isinstance(part, np.ndarray) else part for part in value]
    raise ValueError(f"an output has not one value for each of {rows} rows")


def join_rows(results: list[list[Any]]) -> list[Any]:
    """Put the results of single rows together, as one run would give them.

    Raises:
        InferenceError: An output has not one value for its row.
    """
    return [_join(list(values)) for values in zip(*results, strict=True)]


def _join(values: list[Any]) -> Any:
    first = values[0]
    if first is None:
        return None
    if all(_has_rows(value, 1) for value in values):
        return np.concatenate(values)
    if isinstance(first, list) and all(len(value) == len(first) for value in values):
        if all(_has_rows(part, 1) for value in values for part in value):
            return [np.concatenate(parts) for parts in zip(*values, strict=True)]
        if len(first) == 1:
            return [part for value in values for part in value]
    raise InferenceError("an output has not one value for each row")


def _has_rows(value: Any, rows: int) -> bool:
    return isinstance(value, np.ndarray) and value.ndim > 0 and len(value) == rows


def is_labelled_table(signature: Signature) -> bool:
    """Whether the outputs are scikit-learn's pair: labels, then a matrix or the maps of ZipMap."""
    if len(signature.outputs) != 2:
        return False
    label, table = signature.outputs
    labels = label.dtype is not None and label.dtype.kind in "Oi" and len(label.shape) == 1
    zipmap = table.onnx_type.startswith("seq(map(")
    matrix = table.dtype is not None and table.dtype.kind == "f" and len(table.shape) == 2
    return labels and (zipmap or matrix)


def is_distribution(rows: np.ndarray[Any, Any]) -> bool:
    """Whether every row without NaN is a distribution: not negative, with the sum 1.

    Args:
        rows: Shape ``[rows, classes]``.
    """
    if rows.ndim != 2:
        return False
    known = rows[~np.isnan(rows).any(axis=1)]
    if not len(known) or known.min(initial=0) < -_NEGATIVE_TOLERANCE:
        return False
    return bool((np.abs(known.sum(axis=1, dtype=np.float64) - 1) <= _SUM_TOLERANCE).all())
