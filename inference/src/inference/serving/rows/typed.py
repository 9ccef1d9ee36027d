"""The decoders that are made for one model's features: names and types are checked in C."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.model.contract import Feature, Scalar

Row = tuple["Scalar", ...]

_OPENING = re.compile(rb"[ \t\r\n]*+(\[?)[ \t\r\n]*+([\[{]?)")
# What JSON spells with a backslash, which the decoder takes in no feature's name.
_ESCAPED = re.compile(r'["\\\x00-\x1f]')
_INT64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class TypedDecoder:
    """Decodes one record, a list of records, one row, or a list of rows.

    Args:
        features: In the order of the rows' values.
    """

    def __init__(self, features: Sequence[Feature]) -> None:
        types = [_type_of(feature) for feature in features]
        row: Any = tuple[tuple(types)]  # type: ignore[misc]
        self._one_record: Any = _leave
        self._records: Any = _leave
        if not any(_ESCAPED.search(feature.name) for feature in features):
            record = record_of(features, types)
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
        astuple = msgspec.structs.astuple
        opening = _OPENING.match(body)
        match opening.groups() if opening else ():
            case (b"", b"{"):
                return [astuple(self._one_record(body))], True
            case (b"[", b"{"):
                return [astuple(record) for record in self._records(body)], False
            case (b"[", b"["):
                return self._rows(body), False
            case _:
                return [self._one_row(body)], True


def record_of(features: Sequence[Feature], types: Sequence[Any]) -> type[msgspec.Struct]:
    """Make the type of a record of these features."""
    fields = [
        (f"f{i}", kind, msgspec.field(name=feature.name))
        for i, (feature, kind) in enumerate(zip(features, types, strict=True))
    ]
    return msgspec.defstruct("Record", fields, forbid_unknown_fields=True, gc=False)


def _leave(_: bytes) -> Any:
    raise msgspec.ValidationError("records of such names are the careful reader's")


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
