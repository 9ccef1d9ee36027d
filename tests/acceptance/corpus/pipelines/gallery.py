"""Classifiers and regressors as the gallery of scikit-learn's documentation has them."""

from __future__ import annotations

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - allows to import it
from sklearn.feature_selection import SelectFromModel, SelectKBest, VarianceThreshold
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import (
    ARDRegression,
    BayesianRidge,
    ElasticNet,
    ElasticNetCV,
    HuberRegressor,
    Lars,
    Lasso,
    LassoCV,
    LassoLarsIC,
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    OrthogonalMatchingPursuit,
    Perceptron,
    PoissonRegressor,
    QuantileRegressor,
    RANSACRegressor,
    Ridge,
    RidgeClassifier,
    RidgeClassifierCV,
    RidgeCV,
    SGDClassifier,
    SGDRegressor,
    TheilSenRegressor,
    TweedieRegressor,
)
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.naive_bayes import BernoulliNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsRegressor, NearestCentroid
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import FeatureUnion, make_pipeline, make_union
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
)
from sklearn.random_projection import GaussianRandomProjection
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR, NuSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from acceptance.corpus.case import Case, cases


def _log() -> LogisticRegression:
    return LogisticRegression(max_iter=500)


CLASSIFIERS = [
    *cases(
        "iris",
        _log(),
        make_pipeline(StandardScaler(), _log()),
        make_pipeline(StandardScaler(), LogisticRegression(C=1e6, max_iter=2000)),
        make_pipeline(MinMaxScaler(), LogisticRegressionCV(cv=3, use_legacy_attributes=False)),
        make_pipeline(RobustScaler(), LinearSVC()),
        make_pipeline(MaxAbsScaler(), RidgeClassifier()),
        make_pipeline(Normalizer(), RidgeClassifierCV()),
        make_pipeline(StandardScaler(), SGDClassifier(random_state=0)),
        make_pipeline(StandardScaler(), SGDClassifier(loss="log_loss", random_state=0)),
        SGDClassifier(loss="log_loss", alpha=1e-5, random_state=1),
        make_pipeline(StandardScaler(), SGDClassifier(loss="modified_huber", random_state=0)),
        make_pipeline(StandardScaler(), Perceptron(random_state=0)),
        make_pipeline(StandardScaler(), SVC()),
        SVC(kernel="linear"),
        make_pipeline(StandardScaler(), SVC(kernel="poly")),
        make_pipeline(StandardScaler(), SVC(decision_function_shape="ovo")),
        make_pipeline(StandardScaler(), NuSVC(nu=0.2)),
        GaussianNB(),
        make_pipeline(KBinsDiscretizer(5, quantile_method="averaged_inverted_cdf"), BernoulliNB()),
        make_pipeline(MinMaxScaler(), MultinomialNB()),
        make_pipeline(MinMaxScaler(), ComplementNB()),
        LinearDiscriminantAnalysis(),
        QuadraticDiscriminantAnalysis(),
        make_pipeline(PCA(2), _log()),
        make_pipeline(StandardScaler(), PCA(2, whiten=True), LinearSVC()),
        make_pipeline(TruncatedSVD(2), _log()),
        make_pipeline(GaussianRandomProjection(3, random_state=0), _log()),
        make_pipeline(SelectKBest(k=2), _log()),
        make_pipeline(VarianceThreshold(0.2), StandardScaler(), _log()),
        make_pipeline(SelectFromModel(RandomForestClassifier(5, random_state=0)), _log()),
        make_pipeline(PolynomialFeatures(3), StandardScaler(), _log()),
        make_pipeline(PolynomialFeatures(interaction_only=True, include_bias=False), LinearSVC()),
        make_pipeline(Binarizer(threshold=2.0), _log()),
        make_pipeline(FunctionTransformer(np.log1p), _log()),
        make_pipeline(FunctionTransformer(), _log()),
        make_pipeline(PowerTransformer(), _log()),
        make_pipeline(FunctionTransformer(np.log1p), RandomForestClassifier(20, random_state=0)),
        make_pipeline(PowerTransformer(), RandomForestClassifier(20, random_state=0)),
        make_pipeline(PowerTransformer(), GradientBoostingClassifier(n_estimators=20)),
        make_pipeline(FunctionTransformer(np.log), HistGradientBoostingClassifier(max_iter=20)),
        make_pipeline(QuantileTransformer(n_quantiles=50), _log()),
        make_pipeline(make_union(StandardScaler(), PCA(2)), _log()),
        make_pipeline(FeatureUnion([("s", StandardScaler()), ("d", "drop")]), _log()),
        make_pipeline("passthrough", StandardScaler(), _log()),
        make_pipeline(StandardScaler(), None, _log()),
        make_pipeline(StandardScaler(), make_pipeline(PCA(3), _log())),
        make_pipeline(
            StandardScaler(), MLPClassifier(hidden_layer_sizes=(8,), max_iter=300, random_state=0)
        ),
        GridSearchCV(make_pipeline(StandardScaler(), _log()), {"logisticregression__C": [1, 9]}),
        RandomizedSearchCV(SVC(), {"C": [1, 2, 3]}, n_iter=2, random_state=0),
        make_pipeline(StandardScaler(), Nystroem(n_components=20, random_state=0), LinearSVC()),
        DecisionTreeClassifier(random_state=0),
        make_pipeline(StandardScaler(), RandomForestClassifier(20, random_state=0)),
        make_pipeline(MinMaxScaler(), ExtraTreesClassifier(10, random_state=0)),
        GradientBoostingClassifier(n_estimators=10, random_state=0),
        HistGradientBoostingClassifier(max_iter=10),
        AdaBoostClassifier(n_estimators=10, random_state=0),
        DummyClassifier(),
        DummyClassifier(strategy="most_frequent"),
        NearestCentroid(),
        NearestCentroid(metric="manhattan"),
        NearestCentroid(shrink_threshold=0.2, priors="empirical"),
        make_pipeline(QuantileTransformer(n_quantiles=50, output_distribution="normal"), _log()),
        *[
            make_pipeline(SplineTransformer(n_knots=4, extrapolation=e), _log())
            for e in ("constant", "linear", "continue", "periodic")
        ],
        make_pipeline(SplineTransformer(degree=2, knots="quantile", include_bias=False), _log()),
    ),
    *cases(
        "cancer",
        make_pipeline(StandardScaler(), _log()),
        make_pipeline(StandardScaler(), SVC()),
        make_pipeline(StandardScaler(), SGDClassifier(loss="modified_huber", random_state=0)),
        LinearDiscriminantAnalysis(),
        LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
        QuadraticDiscriminantAnalysis(reg_param=0.1),
        make_pipeline(
            StandardScaler(), MLPClassifier(hidden_layer_sizes=(6, 4), max_iter=200, random_state=0)
        ),
        make_pipeline(PowerTransformer(), LinearSVC()),
    ),
    *cases(
        "digits",
        make_pipeline(MinMaxScaler(), _log()),
        make_pipeline(KBinsDiscretizer(2, strategy="uniform"), BernoulliNB()),
        make_pipeline(PCA(20), SVC()),
    ),
    *cases("large", make_pipeline(StandardScaler(), _log()), GaussianNB()),
    *cases(
        "gaps",
        make_pipeline(SimpleImputer(), _log()),
        make_pipeline(SimpleImputer(strategy="median", add_indicator=True), _log()),
        make_pipeline(SimpleImputer(strategy="constant", fill_value=-1), LinearSVC()),
        make_pipeline(SimpleImputer(strategy="most_frequent"), StandardScaler(), _log()),
        HistGradientBoostingClassifier(max_iter=10),
        RandomForestClassifier(10, random_state=0),
        make_pipeline(IterativeImputer(random_state=0), _log()),
        make_pipeline(IterativeImputer(max_iter=3, add_indicator=True), StandardScaler(), SVC()),
    ),
    *cases(
        "jittered gaps",
        make_pipeline(KNNImputer(n_neighbors=3), _log()),
        make_pipeline(KNNImputer(weights="distance", add_indicator=True), StandardScaler(), SVC()),
    ),
    Case("iris", DummyClassifier(strategy="stratified"), refused="at random"),
    Case(
        "iris",
        make_pipeline(FunctionTransformer(np.cumsum, kw_args={"axis": 1}), _log()),
        refused="FunctionTransformer calls cumsum",
    ),
]

