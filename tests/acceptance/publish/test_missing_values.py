"""Missing values are imputed, learned from and routed as in the original."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.tree import DecisionTreeClassifier

from exporter import publish

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


from support.conversion.penguin_models import CASES, MEASUREMENTS, MIXED, publish_case, scaled

pytestmark = pytest.mark.long


def test_answers_nulls_where_the_contract_allows_them(split: Any, tmp_path: Path, ask: Any) -> None:
    """A null is imputed in the file as in the original."""
    case = CASES["mixed-logistic"]
    model, publication, held = publish_case(case, split, tmp_path)
    nullable = [f.name for f in publication.contract.features if f.nullable]
    assert nullable
    for name in nullable:
        rows = held.copy()
        rows[name] = rows[name].mask(np.ones(len(rows), dtype=bool))
        values = json.loads(rows.to_json(orient="values", double_precision=15))
        assert all(row[case.columns.index(name)] is None for row in values)
        assert ask(publication.path, values).labels == model.predict(rows).tolist()


def test_learns_from_rows_with_missing_values(split: Any, tmp_path: Path, ask: Any) -> None:
    """Missing numbers and texts in X are part of the comparison and of the samples."""
    case = CASES["mixed-logistic"]
    x = split.train[MIXED].copy()
    x.loc[x.index[::7], "bill_length_mm"] = np.nan
    x.loc[x.index[::5], "sex"] = np.nan
    model = case.make().fit(x, split.train["species"])
    publication = publish(model, "m", x, models_dir=tmp_path)
    assert any(None in sample.row for sample in publication.contract.samples)
    assert None not in publication.contract.example.values()
    values = json.loads(x.to_json(orient="values", double_precision=15))
    assert ask(publication.path, values).labels == model.predict(x).tolist()


@pytest.mark.parametrize(
    "make",
    [
        lambda: DecisionTreeClassifier(random_state=0),
        lambda: RandomForestClassifier(20, random_state=0),
        lambda: ExtraTreesClassifier(20, random_state=0),
        lambda: HistGradientBoostingClassifier(max_iter=10),
        lambda: scaled(RandomForestClassifier(20, random_state=0)),
    ],
)
def test_trees_route_missing_values_like_the_original(
    make: Callable[[], Any], split: Any, tmp_path: Path, ask: Any
) -> None:
    """Trees that were fitted with missing values need no imputer; nor does the file."""
    rng = np.random.default_rng(0)
    x, held = (part[MEASUREMENTS].to_numpy(copy=True) for part in (split.train, split.test))
    for rows in (x, held):
        rows[rng.random(rows.shape) < 0.2] = np.nan
    model = make().fit(x, split.train["species"])
    publication = publish(model, "m", x, models_dir=tmp_path)
    assert all(feature.nullable for feature in publication.contract.features)
    sent = [[None if np.isnan(v) else v for v in row] for row in held.tolist()]
    reply = ask(publication.path, sent)
    assert reply.labels == model.predict(held).tolist()
    np.testing.assert_allclose(reply.probabilities, model.predict_proba(held), rtol=0, atol=1e-5)
