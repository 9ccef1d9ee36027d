"""Transformers of the caller's own are published if what they do can be traced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from exporter import publish
from exporter.data.sparse_rows import find_given, is_own
from exporter.errors import ConversionError

if TYPE_CHECKING:
    from pathlib import Path

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "weight": RNG.uniform(1, 9, 90),
        "power": np.where(RNG.random(90) < 0.2, np.nan, RNG.uniform(1, 9, 90)),
        "origin": RNG.choice(["Japan", "USA"], 90),
    }
)
NUMBERS = ["weight", "power"]
VALUE = FRAME["weight"] + FRAME["power"].fillna(2) * (FRAME["origin"] == "USA")


class Own(TransformerMixin, BaseEstimator):
    """What the others share."""

    most_: Any

    def fit(self, X: Any, y: Any = None) -> Any:  # noqa: ARG002, N803
        """Keep what transform() needs."""
        self.most_ = np.nanquantile(X, 0.9, axis=0) if isinstance(X, np.ndarray) else None
        return self


class Ratio(Own):
    def transform(self, X: Any) -> Any:  # noqa: N803
        X = X.copy()  # noqa: N806
        X["ratio"] = X["weight"] / X["power"]
        return X


class Region(Own):
    def transform(self, X: Any) -> Any:  # noqa: N803
        return X.assign(usa=(X["origin"] == "USA").astype(int)).drop(columns=["origin"])


class Clipper(Own):
    def transform(self, X: Any) -> Any:  # noqa: N803
        return np.minimum(X, self.most_)


class Center(Own):
    def transform(self, X: Any) -> Any:  # noqa: N803
        return X - X.mean(axis=0)


class Scaler(StandardScaler):
    """It inherits its transform()."""


ENCODED = (OneHotEncoder(), ["origin"])
PUBLISHED = {
    "frame": (make_pipeline(Ratio(), HistGradientBoostingRegressor(max_iter=5)), NUMBERS),
    "strings": (make_pipeline(Region(), SimpleImputer(), Ridge()), [*NUMBERS, "origin"]),
    "array": (make_pipeline(SimpleImputer(), Clipper(), Ridge()), NUMBERS),
    "search": (
        GridSearchCV(make_pipeline(SimpleImputer(), Clipper(), Ridge()), {"ridge__alpha": [1]}),
        NUMBERS,
    ),
    "columns": (
        make_pipeline(
            make_column_transformer((Ratio(), NUMBERS), ENCODED),
            RandomForestRegressor(5, random_state=0),
        ),
        [*NUMBERS, "origin"],
    ),
}


@pytest.mark.parametrize("case", PUBLISHED)
def test_a_traced_transformer_is_published(case: str, tmp_path: Path) -> None:
    """publish() compares every row, and rows between them, with the original."""
    model, columns = PUBLISHED[case]
    model.fit(FRAME[columns], VALUE)
    published = publish(model, "m", FRAME[columns], models_dir=tmp_path, progress=False)
    assert [feature.name for feature in published.contract.features] == columns


def test_a_transformer_that_combines_rows_is_refused_by_name(tmp_path: Path) -> None:
    model = make_pipeline(SimpleImputer(), Center(), Ridge()).fit(FRAME[NUMBERS], VALUE)
    with pytest.raises(ConversionError, match=r"of your class Center .* rows are combined"):
        publish(model, "m", FRAME[NUMBERS], models_dir=tmp_path, progress=False)


def test_own_is_what_no_library_has_written() -> None:
    assert [is_own(each) for each in (Ratio(), Scaler(), StandardScaler(), Ridge())] == [
        *(True, False, False, False)
    ]


def test_notes_the_columns_that_it_is_given() -> None:
    """Those of the step before it, which need not be those of X."""
    model = make_pipeline(Ratio(), Ratio()).fit(FRAME[NUMBERS])
    given = find_given(model, lambda: model.transform(FRAME[NUMBERS]))
    expected = [NUMBERS, [*NUMBERS, "ratio"]]
    assert [given.names[id(step)] for _, step in model.steps] == expected
    assert not given.sparse


class Counting(Own):
    """It counts its columns, as scikit-learn's do, and keeps no names."""

    def fit(self, X: Any, y: Any = None) -> Any:  # noqa: ARG002, N803
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: Any) -> Any:  # noqa: N803
        return X[["weight"]] * 2


def test_one_that_keeps_no_names_is_given_them(tmp_path: Path) -> None:
    """A DataFrame is not turned into an array for a model that takes none."""
    model = make_pipeline(Counting(), Ridge()).fit(FRAME[["weight"]].assign(other=1.0), VALUE)
    rows = FRAME[["weight"]].assign(other=1.0)
    publication = publish(model, "m", rows, models_dir=tmp_path, progress=False)
    assert publication.contract.parity.max_difference < 1e-3
