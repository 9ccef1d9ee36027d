"""The decoders that are made for one model's features: names and types are checked in C."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from inference.model.feature_rules import json_type_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from inference.model.contract import Feature, Scalar

Row = tuple["Scalar", ...]

_OPENING = re.compile(rb"[ \t\r\n]*+(\[?)[ \t\r\n]*+([\[{]?)")
# Characters that JSON escapes; msgspec does not match such names of fields.
_ESCAPED = re.compile(r'["\\\x00-\x1f]')
_LISTS = (b"[{", b"[[")
_NOTHING = msgspec.Raw()


class TypedDecoder:
    """Decodes one record, a list of records, one row, or a list of rows.

    A record may leave out what may be null, and may carry columns that the model does not read.

    Args:
        features: In the order of the rows' values.
        unused: Columns that the model does not read.
    """

    def __init__(self, features: Sequence[Feature], unused: Sequence[str] = ()) -> None:
        width = len(features)
        astuple = msgspec.structs.astuple
        self._values: Callable[[msgspec.Struct], Row] = (
            (lambda record: astuple(record)[:width]) if unused else astuple
        )
        types = [json_type_of(feature) for feature in features]
        row: Any = tuple[tuple(types)]  # type: ignore[misc]
        self._one_record: Any = _leave
        self._records: Any = _leave
        if not any(map(_ESCAPED.search, [*(feature.name for feature in features), *unused])):
            record = record_of(features, types, unused, may_omit=True)
            self._one_record = msgspec.json.Decoder(record).decode
            self._records = msgspec.json.Decoder(list[record]).decode  # type: ignore[valid-type]
        self._one_row = msgspec.json.Decoder(row).decode
        self._rows = msgspec.json.Decoder(list[row]).decode

    def decode(self, body: bytes) -> tuple[list[Row], bool]:
        """Decode a body.

        Returns:
            The rows, and whether it was one record instead of a list.

        Raises:
            MsgspecError: It is none of these.
            UnicodeDecodeError, OverflowError, RecursionError: Likewise.
        """
        opening = body[:2]
        if opening[:1] == b"{":
            return [self._values(self._one_record(body))], True
        if opening not in _LISTS:  # one row, most likely
            found = _OPENING.match(body)
            opening = b"".join(found.groups()) if found else b""
        if opening == b"{":
            return [self._values(self._one_record(body))], True
        if opening == b"[{":
            return list(map(self._values, self._records(body))), False
        if opening == b"[[":
            return self._rows(body), False
        return [self._one_row(body)], True


def record_of(
    features: Sequence[Feature],
    types: Sequence[Any],
    unused: Sequence[str] = (),
    *,
    may_omit: bool = False,
) -> type[msgspec.Struct]:
    """Make the type of a record of these features.

    Args:
        features: Its first fields, in this order.
        types: The type of each.
        unused: Names of further fields, which are not decoded.
        may_omit: Whether a record may leave out what may be null.
    """
    fields: list[Any] = []
    for i, (feature, kind) in enumerate(zip(features, types, strict=True)):
        omitted = {"default": None} if may_omit and feature.nullable else {}
        fields.append((f"f{i}", kind, msgspec.field(name=feature.name, **omitted)))
    for i, name in enumerate(unused):
        fields.append((f"u{i}", msgspec.Raw, msgspec.field(name=name, default=_NOTHING)))
    return msgspec.defstruct("Record", fields, forbid_unknown_fields=True, gc=False, kw_only=True)


def _leave(_: bytes) -> Any:
    raise msgspec.ValidationError("records with such names are left to the row checker")