REGRESSORS = [
    *cases(
        "diabetes",
        LinearRegression(),
        make_pipeline(StandardScaler(), Ridge()),
        RidgeCV(),
        Lasso(alpha=0.1),
        LassoCV(cv=3),
        LassoLarsIC(),
        Lars(),
        ElasticNet(alpha=0.01),
        ElasticNetCV(cv=3),
        OrthogonalMatchingPursuit(),
        BayesianRidge(),
        ARDRegression(),
        HuberRegressor(max_iter=500),
        TheilSenRegressor(random_state=0, max_subpopulation=500),
        RANSACRegressor(random_state=0),
        QuantileRegressor(alpha=0.01),
        make_pipeline(StandardScaler(), SGDRegressor(random_state=0)),
        make_pipeline(StandardScaler(), LinearSVR(random_state=0, max_iter=5000)),
        make_pipeline(StandardScaler(), SVR(C=10)),
        SVR(kernel="linear", C=100),
        PLSRegression(3),
        make_pipeline(StandardScaler(), KNeighborsRegressor()),
        make_pipeline(
            StandardScaler(), MLPRegressor(hidden_layer_sizes=(10,), max_iter=300, random_state=0)
        ),
        make_pipeline(PolynomialFeatures(2), Ridge()),
        make_pipeline(KBinsDiscretizer(4, encode="ordinal", strategy="kmeans"), Ridge()),
        make_pipeline(QuantileTransformer(n_quantiles=30), Ridge()),
        make_pipeline(
            QuantileTransformer(n_quantiles=30, output_distribution="normal"),
            GradientBoostingRegressor(n_estimators=20),
        ),
        make_pipeline(PowerTransformer(), RandomForestRegressor(20, random_state=0)),
        TransformedTargetRegressor(Ridge(), func=np.log1p, inverse_func=np.expm1),
        TransformedTargetRegressor(Ridge(), transformer=StandardScaler()),
        TransformedTargetRegressor(
            make_pipeline(StandardScaler(), Ridge()),
            transformer=QuantileTransformer(n_quantiles=60, output_distribution="normal"),
        ),
        TransformedTargetRegressor(RidgeCV(), transformer=PowerTransformer()),
        TransformedTargetRegressor(RidgeCV(), transformer=PowerTransformer("box-cox")),
        TransformedTargetRegressor(
            Ridge(), transformer=make_pipeline(StandardScaler(), MinMaxScaler())
        ),
        TransformedTargetRegressor(Ridge(), func=np.sqrt, inverse_func=np.square),
        GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}),
        DecisionTreeRegressor(random_state=0),
        make_pipeline(StandardScaler(), RandomForestRegressor(10, random_state=0)),
        GradientBoostingRegressor(n_estimators=10, random_state=0),
        HistGradientBoostingRegressor(max_iter=10),
        DummyRegressor(),
    ),
    *cases(
        "friedman",
        make_pipeline(StandardScaler(), GaussianProcessRegressor(alpha=0.1)),
        make_pipeline(MinMaxScaler((-1, 1), clip=True), PolynomialFeatures(2), Lasso(alpha=0.01)),
    ),
    *cases(
        "counts",
        PoissonRegressor(),
        TweedieRegressor(power=1.5),
        TweedieRegressor(),
        HistGradientBoostingRegressor(loss="poisson", max_iter=10),
    ),
    *cases("several", LinearRegression(), RidgeCV(), PLSRegression(2)),
]
