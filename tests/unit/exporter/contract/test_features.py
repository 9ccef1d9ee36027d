from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMClassifier
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from exporter import publish
from exporter.contract.capabilities import Capabilities
from exporter.contract.distributions import summarize
from exporter.contract.features import describe
from exporter.data.table import Column

if TYPE_CHECKING:
    from pathlib import Path

OPEN, CLOSED = Capabilities(), Capabilities(closed=True)


def _texts(*values: str | None) -> Column:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return Column("c", "text", array)


def test_counts_about_equally_many_rows_per_bin() -> None:
    """Bins lie between quantiles, and hold every row."""
    histogram = summarize(np.arange(1000.0))
    assert len(histogram.edges) == 11
    assert sum(histogram.counts) == 1000
    assert max(histogram.counts) - min(histogram.counts) <= 2
    assert histogram.edges == sorted(histogram.edges)


@pytest.mark.parametrize("values", [[5.0], [5.0, 5.0], [0.0, 0.0, 0.0, 1.0], [1.0, 2.0]])
def test_copes_with_few_different_values(values: list[float]) -> None:
    """Quantiles that coincide are one edge; a constant is one bin."""
    histogram = summarize(np.array(values))
    assert sum(histogram.counts) == len(values)
    assert len(histogram.edges) == len(histogram.counts) + 1


def test_leaves_missing_values_out_of_the_range() -> None:
    """The range is that of the values that are there."""
    feature = describe(
        Column("c", "number", np.array([2.0, np.nan, 1.0])), OPEN, "X", 2.0, (None,) * 2
    )
    assert (feature.minimum, feature.maximum) == (1.0, 2.0)
    assert feature.histogram is not None
    assert sum(feature.histogram.counts) == 2


def test_lists_the_categories_of_texts() -> None:
    """Sorted, each once, missing values left out."""
    feature = describe(_texts("b", None, "a", "b"), CLOSED, "c", "b", ("kg", "what it is"))
    assert feature.categories == ["a", "b"]
    assert not feature.open_categories
    assert (feature.unit, feature.description) == ("kg", "what it is")


def test_keeps_a_thousand_categories_of_free_text() -> None:
    """A column of sentences does not blow up the file; it is open, so nothing is refused."""
    feature = describe(
        _texts(*(str(i) for i in range(5000)), "often", "often"), OPEN, "c", "1", (None,) * 2
    )
    assert feature.open_categories
    assert feature.categories is not None
    assert len(feature.categories) == 1000
    assert "often" in feature.categories


@pytest.mark.parametrize("kind", ["integer", "number"])
def test_calls_numbers_a_category_where_others_make_the_original_fail(kind: str) -> None:
    """Categories are integers then, whatever type the column had."""
    column = Column("c", kind, np.array([3, 1, 3], dtype=float if kind == "number" else int))  # type: ignore[arg-type]
    feature = describe(column, CLOSED, "X", column.to_scalars()[0], (None,) * 2)
    assert feature.kind == "category"
    assert feature.categories == [1, 3]
    assert feature.example == 3
    assert type(feature.example) is int
    assert feature.histogram is None


def test_counts_the_training_rows_of_each_category_and_those_without_a_value() -> None:
    feature = describe(_texts("b", None, "a", "b"), CLOSED, "c", "b", (None,) * 2)
    assert (feature.counts, feature.missing) == ([1, 2], 1)


def test_counts_a_category_that_only_the_encoder_knows_as_absent() -> None:
    known = Capabilities(closed=True, also=("z",))
    feature = describe(_texts("b", "a", "b"), known, "c", "b", (None,) * 2)
    assert (feature.categories, feature.counts) == (["a", "b", "z"], [1, 2, 0])


def test_counts_whole_numbers_with_gaps_as_categories() -> None:
    column = Column("c", "number", np.array([3.0, 1.0, np.nan, 3.0]))
    feature = describe(column, CLOSED, "c", 1.0, (None,) * 2)
    assert (feature.categories, feature.counts, feature.missing) == ([1, 3], [1, 2], 1)


def test_counts_false_and_true() -> None:
    column = Column("c", "boolean", np.array([True, True, False]))
    assert describe(column, OPEN, "c", True, (None,) * 2).counts == [1, 2]


def test_does_not_count_texts_that_do_not_recur() -> None:
    feature = describe(_texts(*map(str, range(100))), OPEN, "c", "1", (None,) * 2)
    assert feature.counts is None
    assert feature.missing == 0


FLAGS = [True, None, False, True] * 30
AMOUNTS = np.arange(120.0) % 17


@pytest.mark.parametrize("flags", ["boolean", "None", "NaN"])
def test_booleans_may_be_missing(flags: str, tmp_path: Path) -> None:
    """Callers send true, false and null; a step that tells the spellings apart gets that of X."""
    missing = np.nan if flags == "NaN" else None
    held = pd.Series([missing if each is None else each for each in FLAGS], dtype=object)
    x = pd.DataFrame({"a": AMOUNTS, "b": held.astype("boolean") if flags == "boolean" else held})
    y = (AMOUNTS > 8) ^ (x["b"].isna() | (x["b"] == True)).to_numpy(dtype=bool)  # noqa: E712
    steps: list[Any] = [LGBMClassifier(n_estimators=5, verbose=-1, n_jobs=1)]
    if flags != "boolean":
        encoder = make_column_transformer((OneHotEncoder(), ["b"]), remainder="passthrough")
        steps = [encoder, LogisticRegression()]
    model = make_pipeline(*steps).fit(x, y)
    contract = publish(model, "m", x, models_dir=tmp_path, progress=False).contract
    feature = contract.features[1]
    assert (feature.kind, feature.nullable, feature.missing) == ("boolean", True, 30)
    assert feature.counts == [30, 60]
    assert (feature.minimum, feature.histogram) == (None, None)
    sent = [sample.row[1] for sample in contract.samples]
    assert {True, False, None} == set(sent)
    assert all(each is None or isinstance(each, bool) for each in sent)
    assert isinstance(feature.example, bool)
