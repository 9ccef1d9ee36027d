"""Rows from tables: columns by name, and rows with the names of their columns beside them."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec

from inference.errors import RequestError, TooLargeError
from inference.runtime.suggestions import nearest, shorten
from inference.web.adapters.list_pieces import (
    first_byte,
    first_item_byte,
    items_in_pieces,
    join_rows,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from inference.model.servable import Servable
    from inference.serving.rows.row_limits import RowLimits

MAX_VALUES = 1_000_000  # of columns, which are in memory as a whole
_NULL = b"null"
_LISTED = 12
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Table:
    """The features of a model, as the columns of a table.

    Args:
        servable: The model; it must have features.
    """

    def __init__(self, servable: Servable) -> None:
        self._features = servable.features or ()
        self._names = [feature.name for feature in self._features]
        contract = servable.contract
        self._known = {*self._names, *((contract.unused if contract else None) or ())}

    @property
    def width(self) -> int:
        """The number of features."""
        return len(self._names)

    def is_input(self, name: str) -> bool:
        """Whether a name is that of the only input of the graph, and no feature."""
        return name not in self._known and {f.input for f in self._features} == {name}

    def places(self, columns: Sequence[Any], what: str) -> list[int | None] | None:
        """Find the column of each feature.

        Args:
            columns: The names of the columns in their order; numbers from 0 stand for the features
                in theirs, as in a DataFrame without names, unless features are called so.
            what: What has the columns, for a message.

        Returns:
            For each feature the place of its column, or ``None`` for a column that may be left out;
            ``None`` if the columns are the features in their order.

        Raises:
            RequestError: A column is missing, unknown, or there twice.
        """
        names = [name if isinstance(name, str) else str(name) for name in columns]
        is_numbered = list(columns) == list(range(len(self._names)))
        if names == self._names or (is_numbered and not self._known.issuperset(names)):
            return None
        found = {name: place for place, name in enumerate(names)}
        if len(found) < len(names):
            twice = next(name for place, name in enumerate(names) if found[name] != place)
            raise RequestError(f"{what} has the column '{shorten(twice)}' twice")
        absent = [f.name for f in self._features if f.name not in found]
        for name in names:
            if name not in self._known:
                hint = nearest(name, absent) or f" The features are: {self._list()}"
                raise RequestError(
                    f"{what} has the column '{shorten(name)}', and the model has no such feature."
                    f"{hint}"
                )
        nullable = {f.name for f in self._features if f.nullable}
        missing = [name for name in absent if name not in nullable]
        if missing:
            raise RequestError(
                f"{what} lacks the column '{shorten(missing[0])}'. The features are: {self._list()}"
            )
        return [found.get(name) for name in self._names]

    def reorder(self, rows: bytes, columns: Sequence[Any], what: str, limits: RowLimits) -> bytes:
        """Put the values of rows into the order of the features.

        Args:
            rows: A list of rows, as JSON.
            columns: The names of the columns of each row.
            what: What has the rows, for a message.
            limits: Those of a request.

        Returns:
            See :func:`inference.web.adapters.list_pieces.join_rows`.

        Raises:
            RequestError: The columns are not those of the model, or a row has not a value for each.
            TooLargeError: A row is too long.
        """
        places = self.places(columns, what)
        if places is None:
            return rows
        items = chain.from_iterable(items_in_pieces(rows, what, limits.row_bytes))

        def reordered() -> Iterator[bytes]:
            for index, row in enumerate(items):
                values = _read_row(row, index, len(columns), what)
                kept = (_NULL if place is None else bytes(values[place]) for place in places)
                yield b"[%b]" % b",".join(kept)

        return join_rows(reordered(), limits)

    def transpose(self, columns: Mapping[str, bytes], what: str) -> bytes:
        """Turn columns into rows in the order of the features.

        Args:
            columns: By name, a list of values each, or one value each.
            what: What has the columns, for a message.

        Raises:
            RequestError: The columns are not those of the model, or not of one length.
            TooLargeError: There are too many values.
        """
        names = list(columns)
        places = self.places(names, what) or range(len(names))
        texts = list(columns.values())
        if not any(first_byte(text) == b"[" for text in texts):
            lists = [[text] for text in texts]
        else:
            lists = []
            for name, text in zip(names, texts, strict=True):
                lists.append(_read_column(text, f"column '{shorten(name)}' of {what}"))
                if len(lists[-1]) != len(lists[0]):
                    raise RequestError(
                        f"{what} has {len(lists[0])} values in column '{shorten(names[0])}' and "
                        f"{len(lists[-1])} in column '{shorten(name)}': send as many of each"
                    )
                if len(lists[0]) * len(names) > MAX_VALUES:
                    raise TooLargeError(
                        f"{what} has more than {MAX_VALUES:,} values in columns: split it, or send "
                        "rows as 'instances'"
                    )
        rows = len(lists[0]) if lists else 0
        ordered = [[_NULL] * rows if place is None else lists[place] for place in places]
        written = [b"[%b]" % b",".join(values) for values in zip(*ordered, strict=True)]
        return b"[%b]" % b",".join(written)

    def _list(self) -> str:
        shown = ", ".join(f"'{shorten(name)}'" for name in self._names[:_LISTED])
        return shown + (f" and {self.width - _LISTED} more" if self.width > _LISTED else "")


def _read_row(row: msgspec.Raw, index: int, width: int, what: str) -> list[msgspec.Raw]:
    try:
        values = _decode_list(row)
    except (msgspec.MsgspecError, RecursionError):
        raise RequestError(f"row {index} of {what} is not a list of values") from None
    if len(values) != width:
        raise RequestError(
            f"row {index} of {what} has {len(values)} values, and there are {width} columns"
        )
    return values


def _read_column(text: bytes, what: str) -> list[bytes]:
    """Read the values of a column; lists of one value, as tensors have them, are values."""
    if first_byte(text) != b"[":
        raise RequestError(f"{what} is one value, and another column is a list")
    values: list[bytes] = []
    is_nested = first_item_byte(text) == b"["
    for piece in items_in_pieces(text, what):
        values += [_only_value(item, what) for item in piece] if is_nested else map(bytes, piece)
        if len(values) > MAX_VALUES:
            raise TooLargeError(f"{what} has more than {MAX_VALUES:,} values: split it")
    return values


def _only_value(item: msgspec.Raw, what: str) -> bytes:
    try:
        (value,) = _decode_list(item)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        raise RequestError(f"{what} is not a list of values, nor of lists of one value") from None
    return bytes(value)
