"""Columns of several kinds, unused columns, and columns of any name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    OneHotEncoder,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier

from exporter import publish

if TYPE_CHECKING:
    from pathlib import Path


from support.conversion.penguin_models import CASES, LENGTHS, MEASUREMENTS, MIXED, publish_case

pytestmark = pytest.mark.long


def test_contract_states_what_each_column_accepts(split: Any, tmp_path: Path) -> None:
    """Kinds, nulls and unknown categories as the original and the file both have them."""
    _, publication, _ = publish_case(CASES["mixed-logistic"], split, tmp_path)
    found = {f.name: (f.kind, f.nullable, f.open_categories) for f in publication.contract.features}
    numbers = dict.fromkeys(MEASUREMENTS, ("number", True, False))
    assert found == numbers | {
        "year": ("category", False, False),
        "island": ("category", True, True),
        "sex": ("category", True, False),
        "heavy": ("boolean", False, False),
    }


def test_leaves_out_columns_that_the_pipeline_drops(split: Any, tmp_path: Path, ask: Any) -> None:
    """Callers do not send columns that no step reads."""
    columns = ColumnTransformer([("lengths", StandardScaler(), LENGTHS)])
    x = split.train[MIXED]
    model = make_pipeline(columns, LogisticRegression()).fit(x, split.train["species"])
    publication = publish(model, "m", x, models_dir=tmp_path)
    assert publication.contract.feature_names == LENGTHS
    reply = ask(publication.path, split.test[LENGTHS].to_numpy().tolist())
    assert reply.labels == model.predict(split.test[MIXED]).tolist()


def test_columns_may_have_any_name(split: Any, tmp_path: Path, ask: Any) -> None:
    """Spaces, brackets and the names of the outputs."""
    names = ["bill length (mm)", "label", "probabilities", "where?"]
    x = split.train[[*LENGTHS, "island"]].set_axis(names, axis=1)
    columns = ColumnTransformer([("island", OneHotEncoder(), ["where?"])], remainder="passthrough")
    model = make_pipeline(columns, DecisionTreeClassifier(random_state=0))
    model.fit(x, split.train["species"])
    publication = publish(model, "m", x, models_dir=tmp_path)
    assert publication.contract.feature_names == names
    reply = ask(publication.path, json.loads(x.to_json(orient="values", double_precision=15)))
    assert reply.labels == model.predict(x).tolist()
