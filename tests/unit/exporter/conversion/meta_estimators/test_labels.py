"""Classifiers of several labels answer like scikit-learn, label by label."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_multilabel_classification
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier, RadiusNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from exporter.errors import ConversionError
from support.conversion.asked_models import ask_both

RNG = np.random.default_rng(4)
X, TOPICS = make_multilabel_classification(120, 5, n_classes=4, random_state=0)
X = X + RNG.normal(0, 0.1, X.shape)
ROWS = np.concatenate([X, (X[:60] + X[60:]) / 2, X[:40] + RNG.normal(0, 2, (40, 5))])
COLORS = np.array(["b", "a", "c"])[RNG.integers(0, 3, 120)]
TEXTS = np.column_stack([COLORS, np.where(X[:, 0] > np.median(X[:, 0]), "x", "y")])
CONSTANT = np.column_stack([TOPICS[:, 0], np.zeros(120, dtype=int)])


def _log() -> LogisticRegression:
    return LogisticRegression(max_iter=500)


def _tree() -> DecisionTreeClassifier:
    return DecisionTreeClassifier(max_depth=4, random_state=0)


@pytest.mark.parametrize(
    ("model", "labels"),
    [
        (MultiOutputClassifier(_log()), TEXTS),
        (MultiOutputClassifier(LinearSVC()), TOPICS),
        (MultiOutputClassifier(_log()), TOPICS[:, :1]),
        (MultiOutputClassifier(_log()), TOPICS.astype(bool)),
        (ClassifierChain(_log()), TOPICS),
        (ClassifierChain(_log(), order=[3, 1, 0, 2], chain_method="predict_proba"), TOPICS),
        (ClassifierChain(_log(), chain_method="predict_log_proba"), TOPICS),
        (
            ClassifierChain(LinearSVC(), chain_method="decision_function"),
            TOPICS,
        ),
        (ClassifierChain(_tree()), np.column_stack([RNG.integers(0, 3, 120), TOPICS[:, 0]])),
        (OneVsRestClassifier(_log()), TOPICS),
        (OneVsRestClassifier(_tree()), TOPICS),
        (OneVsRestClassifier(Ridge()), TOPICS),
        (RidgeClassifier(), TOPICS),
        (MLPClassifier((6,), max_iter=50, activation="tanh", random_state=0), TOPICS),
        (_tree(), TEXTS),
        (RandomForestClassifier(5, random_state=0), TEXTS),
        (ExtraTreesClassifier(5, random_state=0), CONSTANT),
        (KNeighborsClassifier(3), TEXTS),
        (KNeighborsClassifier(weights="distance"), CONSTANT),
        (RadiusNeighborsClassifier(3.0, outlier_label="most_frequent"), TEXTS),
        (RadiusNeighborsClassifier(3.0, outlier_label=["a", "y"]), TEXTS),
        (DummyClassifier(), TEXTS),
        (DummyClassifier(strategy="constant", constant=["c", "x"]), TEXTS),
    ],
    ids=lambda value: repr(value) if hasattr(value, "fit") else "",
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_each_label_is_that_of_the_original(model: Any, labels: Any) -> None:
    original, expected, given = ask_both(model.fit(X, labels), ROWS)
    assert len(original.labels) == labels.shape[1]
    assert (expected.labels == given.labels).all()
    predicted = np.asarray(model.predict(ROWS))
    for place, known in enumerate(original.labels):
        named = [known.labels[i] for i in given.labels[:, place]]
        assert named == predicted[:, place].tolist()
    if original.has_probabilities:
        assert expected.probabilities is not None
        assert given.probabilities is not None
        np.testing.assert_allclose(given.probabilities, expected.probabilities, rtol=0, atol=1e-8)
    else:
        assert given.probabilities is None


def test_outlier_labels_that_are_no_classes_are_refused() -> None:
    model = RadiusNeighborsClassifier(3.0, outlier_label=["z", "y"]).fit(X, TEXTS)
    with pytest.raises(ConversionError, match="set outlier_label='most_frequent'"):
        ask_both(model, X)
