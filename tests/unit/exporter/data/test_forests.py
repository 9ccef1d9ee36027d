"""A forest is asked once and in threads, and answers as its own methods do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix  # type: ignore[import-untyped]
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from exporter.data import forests
from exporter.data.estimator import FittedEstimator
from exporter.data.forests import find_forest

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4001, 3))
NAMES = np.array(["b", "a", "c"])[RNG.integers(3, size=len(X))]
FRAME = pd.DataFrame(X, columns=["one", "two", "three"])
SHARES = RandomForestClassifier(9, min_samples_leaf=20, random_state=0)


@pytest.fixture(autouse=True)
def _two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forests, "granted_cpus", lambda: 2)


@pytest.mark.parametrize("rows", [1, 3999, 4000, 4001])
@pytest.mark.parametrize(
    ("model", "x"),
    [
        (SHARES, X),
        (SHARES, FRAME),
        (make_pipeline(StandardScaler(), SHARES), X),
        (make_pipeline(StandardScaler().set_output(transform="pandas"), SHARES), FRAME),
        (make_pipeline(FunctionTransformer(csr_matrix), SHARES), X),
        (make_pipeline(SHARES), X),
        (RandomForestClassifier(9, n_jobs=2, random_state=0), X),
    ],
)
def test_labels_and_probabilities_are_those_of_its_methods(model: Any, x: Any, rows: int) -> None:
    """To the last bit, below and above the number of rows that is divided."""
    original = FittedEstimator(model.fit(x, NAMES))
    assert find_forest(model) is not None
    answers = original.answer(x[:rows])
    assert answers.probabilities is not None
    assert answers.probabilities.tolist() == model.predict_proba(x[:rows]).tolist()
    named = np.array(original.classes)[answers.labels]
    assert named.tolist() == model.predict(x[:rows]).tolist()


def test_values_are_those_of_its_method() -> None:
    model = ExtraTreesRegressor(5, random_state=0).fit(X, X[:, 0])
    assert FittedEstimator(model).answer(X).labels.tolist() == model.predict(X).tolist()


class _Louder(RandomForestClassifier):
    """Answers otherwise than its probabilities say."""

    def predict(self, X: Any) -> Any:  # noqa: N803 - scikit-learn's name
        return np.full(len(X), "c", dtype=object)


@pytest.mark.parametrize("model", [_Louder(3), make_pipeline(StandardScaler(), _Louder(3))])
def test_another_class_is_asked_by_its_own_methods(model: Pipeline) -> None:
    original = FittedEstimator(model.fit(X, NAMES))
    assert set(original.answer(X).labels.tolist()) == {2}


def test_no_other_model_is_a_forest() -> None:
    assert find_forest(GradientBoostingClassifier(n_estimators=1).fit(X, NAMES)) is None
    assert find_forest(RandomForestClassifier(1).fit(X, np.c_[NAMES, NAMES])) is None
