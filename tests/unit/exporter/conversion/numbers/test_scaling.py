"""Scaling of rows and columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, OneHotEncoder

from support.conversion.converted_models import IRIS, check

pytestmark = pytest.mark.long


@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
def test_rows_as_good_as_zero_stay(norm: Any) -> None:
    sizes = np.array([0.0, 1e-18, 1e-16, 1e-14, 1e-3, 1.0])
    check(Normalizer(norm).fit(IRIS), IRIS, IRIS[0] * sizes[:, None])


@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
def test_sparse_rows_have_any_length(norm: Any) -> None:
    tiny = ColumnTransformer([("o", OneHotEncoder(), [0])], transformer_weights={"o": 1e-17})
    rows = np.array([[0.0], [1.0], [2.0], [3.0]])
    check(make_pipeline(tiny, Normalizer(norm)).fit(rows), rows, rows)
