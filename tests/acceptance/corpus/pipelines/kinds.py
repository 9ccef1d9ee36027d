"""Pipelines that answer with several labels, outliers, clusters or vectors."""

from __future__ import annotations

from typing import Any

from sklearn.cluster import (
    DBSCAN,
    AffinityPropagation,
    Birch,
    BisectingKMeans,
    KMeans,
    MeanShift,
    MiniBatchKMeans,
)
from sklearn.compose import make_column_transformer
from sklearn.covariance import EllipticEnvelope
from sklearn.cross_decomposition import PLSSVD
from sklearn.decomposition import NMF, PCA, FastICA, KernelPCA, TruncatedSVD
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier, SGDOneClassSVM
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import (
    KNeighborsClassifier,
    LocalOutlierFactor,
    RadiusNeighborsClassifier,
)
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    PolynomialFeatures,
    PowerTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.random_projection import SparseRandomProjection
from sklearn.svm import SVC, LinearSVC, OneClassSVM
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier

from acceptance.corpus.case import Case, cases

_NUMBERS, _TEXTS = ["bill_length_mm", "bill_depth_mm"], ["island", "sex"]


def _log() -> LogisticRegression:
    return LogisticRegression(max_iter=500)


def _scaled(model: Any) -> Any:
    return make_pipeline(StandardScaler(), model)


def _mixed(*steps: Any) -> Any:
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    texts = OneHotEncoder(handle_unknown="ignore")
    return make_pipeline(make_column_transformer((numbers, _NUMBERS), (texts, _TEXTS)), *steps)


LABELS = [
    *cases(
        "two labels",
        MultiOutputClassifier(_log()),
        _scaled(MultiOutputClassifier(SVC())),
        MultiOutputClassifier(_scaled(GaussianNB())),
        MultiOutputClassifier(HistGradientBoostingClassifier(max_iter=5)),
        DecisionTreeClassifier(max_depth=4, random_state=0),
        RandomForestClassifier(8, random_state=0),
        _scaled(ExtraTreesClassifier(8, random_state=0)),
        _scaled(KNeighborsClassifier()),
        KNeighborsClassifier(3, weights="distance"),
        RadiusNeighborsClassifier(0.9, outlier_label="most_frequent"),
        DummyClassifier(),
        GridSearchCV(RandomForestClassifier(5, random_state=0), {"max_depth": [2, 4]}, cv=2),
    ),
    *cases(
        "topics",
        ClassifierChain(_log()),
        ClassifierChain(_log(), order=[2, 0, 3, 1], chain_method="predict_proba"),
        ClassifierChain(DecisionTreeClassifier(max_depth=3, random_state=0)),
        OneVsRestClassifier(_log()),
        OneVsRestClassifier(LinearSVC()),
        _scaled(OneVsRestClassifier(Ridge())),
        _scaled(MLPClassifier((8,), max_iter=300, random_state=0)),
        _scaled(RidgeClassifier()),
        RandomForestClassifier(8, random_state=0),
        MultiOutputClassifier(XGBClassifier(n_estimators=5, n_jobs=1)),
    ),
    *cases("penguins with gaps of two labels", _mixed(MultiOutputClassifier(_log()))),
    *cases("penguins with gaps of two labels", _mixed(RandomForestClassifier(8, random_state=0))),
]

OUTLIERS = [
    *cases(
        "iris",
        IsolationForest(n_estimators=20, random_state=0),
        IsolationForest(n_estimators=20, contamination=0.1, max_features=0.5, random_state=0),
        _scaled(IsolationForest(n_estimators=20, max_samples=50, random_state=0)),
        make_pipeline(PowerTransformer(), IsolationForest(n_estimators=20, random_state=0)),
        _scaled(OneClassSVM(nu=0.1)),
        OneClassSVM(kernel="linear", nu=0.2),
        _scaled(SGDOneClassSVM(random_state=0)),
        EllipticEnvelope(random_state=0),
        make_pipeline(RobustScaler(), PCA(2), EllipticEnvelope(contamination=0.07, random_state=0)),
    ),
    *cases(
        "moons",  # whose rows are not equally far from others
        LocalOutlierFactor(novelty=True),
        _scaled(LocalOutlierFactor(10, novelty=True, contamination=0.1, metric="manhattan")),
    ),
    *cases("jittered gaps", IsolationForest(n_estimators=20, random_state=0)),
    *cases("penguins with gaps", _mixed(IsolationForest(n_estimators=20, random_state=0))),
    *cases("grid", IsolationForest(n_estimators=20, contamination=0.1, random_state=0)),
]

CLUSTERS = [
    *cases(
        "iris",
        KMeans(3, random_state=0),
        _scaled(KMeans(4, random_state=0)),
        MiniBatchKMeans(3, n_init=1, random_state=0),
        BisectingKMeans(4, random_state=0),
        Birch(n_clusters=3),
        Birch(n_clusters=None, threshold=1.0),
        _scaled(AffinityPropagation(random_state=0)),
        MeanShift(),
        GaussianMixture(3, random_state=0),
        _scaled(GaussianMixture(3, covariance_type="tied", random_state=0)),
        make_pipeline(PolynomialFeatures(2), StandardScaler(), KMeans(3, random_state=0)),
    ),
    *cases(
        "moons",
        GaussianMixture(4, covariance_type="diag", random_state=0),
        BayesianGaussianMixture(n_components=3, max_iter=500, random_state=0),
    ),
    *cases("digits", make_pipeline(PCA(10), KMeans(8, random_state=0))),
    *cases("penguins with gaps", _mixed(KMeans(3, random_state=0))),
    *cases("texts", make_pipeline(TfidfVectorizer(), TruncatedSVD(4, random_state=0), KMeans(3))),
]

VECTORS = [
    *cases(
        "iris",
        PCA(2),
        _scaled(PCA(2, whiten=True)),
        StandardScaler(),
        make_pipeline(MinMaxScaler(), "passthrough"),
        KernelPCA(2, kernel="rbf"),
        FastICA(2, random_state=0),
        SparseRandomProjection(3, random_state=0),
        make_union(PCA(1), TruncatedSVD(2, random_state=0)),
    ),
    *cases("several", PLSSVD(2)),
    *cases("penguins with gaps", _mixed(), _mixed(TruncatedSVD(2, random_state=0))),
    *cases(
        "texts",
        make_pipeline(TfidfVectorizer(), TruncatedSVD(3, random_state=0), Normalizer()),
        TfidfVectorizer(max_features=20),
    ),
    Case("iris", NMF(2, max_iter=1000), refused="NMF .* iterates for each row: use PCA"),
    Case("iris", DBSCAN(), refused="DBSCAN labels only the rows it was fitted on: use KMeans"),
]
