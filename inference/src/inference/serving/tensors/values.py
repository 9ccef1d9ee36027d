"""JSON values to arrays and back, nested or flat, row-major.

msgspec and NumPy hold the interpreter's lock while they work, so that even in a thread one long
list would stall the loop. A long list is therefore cut into pieces, between which others run, and
no more values are read than the shape takes.
"""

from __future__ import annotations

import contextlib
import functools
import math
import re
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from inference.errors import RequestError
from inference.runtime.threads import PIECE_BYTES
from inference.serving.json_encoding import explain_refusal
from inference.serving.tensors.list_slices import MAX_ITEM_BYTES, WHOLE_BYTES, LongList, Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Array = np.ndarray[Any, Any]

_PIECE_ELEMENTS = 16 * 1024
_WRONG_NESTING = "its data is not nested, or not as long, as its shape says"
_OPENING = re.compile(rb"[\s\[]{0,4096}+")
_SPACES = re.compile(rb"\s*+")
_encode = msgspec.json.Encoder().encode
_TYPES: dict[str, Any] = {"b": bool, "i": int, "u": int, "f": float, "O": str}


def from_values(text: Span, dtype: np.dtype[Any], shape: Sequence[int]) -> Array:
    """Read an array out of its JSON, which is not copied as a whole.

    Args:
        text: A list, flat or nested as the shape says; for no dimension at all, a value does too.
        dtype: NumPy's type of an element; ``object`` for BYTES.
        shape: Its dimensions, none of them negative.

    Raises:
        RequestError: It is no such list; says where.
    """
    body, start, end = text
    opening = _OPENING.match(body, start, end)
    depth = opening[0].count(b"[") if opening else 0
    if depth == 0 and not shape:
        text, depth = Span.whole(b"[" + body[start:end] + b"]"), 1
    if depth not in {1, len(shape)}:
        raise RequestError(
            f"its data is a list {depth} deep: send a flat list, or one nested as the shape "
            f"{list(shape)}"
        )
    try:
        array = _decode(text, dtype, depth, shape)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        reason = explain_refusal(error, *text)
        raise RequestError(f"its data is not what its datatype takes: {reason}") from None
    except (OverflowError, ValueError) as error:
        raise RequestError(f"its data does not fit its datatype and shape: {error}") from None
    if dtype.kind == "f" and np.isinf(array).any():
        raise RequestError("its data holds a number beyond the range of its datatype")
    return _shape(array, shape, flat=depth == 1)


def to_values(array: Array) -> bytes:
    """Write an array as a flat JSON list; NaN and infinity, which JSON lacks, become null."""
    flat = array.reshape(-1)
    if flat.size <= _PIECE_ELEMENTS:
        return _encode(flat.tolist())
    pieces = [
        _encode(flat[start : start + _PIECE_ELEMENTS].tolist())[1:-1]
        for start in range(0, flat.size, _PIECE_ELEMENTS)
    ]
    return b"[" + b",".join(pieces) + b"]"


def _decode(text: Span, dtype: np.dtype[Any], depth: int, shape: Sequence[int]) -> Array:
    body, start, end = text
    strings = dtype == np.object_
    with np.errstate(over="ignore"):
        if end - start <= (WHOLE_BYTES if strings else PIECE_BYTES):
            decode = _decoder(dtype.kind, depth)
            return np.array(decode(body[start:end]), dtype=dtype)
        cut = _cut_strings if strings else _cut_numbers
        count = math.prod(shape)
        if not 0 < 2 * count <= end - start:  # each takes a comma, too
            raise _wrong_count(count)
        whole, offset = np.empty(count, dtype), 0
        for items in cut(text, dtype.kind, depth, shape):
            piece = np.array(items, dtype).reshape(-1)
            if offset + piece.size > count:
                raise _wrong_count(count)
            whole[offset : offset + piece.size] = piece
            offset += piece.size
    if offset < count:
        raise _wrong_count(count)
    return whole if depth == 1 else whole.reshape(shape)


def _wrong_count(count: int) -> RequestError:
    # Made where it is raised: an error that a frame on its own traceback holds is a cycle, which
    # keeps the whole body in memory until the collector runs.
    return RequestError(f"its data does not have the {count} values of its shape")


