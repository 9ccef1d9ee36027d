from __future__ import annotations

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from exporter.data.inner_estimators import encoded_categories, estimators_within

X = np.array([["a"], ["b"]] * 10, dtype=object)
Y = [0, 1] * 10


def test_finds_the_fitted_estimators_of_a_calibration() -> None:
    """They are held by objects that are no estimators."""
    encoder = OneHotEncoder(categories=[["a", "b", "c"]])
    model = CalibratedClassifierCV(make_pipeline(encoder, LogisticRegression()), cv=2).fit(X, Y)
    fitted = [part for part in estimators_within(model) if hasattr(part, "coef_")]
    assert len(fitted) == 2
    assert encoded_categories(model) == [{"a", "b", "c"}] * 2
