"""A long inference request in protobuf's wire format, without its tensors made into objects.

protobuf's own parser takes a message in one go, with the interpreter's lock held, and makes up to a
hundred bytes of each byte that it reads. So tensors' values are left out of what it is given, and
are read from where they lie.

Source: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from inference.errors import RequestError, TooLargeError
from inference.runtime.threads import PIECE_BYTES
from inference.serving.tensors.binary import reshape

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Array = np.ndarray[Any, Any]

_HEADER_BYTES = 128 * 1024
_MOST_FIELDS = 10_000
_LONGEST_VARINT = 10
_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5
_INPUTS, _RAW, _CONTENTS = (
    5,
    7,
    5,
)  # ModelInferRequest.inputs, its raw contents, an input's contents
# The numbers of InferTensorContents' fields, and what their varints are truncated to.
_NUMBERS = {
    "bool_contents": 1,
    "int_contents": 2,
    "int64_contents": 3,
    "uint_contents": 4,
    "uint64_contents": 5,
    "fp32_contents": 6,
    "fp64_contents": 7,
    "bytes_contents": 8,
}
_TRUNCATED = {1: np.bool_, 2: np.int32, 3: np.int64, 4: np.uint32, 5: np.uint64}
_FIXED: dict[int, np.dtype[Any]] = {6: np.dtype("<f4"), 7: np.dtype("<f8")}


class Split(NamedTuple):
    """A request in parts.

    Attributes:
        header: The message without its tensors' values.
        raw: The raw contents, in order.
        contents: The typed contents of each input, in order.
    """

    header: bytes
    raw: list[memoryview]
    contents: list[memoryview]


def split_message(data: bytes) -> Split:
    """Take the values out of a ``ModelInferRequest``.

    Raises:
        RequestError: It is no such message.
        TooLargeError: There is too much in it beside values.
    """
    view = memoryview(data)
    kept: list[bytes | memoryview] = []
    raw: list[memoryview] = []
    contents: list[memoryview] = []
    size = 0
    for number, kind, begin, start, end in _fields(view):
        if kind == _BYTES and number == _RAW:
            raw.append(view[start:end])
        elif kind == _BYTES and number == _INPUTS:
            tensor = view[start:end]
            described, values = _split_tensor(tensor)
            contents.append(values)
            kept += (_tag(_INPUTS, len(described)), described)
            size += len(described)
        else:
            kept.append(view[begin:end])
            size += end - begin
        if size > _HEADER_BYTES:
            raise _too_much()
    return Split(b"".join(kept), raw, contents)


def read_contents(
    values: memoryview, field: str, dtype: np.dtype[Any], shape: Sequence[int], count: int
) -> Array:
    """Read a tensor out of its typed contents.

    Args:
        values: An ``InferTensorContents``.
        field: Which of its fields holds them.
        dtype: NumPy's type of an element; ``object`` for strings.
        shape: The tensor's dimensions.
        count: Their product.

    Raises:
        RequestError: There are not so many values, one does not fit the type, or there is no array
            of that shape.
    """
    number = _NUMBERS[field]

    def wrong_count() -> RequestError:
        return RequestError(
            f"its {field} do not have {count} values, as the shape {list(shape)} says"
        )

    if count > len(values):  # each takes a byte at least
        raise wrong_count()
    whole, filled = np.empty(count, dtype), 0
    pieces = _strings(values, count) if dtype == np.object_ else _numbers(values, number)
    for piece in pieces:
        if filled + len(piece) > count:
            raise wrong_count()
        fitting = piece.astype(dtype, copy=False)
        if dtype.kind in "iu" and (fitting != piece).any():
            raise RequestError(f"its {field} do not fit the range of {dtype.name}")
        whole[filled : filled + len(piece)] = fitting
        filled += len(piece)
    if filled < count:
        raise wrong_count()
    return reshape(whole, shape)


def _split_tensor(tensor: memoryview) -> tuple[bytes, memoryview]:
    described: list[memoryview] = []
    values: list[memoryview] = []
    for number, kind, begin, start, end in _fields(tensor):
        if kind == _BYTES and number == _CONTENTS:
            values.append(tensor[start:end])
        else:
            described.append(tensor[begin:end])
    if sum(map(len, described)) > _HEADER_BYTES:
        raise _too_much()
    # Of a message that is given in parts, protobuf puts the parts one behind the other.
    joined = values[0] if len(values) == 1 else memoryview(b"".join(values))
    return b"".join(described), joined


def _numbers(values: memoryview, wanted: int) -> Iterator[Array]:
    for number, kind, _, start, end in _fields(values):
        if number != wanted:
            continue
        if wanted in _FIXED:
            dtype = _FIXED[wanted]
            single = _FOUR if dtype.itemsize == 4 else _EIGHT
            if kind not in {_BYTES, single} or (end - start) % dtype.itemsize:
                raise _malformed()
            yield np.frombuffer(values[start:end], dtype)
        elif kind in {_BYTES, _VARINT}:
            yield from _varints(values[start:end], _TRUNCATED[wanted])
        else:
            raise _malformed()


def _varints(packed: memoryview, dtype: Any) -> Iterator[Array]:
    raw = np.frombuffer(packed, np.uint8)
    offset = 0
    while offset < len(raw):
        piece = raw[offset : offset + PIECE_BYTES]
        ends = np.flatnonzero(piece < 128)
        lengths = np.diff(ends, prepend=-1)
        if not len(ends) or lengths.max() > _LONGEST_VARINT:
            raise _malformed()
        found = np.zeros(len(ends), np.uint64)
        for index in range(int(lengths.max())):
            longer = lengths > index
            digits = piece[(ends - lengths + 1 + index)[longer]] & 127
            found[longer] |= digits.astype(np.uint64) << np.uint64(7 * index)
        yield found != 0 if dtype is np.bool_ else found.astype(dtype)
        offset += int(ends[-1]) + 1


def _strings(values: memoryview, count: int) -> Iterator[Array]:
    found: list[str] = []
    try:
        for number, kind, _, start, end in _fields(values, most=count):
            if number == _NUMBERS["bytes_contents"] and kind == _BYTES:
                found.append(str(values[start:end], "utf-8"))
    except UnicodeDecodeError as error:
        raise RequestError(f"an element is not UTF-8: {error.reason}") from None
    for first in range(0, len(found), PIECE_BYTES):
        piece = found[first : first + PIECE_BYTES]
        array = np.empty(len(piece), np.object_)
        array[:] = piece
        yield array


def _fields(view: memoryview, most: int = _MOST_FIELDS) -> Iterator[tuple[int, int, int, int, int]]:
    """Yield each field's number and kind, and the offsets of it, its value and its end."""
    offset, count, size = 0, 0, len(view)
    while offset < size:
        count += 1
        if count > max(most, _MOST_FIELDS):
            raise TooLargeError(
                f"a message has more than {max(most, _MOST_FIELDS):,} fields: pack its values, or "
                "send them as raw_input_contents"
            )
        begin = offset
        tag, offset = _varint(view, offset)
        kind = tag & 7
        start = offset
        if kind == _VARINT:
            _, end = _varint(view, offset)
        elif kind == _BYTES:
            length, start = _varint(view, offset)
            end = start + length
        elif kind in {_FOUR, _EIGHT}:
            end = start + (4 if kind == _FOUR else 8)
        else:
            raise _malformed()
        if end > size or not tag >> 3:
            raise _malformed()
        yield tag >> 3, kind, begin, start, end
        offset = end


def _varint(view: memoryview, offset: int) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(view[offset : offset + _LONGEST_VARINT]):
        value |= (byte & 127) << 7 * index
        if byte < 128:
            return value, offset + index + 1
    raise _malformed()


def _tag(number: int, length: int) -> bytes:
    encoded_field = bytearray([number << 3 | _BYTES])
    while length > 127:
        encoded_field.append(length & 127 | 128)
        length >>= 7
    encoded_field.append(length)
    return bytes(encoded_field)


def _malformed() -> RequestError:
    return RequestError("the message is not what the call takes")


def _too_much() -> TooLargeError:
    return TooLargeError(
        f"the message has more than {_HEADER_BYTES:,} bytes beside its inputs' values"
    )
