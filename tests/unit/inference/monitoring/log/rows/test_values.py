"""The values of a column survive the journal, with their types."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from inference.monitoring.log.rows.values import decode_values, encode_values

if TYPE_CHECKING:
    from inference.monitoring.log.rows.schema import Kind


def copied(kind: Kind, values: Any, missing: list[bool] | None = None) -> list[Any]:
    mask = None if missing is None else np.array(missing)
    content, gaps = encode_values(kind, values, mask)
    return decode_values(kind, memoryview(content), memoryview(gaps), len(values)).to_list()


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("text", ["", "ü\0\n\"'", "x" * 1000], ["", "ü\0\n\"'", "x" * 1000]),
        ("text", np.array(["a", "b"], object), ["a", "b"]),
        ("text", ["a\ud800"], ["a?"]),
        ("integer", np.array([-(2**63), 2**63 - 1]), [-(2**63), 2**63 - 1]),
        ("integer", np.array([0, 2**63], np.uint64), [0, None]),
        ("integer", np.array([1.0, 1.5, 2.0**53, 2.0**63, math.nan, -math.inf]),
         [1, None, 2**53, None, None, None]),
        ("integer", np.array(["7", "-1", "x", "", str(2**63)], object), [7, -1, None, None, None]),
        ("integer", np.array([True, False]), [1, 0]),
        ("integer", [3, 4], [3, 4]),
        ("float", np.array([0.1], np.float32), [float(np.float32(0.1))]),
        ("double", np.array([0.1, math.inf, -0.0]), [0.1, math.inf, -0.0]),
        ("boolean", [True, False], [True, False]),
        ("floats", np.array([[1, 2], [3, 4]], np.float32), [[1.0, 2.0], [3.0, 4.0]]),
        ("doubles", np.array([1.0, 2.0]), [[1.0], [2.0]]),
    ],
)  # fmt: skip
def test_values_come_back(kind: Kind, values: Any, expected: list[Any]) -> None:
    assert copied(kind, values) == expected


@pytest.mark.parametrize("kind", ["text", "integer", "float", "double", "boolean"])
def test_missing_values_come_back_as_such(kind: Kind) -> None:
    values: Any = ["0", "0", "0"] if kind == "text" else np.zeros(3)
    here = copied(kind, values)[0]

    assert copied(kind, values, [False, True, False]) == [here, None, here]
    assert copied(kind, values, [True, True, True]) == [None] * 3
    assert copied(kind, values, [False, False, False]) == [here] * 3


def test_what_is_no_integer_is_missing_beside_what_was_missing_before() -> None:
    assert copied("integer", np.array([1.5, 2.0, 3.0]), [False, False, True]) == [None, 2, None]