@functools.cache
def _decoder(kind: str, depth: int) -> Callable[[bytes], Any]:
    wanted = _TYPES[kind]
    for _ in range(depth):
        wanted = list[wanted]  # type: ignore[valid-type]
    return msgspec.json.Decoder(wanted).decode


def _cut_numbers(text: Span, kind: str, depth: int, shape: Sequence[int]) -> Iterator[Any]:
    """Decode a list of numbers in pieces, cut at commas; brackets are looked at by themselves."""
    body, start, end = text
    decode = _decoder(kind, 1)
    nesting = _Nesting(shape) if depth > 1 else None
    if nesting is None:
        closing = body.rfind(b"]", start, end)
        if closing < 0 or _SPACES.match(body, closing + 1, end).end() < end:  # type: ignore[union-attr]
            raise ValueError("its list has no end")
        start, end = body.index(b"[", start) + 1, closing
    cut = 0
    while cut >= 0:
        limit = min(start + PIECE_BYTES + MAX_ITEM_BYTES, end)
        cut = body.find(b",", start + PIECE_BYTES, limit)
        if cut < 0 and limit < end:
            raise ValueError("one of its numbers is longer than 1 MiB")
        piece = body[start : cut if cut >= 0 else end]
        if nesting is not None:
            nesting.check(piece if cut < 0 else piece + b",")
            piece = piece.translate(None, b"[]")
        if not piece.strip():  # alone it would be an empty list and not a stray comma
            raise ValueError("there is a comma too many")
        yield decode(b"[" + piece + b"]")
        start = cut + 1
    if nesting is not None:
        nesting.finish()


class _Nesting:
    """Compares the brackets and commas of a long list with those that its shape asks for."""

    # Everything else than brackets and commas counts as a digit of a number.
    _DIGITS = bytes(byte if byte in b"[]," else ord("0") for byte in range(256))

    def __init__(self, shape: Sequence[int]) -> None:
        wanted = b""
        for size in reversed(shape):
            wanted = b"[" + (wanted + b",") * (size - 1) + wanted + b"]"
        self._wanted = wanted
        self._offset = 0

    def check(self, piece: bytes) -> None:
        """Check the next piece.

        Raises:
            RequestError: It is nested otherwise.
        """
        outline = piece.translate(self._DIGITS, b" \t\r\n")
        found = outline.translate(None, b"0")
        end = self._offset + len(found)
        if found != self._wanted[self._offset : end] or b"]0" in outline or b"0[" in outline:
            raise RequestError(_WRONG_NESTING)
        self._offset = end

    def finish(self) -> None:
        """Check that nothing is missing.

        Raises:
            RequestError: Something is.
        """
        if self._offset < len(self._wanted):
            raise RequestError(_WRONG_NESTING)


def _cut_strings(text: Span, kind: str, depth: int, shape: Sequence[int]) -> Iterator[Any]:
    """Decode a list of strings in pieces, which may hold brackets and commas."""
    body, start, end = text
    decode = _decoder(kind, depth)
    closing = b"]" * (depth - 1) + b"," if depth > 1 else b'",'
    items_only = Span(body, body.index(b"[", start) + 1, end)
    remaining = LongList(items_only, closing, max_item_bytes=MAX_ITEM_BYTES)
    while not remaining.is_over:
        items = None
        guess = remaining.guess()
        if guess is not None:
            with contextlib.suppress(msgspec.MsgspecError, UnicodeError, RecursionError):
                items = decode(guess)
        if items is None:
            items = decode(remaining.cut())
        remaining.accept()
        if depth > 1 and np.shape(items)[1:] != tuple(shape[1:]):
            raise RequestError(f"its data is nested otherwise than its shape {list(shape)} says")
        yield items


def _shape(array: Array, shape: Sequence[int], *, flat: bool) -> Array:
    wanted = tuple(shape)
    if array.shape == wanted:
        return array
    if not flat:
        raise RequestError(f"its data is nested as {list(array.shape)}, its shape is {list(shape)}")
    try:
        return array.reshape(wanted)
    except ValueError:
        raise RequestError(
            f"its data has {array.size} values, which is not what the shape {list(shape)} takes"
        ) from None
