"""Data and models that several modules test with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from palmerpenguins import load_penguins
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

MEASUREMENTS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]


@pytest.fixture(scope="session")
def penguins() -> pd.DataFrame:
    """The penguins without missing values."""
    return load_penguins().dropna().reset_index(drop=True)


@pytest.fixture(scope="session")
def measured(penguins: pd.DataFrame) -> pd.DataFrame:
    """Their four measurements."""
    return penguins[MEASUREMENTS]


@pytest.fixture(scope="session")
def logistic(penguins: pd.DataFrame, measured: pd.DataFrame) -> Pipeline:
    """A scaler and a logistic regression of the species."""
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(measured, penguins["species"])
