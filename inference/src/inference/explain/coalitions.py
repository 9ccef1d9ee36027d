"""Rows that take some features from a record and the others from a background row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inference.model.servable import Servable

Array = np.ndarray[Any, Any]
Feeds = dict[str, Array]
# Makes a slice of some rows: which features come from the record, shape [rows, features], and from
# which background row the others come, shape [rows].
RowsOf = "Callable[[slice], tuple[Array, Array]]"

# Of one run. More rows are not faster, and holding the interpreter's lock for longer delays others.
_RUN_ROWS = 8192
_RUN_VALUES = 1024 * 1024


class Composer:
    """Builds the arrays of such rows.

    Args:
        servable: A model with a contract; only parts of it are kept.
        background: The background rows, values in feature order.

    Attributes:
        background: Their arrays, one per input.
        rows: How many background rows there are.
    """

    def __init__(self, servable: Servable, background: list[Any]) -> None:
        features = servable.features or ()
        self.background: Feeds = servable.to_feeds(background)
        self.rows = len(background)
        self._columns = {
            name: np.array([i for i, f in enumerate(features) if f.input == name])
            for name in self.background
        }
        width = max(1, len(features))
        self._step = max(1, min(_RUN_ROWS, _RUN_VALUES // width))

    def differences(self, record: Feeds) -> Array:
        """Tell which features of a record differ from each background row.

        Args:
            record: Arrays of one row.

        Returns:
            Booleans, shape ``[background rows, features]``.
        """
        width = sum(map(len, self._columns.values()))
        differs = np.zeros((self.rows, width), dtype=bool)
        for name, columns in self._columns.items():
            own, other = record[name], self.background[name]
            same = own == other
            if own.dtype.kind == "f":
                same |= np.isnan(own) & np.isnan(other)
            differs[:, columns] = ~same.reshape(self.rows, -1)
        return differs

    def parts(self, count: int) -> Iterator[slice]:
        """Divide rows into the slices that runs take."""
        for start in range(0, count, self._step):
            yield slice(start, min(start + self._step, count))

    def compose(self, record: Feeds, own: Array, index: Array) -> Feeds:
        """Build the arrays of some rows.

        Args:
            record: Arrays of one row.
            own: Which features come from the record, as booleans, shape ``[rows, features]``.
            index: The background row that the others come from, shape ``[rows]``.
        """
        feeds: Feeds = {}
        for name, columns in self._columns.items():
            other = self.background[name][index]
            chosen = own if len(columns) == own.shape[1] else own[:, columns]
            feeds[name] = np.where(chosen.reshape(other.shape), record[name], other)
        return feeds
