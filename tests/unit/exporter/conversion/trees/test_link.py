"""One operator decides and links like the libraries, for scores around the boundary of labels."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import catboost as cb
import lightgbm as lgb
import numpy as np
import onnx
import onnxruntime as rt
import pytest
import xgboost as xgb
from onnx import TensorProto
from scipy.special import softmax  # type: ignore[import-untyped]
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
)

from exporter import publish
from exporter.conversion.graph.answer import Final
from exporter.conversion.graph.builder import Graph, Output
from exporter.conversion.graph.column import Column
from exporter.conversion.graph.payload import serialize
from exporter.conversion.trees.link import answer_largest, answer_two, answer_votes
from exporter.conversion.trees.structure import Shares, Trees
from support.models.asked_trees import around, ask

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.long

CANCER, MALIGNANT = load_breast_cancer(return_X_y=True)
CANCER = CANCER[:, :6]
EVEN = np.float32(1.5 * 2**-24)  # XGBoost's largest score of the first class
CODES: list[Any] = [[0, 1], [3, 7], [7, -1], ["no", "yes"]]


def _decide(scores: Any, codes: Any, write: Any = answer_two, **options: Any) -> Any:
    real: Any = str(scores.dtype)
    graph = Graph([Column("s", "real", 1)], real, final=Final(None, codes))
    answer = write(graph, "s", **options)
    kind = TensorProto.STRING if isinstance(codes[0], str) else TensorProto.INT64
    assert answer.label is not None
    outputs = [
        Output("label", answer.label, kind, (None,)),
        Output("shares", answer.need_probabilities(), TensorProto.FLOAT, (None, 2)),
    ]
    session = rt.InferenceSession(graph.build(outputs).SerializeToString())
    many = session.run(None, {"s": scores.reshape(-1, 1)})
    one = [session.run(None, {"s": score.reshape(1, 1)}) for score in scores]
    for place, together in enumerate(many):
        np.testing.assert_array_equal(together, np.concatenate([each[place] for each in one]))
    return many


@pytest.mark.parametrize("codes", CODES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_label_follows_the_sign_of_the_score(codes: Any, dtype: Any) -> None:
    """From the smallest sums of leaves' values on, alone and with others."""
    sizes = np.array([1e-30, 1e-20, 2e-17, 1e-8, 0.3, 20, 80, 300], dtype=dtype)
    scores = np.concatenate([-sizes, np.zeros(1, dtype), sizes])
    labels, shares = _decide(scores, codes)
    assert labels.tolist() == [codes[int(score > 0)] for score in scores]
    second = 1 / (1 + np.exp(-scores.astype(float)))
    np.testing.assert_allclose(shares, np.column_stack([1 - second, second]), atol=1e-7)
    np.testing.assert_allclose(shares[:, 1], second, rtol=1e-5, atol=1e-37)  # not 0 if it is tiny


def test_label_changes_at_any_least_score() -> None:
    steps = EVEN.view(np.int32) + np.arange(-50, 51)
    scores = np.concatenate([steps.astype(np.int32).view(np.float32), -steps[:1] * EVEN, [1, -1]])
    labels, _ = _decide(scores.astype(np.float32), [0, 1], least=float(EVEN))
    assert labels.tolist() == (scores.astype(np.float32) > EVEN).tolist()


def test_votes_become_shares_and_a_tie_the_first_class() -> None:
    margin = np.array([-1, -1 / 3, 0, 1e-3, 1], dtype=np.float32)
    labels, shares = _decide(margin, ["no", "yes"], answer_votes)
    assert labels.tolist() == ["no", "no", "no", "yes", "yes"]
    np.testing.assert_allclose(shares[:, 1], (margin + 1) / 2, rtol=1e-6)
    assert shares[[0, -1]].tolist() == [[1, 0], [0, 1]]


def test_label_of_xgboost_changes_where_its_own_does() -> None:
    """Its single-precision probability is 0.5 for scores slightly above 0, too."""
    rows = np.arange(12.0).reshape(-1, 1)
    trained = xgb.DMatrix(rows, (rows[:, 0] > 5).astype(int))
    booster = xgb.train({"objective": "binary:logistic", "eta": 0, "base_score": 0.5}, trained, 1)
    for score in (EVEN, np.nextafter(EVEN, np.float32(1))):
        asked = xgb.DMatrix(rows[:1], base_margin=np.array([score]))
        assert (booster.predict(asked)[0] > 0.5) == (score > EVEN)


@pytest.mark.parametrize("sigmoid", [1.0, 0.7])
def test_label_of_lightgbm_changes_where_its_own_does(sigmoid: float) -> None:
    """What remains of values that cancel out is below that score, and above 0."""
    even = 1.5 * 2**-53 / sigmoid
    given = {0.1 + 0.2 - 0.3: 0, even * (1 - 1e-15): 0, even * (1 + 1e-15): 1}
    rows = np.arange(40.0).reshape(-1, 1)
    options: Any = {"num_leaves": 2, "min_child_samples": 1, "verbose": -1, "sigmoid": sigmoid}
    model = lgb.LGBMClassifier(n_estimators=1, **options).fit(rows, (rows[:, 0] > 20).astype(int))
    text = model.booster_.model_to_string()
    for value, label in given.items():
        changed = re.sub(r"leaf_value=.*", f"leaf_value={value!r} {value!r}", text)
        model._Booster = lgb.Booster(model_str=changed)
        assert list(np.asarray(model.predict(rows))) == [label] * 40
        found = ask(model, rows)
        assert found.holds, (value, found)


