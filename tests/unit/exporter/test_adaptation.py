from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from skl2onnx.common import tree_ensemble
from sklearn.compose import ColumnTransformer
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from exporter.conversion.estimator_patches import adapt, low_level_trees, plain_flags

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = X[:, 0] + RNG.normal(size=60) > 0

MODELS: list[BaseEstimator] = [
    LinearDiscriminantAnalysis(),
    VotingClassifier([("a", LinearDiscriminantAnalysis()), ("b", GaussianNB())], voting="soft"),
    GridSearchCV(make_pipeline(StandardScaler(), LogisticRegression()), {}),
    make_pipeline(StandardScaler(), RandomForestClassifier(5, random_state=0)),
]


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
def test_answers_like_the_model_it_replaces(model: BaseEstimator, precision: str) -> None:
    """The copy may be built otherwise, and has the same probabilities."""
    fitted = model.fit(X, Y)
    adapted = adapt(fitted, precision)  # type: ignore[arg-type]
    np.testing.assert_allclose(adapted.predict_proba(X), fitted.predict_proba(X), atol=1e-12)
    assert adapted.predict(X).astype(bool).tolist() == fitted.predict(X).tolist()
    assert fitted.classes_.dtype == bool


def test_casts_before_trees_where_the_graph_has_doubles() -> None:
    """scikit-learn's trees round to float32, and so must the graph, at the same place."""
    model = make_pipeline(StandardScaler(), RandomForestClassifier(2)).fit(X, Y)
    assert [n for n, _ in adapt(model, "float64").steps[-1][1].steps] == ["cast", "trees"]
    assert isinstance(adapt(model, "float32").steps[-1][1], RandomForestClassifier)


def test_spells_a_missing_text_as_the_contract_does() -> None:
    """ONNX has no null in a string tensor."""
    texts = pd.DataFrame({"t": pd.Series(["a", "a", None, "b"], dtype=object)})
    imputer = SimpleImputer(strategy="most_frequent").fit(texts)
    assert adapt(imputer, "float32").missing_values == ""
    assert np.isnan(imputer.missing_values)
    assert np.isnan(adapt(SimpleImputer().fit(X), "float32").missing_values)


def test_finds_columns_by_place_where_they_come_as_one_tensor() -> None:
    """A tensor's columns have no names."""
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    columns = ColumnTransformer([("s", StandardScaler(), ["c", "a"])], remainder="passthrough")
    adapted = adapt(columns.fit(frame), "float32", by_position=True)
    assert [list(c) for _, _, c in adapted.transformers_] == [[2, 0], [1]]
    assert list(columns.transformers_[0][2]) == ["c", "a"]


def test_lists_the_trees_of_forests() -> None:
    """One entry per forest, and one per tree in it, which a graph may hold singly."""
    forest = RandomForestClassifier(3, random_state=0).fit(X, Y)
    found = low_level_trees(make_pipeline(StandardScaler().fit(X), forest))
    assert max(len(trees) for trees in found) == 3


def test_leaves_skl2onnx_as_it_was() -> None:
    """What is replaced during a conversion is put back, also after a failure."""
    before = tree_ensemble.add_node
    with plain_flags():
        assert tree_ensemble.add_node is not before
    assert tree_ensemble.add_node is before
