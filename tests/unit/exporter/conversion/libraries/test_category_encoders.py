"""Encoders of category_encoders answer alike on known, unknown and missing categories."""

from __future__ import annotations

import warnings
from typing import Any

import category_encoders as ce
import numpy as np
import pandas as pd
import pytest
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from exporter.conversion.converter import supported_estimators
from exporter.conversion.libraries import ESTIMATORS
from exporter.errors import ConversionError
from support.conversion.converted_models import check, log

pytestmark = pytest.mark.long

RNG = np.random.default_rng(0)
NAMES = [name.partition(".")[2] for name in ESTIMATORS if name.startswith("category_encoders")]
COUNT = 160
REFUSED = ["HashingEncoder", "MultiHotEncoder"]


def _rows(count: int, cities: str, ranks: list[float], decks: list[Any]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "age": RNG.normal(40, 9, count),
            "city": RNG.choice(list(cities), count),
            "deck": RNG.choice(np.array(decks, dtype=object), count),
            "rank": RNG.choice(ranks, count),
            "old": RNG.random(count) < 0.5,
        }
    )


KNOWN = _rows(COUNT, "abcde", [1.0, 2.0, 3.0, np.nan], ["x", "y", "z", None])
TARGET = (KNOWN["city"].isin(["a", "b"]) | (KNOWN["rank"].fillna(0) > 1)).astype(int)
ODD = _rows(80, "abcdefgh", [1.0, 2.0, 2.5, 9.0, np.nan], ["x", "y", "new", None])


def _fit(encoder: Any, rows: pd.DataFrame = KNOWN) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the library's own use of pandas
        model = make_pipeline(encoder, SimpleImputer(), StandardScaler(), log())
        return model.fit(rows, TARGET)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"cols": ["city", "deck", "rank", "old"], "handle_missing": "return_nan"},
        {"handle_unknown": "return_nan", "return_df": False, "drop_invariant": True},
    ],
    ids=["default", "numbers", "nan"],
)
@pytest.mark.filterwarnings("ignore")
def test_encodes_what_it_knows_and_what_not(name: str, options: dict[str, Any]) -> None:
    """In columns of strings, numbers and booleans, with columns that are only passed on."""
    check(_fit(getattr(ce, name)(**options)), KNOWN, ODD)


@pytest.mark.filterwarnings("ignore")
def test_encodes_in_single_precision() -> None:
    rows, odd = KNOWN.drop(columns="deck"), ODD.drop(columns="deck")
    check(_fit(ce.TargetEncoder(cols=["city", "rank"]), rows), rows, odd, "float32")


@pytest.mark.filterwarnings("ignore")
def test_lumps_rare_categories_as_the_encoder_does() -> None:
    check(_fit(ce.OneHotEncoder(min_group_size=35)), KNOWN, ODD)


@pytest.mark.filterwarnings("ignore")
def test_encodes_categories_of_pandas() -> None:
    rows = KNOWN.astype({"city": "category", "deck": "category"})
    check(_fit(ce.CatBoostEncoder(), rows), rows, rows.sample(frac=1, random_state=0))


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.filterwarnings("ignore")
def test_refuses_by_name_what_is_no_table(name: str) -> None:
    model = _fit(getattr(ce, name)(cols=["city"]), KNOWN.drop(columns="deck"))
    with pytest.raises(ConversionError, match=f"{name} cannot be written as ONNX: it"):
        check(model, KNOWN.drop(columns="deck"), ODD.drop(columns="deck"))


@pytest.mark.filterwarnings("ignore")
def test_refuses_functions_and_combined_columns() -> None:
    called = _fit(ce.OrdinalEncoder(handle_unknown=lambda value, _: len(value)))
    with pytest.raises(ConversionError, match="OrdinalEncoder calls a function for unknown"):
        check(called, KNOWN, ODD)
    composite = _fit(ce.TargetEncoder(composite_cols=[("city", "deck")]))
    with pytest.raises(ConversionError, match="TargetEncoder combines columns"):
        check(composite, KNOWN, ODD)


@pytest.mark.filterwarnings("ignore")
def test_refuses_numbers_where_the_encoder_knows_strings() -> None:
    model = _fit(ce.OrdinalEncoder(cols=["city"]), KNOWN[["age", "city"]])
    codes = KNOWN[["age", "city"]].assign(city=1.0)
    with pytest.raises(ConversionError, match="was fitted on strings in 'city'"):
        check(model, codes, codes)


def test_lists_the_encoders() -> None:
    """Those that the installed library has, and no others."""
    assert set(NAMES) <= set(vars(ce))
    published = [e for e in supported_estimators() if e.startswith("category_encoders")]
    assert set(published) <= set(ESTIMATORS)
