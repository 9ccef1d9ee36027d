"""Rows from CSV: each text becomes a value of its feature's kind.

Source: RFC 4180; empty fields and pandas' names for missing values are ``null``.
"""

from __future__ import annotations

import csv
import io
import math
import re
from typing import TYPE_CHECKING

import msgspec

from inference.errors import RequestError
from inference.model.feature_rules import rule_of
from inference.web.adapters.columns import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from inference.model.contract import Feature
    from inference.model.servable import Servable

    Encoder = Callable[[str], bytes]

_NULL = b"null"
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?", re.ASCII)
# Python reads more, such as 1_000 and digits of other scripts, which are no numbers in CSV.
_OTHER_INTEGER = re.compile(r"(?:\+|(-))?0*+([0-9]++|(?<=0))", re.ASCII)
_OTHER_NUMBER = re.compile(r"[+-]?(?:[0-9]++\.?[0-9]*+|\.[0-9]++)(?:[eE][+-]?[0-9]++)?", re.ASCII)
_MISSING = frozenset(
    {"", "NA", "N/A", "<NA>", "n/a", "NaN", "nan", "-NaN", "-nan", "NULL", "null", "None", "#N/A"}
)
_BOOLEANS = {"true": b"true", "false": b"false"}
_encode = msgspec.json.Encoder().encode


def read_csv(body: bytes, servable: Servable, *, has_header: bool) -> bytes:
    """Turn CSV into a list of rows as JSON.

    Args:
        body: UTF-8.
        servable: The model.
        has_header: Whether the first line has the names of the columns; without them the columns
            are the features in their order.

    Raises:
        RequestError: It is not CSV, or its columns are not those of the model.
    """
    features = servable.features or ()
    table = Table(servable)
    lines = _lines(body)
    places: list[int | None] | None = None
    width = table.width
    if has_header:
        header = next(lines, [])
        if header[:1] == [""]:
            raise RequestError(
                "the first column of the CSV has no name: write it without the index, "
                "to_csv(index=False)"
            )
        places = table.places(header, "the CSV")
        width = len(header)
    encoders = [_encoder(feature) for feature in features]
    order = places or range(width)
    rows: list[bytes] = []
    for fields in lines:
        if len(fields) != width:
            raise RequestError(
                f"row {len(rows)} of the CSV has {len(fields)} values, and there are {width} "
                f"columns{'' if has_header else ' in the model'}"
            )
        values = [
            _NULL if place is None else encode(fields[place])
            for encode, place in zip(encoders, order, strict=True)
        ]
        rows.append(b"[%b]" % b",".join(values))
    return b"[%b]" % b",".join(rows)


def _lines(body: bytes) -> Iterator[list[str]]:
    text = io.TextIOWrapper(io.BytesIO(body), "utf-8-sig", newline="")
    try:
        yield from filter(None, csv.reader(text, strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        raise RequestError(f"the body is not CSV in UTF-8: {error}") from None


def _encoder(feature: Feature) -> Encoder:
    if feature.kind == "boolean":
        return _encode_boolean
    if str in rule_of(feature).types:
        known = frozenset(feature.categories or ())
        return lambda text: _NULL if text in _MISSING and text not in known else _encode(text)
    return _encode_number


def _encode_boolean(text: str) -> bytes:
    stripped = text.strip()
    return _NULL if stripped in _MISSING else _BOOLEANS.get(stripped.lower()) or _encode(text)


def _encode_number(text: str) -> bytes:
    stripped = text.strip()
    if _NUMBER.fullmatch(stripped):
        return stripped.encode()
    if stripped in _MISSING:
        return _NULL
    integer = _OTHER_INTEGER.fullmatch(stripped)
    if integer is not None:  # a float would round it
        return f"{integer[1] or ''}{integer[2] or 0}".encode()
    if _OTHER_NUMBER.fullmatch(stripped) is None:
        return _encode(text)
    number = float(stripped)
    return _encode(number if math.isfinite(number) else text)
