"""The message of a difference names the strings or the precision that it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from exporter import publish
from exporter.errors import ParityError

if TYPE_CHECKING:
    from pathlib import Path

RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(size=60)
TEXTS = [["x", "y", "z"][place % 3] for place in range(60)]


@pytest.mark.parametrize(
    ("gap", "also", "reason"),
    [
        (None, "x", r"Column 'a' has None.*pass missing_values=None"),
        (np.nan, "", "Column 'a' has empty strings and missing ones"),
    ],
)
def test_names_a_column_of_strings_with_two_kinds_of_gaps(
    gap: Any, also: str, reason: str, tmp_path: Path
) -> None:
    values = [gap if place % 7 == 0 else text for place, text in enumerate(TEXTS)]
    values[3] = also
    frame = pd.DataFrame({"a": pd.Series(values, dtype=object), "b": NUMBERS})
    filled = make_pipeline(
        SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")
    )
    columns = make_column_transformer((filled, ["a"]), remainder="passthrough")
    model = make_pipeline(columns, LogisticRegression()).fit(frame, NUMBERS > 0)
    with pytest.raises(ParityError, match=reason):
        publish(model, "m", frame, models_dir=tmp_path, progress=False)


@pytest.mark.parametrize("kind", ["array", "frame"])
def test_says_that_single_precision_rounds(kind: str, tmp_path: Path) -> None:
    """A scaler of float32 rounds to it, and the forest behind splits where it has rounded."""
    x, y = load_wine(return_X_y=True, as_frame=kind == "frame")
    model = make_pipeline(StandardScaler(), RandomForestClassifier(20, random_state=0))
    single = x.astype("float32")
    with pytest.raises(ParityError, match=r"X is float32.*Pass X.astype\('float64'\)"):
        publish(model.fit(single, y), "m", single, models_dir=tmp_path, progress=False)
    publish(model.fit(x, y), "m", x, models_dir=tmp_path, progress=False)
