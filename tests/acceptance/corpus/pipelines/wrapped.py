"""Estimators around others, and around pipelines."""

from __future__ import annotations

from typing import Any

from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.feature_selection import RFE, RFECV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import MultiOutputRegressor, RegressorChain
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor, RadiusNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from acceptance.corpus.case import cases
from acceptance.corpus.datasets import load


def _log() -> LogisticRegression:
    return LogisticRegression(max_iter=500)


def _scaled(model: Any) -> Any:
    return make_pipeline(StandardScaler(), model)


def _forest() -> RandomForestClassifier:
    return RandomForestClassifier(8, random_state=0)


_TWO = [("a", _log()), ("b", GaussianNB())]
_PIPES = [("svm", _scaled(LinearSVC())), ("log", _scaled(_log())), ("forest", _scaled(_forest()))]

WRAPPED = [
    *cases(
        "iris",
        CalibratedClassifierCV(_scaled(LinearSVC()), cv=3),
        CalibratedClassifierCV(_scaled(LinearSVC()), method="isotonic", cv=3),
        CalibratedClassifierCV(_scaled(_log()), cv=3),
        CalibratedClassifierCV(_scaled(_log()), method="isotonic", cv=3),
        CalibratedClassifierCV(_scaled(_forest()), cv=3),
        CalibratedClassifierCV(GaussianNB(), method="isotonic", cv=3),
        CalibratedClassifierCV(SVC(), cv=3),
        CalibratedClassifierCV(LinearSVC(), ensemble=False, cv=3),
        CalibratedClassifierCV(_scaled(_log()), method="temperature", cv=3),
        CalibratedClassifierCV(_forest(), method="temperature", cv=3),
        OneVsRestClassifier(_log()),
        OneVsRestClassifier(_scaled(_log())),
        OneVsRestClassifier(LinearSVC()),
        OneVsRestClassifier(_scaled(LinearSVC())),
        OneVsRestClassifier(SVC()),
        OneVsRestClassifier(_forest()),
        OneVsRestClassifier(_scaled(DecisionTreeClassifier(max_depth=3, random_state=0))),
        OneVsRestClassifier(GradientBoostingClassifier(n_estimators=5, random_state=0)),
        OneVsRestClassifier(Ridge()),
        OneVsOneClassifier(_log()),
        OneVsOneClassifier(_scaled(_log())),
        OneVsOneClassifier(_scaled(LinearSVC())),
        OneVsOneClassifier(SVC()),
        OneVsOneClassifier(_scaled(_forest())),
        BaggingClassifier(LinearSVC(), random_state=0),
        BaggingClassifier(SVC(), 5, random_state=0),
        BaggingClassifier(_scaled(_log()), 5, random_state=0),
        BaggingClassifier(_scaled(LinearSVC()), 5, max_features=0.5, random_state=0),
        BaggingClassifier(random_state=0),
        VotingClassifier(_TWO),
        VotingClassifier(_TWO, voting="soft"),
        VotingClassifier([*_TWO, ("c", _forest())], voting="soft", weights=[2, 1, 1]),
        VotingClassifier([*_TWO, ("c", _forest())], weights=[2, 1, 1]),
        VotingClassifier(_PIPES),
        VotingClassifier(_PIPES[1:], voting="soft"),
        VotingClassifier([*_TWO, ("none", "drop")], voting="soft"),
        StackingClassifier(_TWO, cv=3),
        StackingClassifier(_PIPES, cv=3),
        StackingClassifier(_PIPES, final_estimator=_forest(), passthrough=True, cv=3),
        StackingClassifier(_TWO, stack_method="predict", cv=3),
        RFE(_log(), n_features_to_select=2),
        make_pipeline(StandardScaler(), RFE(_log(), n_features_to_select=2), SVC()),
        RFECV(LinearSVC(), cv=3),
        AdaBoostClassifier(_log(), n_estimators=5, random_state=0),
        AdaBoostClassifier(DecisionTreeClassifier(max_depth=2), n_estimators=5, random_state=0),
        SelfTrainingClassifier(_log()),
        OutputCodeClassifier(_log(), random_state=0),
        FrozenEstimator(_log().fit(*load("iris"))),
    ),
    *cases(
        "cancer",
        CalibratedClassifierCV(_scaled(LinearSVC()), cv=3),
        CalibratedClassifierCV(GaussianNB(), method="isotonic", cv=3),
        CalibratedClassifierCV(_scaled(_log()), method="isotonic", cv=3),
        CalibratedClassifierCV(_scaled(_forest()), cv=3),
        CalibratedClassifierCV(_scaled(_log()), method="temperature", cv=3),
        CalibratedClassifierCV(
            HistGradientBoostingClassifier(max_iter=10), method="isotonic", cv=3
        ),
        OneVsRestClassifier(LinearSVC()),
        OneVsRestClassifier(_scaled(_log())),
        OneVsRestClassifier(_scaled(_forest())),
        OneVsOneClassifier(_scaled(LinearSVC())),
        BaggingClassifier(LinearSVC(), random_state=0),
        StackingClassifier(_PIPES, cv=3),
        StackingClassifier([("r", _scaled(RidgeClassifier())), ("s", _scaled(SVC()))], cv=3),
        VotingClassifier([*_TWO, ("c", SGDClassifier(random_state=0))]),
        TunedThresholdClassifierCV(_scaled(_log()), cv=3),
        TunedThresholdClassifierCV(_scaled(_log()), response_method="decision_function", cv=3),
        TunedThresholdClassifierCV(_forest(), cv=3),
        FixedThresholdClassifier(_scaled(_log()), threshold=0.85),
        FixedThresholdClassifier(_scaled(_log()), threshold=0.3, pos_label=0),
        FixedThresholdClassifier(
            _scaled(_log()), threshold=-1.0, response_method="decision_function"
        ),
        FixedThresholdClassifier(_scaled(LinearSVC())),
        AdaBoostClassifier(n_estimators=10, random_state=0),
    ),
    *cases(
        "moons",
        OneVsRestClassifier(SVC()),
        CalibratedClassifierCV(SVC(), cv=3),
        BaggingClassifier(KNeighborsClassifier(3), 3, random_state=0),
        VotingClassifier([("near", _scaled(KNeighborsClassifier())), *_TWO], voting="soft"),
        StackingClassifier([("near", KNeighborsClassifier(weights="distance")), *_TWO], cv=3),
        CalibratedClassifierCV(KNeighborsClassifier(), cv=3),
        OneVsRestClassifier(_scaled(KNeighborsClassifier(metric="manhattan"))),
        KNeighborsClassifier(p=3),
        KNeighborsClassifier(metric="cosine", weights="distance"),
        RadiusNeighborsClassifier(0.4, outlier_label="most_frequent"),
        RadiusNeighborsClassifier(0.4, weights="distance", outlier_label=1),
    ),
    *cases(
        "diabetes",
        BaggingRegressor(Ridge(), random_state=0),
        VotingRegressor([("near", _scaled(KNeighborsRegressor())), ("ridge", Ridge())]),
        StackingRegressor([("near", _scaled(KNeighborsRegressor(3))), ("ridge", Ridge())], cv=3),
        BaggingRegressor(_scaled(SVR()), 5, max_features=0.6, random_state=0),
        BaggingRegressor(random_state=0),
        VotingRegressor([("a", Ridge()), ("b", LinearRegression())], weights=[1, 3]),
        VotingRegressor([("a", _scaled(Ridge())), ("b", DecisionTreeRegressor(max_depth=4))]),
        StackingRegressor([("a", _scaled(SVR())), ("b", Ridge())], cv=3),
        StackingRegressor([("a", Ridge()), ("b", SVR())], passthrough=True, cv=3),
        RFE(Ridge(), n_features_to_select=4),
        AdaBoostRegressor(n_estimators=5, random_state=0),
    ),
    *cases(
        "several",
        MultiOutputRegressor(_scaled(Ridge())),
        RegressorChain(Ridge(), order=[2, 0, 1]),
        RandomForestRegressor(5, random_state=0),
        MultiOutputRegressor(ExtraTreesRegressor(5, random_state=0)),
    ),
    *cases(
        "grid",
        _scaled(DecisionTreeClassifier()),
        _scaled(GradientBoostingClassifier(n_estimators=10, random_state=0)),
        _scaled(_forest()),
    ),
]
