"""Read a list in JSON piece by piece, see :mod:`inference.serving.tensors.list_slices`."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from inference.errors import RequestError
from inference.serving.json_encoding import explain_refusal
from inference.serving.tensors.list_slices import MAX_ITEM_BYTES, WHOLE_BYTES, LongList, Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from inference.serving.rows.row_limits import RowLimits

_SPACE = b" \t\r\n"
_decode = msgspec.json.Decoder(list[msgspec.Raw]).decode


def first_byte(text: bytes, start: int = 0) -> bytes:
    """Return the first byte that is no white space; empty if there is none."""
    while text[start : start + 1] and text[start] in _SPACE:
        start += 1
    return text[start : start + 1]


def first_item_byte(text: bytes) -> bytes:
    """Return the first byte of the first item of a list; ``]`` of an empty one."""
    return first_byte(text, text.index(b"[") + 1)


def join_rows(rows: Iterable[bytes], limits: RowLimits) -> bytes:
    """Write a list of rows; of too many only one too many, which the reader of rows refuses."""
    return b"[%b]" % b",".join(islice(rows, limits.rows + 1))


def items_in_pieces(
    text: bytes, what: str, max_item_bytes: int = MAX_ITEM_BYTES
) -> Iterator[list[msgspec.Raw]]:
    """Read the items of a list, about 64 KiB at a time.

    Args:
        text: A list, and nothing else.
        what: What it is called in a message.
        max_item_bytes: The longest item.

    Raises:
        RequestError: It is not a list in JSON.
        TooLargeError: An item is too long.
    """
    if len(text) <= WHOLE_BYTES or first_item_byte(text) == b"]":
        yield _read(text, what)
        return
    span = Span(text, text.index(b"[") + 1, len(text))
    remaining = LongList(span, b",", max_item_bytes=max_item_bytes)
    while not remaining.is_over:
        piece = remaining.guess()
        try:
            items = None if piece is None else _decode(piece)
        except msgspec.MsgspecError:
            items = None
        if items is None:
            items = _read(remaining.cut(), what)
        remaining.accept()
        yield items


def _read(text: bytes, what: str) -> list[msgspec.Raw]:
    try:
        return _decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        reason = explain_refusal(error, text)
        raise RequestError(f"{what} is not a list in JSON: {reason}") from None
