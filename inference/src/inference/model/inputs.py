"""Rows of values to the arrays that onnxruntime takes.

The caller has checked the rows. Only this module maps features to the columns of inputs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.model.contract import Feature, Scalar
    from inference.model.signature import Signature


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
            return {name: np.array(rows, dtype=dtype)}
        columns = list(zip(*rows, strict=True))
        feeds: dict[str, np.ndarray[Any, Any]] = {}
        for name, dtype, rank, indices in self._inputs:
            chosen = [columns[index] for index in indices]
            if dtype == np.object_:
                chosen = [tuple("" if v is None else str(v) for v in column) for column in chosen]
            array = np.array(chosen, dtype=dtype).T
            feeds[name] = array[:, 0] if rank == 1 else np.ascontiguousarray(array)
        return feeds
