from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse  # type: ignore[import-untyped]
from sklearn.cluster import DBSCAN, KMeans
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.manifold import TSNE
from sklearn.neighbors import KernelDensity, LocalOutlierFactor, NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from exporter.data.estimator import FittedEstimator, answer_all
from exporter.data.metrics import score_clusters
from exporter.errors import DataError, ModelError

X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]])


def _fit(labels: Any) -> FittedEstimator:
    return FittedEstimator(LogisticRegression().fit(X, np.array(labels)))


@pytest.mark.parametrize(
    ("labels", "classes", "encoded"),
    [
        (["b", "a", "b", "a"], ["a", "b"], None),
        ([5, 1, 5, 1], [1, 5], None),
        ([True, False, True, False], [False, True], [0, 1]),
        ([1.0, 0.0, 1.0, 0.0], [0.0, 1.0], [0, 1]),
    ],
)
def test_gives_classes_their_python_types(
    labels: list[Any], classes: list[Any], encoded: list[int] | None
) -> None:
    """What ONNX cannot hold is encoded as integers."""
    original = _fit(labels)
    assert original.classes == classes
    assert [type(c) for c in original.classes or []] == [type(c) for c in classes]
    assert original.encoded_classes == encoded


def test_answers_with_what_predict_says() -> None:
    """Labels come from predict(), also where probabilities would say otherwise."""
    original = _fit(["b", "a", "b", "a"])
    answers = original.answer(X)
    classes = np.array(original.classes)
    assert classes[answers.labels].tolist() == original.model.predict(X).tolist()
    assert answers.probabilities is not None
    assert answers.probabilities.shape == (4, 2)


def test_has_no_probabilities_where_the_model_has_none() -> None:
    """Decision values are not sold as probabilities."""
    original = FittedEstimator(RidgeClassifier().fit(X, [0, 1, 0, 1]))
    assert original.answer(X).probabilities is None


@pytest.mark.parametrize(
    ("model", "complaint"),
    [
        (LogisticRegression(), "not fitted yet: call model.fit"),
        (make_pipeline(StandardScaler(), LogisticRegression()), "Pipeline is not fitted yet"),
        (LogisticRegression, "the class LogisticRegression, not a fitted instance"),
        (KMeans(2), "the KMeans is not fitted yet"),
        (DBSCAN().fit(X), "DBSCAN labels only the rows it was fitted on: use KMeans, or publish a"),
        (make_pipeline(StandardScaler(), DBSCAN()).fit(X), "DBSCAN labels only the rows"),
        (LocalOutlierFactor(2).fit(X), "fit it with novelty=True"),
        (TSNE(perplexity=2), "TSNE transforms only the rows it was fitted on: use PCA"),
        (KernelDensity().fit(X), "KernelDensity is no classifier, regressor, outlier detector"),
        (NearestNeighbors().fit(X), "NearestNeighbors is no classifier"),
        ("model.pkl", "model is a str"),
        (None, "model is a NoneType"),
    ],
)
def test_says_what_is_wrong_with_the_model(model: Any, complaint: str) -> None:
    """Each kind of wrong model has an error that says what to pass."""
    with pytest.raises(ModelError, match=complaint):
        FittedEstimator(model)


def test_refuses_several_labels_without_classes_of_each() -> None:
    """A classifier whose answers have more columns than its classes tell."""

    class Odd(LogisticRegression):
        def predict(self, X: Any) -> Any:  # noqa: N803 - scikit-learn's name for it
            return np.zeros((len(X), 2))

    with pytest.raises(ModelError, match="no list of classes: fit one classifier per label"):
        FittedEstimator(Odd().fit(X, [0, 1, 0, 1])).answer(X)


def test_passes_on_what_the_model_says_about_rows_it_does_not_take() -> None:
    """NaN in a model without imputer: the model's own words, and what to do."""
    original = _fit([0, 1, 0, 1])
    with pytest.raises(
        DataError, match=r"cannot predict on X: Input X contains NaN.*as you pass it"
    ):
        answer_all(original, np.full((1, 2), np.nan))


def test_answers_with_values_for_a_regression() -> None:
    """One target is one value per row, several are a row of them."""
    single = FittedEstimator(LinearRegression().fit(X, [[1.0], [2.0], [3.0], [4.0]]))
    assert single.answer(X).labels.shape == (4,)
    double = FittedEstimator(LinearRegression().fit(X, X))
    assert double.answer(X).labels.shape == (4, 2)


def _double(frame: pd.DataFrame) -> pd.DataFrame:
    frame["twice"] = frame["a"] * 2
    return frame


@pytest.mark.parametrize(
    ("first", "last", "rows"),
    [
        (
            FunctionTransformer(_double),
            RandomForestClassifier(2),
            pd.DataFrame(X, columns=["a", "b"]),
        ),
        (FunctionTransformer(_double), LogisticRegression(), pd.DataFrame(X, columns=["a", "b"])),
        (StandardScaler(copy=False), LogisticRegression(), X),
        (StandardScaler(copy=False), RandomForestClassifier(2), X),
        (StandardScaler(copy=False, with_mean=False), LogisticRegression(), sparse.csr_matrix(X)),
    ],
)
def test_leaves_the_rows_as_they_are(first: Any, last: Any, rows: Any) -> None:
    """A step that writes to its rows gets a copy, so that each question is about the same rows."""
    original = FittedEstimator(make_pipeline(first, last).fit(rows.copy(), [0, 1, 0, 1]))
    before = rows.copy()

    first_answer, second_answer = (original.answer(rows).probabilities for _ in range(2))

    assert first_answer is not None
    assert second_answer is not None
    assert np.array_equal(first_answer, second_answer)
    assert rows.shape == before.shape
    assert abs(rows - before).sum().sum() == 0


def test_scores_clusters_without_writing_to_the_rows() -> None:
    rows = X.copy()
    model = make_pipeline(StandardScaler(copy=False), KMeans(2, n_init=1)).fit(rows.copy())
    original = FittedEstimator(model)
    score_clusters(original, rows, original.answer(rows))
    assert np.array_equal(rows, X)
