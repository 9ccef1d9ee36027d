"""Encoders of categories and of intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
    TargetEncoder,
)

from support.conversion.converted_models import check, log

RNG = np.random.default_rng(0)
LEVELS = RNG.integers(0, 5, (120, 2)).astype(float)
LEVEL_CLASS = (LEVELS.sum(axis=1) > 4).astype(int)


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(handle_unknown="ignore"),
        OneHotEncoder(handle_unknown="ignore", drop="first"),
        OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=3),
        OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=3, drop="first"),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=9, min_frequency=24),
        TargetEncoder(cv=3),
        KBinsDiscretizer(3, encode="onehot-dense", strategy="uniform"),
        KBinsDiscretizer(3, encode="onehot", strategy="kmeans"),
        KBinsDiscretizer(3, encode="ordinal", strategy="uniform"),
    ],
    ids=lambda e: type(e).__name__,
)
def test_treats_a_number_between_categories_as_unknown(encoder: Any, precision: str) -> None:
    """1.5 is not category 1; the encoder decides what unknown categories become."""
    model = make_pipeline(encoder, log()).fit(LEVELS, LEVEL_CLASS)
    rows = np.array([[1.0, 2.0], [1.5, 2.0], [4.0, 3.999], [-7.0, 0.0], [2.0, 8.0]])
    check(model, LEVELS, rows, precision)


GAPS = pd.DataFrame(
    {
        "deck": RNG.choice(np.array(["a", "b", "c", None]), 120),
        "sex": RNG.choice(["f", "m"], 120),
        "rank": RNG.choice([1.0, 2.0, 3.0, np.nan], 120),
        "old": RNG.random(120) < 0.5,
        "size": RNG.choice([5, 6, 7], 120),
        "age": np.where(RNG.random(120) < 0.2, np.nan, RNG.normal(size=120)),
    }
)
GAPS_CLASS = np.where((GAPS["sex"] == "f") ^ (GAPS["rank"].fillna(1) > 1), "yes", "no")


@pytest.mark.parametrize(
    "encoder",
    [
        OneHotEncoder(),
        OneHotEncoder(drop="if_binary"),
        OneHotEncoder(max_categories=3),
        OrdinalEncoder(),
        OrdinalEncoder(encoded_missing_value=-5),
        OrdinalEncoder(max_categories=3, encoded_missing_value=-5),
        TargetEncoder(cv=3),
        make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder()),
    ],
    ids=repr,
)
def test_encodes_missing_values_as_a_category(encoder: Any) -> None:
    """In columns of strings, of numbers, of booleans, and of several kinds at once."""
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    kinds = [["deck", "sex"], ["rank"], ["old"], ["size"]]
    if not isinstance(encoder, (OneHotEncoder, OrdinalEncoder, TargetEncoder)):
        kinds = kinds[:2]
    columns = ColumnTransformer(
        [("n", numbers, ["age"]), *((f"e{i}", encoder, kind) for i, kind in enumerate(kinds))]
    )
    last = make_pipeline(SimpleImputer(), log())
    model = make_pipeline(columns, last).fit(GAPS, GAPS_CLASS)
    mixed = {name: RNG.permutation(GAPS[name].to_numpy()) for name in GAPS}
    check(model, GAPS, pd.DataFrame(mixed).astype(GAPS.dtypes))
