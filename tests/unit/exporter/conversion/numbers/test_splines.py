"""Splines inside and outside the range of the training data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    SplineTransformer,
)

from support.conversion.converted_models import CELLS, MALIGNANT, between, check, fit, log


@pytest.mark.parametrize("extrapolation", ["constant", "linear", "continue", "periodic"])
@pytest.mark.parametrize("degree", [1, 2, 3])
@pytest.mark.parametrize("knots", ["uniform", "quantile"])
def test_splines_extrapolate_like_the_original(extrapolation: Any, degree: int, knots: Any) -> None:
    """scikit-learn's ends of low degrees differ from column to column."""
    splines = SplineTransformer(4, degree=degree, knots=knots, extrapolation=extrapolation)
    model = fit(make_pipeline(splines, log()), CELLS, MALIGNANT)
    outside = CELLS[:40] * 1.5 - CELLS.mean(axis=0) / 2
    check(model, CELLS, np.vstack([between(CELLS), outside, CELLS[:40]]))