def _publish(model: Any, folder: Path, **options: Any) -> list[str]:
    publication = publish(
        model.fit(CANCER, MALIGNANT), "m", CANCER, models_dir=folder, progress=False, **options
    )
    return [node.op_type for node in onnx.load(publication.path).graph.node]


@pytest.mark.parametrize(
    "model",
    [
        xgb.XGBClassifier(n_estimators=5),
        lgb.LGBMClassifier(n_estimators=5, verbose=-1),
        HistGradientBoostingClassifier(max_iter=5),
        GradientBoostingClassifier(n_estimators=5),
        RandomForestClassifier(5, random_state=0),
    ],
    ids=lambda model: type(model).__name__,
)
def test_file_has_two_operators(model: Any, tmp_path: Path) -> None:
    """And a cast to double at most; onnxruntime would keep one in front of an output."""
    kinds = _publish(model, tmp_path)
    assert kinds[-2:] == ["TreeEnsemble", "LinearClassifier"]
    assert kinds[:-2] in ([], ["Cast"])


@pytest.mark.parametrize("codes", [["a", "b", "c"], [7, -1, 3], [0, 1, 2]])
def test_first_of_the_largest_sums_of_doubles_decides(codes: Any) -> None:
    """Also where float32 could not tell them apart; alone and with other rows."""
    table = np.array([[1, 1 + 1e-12, 0], [1 + 1e-12, 1, 0], [2, 2, 2], [-5, -3, -3]])
    left, right = np.array([1, -1, 3, -1, 5, -1, -1]), np.array([2, -1, 4, -1, 6, -1, -1])
    features, missing = np.zeros(7, dtype=int), np.zeros(7, dtype=bool)
    bounds = np.array([0.5, 0, 1.5, 0, 2.5, 0, 0])
    trees = Trees(np.array([7]), features, bounds, left, right, missing)
    graph = Graph([Column("x", "real", 1)], "float64", final=Final("model", codes))
    answer = answer_largest(graph, "model", "x", trees, Shares.of_table(table))
    assert answer is not None
    assert answer.label is not None
    kind = TensorProto.STRING if isinstance(codes[0], str) else TensorProto.INT64
    outputs = [
        Output("label", answer.label, kind, (None,)),
        Output("shares", answer.need_probabilities(), TensorProto.FLOAT, (None, 3)),
    ]
    session = rt.InferenceSession(serialize(graph.build(outputs), graph.payloads))
    rows = np.arange(4.0).reshape(-1, 1)
    labels, shares = session.run(None, {"x": rows})
    assert labels.tolist() == [codes[1], codes[0], codes[0], codes[1]]
    np.testing.assert_allclose(shares, softmax(table, axis=1), atol=1e-7)
    one = [session.run(None, {"x": row.reshape(1, 1)})[0][0] for row in rows]
    assert one == labels.tolist()
    other = Graph([Column("x", "real", 1)], "float64", one_opset=True, final=graph.final)
    assert answer_largest(other, "model", "x", trees, Shares.of_table(table)) is None
    assert answer_largest(graph, "inner", "x", trees, Shares.of_table(table)) is None


@pytest.mark.parametrize(
    "model",
    [
        HistGradientBoostingClassifier(max_iter=5),
        GradientBoostingClassifier(n_estimators=5),
        cb.CatBoostClassifier(iterations=5, verbose=0, allow_writing_files=False),
    ],
    ids=lambda model: type(model).__name__,
)
def test_file_of_three_classes_has_one_operator(model: Any, tmp_path: Path) -> None:
    """Trees are walked once for all classes, and no operator links their sums."""
    target = np.array(["c", "a", "b"])[np.arange(len(CANCER)) % 3]
    model.fit(CANCER, target)
    assert ask(model, around(CANCER)).holds
    publication = publish(model, "m", CANCER, models_dir=tmp_path, progress=False)
    kinds = [node.op_type for node in onnx.load(publication.path).graph.node]
    assert kinds[-1] == "TreeEnsembleClassifier"
    assert set(kinds[:-1]) <= {"Cast"}  # to double


@pytest.mark.parametrize("inner", [RandomForestClassifier, HistGradientBoostingClassifier])
def test_three_classes_behind_other_trees_need_newer_operators(inner: Any) -> None:
    """No operator set has both the forest's and the one operator."""
    first = inner(random_state=0)
    model = StackingClassifier([("f", first)], HistGradientBoostingClassifier(max_iter=3), cv=2)
    model.fit(CANCER[:150], np.arange(150) % 3)
    assert ask(model, around(CANCER[:150], 100)).holds


def test_narrow_tolerance_needs_doubles(tmp_path: Path) -> None:
    model = lgb.LGBMClassifier(n_estimators=5, verbose=-1)
    assert "LinearClassifier" not in _publish(model, tmp_path, tolerance=1e-12)


def test_ties_of_gradient_boosting_are_the_second_class() -> None:
    """scikit-learn's raw score of 0 means the second class; that of its histograms the first."""
    rows = np.array([[0.0], [0.0], [1.0], [1.0]])
    target = [0, 1, 0, 1]
    for kind in (GradientBoostingClassifier, HistGradientBoostingClassifier):
        model = kind().fit(rows, target)
        found = ask(model, around(rows, 20))
        assert found.holds, found
