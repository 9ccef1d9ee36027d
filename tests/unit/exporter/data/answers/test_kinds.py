"""What a model answers with is known from its attributes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.cluster import AffinityPropagation, Birch, KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from exporter.data.answers.kinds import find_classes, find_task, list_steps
from exporter.errors import ModelError

X = np.random.default_rng(0).normal(size=(30, 2))
Y = (X > 0).astype(int)
SEVERAL = "multioutput_classification"
ISOLATION = IsolationForest(n_estimators=2, random_state=0)
FOREST = RandomForestClassifier(2, random_state=0)


@pytest.mark.parametrize(
    ("model", "task", "classes"),
    [
        (FOREST, SEVERAL, [[0, 1], [0, 1]]),
        (
            GridSearchCV(FOREST, {"max_depth": [2]}, cv=2),
            SEVERAL,
            [[0, 1]] * 2,
        ),
        (OneVsRestClassifier(LogisticRegression()), SEVERAL, [[0, 1]] * 2),
        (
            make_pipeline(StandardScaler(), ISOLATION),
            "outlier_detection",
            [[-1, 1]],
        ),
        (KMeans(3, n_init=1), "clustering", [[0, 1, 2]]),
        (make_pipeline(PCA(1), GaussianMixture(2)), "clustering", [[0, 1]]),
        (Birch(n_clusters=2), "clustering", [[0, 1]]),
        (PCA(1), "transformation", []),
        (make_pipeline(StandardScaler(), "passthrough"), "transformation", []),
    ],
    ids=repr,
)
def test_finds_task_and_classes(model: Any, task: str, classes: list[list[int]]) -> None:
    model.fit(X, Y)
    assert find_task(model) == task
    assert [each.labels for each in find_classes(model, task)] == classes


def test_vectorizers_are_transformers() -> None:
    assert find_task(TfidfVectorizer().fit(["a text"])) == "transformation"


def test_a_chain_lists_its_classes_in_the_order_of_the_labels() -> None:
    labels = np.column_stack([Y[:, 0], np.arange(30) % 3, Y[:, 1] + 5])
    chain = ClassifierChain(LogisticRegression(), order=[2, 0, 1]).fit(X, labels)
    found = [each.labels for each in find_classes(chain, find_task(chain))]
    assert found == [[0, 1], [0, 1, 2], [5, 6]]


def test_steps_are_listed_through_searches_and_pipelines() -> None:
    inner = GridSearchCV(make_pipeline(PCA(1), KMeans(2, n_init=1)), {"pca__whiten": [True]}, cv=2)
    steps = list_steps(make_pipeline(StandardScaler(), None, inner).fit(X))
    assert [type(step).__name__ for step in steps] == ["StandardScaler", "PCA", "KMeans"]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_refuses_a_clustering_without_clusters() -> None:
    model = AffinityPropagation(max_iter=1, random_state=0).fit(X)
    with pytest.raises(ModelError, match="did not converge, fit it with another damping"):
        find_classes(model, "clustering")


def test_says_that_a_search_has_no_best_estimator() -> None:
    search = GridSearchCV(LogisticRegression(), {"C": [1]}, cv=2, refit=False).fit(X, Y[:, 0])
    with pytest.raises(ModelError, match="fitted with refit=False: pass refit=True"):
        find_task(search)


def test_refuses_times_as_classes() -> None:
    """NumPy lists those of nanoseconds as integers."""
    days = np.array(["2026-01-01", "2026-01-02"], dtype="datetime64[ns]")[Y[:, 0]]
    model = DecisionTreeClassifier().fit(X, days)
    with pytest.raises(ModelError, match="of the type datetime64"):
        find_classes(model, "classification")
