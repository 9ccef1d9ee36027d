"""The kinds of model that scikit-learn users publish, fitted on the penguins."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
)
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from exporter import publish

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from exporter import Publication


MEASUREMENTS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
LENGTHS = MEASUREMENTS[:3]
MIXED = [*MEASUREMENTS, "year", "island", "sex", "heavy"]


@dataclass(frozen=True)
class Case:
    """A kind of model, and the data to fit it on."""

    make: Callable[[], Any]
    target: Any = "species"
    columns: list[str] = field(default_factory=lambda: MEASUREMENTS)
    precision: str = ""  # the expected one; "" for either
    as_array: bool = False


def scaled(estimator: Any) -> Pipeline:
    """Return a pipeline that scales before the estimator."""
    return make_pipeline(StandardScaler(), estimator)


def mixed(estimator: Any) -> Pipeline:
    """Return a pipeline that imputes, scales and encodes columns of several kinds."""
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), MEASUREMENTS),
            ("year", OneHotEncoder(), ["year"]),
            ("island", OneHotEncoder(handle_unknown="ignore"), ["island"]),
            (
                "sex",
                make_pipeline(SimpleImputer(strategy="most_frequent"), OrdinalEncoder()),
                ["sex"],
            ),
            ("heavy", "passthrough", ["heavy"]),
        ]
    )
    return make_pipeline(columns, estimator)


CASES: dict[str, Case] = {
    "logistic": Case(lambda: scaled(LogisticRegression())),
    "logistic-array": Case(lambda: scaled(LogisticRegression()), as_array=True),
    "logistic-integers": Case(lambda: scaled(LogisticRegression()), "code"),
    "logistic-booleans": Case(lambda: scaled(LogisticRegression()), "female"),
    "logistic-binary": Case(lambda: scaled(LogisticRegression()), "sex"),
    "logistic-floats": Case(lambda: scaled(LogisticRegression()), ("female", float)),
    "polynomial": Case(lambda: scaled(make_pipeline(PolynomialFeatures(), LogisticRegression()))),
    "search": Case(lambda: GridSearchCV(scaled(LogisticRegression()), {})),
    "tree": Case(lambda: DecisionTreeClassifier(random_state=0)),
    "forest": Case(lambda: RandomForestClassifier(20, random_state=0)),
    "forest-integers": Case(lambda: RandomForestClassifier(20, random_state=0), "code"),
    "extra-trees": Case(lambda: ExtraTreesClassifier(20, random_state=0)),
    "gradient-boosting": Case(lambda: GradientBoostingClassifier(n_estimators=10, random_state=0)),
    "gradient-boosting-binary": Case(lambda: GradientBoostingClassifier(n_estimators=10), "sex"),
    "hist-gradient-boosting": Case(
        lambda: HistGradientBoostingClassifier(max_iter=10), precision="float64"
    ),
    "hist-gradient-boosting-booleans": Case(
        lambda: HistGradientBoostingClassifier(max_iter=10), "female", precision="float64"
    ),
    "ada-boost-booleans": Case(
        lambda: AdaBoostClassifier(n_estimators=5, random_state=0), "female"
    ),
    "bagging": Case(lambda: BaggingClassifier(n_estimators=5, random_state=0), precision="float64"),
    "neighbors": Case(lambda: scaled(KNeighborsClassifier())),
    "neighbors-narrow-integers": Case(lambda: scaled(KNeighborsClassifier()), ("code", "int8")),
    "neighbors-by-distance": Case(
        lambda: scaled(KNeighborsClassifier(weights="distance")), precision="float64"
    ),
    "support-vectors": Case(lambda: scaled(SVC())),
    "support-vectors-calibrated": Case(
        lambda: scaled(CalibratedClassifierCV(SVC(), ensemble=False))
    ),
    "linear-support-vectors": Case(lambda: scaled(LinearSVC())),
    "linear-support-vectors-binary": Case(lambda: scaled(LinearSVC()), "female"),
    "ridge": Case(lambda: scaled(RidgeClassifier())),
    "bayes": Case(GaussianNB),
    "discriminants": Case(LinearDiscriminantAnalysis),
    "discriminants-binary": Case(LinearDiscriminantAnalysis, "sex"),
    "quadratic-discriminants": Case(QuadraticDiscriminantAnalysis),
    "network": Case(lambda: scaled(MLPClassifier((4,), solver="lbfgs", random_state=0))),
    "soft-vote": Case(
        lambda: VotingClassifier(
            [("a", scaled(LogisticRegression())), ("b", GaussianNB())], voting="soft"
        )
    ),
    "hard-vote": Case(lambda: VotingClassifier([("a", GaussianNB()), ("b", RidgeClassifier())])),
    "stack": Case(
        lambda: StackingClassifier(
            [("a", GaussianNB()), ("b", DecisionTreeClassifier(random_state=0))],
            scaled(LogisticRegression()),
        ),
        precision="float64",
    ),
    "scaled-forest": Case(
        lambda: scaled(RandomForestClassifier(50, random_state=0)), precision="float64"
    ),
    "mixed-logistic": Case(lambda: mixed(LogisticRegression(max_iter=1000)), columns=MIXED),
    "mixed-forest": Case(
        lambda: mixed(RandomForestClassifier(50, random_state=0)),
        columns=MIXED,
        precision="float64",
    ),
    "columns-of-numbers": Case(
        lambda: make_pipeline(
            ColumnTransformer(
                [("a", StandardScaler(), LENGTHS), ("b", MinMaxScaler(), ["body_mass_g"])]
            ),
            LogisticRegression(),
        )
    ),
    "text": Case(
        lambda: make_pipeline(
            ColumnTransformer([("words", TfidfVectorizer(), "island")], remainder=StandardScaler()),
            LogisticRegression(),
        ),
        columns=[*LENGTHS, "island"],
    ),
    "linear-regression": Case(lambda: scaled(LinearRegression()), "body_mass_g", LENGTHS),
    "linear-regression-two-targets": Case(
        lambda: scaled(LinearRegression()), ["body_mass_g", "flipper_length_mm"], LENGTHS[:2]
    ),
    "forest-regression": Case(
        lambda: RandomForestRegressor(20, random_state=0), "body_mass_g", LENGTHS
    ),
    "gradient-boosting-regression": Case(
        lambda: GradientBoostingRegressor(n_estimators=10), "body_mass_g", LENGTHS
    ),
    "hist-gradient-boosting-regression": Case(
        lambda: HistGradientBoostingRegressor(max_iter=10),
        "body_mass_g",
        LENGTHS,
        precision="float64",
    ),
    "support-vector-regression": Case(lambda: scaled(SVR(C=100)), "body_mass_g", LENGTHS),
    "neighbors-regression": Case(
        lambda: scaled(KNeighborsRegressor()), "body_mass_g", LENGTHS, precision="float64"
    ),
    "gaussian-process-regression": Case(
        lambda: scaled(GaussianProcessRegressor(alpha=0.1, optimizer=None)),
        "body_mass_g",
        LENGTHS,
    ),
}


def _target(frame: pd.DataFrame, target: Any) -> Any:
    if isinstance(target, tuple):
        return frame[target[0]].astype(target[1])
    return frame[target]


def publish_case(case: Case, split: Any, folder: Path) -> tuple[Any, Publication, Any]:
    """Fit and publish a model; return it, its publication and the held-out rows."""
    x, y = split.train[case.columns], _target(split.train, case.target)
    held, held_y = split.test[case.columns], _target(split.test, case.target)
    if case.as_array:
        x, held = x.to_numpy(), held.to_numpy()
    model = case.make().fit(x, y)
    publication = publish(model, "m", x, y, evaluate=(held, held_y), models_dir=folder)
    return model, publication, held
