from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from inference.errors import RequestError
from inference.serving.tensors.list_slices import Span
from inference.serving.tensors.values import from_values, to_values

NUMBERS = ["?", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f4", "f8"]


def extremes(dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    if dtype.kind == "b":
        return np.array([[True, False], [False, True]])
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return np.array([[limits.min, limits.max], [0, 1]], dtype=dtype)
    floats = np.finfo(dtype)
    return np.array([[floats.min, floats.max], [floats.tiny, -0.0]], dtype=dtype)


STRINGS = np.array([["", "a\x00b"], ["é", "日本"]], dtype=object)


class TestValues:
    @pytest.mark.parametrize("code", NUMBERS)
    @pytest.mark.parametrize("nested", [True, False])
    def test_reads_what_json_spells(self, code: str, nested: bool) -> None:
        array = extremes(np.dtype(code))
        listed = array.tolist() if nested else array.reshape(-1).tolist()
        again = from_values(Span.whole(json.dumps(listed).encode()), array.dtype, [2, 2])
        assert again.tobytes() == array.tobytes()

    @pytest.mark.parametrize("code", NUMBERS)
    def test_writes_what_it_reads(self, code: str) -> None:
        array = extremes(np.dtype(code))
        assert (
            from_values(Span.whole(to_values(array)), array.dtype, [2, 2]).tobytes()
            == array.tobytes()
        )

    def test_reads_strings(self) -> None:
        text = json.dumps(STRINGS.tolist()).encode()
        assert from_values(Span.whole(text), STRINGS.dtype, [2, 2]).tolist() == STRINGS.tolist()

    def test_spells_nan_and_infinity_as_null(self) -> None:
        assert to_values(np.array([1, np.nan, np.inf, -np.inf])) == b"[1.0,null,null,null]"

    @pytest.mark.parametrize("shape", [[40_000], [20_000, 2], [10_000, 2, 2]])
    @pytest.mark.parametrize("separators", [(",", ":"), (", ", ": "), (" , ", ": ")])
    def test_reads_and_writes_long_lists_in_pieces(
        self, shape: list[int], separators: tuple[str, str]
    ) -> None:
        array = np.random.default_rng(0).normal(size=shape)
        for listed in (array.tolist(), array.reshape(-1).tolist()):
            text = json.dumps(listed, separators=separators).encode()
            assert (from_values(Span.whole(text), array.dtype, shape) == array).all()
        assert json.loads(to_values(array)) == array.reshape(-1).tolist()

    @pytest.mark.parametrize("wrong", ["[{},]", "[,{}]", "[{}", "{}]", "[{},,1]", "[{}],[1]"])
    def test_refuses_long_lists_that_are_no_json(self, wrong: str) -> None:
        text = wrong.format(",".join(["1"] * 40_000)).encode()
        with pytest.raises(RequestError):
            from_values(Span.whole(text), np.dtype("f8"), [40_000])

    def test_takes_a_value_for_a_scalar(self) -> None:
        assert from_values(Span.whole(b"3"), np.dtype("i8"), []).item() == 3
        assert from_values(Span.whole(b"[3]"), np.dtype("i8"), []).item() == 3

    @pytest.mark.parametrize(
        ("text", "code", "shape"),
        [
            (b"[300]", "u1", [1]),
            (b"[-1]", "u8", [1]),
            (b"[1.5]", "i4", [1]),
            (b"[9223372036854775808]", "i8", [1]),
            (b"[1e39]", "f4", [1]),
            (b"[1e999]", "f8", [1]),
            (b"[null]", "f8", [1]),
            (b"[NaN]", "f8", [1]),
            (b"[true]", "f8", [1]),
            (b"[1]", "?", [1]),
            (b'["1"]', "f4", [1]),
            (b"[1]", "O", [1]),
            (b"[1,2,3]", "f4", [2, 2]),
            (b"[[1,2],[3]]", "f4", [2, 2]),
            (b"[[1,2,3,4]]", "f4", [2, 2]),
            (b"[[[1]]]", "f4", [1, 1]),
            (b'[["a"],["b","c"]]', "O", [2, 2]),
            (b"{}", "f4", [1]),
            (b"7", "f4", [1]),
            (b"[" * 100_000, "f4", [1]),
        ],
    )
    def test_refuses_what_does_not_fit(self, text: bytes, code: str, shape: list[int]) -> None:
        with pytest.raises(RequestError):
            from_values(Span.whole(text), np.dtype(code), shape)
