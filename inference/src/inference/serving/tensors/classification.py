"""The classification extension: instead of an output's values, its best classes.

Source: Triton's classification extension,
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_classification.md
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from inference.errors import TooLargeError

if TYPE_CHECKING:
    from collections.abc import Sequence

Array = np.ndarray[Any, Any]

MAX_RANKED = 1_000_000


def rank_classes(array: Array, count: int, labels: Sequence[str] | None = None) -> Array:
    """Rank an output's values.

    Args:
        array: The values; the first axis is the batch, all others together are the classes. A
            vector is a batch of one value each.
        count: How many classes are wanted; where there are fewer, all are given.
        labels: What the classes are called, in the order of the values.

    Returns:
        Strings ``value:index`` or ``value:index:label``, best first, of shape ``[batch, count]``.
        Equal values keep their order, and NaN comes last.

    Raises:
        TooLargeError: That would be more strings than :data:`MAX_RANKED`.
    """
    batch = array.shape[0] if array.ndim else 1
    width = array[0].size if batch and array.ndim else array.size or 1
    table = array.reshape(batch, width)
    count = min(count, width)
    if batch * count > MAX_RANKED:
        raise TooLargeError(
            f"{count} classes for {batch} rows are more than {MAX_RANKED:,}: ask for fewer"
        )
    named = labels if labels is not None and len(labels) == width else None
    # Stable and descending: equal values stay in order, and NaN sorts last.
    falling = -table if table.dtype.kind == "f" else ~table
    order = np.argsort(falling, axis=1, kind="stable")[:, :count]
    ranked = np.empty((batch, count), dtype=np.object_)
    for row, (values, indices) in enumerate(zip(table, order.tolist(), strict=True)):
        for rank, index in enumerate(indices):
            text = f"{values[index]!s}:{index}"
            ranked[row, rank] = text if named is None else f"{text}:{named[index]}"
    return ranked
