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

from inference.errors import RequestError, TooLargeError
from inference.model.feature_rules import rule_of
from inference.web.adapters.columns import Table
from inference.web.adapters.list_pieces import join_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from inference.model.contract import Feature
    from inference.model.servable import Servable
    from inference.serving.rows.row_limits import RowLimits

    Encoder = Callable[[str], bytes]

_NULL = b"null"
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?", re.ASCII)
# Python reads more, such as 1_000 and digits of other scripts, which are no numbers in CSV.
_OTHER_INTEGER = re.compile(r"(?:\+|(-))?0*+([0-9]++|(?<=0))", re.ASCII)
_OTHER_NUMBER = re.compile(r"[+-]?(?:[0-9]++\.?[0-9]*+|\.[0-9]++)(?:[eE][+-]?[0-9]++)?", re.ASCII)
# Those of pandas.read_csv.
_MISSING = frozenset(
    {"", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
     "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"}
)  # fmt: skip
_BOOLEANS = {"true": b"true", "false": b"false"}
_encode = msgspec.json.Encoder().encode


def read_csv(body: bytes, servable: Servable, limits: RowLimits, *, has_header: bool) -> bytes:
    """Turn CSV into a list of rows as JSON.

    Args:
        body: UTF-8.
        servable: The model.
        limits: Those of a request.
        has_header: Whether the first line has the names of the columns; without them the columns
            are the features in their order.

    Returns:
        See :func:`inference.web.adapters.list_pieces.join_rows`.

    Raises:
        RequestError: It is not CSV, or its columns are not those of the model.
        TooLargeError: A line is too long.
    """
    features = servable.features or ()
    table = Table(servable)
    lines = _lines(body, limits.row_bytes)
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

    def encoded() -> Iterator[bytes]:
        for index, fields in enumerate(lines):
            if len(fields) != width:
                raise RequestError(
                    f"row {index} of the CSV has {len(fields)} values, and there are {width} "
                    f"columns{'' if has_header else ' in the model'}"
                )
            values = [
                _NULL if place is None else encode(fields[place])
                for encode, place in zip(encoders, order, strict=True)
            ]
            yield b"[%b]" % b",".join(values)

    return join_rows(encoded(), limits)


def _lines(body: bytes, max_characters: int) -> Iterator[list[str]]:
    """Read the values of each line.

    A long line holds the interpreter's lock until all of its values are objects.
    """
    text = io.TextIOWrapper(io.BytesIO(body), "utf-8-sig", newline="")

    def short() -> Iterator[str]:
        while line := text.readline(max_characters + 1):
            if len(line) > max_characters:
                raise TooLargeError(
                    f"a line of the CSV has more than {max_characters:,} characters "
                    "(INFERENCE_MAX_ROW_BYTES)"
                )
            yield line

    try:
        yield from filter(None, csv.reader(short(), strict=True))
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
