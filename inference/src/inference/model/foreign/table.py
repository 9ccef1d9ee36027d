"""A classifier's table: a number for each class, and what these numbers may be called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

if TYPE_CHECKING:
    from inference.model.signature import Signature

TableName = Literal["probabilities", "scores"]

_SUM_TOLERANCE = 1e-3
_NEGATIVE_TOLERANCE = 1e-6  # a float32's rounding


class Table(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the second output of a classifier without contract holds.

    Attributes:
        name: What it is called in answers.
        classes: The classes' names in the order of its columns; ``None`` where the graph has none.
    """

    name: TableName = "scores"
    classes: list[str | int] | None = None


def is_labelled_table(signature: Signature) -> bool:
    """Tell scikit-learn's usual pair of outputs: labels, then a matrix or ZipMap's maps."""
    if len(signature.outputs) != 2:
        return False
    label, table = signature.outputs
    labels = label.dtype is not None and label.dtype.kind in "Oi" and len(label.shape) == 1
    zipmap = table.onnx_type.startswith("seq(map(")
    matrix = table.dtype is not None and table.dtype.kind == "f" and len(table.shape) == 2
    return labels and (zipmap or matrix)


def is_distribution(rows: np.ndarray[Any, Any]) -> bool:
    """Tell whether every row, of those without NaN, is a distribution.

    Args:
        rows: Shape ``[rows, classes]``.
    """
    if rows.ndim != 2:
        return False
    known = rows[~np.isnan(rows).any(axis=1)]
    if not len(known) or known.min(initial=0) < -_NEGATIVE_TOLERANCE:
        return False
    return bool((np.abs(known.sum(axis=1, dtype=np.float64) - 1) <= _SUM_TOLERANCE).all())
