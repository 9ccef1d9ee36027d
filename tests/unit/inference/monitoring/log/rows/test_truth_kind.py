"""A truth is checked against what the model answers with, and a wrong one is named."""

from __future__ import annotations

from typing import Any

import pytest

from inference.monitoring.log.rows.truth_kind import TruthKind

LABEL = TruthKind(classes=[[0, 1, 2]])


@pytest.mark.parametrize("truth", [0, -1.5, 10**30, 1.7e308, -(10**308)])
def test_any_finite_number_is_a_value(truth: float) -> None:
    assert TruthKind().check(truth) == float(truth)


@pytest.mark.parametrize(
    "truth", [10**400, float("nan"), float("inf"), True, "5", None, [1], {"value": 1}]
)
def test_what_is_no_finite_number_is_no_value(truth: Any) -> None:
    with pytest.raises(ValueError, match=r"^expected a number, got "):
        TruthKind().check(truth)


@pytest.mark.parametrize("truth", [3, -1, 10**30, 10**400, 0.5, True, "0", None, [10**30]])
def test_what_is_no_class_is_refused_with_the_classes(truth: Any) -> None:
    with pytest.raises(ValueError, match=r"^expected a class \(0, 1, 2\), got .{1,63}$"):
        LABEL.check(truth)


def test_a_whole_number_is_the_class_that_it_equals() -> None:
    assert type(LABEL.check(2.0)) is int
