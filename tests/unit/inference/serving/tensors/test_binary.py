from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest

from inference.errors import RequestError
from inference.serving.tensors.binary import from_binary, to_binary

NUMBERS = ["?", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f4", "f8"]
DTYPES = [np.dtype(code) for code in (*NUMBERS, "f2")]


def extremes(dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    if dtype.kind == "b":
        return np.array([[True, False], [False, True]])
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return np.array([[limits.min, limits.max], [0, 1]], dtype=dtype)
    floats = np.finfo(dtype)
    return np.array([[floats.min, floats.max], [floats.tiny, -0.0]], dtype=dtype)


STRINGS = np.array([["", "a\x00b"], ["é", "日本"]], dtype=object)


class TestBinary:
    @pytest.mark.parametrize("dtype", DTYPES, ids=str)
    def test_gives_back_the_very_bytes(self, dtype: np.dtype[Any]) -> None:
        array = extremes(dtype)
        again = from_binary(bytes(to_binary(array)), dtype, array.shape)
        assert again.dtype == dtype
        assert again.tobytes() == array.tobytes()

    def test_keeps_nan_and_infinity(self) -> None:
        array = np.array([np.nan, np.inf, -np.inf], dtype=np.float32)
        assert from_binary(array.tobytes(), array.dtype, [3]).tobytes() == array.tobytes()

    def test_gives_strings_back(self) -> None:
        buffer = to_binary(STRINGS)
        assert from_binary(buffer, STRINGS.dtype, [2, 2]).tolist() == STRINGS.tolist()

    def test_views_what_is_aligned(self) -> None:
        body = bytearray(b"head" + struct.pack("<3f", 1, 2, 3))
        array = from_binary(memoryview(body)[4:], np.dtype("f4"), [3])
        assert np.shares_memory(array, np.frombuffer(body, dtype=np.uint8))

    def test_copies_what_is_not_aligned(self) -> None:
        body = b"odd" + struct.pack("<3f", 1, 2, 3)
        array = from_binary(memoryview(body)[3:], np.dtype("f4"), [3])
        assert array.flags.aligned
        assert array.tolist() == [1, 2, 3]

    def test_makes_any_byte_but_zero_true(self) -> None:
        assert from_binary(b"\x00\x01\x02\xff", np.dtype(bool), [4]).tobytes() == b"\0\1\1\1"

    def test_writes_an_array_that_lies_in_pieces_row_by_row(self) -> None:
        array = np.arange(6, dtype=np.int32).reshape(2, 3).T
        assert bytes(to_binary(array)) == np.ascontiguousarray(array).tobytes()

    @pytest.mark.parametrize("shape", [[0], [0, 4], []])
    def test_takes_shapes_without_elements_and_scalars(self, shape: list[int]) -> None:
        array = np.zeros(shape, dtype=np.float32)
        assert from_binary(bytes(to_binary(array)), array.dtype, shape).shape == tuple(shape)

    @pytest.mark.parametrize(
        ("buffer", "dtype", "shape", "said"),
        [
            (b"\0" * 7, "f4", [2], "7 bytes of binary data, the shape .2. takes 8"),
            (b"\0" * 9, "f4", [2], "9 bytes"),
            (b"\1\0", "O", [1], "beyond the end"),
            (b"\2\0\0\0a", "O", [1], "beyond the end"),
            (b"\xff\xff\xff\xffa", "O", [1], "beyond the end"),
            (b"\1\0\0\0\xff", "O", [1], "not UTF-8"),
            (b"\1\0\0\0a", "O", [2], "1 elements, its shape takes 2"),
            (b"", "f4", [0, 2**40, 2**40], "no array of shape"),
        ],
    )
    def test_refuses_what_does_not_fit(
        self, buffer: bytes, dtype: str, shape: list[int], said: str
    ) -> None:
        with pytest.raises(RequestError, match=said):
            from_binary(buffer, np.dtype(dtype), shape)
