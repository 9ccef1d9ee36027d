"""Rows that take some features from a record and the others from a background row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from inference.model.servable import Servable

Array = np.ndarray[Any, Any]
Feeds = dict[str, Array]
# Makes a slice of some rows: which features come from the record, shape [rows, features], and from
# which background row the others come, shape [rows].
RowsOf = "Callable[[slice], tuple[Array, Array]]"

# Of one run. More rows are not faster, and holding the interpreter's lock for longer delays others.
RUN_ROWS = 8192
_RUN_VALUES = 1024 * 1024
_RUN_TEXT_BYTES = 16 * 1024 * 1024  # a run copies the texts of each row


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
        self._text_bytes = _text_bytes(self.background)

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

    def most_rows(self, record: Feeds, outputs: int) -> int:
        """Return how many such rows one run may have; 1 at least.

        Args:
            record: Arrays of one row.
            outputs: How many numbers the model answers for each row.
        """
        row_bytes = _text_bytes(record) + self._text_bytes
        features = sum(map(len, self._columns.values()))
        most = min(_RUN_VALUES // max(1, features, outputs), _RUN_TEXT_BYTES // max(1, row_bytes))
        return max(1, min(RUN_ROWS, most))

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


def _text_bytes(feeds: Feeds) -> int:
    """Return the most bytes that the texts of a row can have together."""
    arrays = [array for array in feeds.values() if array.dtype == np.object_]
    columns = (column for array in arrays for column in array.reshape(len(array), -1).T)
    return sum(max(map(_utf8_bytes, column)) for column in columns)


def _utf8_bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
