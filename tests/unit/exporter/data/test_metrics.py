from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk
from sklearn.cluster import KMeans
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from exporter.data.answers.answers import Answers
from exporter.data.estimator import FittedEstimator
from exporter.data.metrics import read_target, score, score_clusters, warn_unless_held_out
from exporter.data.table import Column, Table
from exporter.errors import NotHeldOutWarning, TargetError
from support.conversion.originals import answering, classifier, regressor

CLASSES = ["a", "b", "c"]


def _classifier() -> FittedEstimator:
    return classifier(*CLASSES)


REGRESSOR = regressor()


def _table(*values: float) -> Table:
    array = np.array(values)
    return Table((Column("x", "number", array),), array.reshape(-1, 1))


def test_scores_as_scikit_learn_does() -> None:
    """Accuracy, macro F1, log loss and the confusion matrix, the classes in the model's order."""
    rng = np.random.default_rng(0)
    target = rng.integers(0, 3, 200)
    table = rng.dirichlet([1, 1, 1], 200)
    found = score(_classifier(), Answers(table.argmax(axis=1), table), target)
    labels = table.argmax(axis=1)
    assert found.rows == 200
    assert found.accuracy == pytest.approx(sk.accuracy_score(target, labels))
    assert found.macro_f1 == pytest.approx(sk.f1_score(target, labels, average="macro"))
    assert found.log_loss == pytest.approx(sk.log_loss(target, table))
    assert found.confusion_matrix == sk.confusion_matrix(target, labels).tolist()


def test_scores_held_out_rows_that_lack_a_class() -> None:
    """A class that does not occur keeps its row and column, and does not spoil the mean."""
    found = score(_classifier(), Answers(np.array([0, 1])), np.array([0, 1]))
    assert found.macro_f1 == 1.0
    assert found.log_loss is None
    assert found.confusion_matrix == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]


def test_scores_a_certain_error_as_a_finite_loss() -> None:
    """A probability of zero for the truth is a large loss, and no infinity."""
    table = np.array([[1.0, 0.0, 0.0]])
    found = score(_classifier(), Answers(np.array([0]), table), np.array([1]))
    assert found.log_loss == pytest.approx(36.04, abs=0.01)


def test_scores_a_regression() -> None:
    """Errors are in the target's unit."""
    found = score(REGRESSOR, Answers(np.array([1.0, 3.0])), np.array([2.0, 3.0]))
    assert (found.mean_absolute_error, found.root_mean_squared_error) == (
        0.5,
        pytest.approx(0.5**0.5),
    )
    assert found.r2 == pytest.approx(-1.0)
    assert found.accuracy is None


@pytest.mark.parametrize(
    ("y", "complaint"),
    [
        (["a"], "y has 1 values for 2 rows"),
        (3, "y has no values"),
        (["a", "z"], "label 'z', which the model does not know; its classes are 'a', 'b', 'c'"),
        ([["a", "b"], ["a", "b"]], "2 dimensions"),
        ([["a"], ["a", "b"]], "rows of several lengths"),
        ([{}, "a"], "the label {}, which the model does not know"),
    ],
)
def test_says_what_is_wrong_with_y(y: Any, complaint: str) -> None:
    """Too few, unknown or several labels."""
    with pytest.raises(TargetError, match=complaint):
        read_target(y, 2, _classifier())


@pytest.mark.parametrize(
    ("y", "complaint"),
    [
        (["a", "b"], "has to be numbers"),
        ([1, np.nan], "missing"),
        ([1j, 2j], "has to be numbers"),
        (np.array(["2026-01-01", "2026-01-02"], "datetime64[D]"), "has to be numbers"),
        ([10**400, 1], "has to be numbers"),
    ],
)
def test_says_what_is_wrong_with_the_values_of_a_regression(y: Any, complaint: str) -> None:
    """Texts and missing values."""
    with pytest.raises(TargetError, match=complaint):
        read_target(y, 2, REGRESSOR)


def test_warns_when_nothing_is_held_out() -> None:
    """The rows themselves, passed again as evaluate, are no held-out rows."""
    with pytest.warns(NotHeldOutWarning, match="every row in evaluate= is also in X") as seen:
        warn_unless_held_out(_table(1, 2, 3), _table(2, 3))
    assert seen[0].filename == __file__
    warn_unless_held_out(_table(1, 2, 3), _table(2, 4))


def test_scores_several_labels_together_and_each() -> None:
    """A row counts as right only if all of its labels are."""
    original = answering("multioutput_classification", ["a", "b"], [False, True])
    target = read_target(np.array([["a", True], ["b", True]], dtype=object), 2, original)
    assert target is not None
    found = score(original, Answers(np.array([[0, 1], [1, 0]])), target)
    assert found.accuracy == 0.5
    assert found.labels is not None
    assert [label.accuracy for label in found.labels] == [1.0, 0.5]
    assert found.macro_f1 == np.mean([label.macro_f1 for label in found.labels])


def test_refuses_a_single_column_for_several_labels() -> None:
    original = answering("multioutput_classification", ["a", "b"], ["c", "d"])
    with pytest.raises(TargetError, match="one column for each of the 2 labels"):
        read_target(np.array(["a", "b"]), 2, original)


def test_clusters_are_measured_where_the_last_step_sees_them() -> None:
    x = np.random.default_rng(0).normal(size=(40, 2)) * [1, 1000]
    model = make_pipeline(StandardScaler(), KMeans(3, n_init=1, random_state=0)).fit(x)
    original = FittedEstimator(model)
    found = score_clusters(original, x, original.answer(x))
    assert found is not None
    expected = sk.silhouette_score(model[0].transform(x), model.predict(x))
    assert found.silhouette == pytest.approx(expected)
    assert score_clusters(original, x[:1], original.answer(x[:1])) is None


def test_warns_about_rows_with_values_that_cannot_be_hashed() -> None:
    """A column that the model does not read may hold lists."""

    def hold(*values: Any) -> Table:
        array = np.empty(len(values), dtype=object)
        array[:] = values
        return Table((Column("x", "unread", array),), array)

    with pytest.warns(NotHeldOutWarning):
        warn_unless_held_out(hold([1], [2, 3]), hold([2, 3]))
    warn_unless_held_out(hold([1], [2, 3]), hold([2]))


def test_rows_are_equal_only_if_each_value_is_in_its_column() -> None:
    def hold(*values: float) -> Table:
        columns = tuple(Column(f"x{i}", "number", np.array([v])) for i, v in enumerate(values))
        return Table(columns, np.array([values]))

    warn_unless_held_out(hold(1.0, 2.0), hold(2.0, 1.0))
    with pytest.warns(NotHeldOutWarning):
        warn_unless_held_out(hold(0.0, np.nan), hold(-0.0, np.nan))
