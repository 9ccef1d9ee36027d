"""Estimators that a walk through all of scikit-learn's found."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.cluster import Birch, BisectingKMeans, FeatureAgglomeration, KMeans
from sklearn.decomposition import NMF, FactorAnalysis, LatentDirichletAllocation, SparsePCA
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import RBF, DotProduct, Matern, RationalQuadratic, WhiteKernel
from sklearn.kernel_approximation import AdditiveChi2Sampler, SkewedChi2Sampler
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.manifold import Isomap
from sklearn.neighbors import KNeighborsClassifier, KNeighborsTransformer
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    StandardScaler,
)
from sklearn.random_projection import SparseRandomProjection
from sklearn.semi_supervised import LabelPropagation, LabelSpreading

from acceptance.corpus.case import Case, cases


def _log() -> LogisticRegression:
    return LogisticRegression(max_iter=500)


def _before(*steps: object) -> object:
    return make_pipeline(*steps, _log())


def _ratios(x: Any) -> Any:
    return np.column_stack([x[:, 0] / (x[:, 1] + 1), np.where(x[:, 2] > 3, x[:, 2], 0)])


WALKED = [
    *cases(
        "iris",
        _before(AdditiveChi2Sampler()),
        _before(SkewedChi2Sampler(random_state=0)),
        _before(MinMaxScaler(), BernoulliRBM(5, random_state=0)),
        _before(Birch(n_clusters=3)),
        _before(BisectingKMeans(3, random_state=0)),
        _before(KMeans(3, random_state=0)),
        _before(FactorAnalysis(2)),
        _before(FeatureAgglomeration(2)),
        _before(SparsePCA(2, random_state=0)),
        _before(SparseRandomProjection(3, random_state=0)),
        _before(FunctionTransformer(np.log2)),
        _before(FunctionTransformer(np.clip, kw_args={"a_min": 1, "a_max": 3})),
        _before(FunctionTransformer(_ratios)),
        LabelPropagation(),
        LabelSpreading(),
        GaussianProcessClassifier(RBF(), optimizer=None),
        GaussianProcessClassifier(1.5 * Matern(nu=2.5) + WhiteKernel(0.1), optimizer=None),
    ),
    *cases(
        "moons",
        GaussianProcessClassifier(),
        make_pipeline(
            StandardScaler(), GaussianProcessClassifier(RationalQuadratic() + RBF(), optimizer=None)
        ),
        GaussianProcessClassifier(DotProduct() ** 2, optimizer=None),
    ),
    Case("iris", _before(NMF(2)), refused="step 'nmf': NMF .* iterates for each row"),
    Case("iris", _before(LatentDirichletAllocation(2)), refused="iterates for each row"),
    Case("iris", _before(Isomap()), refused="step 'isomap': Isomap .* use PCA"),
    Case("iris", _before(KNeighborsTransformer()), refused="use KNeighborsClassifier"),
    Case(
        "iris",
        make_pipeline(StandardScaler(), KNeighborsClassifier(weights=lambda d: 1 / (1 + d))),
        refused="step 'kneighborsclassifier': .* use weights='uniform'",
    ),
    Case("diabetes", make_pipeline(FeatureAgglomeration(2, pooling_func=np.max), Ridge()), "mean"),
]
