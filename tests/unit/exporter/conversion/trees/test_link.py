"""One operator decides and links like the libraries, for scores around the boundary of labels."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import lightgbm as lgb
import numpy as np
import onnx
import onnxruntime as rt
import pytest
import xgboost as xgb
from onnx import TensorProto
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)

from exporter import publish
from exporter.conversion.graph.answer import Final
from exporter.conversion.graph.builder import Graph, Output
from exporter.conversion.graph.column import Column
from exporter.conversion.trees.link import answer_two, answer_votes
from support.models.asked_trees import around, ask

if TYPE_CHECKING:
    from pathlib import Path

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
    """Besides casts, of which onnxruntime removes those that change nothing."""
    kinds = _publish(model, tmp_path)
    assert [kind for kind in kinds if kind != "Cast"] == ["TreeEnsemble", "LinearClassifier"]


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
