"""Binary tensor data: little-endian, row-major, without padding.

Where the layout allows it an array is a view of the request's body; it is a copy where its place in
the body is not aligned to its type. BOOL is one byte; a BYTES element is a 4-byte length and so
many bytes, which are UTF-8, since ONNX's strings are.

Source: Triton's binary tensor data extension,
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

Array = np.ndarray[Any, Any]
Buffer = bytes | memoryview

_LENGTH_BYTES = 4
_PIECE_ELEMENTS = 64 * 1024


def from_binary(buffer: Buffer, dtype: np.dtype[Any], shape: Sequence[int]) -> Array:
    """Read an array out of its buffer.

    Args:
        buffer: The array's bytes and no more.
        dtype: NumPy's type of an element; ``object`` for BYTES.
        shape: Its dimensions, none of them negative.

    Returns:
        An array of that type and shape; read-only where it is a view.

    Raises:
        RequestError: The buffer does not hold such an array.
    """
    count = math.prod(shape)
    if dtype == np.object_:
        return reshape(_strings(memoryview(buffer), count), shape)
    wanted = count * dtype.itemsize
    if len(buffer) != wanted:
        raise RequestError(
            f"it has {len(buffer)} bytes of binary data, the shape {list(shape)} takes {wanted}"
        )
    if dtype == np.bool_:
        raw = np.frombuffer(buffer, dtype=np.uint8)
        # A byte that is neither 0 nor 1 is true to C and nothing to NumPy, so it is made 1.
        array = raw.view(np.bool_) if not (raw > 1).any() else raw.astype(np.bool_)
    else:
        array = np.frombuffer(buffer, dtype=dtype.newbyteorder("<"))
        if not array.flags.aligned:
            array = array.copy()
    return reshape(array, shape)


def to_binary(array: Array) -> Buffer:
    """Return an array's bytes; a view where it lies in one piece."""
    if array.dtype == np.object_:
        return _join(array.reshape(-1).tolist())
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return np.ascontiguousarray(little).reshape(-1).view(np.uint8).data


def reshape(array: Array, shape: Sequence[int]) -> Array:
    """Give an array as many values as it has in another shape.

    Raises:
        RequestError: There is no such array.
    """
    try:
        return array.reshape(shape)
    except ValueError as error:  # such as dimensions whose product is 0 and which are immense
        raise RequestError(f"there is no array of shape {list(shape)}: {error}") from None


def _strings(buffer: memoryview, count: int) -> Array:
    found: list[str] = []
    offset, end = 0, len(buffer)
    try:
        while offset < end and len(found) <= count:
            start = offset + _LENGTH_BYTES
            offset = start + int.from_bytes(buffer[offset:start], "little")
            if start > end or offset > end:
                raise RequestError(f"element {len(found)} goes beyond the end of the binary data")
            found.append(str(buffer[start:offset], "utf-8"))
    except UnicodeDecodeError as error:
        raise RequestError(f"element {len(found)} is not UTF-8: {error.reason}") from None
    if len(found) != count:
        least = "at least " if offset < end else ""
        raise RequestError(f"it has {least}{len(found)} elements, its shape takes {count}")
    array = np.empty(count, dtype=np.object_)
    for first in range(0, count, _PIECE_ELEMENTS):  # the lock is let go of in between
        array[first : first + _PIECE_ELEMENTS] = found[first : first + _PIECE_ELEMENTS]
    return array


def _join(strings: list[Any]) -> bytes:
    encoded_by_string = {
        string: _encode(string) for string in dict.fromkeys(strings)
    }  # labels come often
    return b"".join(map(encoded_by_string.__getitem__, strings))


def _encode(string: Any) -> bytes:
    encoded = string if isinstance(string, bytes) else str(string).encode()
    return len(encoded).to_bytes(_LENGTH_BYTES, "little") + encoded
