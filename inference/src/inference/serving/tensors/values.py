"""JSON values to arrays and back, nested or flat, row-major.

msgspec and NumPy hold the interpreter's lock while they work, so that even in a thread one long
list would stall the loop. A long list is therefore cut into pieces, between which others run.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from inference.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Array = np.ndarray[Any, Any]

_PIECE_BYTES = 64 * 1024
_PIECE_ELEMENTS = 16 * 1024
_OPENING = re.compile(rb"[\s\[]*")
_encode = msgspec.json.Encoder().encode
_TYPES: dict[str, Any] = {"b": bool, "i": int, "u": int, "f": float, "O": str}


def from_values(text: bytes, dtype: np.dtype[Any], shape: Sequence[int]) -> Array:
    """Read an array out of its JSON.

    Args:
        text: A list, flat or nested as the shape says; for no dimension at all, a value does too.
        dtype: NumPy's type of an element; ``object`` for BYTES.
        shape: Its dimensions, none of them negative.

    Raises:
        RequestError: It is no such list; says where.
    """
    opening = _OPENING.match(text)
    depth = opening[0].count(b"[") if opening else 0
    if depth == 0 and not shape:
        text, depth = b"[" + text + b"]", 1
    if depth not in {1, len(shape)}:
        raise RequestError(
            f"its data is a list {depth} deep: send a flat list, or one nested as the shape "
            f"{list(shape)}"
        )
    try:
        array = _decode(text, dtype, depth)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise RequestError(f"its data is not what its datatype takes: {error}") from None
    except (OverflowError, ValueError) as error:
        raise RequestError(f"its data does not fit its datatype and shape: {error}") from None
    if dtype.kind == "f" and np.isinf(array).any():
        raise RequestError("its data holds a number beyond the range of its datatype")
    return _shape(array, shape, flat=depth == 1)


def to_values(array: Array) -> bytes:
    """Spell an array as a flat JSON list; NaN and infinity, which JSON lacks, become null."""
    flat = array.reshape(-1)
    pieces = [
        _encode(flat[start : start + _PIECE_ELEMENTS].tolist())[1:-1]
        for start in range(0, flat.size, _PIECE_ELEMENTS)
    ]
    return b"[" + b",".join(pieces) + b"]"


def _decode(text: bytes, dtype: np.dtype[Any], depth: int) -> Array:
    decode = _decoder(dtype.kind, depth)
    with np.errstate(over="ignore"):
        # What is in quotes may hold anything, so strings are not cut.
        if len(text) <= _PIECE_BYTES or dtype == np.object_:
            return np.array(decode(text), dtype=dtype)
        pieces = [np.array(decode(piece), dtype=dtype) for piece in _cut(text, depth)]
    return np.concatenate(pieces)


@functools.cache
def _decoder(kind: str, depth: int) -> Callable[[bytes], Any]:
    wanted = _TYPES[kind]
    for _ in range(depth):
        wanted = list[wanted]  # type: ignore[valid-type]
    return msgspec.json.Decoder(wanted).decode


def _cut(text: bytes, depth: int) -> Iterator[bytes]:
    """Cut a list of numbers into lists, at commas between its own items."""
    inside = text.strip()[1:-1]
    boundary = b"]" * (depth - 1) + b","
    start, cut = 0, 0
    while cut >= 0:
        cut = inside.find(boundary, start + _PIECE_BYTES)
        end = cut + len(boundary) - 1 if cut >= 0 else len(inside)
        piece = inside[start:end]
        if not piece.strip():  # alone it would be an empty list and not a stray comma
            raise ValueError("there is a comma too many")
        yield b"[" + piece + b"]"
        start = end + 1


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
