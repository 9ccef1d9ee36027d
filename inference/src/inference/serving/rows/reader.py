"""Read the body of a predict route into arrays: a typed decoder first, then a row checker.

The typed decoder checks names and types while it parses, in C. When it fails, or a check of the
arrays fails, the row checker reads the same rows in Python, names every row and feature that is
wrong, and accepts ``3.0`` for an integer. A long list is read in pieces, so that other threads run
in between.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from inference.errors import RequestError, TooLargeError
from inference.serving.json_encoding import to_utf8
from inference.serving.rows.row_errors import RowChecker
from inference.serving.rows.row_limits import RowLimits
from inference.serving.rows.training_range import MAX_WARNINGS, TrainingRange
from inference.serving.rows.typed_decoder import TypedDecoder
from inference.serving.tensors.list_slices import (
    MAX_ITEM_BYTES,
    WHOLE_BYTES,
    LongList,
    Span,
    find_rows,
)
from inference.serving.tensors.query import MAX_STRINGS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.model.contract import Feature
    from inference.model.servable import Servable
    from inference.serving.rows.training_range import Outlier
    from inference.serving.rows.typed_decoder import Row

_BYTES_PER_FEATURE = 64
# The row checker makes an object of each value, and a row of 1 MiB may have half a million.
_LOOSE_VALUES = 128 * 1024
_LONGEST_INTEGER = 30
_REFUSED = (msgspec.MsgspecError, UnicodeDecodeError, OverflowError, RecursionError)


class Batch(NamedTuple):
    """What one request asks.

    Attributes:
        rows: How many rows.
        feeds: Their values as arrays, one per ONNX input.
        single: Whether it was one record, and not a list of them.
        warnings: What was outside the training range.
    """

    rows: int
    feeds: dict[str, Any]
    single: bool
    warnings: list[dict[str, Any]]


class RowReader:
    """Reads the bodies of one servable's predict route.

    Args:
        servable: It must have features.
        max_rows: The most rows in one request.
        max_row_bytes: The longest row; more where the model's features need more.
        max_strings: The most values in one request that the model takes as strings.

    Attributes:
        limits: The most rows, and the longest row.
    """

    def __init__(
        self,
        servable: Servable,
        *,
        max_rows: int,
        max_row_bytes: int = MAX_ITEM_BYTES,
        max_strings: int = MAX_STRINGS,
    ) -> None:
        # Parts of the servable, not the servable itself: a reader must not keep a model alive.
        self._features: Sequence[Feature] = servable.features or ()
        self._to_feeds = servable.columns.to_feeds if servable.columns else _no_columns
        self._dtypes = {spec.name: spec.dtype for spec in servable.signature.inputs}
        self._range = TrainingRange(self._features)
        self._max_strings = max_strings
        self._strings = sum(self._dtypes[f.input] == np.object_ for f in self._features)
        longest = max(max_row_bytes, _BYTES_PER_FEATURE * len(self._features))
        self.limits = RowLimits(max_rows, longest)
        self._most_values = 2 * len(self._features) + _LOOSE_VALUES
        unused = (servable.contract.unused if servable.contract else None) or ()
        self._typed = TypedDecoder(self._features, unused)
        self._checker = partial(RowChecker, self._features, self._dtypes, unused)
        self._nullable = any(feature.nullable for feature in self._features)

    def read_quickly(self, body: bytes) -> Batch | None:
        """Read a body that is right, and short enough for the loop.

        Returns:
            ``None`` if :meth:`read` must read it.

        Raises:
            RequestError: There is no row.
            TooLargeError: Too many rows.
        """
        try:
            rows, single = self._typed.decode(body)
            if len(rows) == 1 and self._range.covers_row(rows[0]):
                return Batch(1, self._to_feeds(rows), single, [])
            self._check_count(len(rows))
            feeds = self._to_arrays(rows)
        except _REFUSED:
            return None
        if self._is_inside(feeds):  # and thus finite
            return Batch(len(rows), feeds, single, [])
        if not self._is_finite(feeds):
            return None
        return Batch(len(rows), feeds, single, self._range.warnings(rows, _matrix(feeds)))

    def read(self, body: bytes) -> Batch:
        """Read one record, a list of records, one row, or a list of rows.

        Raises:
            RequestError: The body is not JSON, or neither of these.
            RowsError: Rows or features are wrong; lists them.
            TooLargeError: Too many rows, or one too long.
        """
        if len(body) > WHOLE_BYTES:
            body = to_utf8(body)
            start = find_rows(body)
            if start is not None:
                return self._read_pieces(body, start)
            if len(body) > self.limits.row_bytes:
                raise TooLargeError(
                    "the body is not a list of rows, and one row has at most "
                    f"{self.limits.row_bytes:,} bytes (INFERENCE_MAX_ROW_BYTES)"
                )
        batch = self.read_quickly(body)
        if batch is not None:
            return batch
        text = to_utf8(body)
        if text is not body:
            return self.read(text)
        checker = self._checker()
        items, single = checker.split(self._decode_any(body))
        self._check_count(len(items))
        rows = checker.read(items)
        checker.finish()
        return self._to_batch(rows, self._to_arrays(rows), single=single)

    def _read_pieces(self, body: bytes, start: int) -> Batch:
        checker = self._checker()
        count = 0
        parts: list[dict[str, Any]] = []
        outliers: list[Outlier] = []
        closing = b"]," if body[start : start + 1] == b"[" else b"},"
        text = Span(body, start, len(body))
        remaining = LongList(text, closing, max_item_bytes=self.limits.row_bytes)
        while not remaining.is_over:
            rows, feeds = self._read_piece(remaining, checker, count)
            if count + len(rows) > self.limits.rows:
                raise TooLargeError(
                    f"the request has more than {self.limits.rows} rows, which is the limit: "
                    "split it"
                )
            if self._strings * (count + len(rows)) > self._max_strings:
                raise TooLargeError(
                    f"the request has more than {self._max_strings} strings "
                    "(INFERENCE_MAX_STRINGS): split it"
                )
            if checker.total:
                parts.clear()  # there will be no answer, only a list of faults
            else:
                parts.append(feeds)
                if not self._is_inside(feeds):
                    found = self._range.find(rows, count, _matrix(feeds))
                    outliers = sorted([*outliers, *found])[:MAX_WARNINGS]
            count += len(rows)
        checker.finish()
        feeds = _join(parts, count)
        return Batch(count, feeds, single=False, warnings=[o.warning for o in outliers])

    def _read_piece(
        self, remaining: LongList, checker: RowChecker, first: int
    ) -> tuple[Sequence[Row], dict[str, Any]]:
        read = self._read_typed(remaining.guess())
        if read is None:
            piece = remaining.cut()
            read = self._read_typed(piece)
        remaining.accept()
        if read is not None:
            return read
        try:
            items = self._decode_any(piece)
        except RequestError as error:
            raise RequestError(f"in row {first} or after it: {error}") from None
        rows = checker.read(items, first)
        return rows, {} if checker.total else self._to_arrays(rows)

    def _read_typed(self, piece: bytes | None) -> tuple[list[Row], dict[str, Any]] | None:
        if piece is None:
            return None
        try:
            rows, _ = self._typed.decode(piece)
            feeds = self._make_feeds(rows)
        except _REFUSED:
            return None
        return None if feeds is None else (rows, feeds)

    def _make_feeds(self, rows: Sequence[Row]) -> dict[str, Any] | None:
        """Make the arrays; ``None`` where a number is not finite, or not of the input's type."""
        feeds = self._to_arrays(rows)
        return feeds if self._is_finite(feeds) else None

    def _to_arrays(self, rows: Sequence[Row]) -> dict[str, Any]:
        # A number beyond the input's type becomes infinite, which is looked for, and refused.
        with np.errstate(over="ignore"):
            return self._to_feeds(rows)

    def _is_inside(self, feeds: dict[str, Any]) -> bool:
        matrix = _matrix(feeds)
        return matrix is not None and self._range.covers_matrix(matrix)

    def _to_batch(self, rows: Sequence[Row], feeds: dict[str, Any], *, single: bool) -> Batch:
        is_inside = self._is_inside(feeds)
        warnings = [] if is_inside else self._range.warnings(rows, _matrix(feeds))
        return Batch(len(rows), feeds, single, warnings)

    def _check_count(self, count: int) -> None:
        if not count:
            raise RequestError("the list of rows is empty: send at least one")
        if count > self.limits.rows:
            raise TooLargeError(
                f"the request has {count} rows, the limit is {self.limits.rows}: split it"
            )

    def _is_finite(self, feeds: dict[str, Any]) -> bool:
        for array in feeds.values():
            if array.dtype.kind != "f":
                continue
            if np.isinf(array).any() if self._nullable else not np.isfinite(array).all():
                return False
        return True

    def _decode_any(self, text: bytes) -> Any:
        if len(text) > WHOLE_BYTES and sum(map(text.count, b",[{")) > self._most_values:
            raise RequestError(
                "the body is not rows of values: one has more values than there are features"
            )
        # Python's own parser, since it reads NaN and infinity, which are to be refused by name.
        try:
            return json.loads(text, parse_int=_read_integer)
        except RecursionError:
            raise RequestError("the body is not rows of values: it is nested too deep") from None
        except ValueError as error:
            raise RequestError(
                f"the body is not JSON: {error}. Send one record, a list of records, or rows of "
                "values in feature order"
            ) from None


def _matrix(feeds: dict[str, Any]) -> np.ndarray[Any, Any] | None:
    """Return the only array if it has columns."""
    only: np.ndarray[Any, Any] = next(iter(feeds.values()))
    return only if len(feeds) == 1 and only.ndim > 1 else None


def _no_columns(_: Sequence[Row]) -> dict[str, Any]:
    raise ValueError("this model takes tensors, not rows")


def _read_integer(text: str) -> float:
    # Beyond every integer type: as a float it is out of range too, and costs no long arithmetic.
    return int(text) if len(text) <= _LONGEST_INTEGER else float(text)


def _join(parts: list[dict[str, Any]], rows: int) -> dict[str, Any]:
    """Put arrays one behind the other, letting go of each on the way."""
    whole = {
        name: np.empty((rows, *array.shape[1:]), array.dtype) for name, array in parts[0].items()
    }
    parts.reverse()
    first = 0
    while parts:
        part = parts.pop()
        for name, array in part.items():
            whole[name][first : first + len(array)] = array
        first += len(array)
    return whole
