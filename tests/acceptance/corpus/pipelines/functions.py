"""Functions of DataFrames in pipelines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from lightgbm import LGBMRegressor
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from acceptance.corpus.case import Case, cases

_BILL = ["bill_length_mm", "bill_depth_mm"]


def add_ratio(df: Any) -> Any:
    """Add a column that two others give."""
    return df.assign(ratio=df["bill_length_mm"] / df["bill_depth_mm"])


def flag(df: Any) -> Any:
    """Turn strings into numbers, and drop the others."""
    df = df.copy()
    df["female"] = (df["sex"] == "female").astype(int)
    df["far"] = df["island"].isin(["Dream", "Torgersen"])
    return df.drop(columns=["sex", "island"])


def fill(df: Any) -> Any:
    """Fill missing values, and remember which they were."""
    numbers = df.drop(columns=["sex", "island"])
    return numbers.fillna(0).assign(gap=df["body_mass_g"].isna(), unknown=df["sex"].isna())


def spread(df: Any) -> Any:
    """Combine the numbers of each row."""
    return df.assign(total=df.sum(axis=1), mean=df.mean(axis=1))


def describe(df: Any) -> Any:
    """Use what notebooks use of pandas."""
    df = df.copy()
    df["sex"] = df["sex"].map({"female": 1, "male": 0}).fillna(-1)
    df.loc[df["body_mass_g"] > 4500, "heavy"] = 1
    size = np.select([df["bill_length_mm"] > 48, df["bill_length_mm"] > 40], [2, 1], default=0)
    numbers = df[[*_BILL, "body_mass_g"]]
    means = numbers.sub(numbers.mean(axis=1), axis=0).round(1).add_prefix("centered_")
    kept = df[["sex", "heavy"]].fillna({"heavy": 0}).assign(size=size, top=numbers.max(axis=1))
    return pd.concat([kept, means], axis=1)


def center(df: Any) -> Any:
    """Look at all rows."""
    return df - df.mean()


def _encode() -> Any:
    return make_column_transformer((OneHotEncoder(), ["island", "sex"]), remainder="passthrough")


def _log() -> LogisticRegression:
    return LogisticRegression(max_iter=500)


FUNCTIONS = [
    *cases(
        "penguins",
        make_pipeline(FunctionTransformer(add_ratio), _encode(), StandardScaler(), _log()),
        make_pipeline(FunctionTransformer(flag), RandomForestClassifier(10, random_state=0)),
        make_pipeline(
            make_column_transformer((FunctionTransformer(np.log1p), _BILL)),
            StandardScaler(),
            _log(),
        ),
    ),
    *cases(
        "penguins",
        make_pipeline(FunctionTransformer(describe), RandomForestClassifier(10, random_state=0)),
    ),
    *cases(
        "penguins with gaps",
        make_pipeline(FunctionTransformer(fill), StandardScaler(), _log()),
        make_pipeline(
            FunctionTransformer(flag),
            SimpleImputer(),
            RandomForestClassifier(10, random_state=0),
        ),
    ),
    *cases("iris frame", make_pipeline(FunctionTransformer(spread), StandardScaler(), _log())),
    *cases(
        "diabetes frame",
        make_pipeline(
            FeatureUnion([("all", "passthrough"), ("spread", FunctionTransformer(spread))]),
            Ridge(),
        ),
        make_pipeline(
            FunctionTransformer(lambda df: df[["bmi", "bp"]] ** 2 + 1),
            LGBMRegressor(n_estimators=5, verbose=-1),
        ),
    ),
    Case(
        "iris frame",
        make_pipeline(FunctionTransformer(center), _log()),
        refused="FunctionTransformer calls center, which ONNX does not support, because rows are",
    ),
]
