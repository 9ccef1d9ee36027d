"""Pipelines, column transformers and frozen estimators."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    StandardScaler,
)

from support.conversion.converted_models import IRIS, SPECIES, between, check, log


def test_a_frozen_estimator_answers_like_the_one_inside() -> None:
    check(FrozenEstimator(log().fit(IRIS, SPECIES)), IRIS, between(IRIS))


@pytest.mark.parametrize(
    "chosen",
    [slice(0, 2), [True, True, False, False], slice("a", "b"), ["b", "a"], lambda _: ["a"], [0]],
    ids=["indices", "mask", "names", "list", "function", "one"],
)
def test_finds_columns_by_index_mask_name_and_function(chosen: Any) -> None:
    """Also after a step that returns a DataFrame."""
    frame = pd.DataFrame(IRIS, columns=list("abcd"))
    columns = make_column_transformer((StandardScaler(), chosen), remainder="passthrough")
    model = make_pipeline(StandardScaler().set_output(transform="pandas"), columns, log())
    check(model.fit(frame, SPECIES), frame, pd.DataFrame(between(IRIS), columns=list("abcd")))
