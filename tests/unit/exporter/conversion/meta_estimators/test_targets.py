"""Regressors that transform their target."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
)

from support.conversion.converted_models import CELLS, between, check, fit, scaled


@pytest.mark.parametrize(
    "transformer",
    [
        QuantileTransformer(n_quantiles=80, output_distribution="normal"),
        QuantileTransformer(n_quantiles=80),
        PowerTransformer(),
        PowerTransformer("box-cox"),
        make_pipeline(RobustScaler(), MinMaxScaler()),
        FunctionTransformer(np.log1p, inverse_func=np.expm1),
    ],
    ids=lambda t: type(t).__name__,
)
def test_transforms_the_prediction_back(transformer: Any) -> None:
    """To the last digits, also beyond the range of the training targets."""
    values = CELLS[:, 3] / 100
    model = TransformedTargetRegressor(scaled(Ridge()), transformer=transformer)
    check(fit(model, CELLS, values), CELLS, np.vstack([between(CELLS), CELLS[:20] * 1.2]))
