"""Classifiers with a threshold, and isotonic regression."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import (
    RandomForestClassifier,
)
from sklearn.isotonic import IsotonicRegression
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.svm import LinearSVC

from support.conversion.converted_models import CELLS, MALIGNANT, between, check, fit, log, scaled


@pytest.mark.parametrize(
    "model",
    [
        FixedThresholdClassifier(scaled(log()), threshold=0.85),
        FixedThresholdClassifier(scaled(log()), threshold=0.85, pos_label=0),
        FixedThresholdClassifier(scaled(LinearSVC()), threshold=0.7),
        FixedThresholdClassifier(
            scaled(log()), threshold=-1.5, response_method="decision_function", pos_label=0
        ),
        TunedThresholdClassifierCV(scaled(log()), cv=3),
        TunedThresholdClassifierCV(RandomForestClassifier(5, random_state=0), cv=3),
    ],
    ids=repr,
)
def test_keeps_the_threshold(model: Any) -> None:
    """A label follows from the threshold, not from the larger probability."""
    check(fit(model, CELLS, MALIGNANT), CELLS, between(CELLS))


def test_interpolates_an_isotonic_calibration() -> None:
    """The value between two thresholds is not that of the nearest one."""
    x = np.array([[0.0], [1.0], [2.0], [4.0]])
    model = IsotonicRegression(out_of_bounds="clip").fit(x, [0.0, 1.0, 1.5, 4.0])
    check(model, x, np.array([[-1.0], [0.25], [1.9], [3.0], [9.0]]))
