"""Classifiers and clusterings as skl2onnx writes them, without a contract: classes and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from skl2onnx import to_onnx
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier, StackingClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from inference.admission.examiner import examine_here
from inference.model.servable import Servable
from inference.serving.predictions import AnswerBuilder
from support.service.process import Service

if TYPE_CHECKING:
    from pathlib import Path

X, CODES = load_iris(return_X_y=True)
X = X.astype(np.float32)
SPECIES = np.array(["setosa", "versicolor", "virginica"])[CODES]
TWO = np.where(CODES == 1, "yes", "no")
NUMBERS = CODES + 5
BASES = [("a", LogisticRegression(max_iter=500)), ("b", DecisionTreeClassifier(max_depth=2))]

pytestmark = pytest.mark.filterwarnings("ignore")

PROBABLE = [
    LogisticRegression(max_iter=500),
    make_pipeline(StandardScaler(), LogisticRegression()),
    SGDClassifier(loss="log_loss", random_state=0),
    RandomForestClassifier(5, random_state=0),
    DecisionTreeClassifier(),
    GradientBoostingClassifier(n_estimators=3),
    KNeighborsClassifier(),
    GaussianNB(),
    MLPClassifier((4,), max_iter=20, random_state=0),
    SVC(probability=True, random_state=0),
    CalibratedClassifierCV(LinearSVC()),
    OneVsRestClassifier(LogisticRegression()),
    StackingClassifier(BASES),
]
MARGINS = [LinearSVC(), RidgeClassifier()]


def export(estimator: Any, target: Any, **options: bool) -> bytes:
    estimator.fit(X, target)
    chosen = {"zipmap": False} | options if hasattr(estimator, "predict_proba") else options
    made = to_onnx(
        estimator, X[:1], options={id(estimator): chosen}, target_opset={"": 21, "ai.onnx.ml": 3}
    )
    content: bytes = made.SerializeToString()
    return content


def answer(content: bytes, row: Any) -> dict[str, Any]:
    """Answer as the service does, after an examination."""
    report = examine_here(content)
    assert report.admitted, report.reason
    assert report.table is not None
    servable = Servable.load("m", 1, content)
    servable = servable.with_table(report.table)
    builder = AnswerBuilder(servable)
    [prediction] = builder.predictions(
        servable.run(builder.outputs, servable.to_feeds([row.tolist()]))
    )
    return prediction


def name_of(value: Any) -> str:
    return type(value[-1] if hasattr(value, "steps") else value).__name__


@pytest.mark.parametrize("target", [SPECIES, TWO, NUMBERS], ids=["texts", "two", "numbers"])
@pytest.mark.parametrize("estimator", PROBABLE, ids=name_of)
def test_probabilities_have_the_names_of_the_classes(estimator: Any, target: Any) -> None:
    found = answer(export(estimator, target), X[0])
    assert list(found) == ["label", "probabilities"]
    assert list(found["probabilities"]) == [str(c) for c in estimator.classes_]
    assert found["label"] == estimator.predict(X[:1])[0]
    expected = estimator.predict_proba(X[:1])[0]
    assert list(found["probabilities"].values()) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("estimator", [PROBABLE[0], PROBABLE[3], PROBABLE[6]], ids=name_of)
def test_zipmap_is_answered_alike(estimator: Any) -> None:
    plain, zipped = (answer(export(estimator, SPECIES, zipmap=z), X[0]) for z in (False, True))
    assert zipped["probabilities"] == pytest.approx(plain["probabilities"])


@pytest.mark.parametrize("estimator", MARGINS, ids=name_of)
def test_margins_are_scores(estimator: Any) -> None:
    found = answer(export(estimator, SPECIES), X[0])
    assert list(found) == ["label", "scores"]
    assert list(found["scores"]) == list(estimator.classes_)


def test_raw_scores_are_scores() -> None:
    found = answer(export(LogisticRegression(max_iter=500), SPECIES, raw_scores=True), X[0])
    assert list(found) == ["label", "scores"]


def test_distances_of_a_clustering_are_scores() -> None:
    found = answer(export(KMeans(3, n_init=1, random_state=0), None), X[0])
    assert list(found) == ["label", "scores"]
    assert min(found["scores"].values()) == found["scores"][str(found["label"])]


def test_the_service_answers_and_describes_them_alike(tmp_path: Path) -> None:
    files = {
        "logistic": (export(LogisticRegression(max_iter=500), SPECIES), "probabilities"),
        "margins": (export(LinearSVC(), SPECIES), "scores"),
    }
    with Service(tmp_path) as service:
        for name, (content, _) in files.items():
            service.put(f"{name}.onnx", content)
        service.start()
        schemas = service.client.get("/openapi.json").json()["components"]["schemas"]
        for name, (_, table) in files.items():
            path = f"/models/{name}/predict"
            got = service.client.post(path, json=X[0].tolist()).raise_for_status().json()
            assert list(got[table]) == ["setosa", "versicolor", "virginica"]
            described = schemas[f"{name.title()}Answer"]
            assert set(described["required"]) == {"model", "version", "label", table}
