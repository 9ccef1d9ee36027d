"""Rows of values to the arrays that onnxruntime takes.

The caller has checked the rows. Only this module maps features to the columns of inputs.
"""

from __future__ import annotations

import contextlib
import struct
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.model.contract import Feature, Scalar
    from inference.model.signature import Signature

_MANY = 16  # rows that are flattened in less time than NumPy takes to find their shape


class Columns:
    """Where each feature goes.

    Args:
        features: In the order of the rows' values.
        signature: The graph that the arrays are for.

    Attributes:
        is_matrix: Whether the rows are one matrix of numbers as they are.
    """

    def __init__(self, features: Sequence[Feature], signature: Signature) -> None:
        columns: dict[str, list[int]] = {spec.name: [] for spec in signature.inputs}
        for index, feature in enumerate(features):
            columns[feature.input].append(index)
        self._inputs = [
            (spec.name, spec.dtype, len(spec.shape), columns[spec.name])
            for spec in signature.inputs
        ]
        only = self._inputs[0]
        self.is_matrix = len(self._inputs) == 1 and only[2] == 2 and only[1] != np.object_

    def to_feeds(self, rows: Sequence[Sequence[Scalar]]) -> dict[str, np.ndarray[Any, Any]]:
        """Build the arrays.

        Args:
            rows: One sequence of values per row, in feature order; ``None`` becomes NaN in a float
                column and ``""`` in a string column.

        Returns:
            An array per input, of shape ``[rows, columns]``, or ``[rows]`` where the graph says so.
        """
        if self.is_matrix:
            name, dtype, _, _ = self._inputs[0]
            return {name: _matrix(rows, dtype)}
        columns = list(zip(*rows, strict=True))
        feeds: dict[str, np.ndarray[Any, Any]] = {}
        for name, dtype, rank, indices in self._inputs:
            chosen = [columns[index] for index in indices]
            if dtype == np.object_:
                chosen = [tuple("" if v is None else str(v) for v in column) for column in chosen]
            array = np.array(chosen, dtype=dtype).T
            feeds[name] = array[:, 0] if rank == 1 else np.ascontiguousarray(array)
        return feeds


def _matrix(rows: Sequence[Sequence[Scalar]], dtype: Any) -> np.ndarray[Any, Any]:
    """Make a matrix of rows of the same length."""
    if len(rows) >= _MANY:
        width = len(rows[0])
        count = len(rows) * width
        buffer = bytearray(count * dtype.itemsize)
        # A missing value, or one that is not of this type, is left to NumPy.
        with contextlib.suppress(struct.error, OverflowError):
            # The letters of NumPy's types are those of the machine's types in struct.
            struct.pack_into(f"{count}{dtype.char}", buffer, 0, *chain.from_iterable(rows))
            return np.frombuffer(buffer, dtype).reshape(len(rows), width)
    return np.array(rows, dtype=dtype)
