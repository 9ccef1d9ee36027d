"""Rows become the arrays that NumPy makes of them, few or many."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from inference.model.features import positional_features
from inference.model.inputs import Columns
from inference.model.signature import Signature, TensorSpec

TYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(uint8)": np.uint8,
    "tensor(bool)": np.bool_,
}
INTEGERS = [0, 1, 7, 255]
VALUES: dict[str, list[Any]] = {
    "f": [0.1, -0.0, 1e-45, 3.4028234663852886e38, 1e39, -1e308, 2**24 + 1, 2**53 + 1, 10**30, True,
          float("nan"), float("inf"), 16777217.000000001, None],
    "i": [*INTEGERS, -1, 2**31 - 1, True],
    "u": INTEGERS,
    "b": [True, False, 0, 1],
}  # fmt: skip


def columns(kind: str, width: int) -> Columns:
    signature = Signature((TensorSpec.from_onnx("X", kind, ["N", width]),), ())
    features = positional_features(signature)
    assert features is not None
    return Columns(features, signature)


@pytest.mark.parametrize("rows", [1, 15, 16, 17, 1000])
@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("kind", TYPES)
def test_matrix_is_that_of_numpy(kind: str, width: int, rows: int) -> None:
    dtype = np.dtype(TYPES[kind])
    values = itertools.cycle(VALUES[dtype.kind])
    given = [tuple(next(values) for _ in range(width)) for _ in range(rows)]
    with np.errstate(over="ignore"):
        found = columns(kind, width).to_feeds(given)["X"]
        expected = np.array(given, dtype=dtype)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    assert found.tobytes() == expected.tobytes()
    assert found.flags.c_contiguous


@pytest.mark.parametrize("rows", [15, 16, 17])
@pytest.mark.parametrize(("kind", "value"), [("tensor(int64)", 2**63), ("tensor(int32)", 2**31)])
def test_number_beyond_its_type_fails_alike(kind: str, value: int, rows: int) -> None:
    with pytest.raises(OverflowError):
        columns(kind, 2).to_feeds([(1, 2)] * (rows - 1) + [(1, value)])


@pytest.mark.parametrize("rows", [15, 16, 17])
def test_missing_whole_number_fails_alike(rows: int) -> None:
    with pytest.raises(TypeError):
        columns("tensor(int64)", 2).to_feeds([(1, 2)] * (rows - 1) + [(1, None)])
