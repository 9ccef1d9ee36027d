from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from inference.model.contract import Feature
from inference.serving.rows.training_range import MAX_WARNINGS, TrainingRange

FEATURES = [
    Feature("mass", "number", "a", minimum=2.0, maximum=7.5, nullable=True),
    Feature("sex", "category", "b", categories=["female", "male"]),
    Feature("age", "integer", "c", minimum=0, maximum=30),
    Feature("unknown", "number", "d"),
]


@pytest.mark.parametrize(
    ("row", "warned"),
    [
        ((2.0, "male", 0, 1e9), []),
        ((7.5, "male", 30, -1e9), []),
        ((None, "new", 1, 0.0), []),
        ((1.99, "male", 1, 0.0), [("mass", "1.99 is below 2, the smallest value seen")]),
        (
            (7.6, "male", 31, 0.0),
            [("mass", "7.6 is above 7.5"), ("age", "31 is above")],
        ),
        ((-1e300, "male", -(2**60), 0.0), [("mass", "below"), ("age", "below")]),
    ],
)
def test_a_number_outside_the_training_range_is_warned_of(
    row: tuple[Any, ...], warned: list[tuple[str, str]]
) -> None:
    found = TrainingRange(FEATURES).warnings([(3.0, "male", 3, 0.0), row])
    assert [(w["row"], w["feature"]) for w in found] == [(1, feature) for feature, _ in warned]
    for warning, (_, said) in zip(found, warned, strict=True):
        assert said in warning["reason"]


def test_a_category_has_no_range_whatever_its_contract_says() -> None:
    words = Feature("sex", "category", "b", minimum=0.0, maximum=1.0, categories=["female"])
    assert TrainingRange([words]).warnings([("female",)]) == []


def test_a_bound_beyond_the_inputs_type_is_none() -> None:
    known = TrainingRange([Feature("mass", "number", "a", minimum=-1e300, maximum=1e300)])
    assert known.covers_matrix(np.array([[3e38]], dtype=np.float32))
    assert not known.covers_matrix(np.array([[np.inf]], dtype=np.float32))
    assert not known.covers_matrix(np.array([[-np.inf]], dtype=np.float32))
    assert not known.covers_matrix(np.array([[np.nan]], dtype=np.float32))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.int8])
def test_a_matrix_changes_no_warning(dtype: Any) -> None:
    """The values are compared as the caller sent them, whatever the input's type rounds them to."""
    rng = np.random.default_rng(3)
    is_float = np.dtype(dtype).kind == "f"
    bounds = [(-1.5, 0.1), (0.1, 0.3), (-7.0, 100.0), (16777217.0, 16777219.0)][
        : 4 if is_float else 3
    ]
    features = [
        Feature(f"f{i}", "number" if is_float else "integer", "x", minimum=low, maximum=high)
        for i, (low, high) in enumerate(bounds)
    ]
    near = [np.nextafter(b, to) for pair in bounds for b in pair for to in (-np.inf, np.inf)]
    near += [bound for pair in bounds for bound in pair]
    rows: list[tuple[Any, ...]] = [
        tuple(rng.choice([*near, 0.0, -0.2, 0.2]).item() for _ in bounds) for _ in range(60)
    ]
    if is_float:
        rows[7] = (None, *rows[7][1:])
    else:
        rows = [tuple(rng.integers(-9, 102, len(bounds)).tolist()) for _ in range(60)]
    known = TrainingRange(features)
    matrix = np.array(rows, dtype=dtype)
    expected = known.find(rows, 5)
    assert expected
    assert known.find(rows, 5, matrix) == expected
    assert known.warnings(rows, matrix) == known.warnings(rows)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (1_700_000_001, "1700000001 is above 1700000000, the largest value seen in training"),
        (2**60 + 1, "1152921504606846977 is above 1700000000, the largest value seen in training"),
        (0.25, "0.25 is below 0.3000000001, the smallest value seen in training"),
    ],
)
def test_a_warning_has_all_digits(value: float, reason: str) -> None:
    """Six of them would say that a value is above itself."""
    known = TrainingRange([Feature("x", "number", "X", minimum=0.3000000001, maximum=1.7e9)])
    assert [warning["reason"] for warning in known.warnings([(value,)])] == [reason]


def test_the_warnings_of_one_answer_are_bounded() -> None:
    assert len(TrainingRange(FEATURES).warnings([(99.0, "male", 99, 0.0)] * 500)) == MAX_WARNINGS


def test_an_unseen_category_is_warned_of_where_the_contract_says_so() -> None:
    known = TrainingRange(
        [
            Feature("sex", "category", "b", categories=["f", "m"], open_categories=True,
                    nullable=True, warn_unseen=True),
            Feature("text", "category", "t", categories=["a b"], open_categories=True),
            Feature("mass", "number", "a", minimum=2.0, maximum=7.5),
        ]
    )  # fmt: skip
    assert known.covers_row(("f", "new text", 3.0))
    assert known.covers_row((None, "new text", 3.0))
    assert not known.covers_row(("x", "new text", 3.0))
    found = known.warnings([("f", "", 3.0), ("x" * 100, "", 9.0), (None, "", 3.0)])
    assert [(w["row"], w["feature"]) for w in found] == [(1, "sex"), (1, "mass")]
    assert found[0]["reason"] == f"'{'x' * 60}...' was not seen in training"
    assert len(known.warnings([("x", "", 3.0)] * 500)) == MAX_WARNINGS
