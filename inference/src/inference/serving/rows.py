"""JSON to rows: one typed decoder per model, and one careful reader for what it refuses.

The typed decoder is generated from the features and checks names and types while it parses, in C.
When it refuses, or when a check on the arrays fails, the careful reader walks the same body in
plain Python, names every row and feature that is wrong, and mends the one thing JSON cannot tell
apart (``3.0`` where an integer is wanted).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import msgspec
import numpy as np

from inference.errors import RequestError, TooLargeError
from inference.serving.faults import read_carefully
from inference.serving.range import TrainingRange

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.model.contract import Feature, Scalar
    from inference.model.servable import Servable

Row = tuple["Scalar", ...]
_SPACE = b" \t\r\n"
_LONGEST_INTEGER = 30
# What JSON spells with a backslash, which the typed decoder takes in no feature's name.
_ESCAPED = re.compile(r'["\\\x00-\x1f]')
_INT64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


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
    """

    def __init__(self, servable: Servable, *, max_rows: int) -> None:
        # Parts of the servable and not itself: whoever keeps a reader must not keep a model alive.
        self._features: Sequence[Feature] = servable.features or ()
        self._to_feeds = servable.columns.to_feeds if servable.columns else _no_columns
        self._dtypes = {spec.name: spec.dtype for spec in servable.signature.inputs}
        self._range = TrainingRange(self._features)
        self._max_rows = max_rows
        types = [_type_of(feature) for feature in self._features]
        row: Any = tuple[tuple(types)]  # type: ignore[misc]
        self._one_record: Any = _leave
        self._records: Any = _leave
        if not any(_ESCAPED.search(feature.name) for feature in self._features):
            record = record_of(self._features, types)
            self._one_record = msgspec.json.Decoder(record).decode
            self._records = msgspec.json.Decoder(list[record]).decode  # type: ignore[valid-type]
        self._one_row = msgspec.json.Decoder(row).decode
        self._rows = msgspec.json.Decoder(list[row]).decode
        self._nullable = any(feature.nullable for feature in self._features)

    def read(self, body: bytes) -> Batch:
        """Read one record, a list of records, one row, or a list of rows.

        Raises:
            RequestError: The body is not JSON, or neither of these.
            RowsError: Rows or features are wrong; lists them.
            TooLargeError: Too many rows.
        """
        try:
            rows, single = self._read_typed(body)
            if len(rows) == 1 and self._range.covers_row(rows[0]):
                return Batch(1, self._to_feeds(rows), single, [])
            self._check_count(rows)
            batch = self._to_batch(rows, single=single)
            if self._is_finite(batch.feeds):
                return batch
        except (msgspec.MsgspecError, UnicodeDecodeError, OverflowError, RecursionError):
            pass  # the careful reader says what it is, or mends it
        rows, single = read_carefully(
            _decode_any(body), self._features, self._dtypes, max_rows=self._max_rows
        )
        return self._to_batch(rows, single=single)

    def _to_batch(self, rows: Sequence[Row], *, single: bool) -> Batch:
        # A number beyond the input's type becomes infinite, which is looked for, and refused.
        with np.errstate(over="ignore"):
            feeds = self._to_feeds(rows)
        only = next(iter(feeds.values()))
        inside = len(feeds) == 1 and only.ndim > 1 and self._range.covers_matrix(only)
        return Batch(len(rows), feeds, single, [] if inside else self._range.warnings(rows))

    def _read_typed(self, body: bytes) -> tuple[list[Row], bool]:
        astuple = msgspec.structs.astuple
        start = body.lstrip(_SPACE)[:1]
        if start == b"{":
            return [astuple(self._one_record(body))], True
        inner = body.lstrip(_SPACE)[1:].lstrip(_SPACE)[:1] if start == b"[" else b""
        if inner == b"{":
            return [astuple(record) for record in self._records(body)], False
        if inner == b"[":
            return self._rows(body), False
        return [self._one_row(body)], True

    def _check_count(self, rows: Sequence[Any]) -> None:
        if not rows:
            raise RequestError("the list of rows is empty: send at least one")
        if len(rows) > self._max_rows:
            raise TooLargeError(
                f"the request has {len(rows)} rows, the limit is {self._max_rows}: split it"
            )

    def _is_finite(self, feeds: dict[str, Any]) -> bool:
        for array in feeds.values():
            if array.dtype.kind != "f":
                continue
            if np.isinf(array).any() if self._nullable else not np.isfinite(array).all():
                return False
        return True


def record_of(features: Sequence[Feature], types: Sequence[Any]) -> type[msgspec.Struct]:
    """Make the type of a record of these features."""
    fields = [
        (f"f{i}", kind, msgspec.field(name=feature.name))
        for i, (feature, kind) in enumerate(zip(features, types, strict=True))
    ]
    return msgspec.defstruct("Record", fields, forbid_unknown_fields=True, gc=False)


def _leave(_: bytes) -> Any:
    raise msgspec.ValidationError("records of such names are the careful reader's")


def _no_columns(_: Sequence[Row]) -> dict[str, Any]:
    raise ValueError("this model takes tensors, not rows")


def _type_of(feature: Feature) -> Any:
    kind: Any
    match feature.kind:
        case "number":
            kind = float
        case "integer":
            kind = _INT64
        case "boolean":
            kind = bool
        case "category":
            values = tuple(feature.categories or ())
            if feature.open_categories or not values:
                kind = int if values and not isinstance(values[0], str) else str
            else:
                kind = Literal[values]
    return kind | None if feature.nullable else kind


def _decode_any(body: bytes) -> Any:
    # Python's own parser, since it reads NaN and infinity, which are to be refused by row and name.
    try:
        return json.loads(body, parse_int=_read_integer)
    except RecursionError:
        raise RequestError("the body is not rows of values: it is nested too deep") from None
    except ValueError as error:
        raise RequestError(
            f"the body is not JSON: {error}. Send one record, a list of records, or rows of values "
            "in feature order"
        ) from None


def _read_integer(text: str) -> float:
    # Beyond every integer type: as a float it is out of range too, and costs no long arithmetic.
    return int(text) if len(text) <= _LONGEST_INTEGER else float(text)
