from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pytest

from inference.model.contract import Feature
from inference.serving.rows.numbers import write_exactly
from inference.web.pages.model.numbers import scale_of

Kind = Literal["number", "integer"]


def feature(least: float | None, most: float | None, kind: Kind = "number") -> Feature:
    return Feature("x", kind, "X", minimum=least, maximum=most)


@pytest.mark.parametrize("seed", range(300))
def test_scale_covers_the_training_range_and_more(seed: int) -> None:
    random = np.random.default_rng(seed)
    width = float(10 ** random.uniform(-6, 12))
    least = float(random.normal() * width * 10 ** random.uniform(-3, 3))
    kind: Kind = "integer" if random.random() < 0.3 else "number"
    most = least + width
    scale = scale_of(feature(least, most, kind))
    assert scale is not None
    slack = 1e-9 * max(abs(scale.lowest), abs(scale.highest))
    assert scale.lowest <= least + slack
    assert scale.highest >= most - slack
    steps = (scale.highest - scale.lowest) / scale.step
    assert 0 < steps <= 210
    assert scale.step > 0
    mantissa = scale.step / 10 ** math.floor(math.log10(scale.step) + 1e-9)
    assert min(abs(mantissa - one) for one in (1, 2, 5)) < 1e-6


def test_penguins_have_round_scales() -> None:
    assert scale_of(feature(32.1, 59.6)) == (27.8, 63.8, 0.2)
    assert scale_of(feature(172.0, 231.0, "integer")) == (163.0, 240.0, 1.0)


def test_scale_of_positive_values_does_not_become_negative() -> None:
    scale = scale_of(feature(0.0, 10.0))
    assert scale is not None
    assert scale.lowest == 0.0


@pytest.mark.parametrize("value", [0.0, 7.0, -3.5])
def test_a_single_value_has_a_scale_around_it(value: float) -> None:
    scale = scale_of(feature(value, value))
    assert scale is not None
    assert scale.lowest <= value < scale.highest


@pytest.mark.parametrize(
    ("least", "most"),
    [
        *((None, 1.0), (1.0, None), (float("-inf"), 1.0), (0.0, float("nan"))),
        *((0.0, 1e300), (2.0, 1.0)),
        *((0.3, 0.1 + 0.2), (1e6, 1e6 + 1e-7)),  # constant but for errors of rounding
    ],
)
def test_unknown_and_extreme_ranges_have_no_slider(least: float | None, most: float | None) -> None:
    assert scale_of(feature(least, most)) is None


def test_written_number_is_the_same_number_again() -> None:
    bits = np.random.default_rng(0).integers(0, 2**63, 10_000, dtype=np.uint64)
    for value in (0.1, -0.0, 1e15, 1e16, 5e-324, *bits.view(np.float64)):
        if math.isfinite(value):
            assert float(write_exactly(value)) == value
