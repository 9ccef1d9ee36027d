"""Scaling of rows and columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import Normalizer

from support.conversion.converted_models import IRIS, check

pytestmark = pytest.mark.long


@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
def test_rows_as_good_as_zero_stay(norm: Any) -> None:
    sizes = np.array([0.0, 1e-18, 1e-16, 1e-14, 1e-3, 1.0])
    check(Normalizer(norm).fit(IRIS), IRIS, IRIS[0] * sizes[:, None])
