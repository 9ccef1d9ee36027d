"""Calibration, one-vs-rest, bagging, voting and stacking around estimators and pipelines."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.ensemble import (
    BaggingClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import RFE
from sklearn.linear_model import SGDClassifier
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    StandardScaler,
)
from sklearn.svm import SVC, LinearSVC

from support.conversion.converted_models import (
    CELLS,
    IRIS,
    MALIGNANT,
    SPECIES,
    between,
    check,
    fit,
    log,
    scaled,
)

pytestmark = pytest.mark.long

PIPES = [("svm", scaled(LinearSVC())), ("log", scaled(log()))]
TWO = [("log", log()), ("bayes", GaussianNB())]
AROUND_PIPELINES = [
    CalibratedClassifierCV(scaled(LinearSVC()), cv=3),
    CalibratedClassifierCV(scaled(log()), cv=3),
    CalibratedClassifierCV(scaled(log()), method="isotonic", cv=3),
    CalibratedClassifierCV(GaussianNB(), method="isotonic", cv=3),
    CalibratedClassifierCV(scaled(log()), method="temperature", cv=3),
    CalibratedClassifierCV(scaled(LinearSVC()), method="isotonic", ensemble=False, cv=3),
    OneVsRestClassifier(LinearSVC()),
    OneVsRestClassifier(SVC()),
    OneVsRestClassifier(scaled(LinearSVC())),
    OneVsRestClassifier(scaled(log())),
    OneVsOneClassifier(scaled(log())),
    OneVsOneClassifier(scaled(LinearSVC())),
    OneVsOneClassifier(SVC()),
    OneVsRestClassifier(QuadraticDiscriminantAnalysis(reg_param=0.1)),
    CalibratedClassifierCV(QuadraticDiscriminantAnalysis(reg_param=0.1), cv=3),
    make_pipeline(StandardScaler(), QuadraticDiscriminantAnalysis(reg_param=0.05)),
    BaggingClassifier(LinearSVC(), 4, random_state=0),
    BaggingClassifier(SVC(), 4, random_state=0),
    BaggingClassifier(scaled(LinearSVC()), 4, max_features=0.5, random_state=0),
    VotingClassifier(PIPES),
    VotingClassifier(TWO, voting="soft", weights=[2, 1]),
    VotingClassifier([*TWO, ("svm", SVC())], weights=[2, 1, 1]),
    StackingClassifier(PIPES, cv=3),
    StackingClassifier(TWO, passthrough=True, cv=3),
    RFE(log(), n_features_to_select=2),
    scaled(RFE(LinearSVC(), n_features_to_select=2)),
    scaled(SVC(kernel="poly", coef0=1.0)),
    scaled(SVC(kernel="sigmoid", break_ties=True)),
    SGDClassifier(loss="modified_huber", random_state=0),
    SGDClassifier(loss="log_loss", alpha=1e-5, random_state=1),
    make_pipeline("passthrough", StandardScaler(), None, log()),
]


@pytest.mark.parametrize("binary", [False, True], ids=["three classes", "two classes"])
@pytest.mark.parametrize("model", AROUND_PIPELINES, ids=lambda m: type(m).__name__)
def test_answers_between_the_rows_like_the_original(model: Any, binary: bool) -> None:
    """Wrappers combine the answers of estimators and of whole pipelines like scikit-learn."""
    x, y = (CELLS, MALIGNANT) if binary else (IRIS, SPECIES)
    check(fit(model, x, y), x, between(x))
