"""Estimators of scikit-learn that no other pipeline of the corpus has."""

from __future__ import annotations

from sklearn.cross_decomposition import CCA, PLSCanonical
from sklearn.decomposition import IncrementalPCA
from sklearn.feature_selection import GenericUnivariateSelect, SelectFdr, SelectFpr, SelectFwe
from sklearn.kernel_approximation import RBFSampler
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import (
    GammaRegressor,
    LarsCV,
    LassoLars,
    LassoLarsCV,
    LogisticRegression,
    MultiTaskElasticNet,
    MultiTaskLasso,
    OrthogonalMatchingPursuitCV,
    Ridge,
)
from sklearn.naive_bayes import CategoricalNB
from sklearn.neighbors import NeighborhoodComponentsAnalysis, RadiusNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, StandardScaler
from sklearn.svm import NuSVR
from xgboost import XGBRFRegressor

from acceptance.corpus.case import cases

RARE = [
    *cases(
        "iris",
        make_pipeline(KBinsDiscretizer(4, encode="ordinal"), CategoricalNB()),
        make_pipeline(NeighborhoodComponentsAnalysis(2, random_state=0), LogisticRegression()),
        make_pipeline(IncrementalPCA(2), LogisticRegression()),
        make_pipeline(RBFSampler(gamma=0.1, random_state=0), LogisticRegression()),
        make_pipeline(SelectFdr(), LogisticRegression(max_iter=500)),
        make_pipeline(SelectFpr(), LogisticRegression(max_iter=500)),
        make_pipeline(SelectFwe(), LogisticRegression(max_iter=500)),
    ),
    *cases(
        "diabetes",
        GammaRegressor(),
        LarsCV(),
        LassoLars(alpha=0.1),
        LassoLarsCV(),
        OrthogonalMatchingPursuitCV(),
        make_pipeline(StandardScaler(), NuSVR()),
        make_pipeline(StandardScaler(), KernelRidge(kernel="rbf", gamma=0.1)),
        make_pipeline(StandardScaler(), RadiusNeighborsRegressor(radius=4)),
        make_pipeline(GenericUnivariateSelect(mode="k_best", param=3), Ridge()),
        XGBRFRegressor(n_estimators=8, n_jobs=1),
    ),
    *cases(
        "several",
        MultiTaskElasticNet(alpha=0.1),
        MultiTaskLasso(alpha=0.1),
        CCA(n_components=1),
        PLSCanonical(n_components=1),
    ),
]
